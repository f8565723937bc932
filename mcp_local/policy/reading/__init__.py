"""Texts become documents: YAML, the short and the long form, every mistake with its place."""
