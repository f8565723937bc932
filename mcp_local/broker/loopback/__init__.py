"""A web server of a few pages on this machine's own addresses, for this machine's own browser."""
