"""The relay: raw lines between a client and the server behind it, judged on the way."""
