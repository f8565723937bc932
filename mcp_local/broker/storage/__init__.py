"""What is kept on this machine: sealed entries, the keys that seal them, locks, whole files."""
