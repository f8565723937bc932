"""What all sealed tokens share: how they are written, and when they are due. Light to import."""

from __future__ import annotations

from mcp_local.secret import Secret

RENEW_BEFORE = 300.0
"""Seconds before its end from which a token is due for renewal."""


def renewal_time(obtained_at: float, expires_at: float, refresh_on: float = 0.0) -> float:
    """Return when a token is due for renewal, in seconds since the epoch.

    Five minutes before its end, or when the authority advised (``refresh_on``, 0: it didn't); a
    short-lived token in the middle of its life, so that it isn't fetched at every call.
    """
    margin = min(RENEW_BEFORE, max(0.0, expires_at - obtained_at) / 2)
    return min(refresh_on or expires_at, expires_at - margin)


def to_secret(kind: type, value: object) -> Secret:
    """Read a secret out of a sealed entry, for msgspec.

    Raises:
        TypeError: it isn't one.
    """
    if kind is not Secret or not isinstance(value, str):
        raise TypeError("a token is a string")  # msgspec makes a ValidationError of it
    return Secret(value)


def from_secret(value: object) -> str:
    """Write a secret into an entry that will be sealed, for msgspec.

    Raises:
        NotImplementedError: it isn't one.
    """
    if not isinstance(value, Secret):
        raise NotImplementedError
    return value.reveal()
