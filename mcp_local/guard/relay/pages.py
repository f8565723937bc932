"""One page of a list, as the server gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from mcp_local.guard.relay.message import INTERNAL_ERROR, METHOD_NOT_FOUND, as_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.guard.relay.list_kinds import ListKind
    from mcp_local.guard.relay.message import Message

MAX_LIST: Final = 16 * 1024 * 1024
"""Bytes of one list, all pages together (M16)."""
_DROPPED: Final = frozenset({"nextcursor", "resulttype", "inputrequests", "requeststate"})
"""Keys, in small letters, that never go on: all pages are here, and no list asks for more (M12)."""


class ListFailed(Exception):
    """The server didn't give a list; ``code`` and ``text`` are for the client."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page as the server gave it."""

    items: tuple[dict[str, object], ...]
    rest: Mapping[str, object]
    """What else stands in the result."""
    next: str | None
    size: int
    """Bytes."""
    absent: Mapping[str, object] | None = None
    """The error by which the server said that it has no such list."""


def read_page(which: ListKind, answer: Message) -> Page:
    """Return the page that the server answered with.

    Raises:
        ListFailed: it is none.
    """
    if "error" in answer.body:
        return _absent(as_dict(answer.body["error"]))
    if len(answer.raw) > MAX_LIST:
        raise too_long()
    result = as_dict(answer.body.get("result"))
    items, cursor = result.get(which.key), result.get("nextCursor")
    if not isinstance(items, list):
        raise _odd()
    found = (as_dict(item) for item in cast("Sequence[object]", items))
    dropped = _DROPPED | {which.key.casefold()}  # some clients read keys in any case (M4)
    rest = {key: value for key, value in result.items() if key.casefold() not in dropped}
    return Page(
        tuple(item for item in found if item),
        rest,
        cursor if isinstance(cursor, str) else None,
        len(answer.raw),
    )


def _absent(error: Mapping[str, object]) -> Page:
    """Return the page of a list that the server doesn't have at all.

    Raises:
        ListFailed: it said something else.
    """
    code, text = error.get("code"), error.get("message")
    if code == METHOD_NOT_FOUND:
        # Some clients read a `Code`, too, which may be another (M4).
        said = {key: error[key] for key in ("code", "message", "data") if key in error}
        return Page((), {}, None, 0, said)
    known = isinstance(code, int) and isinstance(text, str)
    raise ListFailed(cast("int", code), cast("str", text)) if known else _odd()


def too_long() -> ListFailed:
    """Return what is wrong with an endless list."""
    return ListFailed(INTERNAL_ERROR, "The server's list is longer than 16 MiB.")


def _odd() -> ListFailed:
    return ListFailed(INTERNAL_ERROR, "The server's list can't be read.")
