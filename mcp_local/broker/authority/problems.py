"""An error answer of the authority in words for people: nothing of its noise, no secret."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, cast

from mcp_local.broker.authority.aadsts import CATALOGUE
from mcp_local.broker.state import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGN_IN = "Sign in again: `mcp-local login`."
PLAIN: Mapping[str, Problem] = {
    problem.code: problem
    for problem in (
        Problem("access_denied", "The sign-in was declined.", "Try again and accept."),
        Problem("authorization_declined", "The sign-in was declined.", "Try again and accept."),
        Problem("expired_token", "The time for the sign-in is up.", _SIGN_IN),
        Problem("invalid_grant", "The saved sign-in is no longer good.", _SIGN_IN),
        Problem("interaction_required", "The authority wants to see you again.", _SIGN_IN),
        Problem("login_required", "The authority wants to see you again.", _SIGN_IN),
        Problem("consent_required", CATALOGUE[65001].means, CATALOGUE[65001].remedy),
    )
}
"""Errors that may come without a code of the catalogue."""

WHO = "Who can act:"
"""Stands in a hint before who can mend what the authority refuses."""
_CODE = re.compile(r"AADSTS(\d{1,9})")
_NAME = re.compile(r"[a-z_]{1,64}")
_TRACE = re.compile(r"\s*Trace ID:.*", re.DOTALL)
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9+/=_.~-]{40,}")
_LONGEST = 300
"""Characters of an unknown description that are shown."""


def code_of(error: Mapping[str, object]) -> int | None:
    """Return the AADSTS number of an error answer; ``None`` when there is none.

    Answers of the token endpoint have ``error_codes``; those on the redirect only a text.
    """
    codes = error.get("error_codes")
    first = next(iter(cast("list[object]", codes)), None) if isinstance(codes, list) else None
    if isinstance(first, int) and not isinstance(first, bool):
        return first
    found = _CODE.search(_text(error, "error_description"))
    return int(found[1]) if found else None


def problem_from(error: Mapping[str, object]) -> Problem:
    """Say in words for people what an error answer of the authority means.

    Trace ids, tokens and control characters of the authority's own text never get through.
    """
    code = code_of(error)
    name = _text(error, "error")
    name = name if _NAME.fullmatch(name) else "unknown_error"
    if code is not None and code in CATALOGUE:
        row = CATALOGUE[code]
        return Problem(
            f"AADSTS{code}",
            f"{row.means} (AADSTS{code})",
            f"{row.remedy} {WHO} {' or '.join(row.who)}.",
        )
    if code is None and name in PLAIN:
        return PLAIN[name]
    label = name if code is None else f"AADSTS{code}"
    said = _harmless(_text(error, "error_description"))
    return Problem(
        label,
        f"The authority refuses: {said or label}",
        "Ask the administrator of the tenant, and give the code.",
    )


def _text(error: Mapping[str, object], key: str) -> str:
    value = error.get(key)
    return value if isinstance(value, str) else ""


def _harmless(description: str) -> str:
    """Cut an unknown description to what a person may see: one line, no trace, no token."""
    text = _TRACE.sub("", description)
    text = "".join(
        " " if char.isspace() else char
        for char in text
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    return _TOKEN_LIKE.sub("…", " ".join(text.split()))[:_LONGEST]
