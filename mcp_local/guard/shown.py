"""Arguments as a person is shown them who is to say yes: nothing hidden, nothing endless (M27)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from mcp_local.guard.clean import with_escapes
from mcp_local.policy.vocabulary.json_texts import may_hold_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown."""

    text: int
    """Characters of one text; of a longer one its two ends."""
    line: int
    """Characters of one argument, or of a name; of a longer one its two ends."""
    lines: int
    """Arguments."""


FORM: Final = Limits(text=400, line=1200, lines=30)
"""For a form in a client, whose size nobody knows."""
PAGE: Final = Limits(text=16_384, line=32_768, lines=200)
"""For a page of our own, which scrolls."""

_NOT_SHOWN: Final = "[not shown]"
_KIND: Final = re.compile(r"^(?:tool|prompt)\.(?=args)")
"""``tool.args.x`` and ``args.x`` are the same (POLICY.md 6)."""


def shown_lines(
    arguments: Mapping[str, object], redact: tuple[str, ...], limits: Limits
) -> list[str]:
    """Return one line an argument, in the order they were sent, as JSON.

    What can't be seen stands there as an escape. What is cut says so, with its length and the
    start of its SHA-256, so that no two values look the same. ``redact`` names fields like
    ``args.password``, whose values are not shown.
    """
    hidden = frozenset(_KIND.sub("", field).casefold() for field in redact)
    if "args" in hidden:
        hidden |= {f"args.{name}".casefold() for name in arguments}
    items = list(arguments.items())
    shown = [
        cut(f"{_name(name)}: {_value(value, f'args.{name}', hidden, limits.text)}", limits.line)
        for name, value in items[: limits.lines]
    ]
    if rest := dict(items[limits.lines :]):
        text = _value(rest, "args", hidden, limits.text)
        shown.append(cut(f"… {len(rest)} more arguments: {text}", limits.line))
    return shown


def cut(line: str, limit: int) -> str:
    """Return a line, or the two ends of a longer one: what matters may stand at either."""
    return line if len(line) <= limit else _ends(line, limit, str)


def _name(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _text(name)


def _value(value: object, path: str, hidden: frozenset[str], limit: int) -> str:
    """Return a value as JSON; ``path`` is where it stands, without places in lists.

    A name in another case may be taken for the one that is hidden, and a text for an object.
    """
    folded = path.casefold()
    if folded in hidden:
        return _NOT_SHOWN
    if isinstance(value, dict):
        members = _members(cast("dict[str, object]", value), path, hidden, limit)
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list | tuple):
        items = cast("list[object] | tuple[object, ...]", value)
        return f"[{', '.join(_value(item, path, hidden, limit) for item in items)}]"
    if not isinstance(value, str):
        return json.dumps(value)
    if may_hold_names(value) and any(each.startswith(f"{folded}.") for each in hidden):
        return _NOT_SHOWN
    return _cut_text(value, limit)


def _members(
    value: dict[str, object], path: str, hidden: frozenset[str], limit: int
) -> Iterator[str]:
    for name, item in value.items():
        yield f"{_text(name)}: {_value(item, f'{path}.{name}', hidden, limit)}"


def _cut_text(text: str, limit: int) -> str:
    return _text(text) if len(text) <= limit else _ends(text, limit, _text)


def _ends(text: str, limit: int, said: Callable[[str], str]) -> str:
    tail = limit // 4
    return f"{said(text[: limit - tail])} … {said(text[-tail:])}{_mark(text)}"


def _mark(text: str) -> str:
    """Return what stands for the part that isn't shown."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f" [CUT: {len(text):,} characters in all, SHA-256 {digest}…]"


def _text(text: str) -> str:
    return with_escapes(json.dumps(text, ensure_ascii=False))
