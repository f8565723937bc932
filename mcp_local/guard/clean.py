"""Text that a model reads: without what a person can't see in it (M9)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, cast

MAX_TEXT: Final = 32_768
"""Characters of one description; what is longer is cut."""

_HIDDEN: Final = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f"  # C0 with ESC, but for tab and line ends; DEL
    "\x80-\x9f"  # C1
    "\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # no width, joining nothing
    "\u2028\u2029"  # line ends that aren't
    "\u2065\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # shown as nothing at all
    "\u180b-\u180d\u180f\ufe00-\ufe0d"  # variants of letters: half a byte each, unseen
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates of writing direction
    "\ud800-\udfff"  # lone surrogates
    "\U000e0000-\U000e0fff"  # tags and further variation selectors: invisible ASCII
    "]"
)

_CROWDED: Final = re.compile(
    "(?<=[\u061c\u200c-\u200f\ufe0e])[\u061c\u200c-\u200f\ufe0e\ufe0f]+"
    "|(?<=\ufe0f)[\u061c\u200c\u200e\u200f\ufe0e\ufe0f]+"
)
"""Joiners and marks behind another: scripts and emoji need one at a time, only a message more."""

_BLANK: Final = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),  # fillers, joiners
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),  # variation selectors, as the next
            *range(0xE0100, 0xE01F0),
        ),
    )
)
"""What counts as printable and shows nothing all the same."""


def clean(text: str) -> str:
    """Return ``text`` without characters that hide or reorder what is written, at most MAX_TEXT."""
    if len(text) <= MAX_TEXT and text.isascii() and text.isprintable():
        return text
    text = _CROWDED.sub("", _HIDDEN.sub("", text))
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def with_escapes(text: str) -> str:
    """Return ``text`` with an escape for each character that can't be seen or reorders others.

    For a person who decides by what they read: unlike :func:`clean` it takes nothing away.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = (each if each.isprintable() and each not in _BLANK else _escape(each) for each in text)
    return "".join(shown)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - 16 bits


def is_clean_name(name: str) -> bool:
    """Whether a name holds nothing hidden and no line end."""
    return not _HIDDEN.search(name) and "\n" not in name and "\r" not in name and "\t" not in name


def bare(name: str) -> str:
    """Return a name without what can't be seen: two that a reader takes for one are one here.

    Wide, small and joined forms of letters are the letters (NFKC). Letters of other scripts that
    look alike stay others: what they stand for in a policy is another tool.
    """
    if name.isascii() and name.isprintable():
        return name.strip()
    plain = unicodedata.normalize("NFKC", name)
    return "".join(each for each in plain if each.isprintable() and each not in _BLANK).strip()


def clean_json(value: object) -> object:
    """Return a JSON value with all of its texts cleaned; the very same object where none needs it.

    What stands under a key that would need it goes: a caller must send a key as it is, and a model
    must not read it.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return _clean_dict(cast("dict[object, object]", value))
    if isinstance(value, list):
        return _clean_list(cast("list[object]", value))
    return value


def _clean_dict(value: dict[object, object]) -> dict[object, object]:
    cleaned = {
        key: clean_json(item)
        for key, item in value.items()
        if not (isinstance(key, str) and _HIDDEN.search(key))
    }
    same = len(cleaned) == len(value) and all(cleaned[key] is value[key] for key in value)
    return value if same else cleaned


def _clean_list(value: list[object]) -> list[object]:
    cleaned = [clean_json(item) for item in value]
    same = all(new is old for new, old in zip(cleaned, value, strict=True))
    return value if same else cleaned
