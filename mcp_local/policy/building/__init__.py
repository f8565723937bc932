"""Policies written in Python, through the one parser."""
