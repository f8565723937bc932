"""JSON read so that it can mean one thing only.

The standard decoder is lenient: the last of two equal keys wins, NaN and lone surrogates pass,
``1e999`` becomes infinity. None of that may reach a check (SECURITY.md, "stock libraries", 3).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, cast

_SPACE = " \t\r\n"
"""RFC 8259 §2: all that may stand around a value."""
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class NotStrictJson(ValueError):
    """The bytes aren't one JSON object with one meaning. Its text quotes nothing of them."""


class DuplicateKey(NotStrictJson):
    """An object holds one key twice."""


def read_object(data: bytes) -> dict[str, object]:
    """Decode one JSON object.

    Raises:
        DuplicateKey: a key stands twice in one object, at any depth (J18).
        NotStrictJson: anything else that isn't one unambiguous object in UTF-8 (J15, J19, J20).
    """
    try:
        text = data.decode("utf-8").strip(_SPACE)
        value, end = _DECODER.raw_decode(text)
        if _SURROGATE_ESCAPE.search(text):
            # RFC 8259 §8.2: escapes can spell what isn't Unicode; encoding finds lone ones (J16).
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except NotStrictJson:
        raise
    except (ValueError, RecursionError):
        # `from None`: the decoder's errors carry the document, which is part of a token.
        raise NotStrictJson("not strict JSON") from None
    if end != len(text) or not isinstance(value, dict):
        raise NotStrictJson("not one JSON object")
    return cast("dict[str, object]", value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKey("a key stands twice in one object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotStrictJson("a number is out of range")
    return number


def _refuse_constant(_name: str) -> NoReturn:
    raise NotStrictJson("NaN and Infinity are not JSON")


# Built once: `json.loads` with these arguments would build it at each call.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant
)
