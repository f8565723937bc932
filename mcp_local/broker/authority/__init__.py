"""What is said to Entra ID and how its answers are read: HTTP, metadata, MSAL's cache, errors."""
