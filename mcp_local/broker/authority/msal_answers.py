"""What MSAL hands back, as types; what it raises over an odd answer, as an error of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from mcp_local.broker.authority.refusal import AuthorityDown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.errors import McpLocalError

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

_FAULTS = (ValueError, TypeError, AttributeError, LookupError, RuntimeError, AssertionError)
"""What MSAL raises when an answer isn't what it takes for granted (ENTRA.md 1, 2)."""


class Granted(msgspec.Struct, frozen=True):
    """The fields of a good result that are used."""

    access_token: str
    expires_in: int
    """Seconds."""
    refresh_on: float = 0.0
    """Seconds since the epoch, computed by MSAL from ``refresh_in``."""


class DeviceCode(msgspec.Struct, frozen=True):
    """RFC 8628, 3.2, with the ``expires_at`` (seconds since the epoch) that MSAL computes."""

    user_code: str
    verification_uri: str
    expires_at: float


def ask(call: Callable[[], T], *, otherwise: McpLocalError | None = None) -> T:
    """Call MSAL; what it raises over an odd answer becomes ``otherwise``, or AuthorityDown.

    MSAL's text is dropped: it may hold state, nonce, or an answer with tokens in it (O17).
    """
    try:
        return call()
    except _FAULTS:
        raise otherwise or odd() from None


def convert(answer: Mapping[str, object], kind: type[S]) -> S:
    """Read the fields of an answer.

    Raises:
        AuthorityDown: one is missing or of another type.
    """
    try:
        return msgspec.convert(answer, kind, strict=False)
    except msgspec.ValidationError:
        raise odd() from None


def odd() -> AuthorityDown:
    """Return the error for an answer that can't be understood."""
    return AuthorityDown(
        "The authority's answer makes no sense.",
        hint="Try again in a minute. If it stays, check `authority`.",
    )
