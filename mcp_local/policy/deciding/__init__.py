"""Documents become rules, and rules answer requests."""
