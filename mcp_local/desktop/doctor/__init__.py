"""Looks at everything between a person and their tools, and says what is wrong and who can act."""
