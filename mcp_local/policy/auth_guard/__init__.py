"""Files of mcp-auth-guard 1.0 become documents of this language."""
