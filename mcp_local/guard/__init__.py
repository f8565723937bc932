"""Where requests meet the policy."""
