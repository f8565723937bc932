"""Values from outside, made fit for a message to a person."""

from __future__ import annotations

_LONGEST = 120


def shown(value: str) -> str:
    """Quote ``value`` in ASCII, cut after 120 characters: no control or bidi character survives."""
    return ascii(value if len(value) <= _LONGEST else value[:_LONGEST] + "...")
