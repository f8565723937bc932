"""What a setting's value may look like, as it stands in TOML or as the text of a variable or flag.

Durations are seconds, or text with a unit: ``300``, ``"300s"``, ``"5m"``, ``"1.5h"``.
Lists in variables are separated by commas or spaces. No message repeats a free text: people paste
secrets into the wrong place.

The small records of this package are named tuples, which cost an eighth of a dataclass at start-up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, cast

from mcp_local.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import StrEnum

T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E", bound="StrEnum")

# Patterns stand as text and are compiled at their first use: most starts meet few of them.
GUID = r"(?ai)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DOMAIN = r"(?ai)(?:[a-z0-9][a-z0-9-]{0,62}\.)+[a-z]{2,63}"
_URI = r"(?ai)[a-z][a-z0-9+.-]*://[!-~]+"
_PROXY = r"(?ai)https?://(?:[!-.0-~]+@)?[a-z0-9.:\[\]-]+/?"
_DURATION = r"(?a)(\d{1,9}(?:\.\d{1,6})?)\s*([smh]?)"
IN_QUOTES = (
    r"A \ means something else in double quotes; single quotes take it as it is: 'C:\tools\x.exe'."
)
"""What helps where a path of Windows was meant."""
_LONGEST = 1e9
"""Seconds; far beyond what any setting takes, either way."""
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})

NO_TENANT = frozenset({"common", "organizations", "consumers"})
"""Words that stand for any tenant; whose tokens are to be believed must be said (J13)."""


class Unfit(Exception):
    """A value is not what its setting takes; caught where its place is known."""

    def __init__(self, message: str, hint: str = "", *, key: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.key = key
        """Which entry of a table it is about; empty: the value itself."""


def _as_it_is(text: str) -> object:
    return text


class Shape(NamedTuple, Generic[T_co]):
    """One kind of value: ``check`` takes what TOML holds, ``decode`` makes that from plain text."""

    check: Callable[[object], T_co]
    decode: Callable[[str], object] = _as_it_is
    is_path: bool = False
    """Relative to the folder of the file it stands in, else to the working folder."""
    names: str = ""
    """What the beginning of a value marks as a name instead of a path."""

    def is_place(self, checked: object) -> bool:
        """Whether a value is a path, to be made absolute."""
        named = bool(self.names) and str(checked).startswith(self.names)
        return self.is_path and bool(checked) and not named


def _name(value: object) -> str:
    names: Mapping[type, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def check_text(value: object) -> str:
    """Return a text without control characters."""
    if not isinstance(value, str):
        raise Unfit(f"must be a text in quotes, not {_name(value)}")
    if not value.isprintable():
        raise Unfit("holds a character that can't be printed", IN_QUOTES)
    return value.strip()


def check_words(value: object) -> tuple[str, ...]:
    """Return the texts of a list, each once."""
    if not isinstance(value, list):
        raise Unfit(f'must be a list like ["one", "two"], not {_name(value)}')
    words = (check_text(each) for each in cast("list[object]", value))
    return tuple(dict.fromkeys(word for word in words if word))


def _check_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def _decode_flag(text: str) -> object:
    word = text.lower()
    return True if word in _YES else False if word in _NO else text


def _decode_words(text: str) -> object:
    return text.replace(",", " ").split()


def seconds(low: float, high: float) -> Shape[float]:
    """Return the shape of a duration between two bounds, in seconds."""

    def check(value: object) -> float:
        number = _duration(value)
        if not low <= number <= high:
            raise Unfit(f"must be {low:g} to {high:g} seconds, not {number:g}")
        return number

    return Shape(check)


def _duration(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(max(-_LONGEST, min(value, _LONGEST)))  # TOML's integers have no end
    match = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
    if match is None:
        raise Unfit('must be a number of seconds, or a text like "90s", "5m", "1h"')
    return float(match[1]) * _UNITS[match[2]]


def auto_or(shape: Shape[float]) -> Shape[float | None]:
    """Return the shape that also takes the word ``auto``, read as ``None``."""

    def check(value: object) -> float | None:
        return None if value == "auto" else shape.check(value)

    return Shape(check)


def one_of(words: type[E], *allowed: str) -> Shape[E]:
    """Return the shape of one word of a closed set, or of those that are ``allowed`` of it."""

    def check(value: object) -> E:
        return words(check_word(value, allowed or tuple(map(str, words))))

    return Shape(check)


def one_word(*words: str) -> Shape[str]:
    """Return the shape of one of the given words."""

    def check(value: object) -> str:
        return check_word(value, words)

    return Shape(check)


def check_word(value: object, words: tuple[str, ...]) -> str:
    """Return the value if it is one of the words."""
    word = check_text(value)
    if word not in words:
        hint = did_you_mean(word, words)
        misspelt = hint.startswith("Did you mean")  # else it may be a passphrase in the wrong place
        said = f', not "{word}"' if misspelt else ""
        raise Unfit(f"must be {' or '.join(words)}{said}", hint)
    return word


def check_guid(value: object) -> str:
    """Return a GUID in lower case, as tokens hold it."""
    text = check_text(value)
    if not re.fullmatch(GUID, text):
        raise Unfit("must be a GUID like 11111111-2222-3333-4444-555555555555")
    return text.lower()


def _check_tenant(value: object) -> str:
    text = check_text(value).lower()
    if text in NO_TENANT:
        raise Unfit(f'"{text}" names no tenant; give the id or a domain of yours')
    if not re.fullmatch(GUID, text) and not re.fullmatch(_DOMAIN, text):
        raise Unfit("must be a GUID or a domain like contoso.onmicrosoft.com")
    return text


def _check_api(value: object) -> str:
    text = check_text(value)
    if re.fullmatch(GUID, text):
        return text.lower()
    if not re.fullmatch(_URI, text):
        raise Unfit("must be a GUID or an App ID URI like api://contoso/tools")
    return text


def has_host(url: str) -> bool:
    """Tell whether an address names a host, and a port that there is if any (RFC 3986, 3.2)."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - start-up: few settings are addresses

    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # half a bracket, or a port beyond all
        return False


def _check_proxy(value: object) -> str:
    text = check_text(value)
    if not re.fullmatch(_PROXY, text) or not has_host(text):
        raise Unfit("must be an address like http://proxy.contoso.com:8080")
    return text


def _check_guids(value: object) -> tuple[str, ...]:
    return tuple(map(check_guid, check_words(value)))


TEXT = Shape(check_text)
PATH = Shape(check_text, is_path=True)
POLICY = Shape(check_text, is_path=True, names="preset:")
WORDS = Shape(check_words, _decode_words)
FLAG = Shape(_check_flag, _decode_flag)
GUID_TEXT = Shape(check_guid)
GUIDS = Shape(_check_guids, _decode_words)
TENANT = Shape(_check_tenant)
API = Shape(_check_api)
PROXY = Shape(_check_proxy)
