"""Microsoft Entra ID sign-in and app-role authorization for MCP servers over stdio."""
