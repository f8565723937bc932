"""Proof Key for Code Exchange (RFC 7636): S256 and nothing else."""

from __future__ import annotations

import hashlib
import re

from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.keys import base64url

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a code verifier (section 4.2)."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


def check_challenge(challenge: str, method: str) -> None:
    """Refuse a missing or odd challenge (50147) and any method but S256 (90023)."""
    if method != "S256" and challenge:
        raise Refused(90023, name="code_challenge_method")
    if not _CHALLENGE.fullmatch(challenge):
        raise Refused(50147)
