"""A policy looked at from outside: checked, explained, compared, shown, written otherwise."""
