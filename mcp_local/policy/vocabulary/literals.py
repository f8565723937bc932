"""Values as text that YAML, JSON and Python all read as the same value."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_PLAIN = 18
"""Characters of a number; longer ones are written with an exponent."""

_UNSAFE = re.compile(r"[\x7f-\xa0\xad\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Characters that one of the three escapes, or that would hide in a text."""


def number(value: float) -> str:
    """Return a number; YAML takes it for one only with a dot and a signed exponent."""
    text = repr(value)
    if isinstance(value, int):
        return text
    if len(text) > _LONGEST_PLAIN:
        text = f"{value:.16e}"
    mantissa, sign, exponent = text.partition("e")
    return f"{mantissa}.0{sign}{exponent}" if "." not in mantissa else text


def hides(text: str) -> bool:
    """Tell whether a text holds characters that one doesn't see, or that turn others around."""
    return _UNSAFE.search(text) is not None


def quoted(text: str) -> str:
    """Return a text in double quotes."""
    written = json.dumps(text, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def as_json(value: object, indent: str = "") -> str:
    """Return a value of mappings, lists and scalars as JSON; innermost lists on one line."""
    inner = f"{indent}  "
    match value:
        case dict():
            fields = cast("dict[str, object]", value)
            entries = (f"{quoted(key)}: {as_json(each, inner)}" for key, each in fields.items())
            return _block("{", entries, "}", indent) if fields else "{}"
        case list():
            items = cast("list[object]", value)
            if any(isinstance(item, dict | list) for item in items):
                return _block("[", (as_json(item, inner) for item in items), "]", indent)
            return f"[{', '.join(as_json(item) for item in items)}]"
        case _:
            return str(value).lower() if isinstance(value, bool) else as_python(value)


def _block(start: str, entries: Iterable[str], end: str, indent: str) -> str:
    joined = ",\n".join(f"{indent}  {entry}" for entry in entries)
    return f"{start}\n{joined}\n{indent}{end}"


def as_python(value: object) -> str:
    """Return a value as a literal of Python; tuples as lists."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return f"[{', '.join(as_python(item) for item in items)}]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value)
    return repr(value)
