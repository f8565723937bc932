"""What people do with policies: check, explain, compare, test, begin one, write it otherwise."""
