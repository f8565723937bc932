"""Getting a token: sign-in, cache, renewal, sign-out. MSAL is imported in ``entra`` only."""
