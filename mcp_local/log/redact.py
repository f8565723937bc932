"""Takes secrets out of what is logged (SECURITY.md M22, O17).

By name (a field called ``refresh_token``) and by shape (anything like a JWT, a refresh token, a
code), since an error text of a library may quote what it was sent. A word too many redacted costs
little; a token in a log is found by others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Final

from mcp_local.secret import Secret

REDACTED: Final = "[redacted]"
_MAX_CHARACTERS: Final = 4096
_MAX_ITEMS: Final = 200
_MAX_DEPTH: Final = 4
_MAX_BITS: Final = 128
_SHORT: Final = 64

_NAMES: Final = "|".join(
    (
        *("access_token", "refresh_token", "id_token", "token", "bearer", "cookie", "set_cookie"),
        *("authorization", "proxy_authorization", "authorization_code", "auth_code", "device_code"),
        *("code_verifier", "verifier", "client_secret", "client_info", "client_assertion"),
        *("assertion", "secret", "secrets", "credential", "credentials", "private_key", "api_key"),
        *("password", "passwords", "passphrase", "passwd", "pwd", "mcp_local_cache_passphrase"),
    )
)
"""Names whose values are never logged, however they are written: ``clientSecret``, ``API-KEY``."""
_SPELLED: Final = _NAMES.replace("_", "[_-]?")
_ANY: Final = f"(?!(?:invalid|expired|missing)_)[a-z0-9_-]{{0,40}}?(?:{_SPELLED})"
"""Such a name, also of something: ``GITHUB_TOKEN``, ``dbPassword``; but no name of an error."""
_SECRET_NAME: Final = re.compile(_ANY, re.IGNORECASE)

_SHAPES: Final = (
    # A JWT or JWE: base64url of '{"' is eyJ (RFC 7519, section 3).
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"),
    # Headers, to the end of the line; and RFC 6750, section 2.1, wherever it is quoted.
    re.compile(r"(?i)(?P<keep>\b(?:authorization|cookie)[\"']?\s*[:=]\s*)[^\r\n]+"),
    re.compile(r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{16,}"),
    # name=value in addresses and forms, name: value, and "name": "value", also quoted twice.
    re.compile(
        rf"""(?ix)(?P<keep>(?<![a-z0-9_-]){_ANY}
        (?:\\*["'])?\s*(?:=|:|%3d)\s*(?:\\*["'])?)[^\s"'&,;\\}}]+"""
    ),
    # --name value, as command lines have it, and user:password@host in addresses.
    re.compile(rf"(?i)(?P<keep>(?<![^\s\"'])--{_ANY}\s+)[^\s\"'-]\S*"),
    re.compile(r"(?P<keep>://[^\s/?#:@]*:)[^\s/?#@]+(?=@)"),
    # Keys of services that servers are often given: they begin with their maker's letters.
    re.compile(
        r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[a-z]_[A-Za-z0-9]{16,}|github_pat_\w{16,}"
        r"|xox[a-z]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16})"
    ),
    # OAuth's short names mean something else in prose ("exit code: 3", "error_code=65001").
    re.compile(
        r"""(?ix)(?P<keep>(?<![a-z0-9_-])(?:code|state|nonce)
        (?:=|%3d|\\*["']\s*:\s*\\*["']))(?!\d{1,10}(?:[\s"'&,;\\}]|$))[^\s"'&,;\\}]+"""
    ),
    # Microsoft's refresh tokens and codes: a family digit, a dot, and much base64url.
    re.compile(r"\b[01]\.A[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*"),
    # Any other long mixture of both cases and digits: opaque tokens, verifiers, keys. Hashes and
    # GUIDs have one case only.
    re.compile(
        r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[a-z])(?=[A-Za-z0-9_-]*[A-Z])(?=[A-Za-z0-9_-]*[0-9])"
        r"[A-Za-z0-9_-]{40,}"
    ),
)


def redact(text: str) -> str:
    """Return the text without anything that looks like a secret."""
    for shape in _SHAPES:
        text = shape.sub(_hide, text)
    return text


def _hide(match: re.Match[str]) -> str:
    return match.groupdict().get("keep", "") + REDACTED


def clean_field(name: str, value: object) -> object:
    """Return ``value`` as what JSON can say, redacted, and of bounded size."""
    if type(value) is str and len(value) <= _SHORT and not _is_secret_name(name):
        return _redact_short(value)
    return _clean(name, value, _MAX_DEPTH)


@lru_cache(maxsize=256)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None


def _clean(name: str, value: object, depth: int) -> object:
    if isinstance(value, Secret) or _is_secret_name(name):
        return REDACTED
    match value:
        case str():  # what most fields hold comes first
            return _clean_text(value)
        case Mapping() if depth:
            return _clean_mapping(value, depth)  # pyright: ignore[reportUnknownArgumentType]
        case list() | tuple() | set() | frozenset() if depth:
            items: Iterable[object] = islice(value, _MAX_ITEMS)  # pyright: ignore[reportUnknownArgumentType]
            return [_clean("", item, depth - 1) for item in items]
        case _:
            return _clean_scalar(value)


def _clean_scalar(value: object) -> object:
    match value:
        case None | bool():
            return value
        case int():  # Python refuses to write out the longest ones
            return value if value.bit_length() <= _MAX_BITS else "[int]"
        case float():
            return value if math.isfinite(value) else str(value)
        case _:  # a repr might tell more than its author thought
            return f"[{type(value).__name__}]"


def _clean_mapping(value: Mapping[object, object], depth: int) -> dict[str, object]:
    pairs = islice(value.items(), _MAX_ITEMS)
    return {_clean_text(str(key)): _clean(str(key), item, depth - 1) for key, item in pairs}


@lru_cache(maxsize=1024)
def _redact_short(text: str) -> str:
    """Redact a short text; the same ids, names and rules stand in line after line."""
    return redact(text)


def _clean_text(text: str) -> str:
    """Redact, then cut, so that no half of a token is left standing."""
    if len(text) <= _SHORT:
        return _redact_short(text)
    cleaned = redact(text[: 4 * _MAX_CHARACTERS])
    if len(text) <= _MAX_CHARACTERS:
        return cleaned
    return f"{cleaned[:_MAX_CHARACTERS]}… ({len(text)} characters)"
