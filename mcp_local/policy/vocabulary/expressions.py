"""Regular expressions of RE2: linear time whatever the text (POLICY.md 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LENGTH = 1000
"""Characters of an expression."""
_MAX_MEMORY = 1 << 20
"""Bytes that one compiled expression may take; larger ones are refused."""


class ExpressionError(Exception):
    """An expression that RE2 doesn't take; caught where its place is known."""


def search(expression: str) -> Callable[[object], bool | None]:
    """Return a test: does the expression match anywhere in a text; unknown of anything else.

    Raises:
        ExpressionError: says what is wrong with it.
    """
    import re2  # noqa: PLC0415 - start-up: only policies with expressions pay for it

    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"is longer than {MAX_LENGTH} characters")
    options = re2.Options()
    options.log_errors = False  # they would go to stderr
    options.max_mem = _MAX_MEMORY
    options.never_capture = True
    try:
        compiled = re2.compile(expression, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ExpressionError(f"is no expression of RE2: {_reason(error)}") from None

    def test(seen: object) -> bool | None:
        if not isinstance(seen, str):
            return None
        try:
            return compiled.search(seen.encode()) is not None
        except UnicodeEncodeError:  # half of a surrogate pair: no text
            return None

    return test


def _reason(error: Exception) -> str:
    said: object = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else "not text"
    return text if text.isprintable() else "not text"
