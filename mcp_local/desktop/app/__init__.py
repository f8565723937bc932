"""The two app registrations (ENTRA.md 5) as code, made from the policy's roles."""
