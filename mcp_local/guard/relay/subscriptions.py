"""What a client wants to hear of: resources it subscribed to, and filters of its streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, cast, final

from mcp_local.guard.relay.listen import FLAGS, MOST_URIS, RESOURCES
from mcp_local.guard.relay.message import as_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcp_local.guard.relay.message import Message
    from mcp_local.policy.model import Kind

MOST: Final = 4096
"""Subscriptions of one client."""


@final
class Subscriptions:
    """The URIs of ``resources/subscribe`` (handshake era). From any thread."""

    def __init__(self) -> None:
        self._uris: dict[str, None] = {}
        self._lapsed: set[str] = set()
        """Those that a new server process was not asked for yet."""

    def __contains__(self, uri: object) -> bool:
        return uri in self._uris

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._uris))

    def add(self, uri: str) -> bool:
        """Remember a subscription; False: there are too many."""
        if len(self._uris) >= MOST:
            return False
        self._uris[uri] = None
        self._lapsed.discard(uri)
        return True

    def remove(self, uri: str) -> None:
        """Forget a subscription."""
        self._uris.pop(uri, None)
        self._lapsed.discard(uri)

    def lapse(self) -> None:
        """Take note that the server is another process, which knows of none."""
        self._lapsed.update(self)

    def resume(self, may_hear: Callable[[str], bool]) -> list[str]:
        """Return those to ask the new process for: of what somebody else may hear it hears nothing.

        The others stay lapsed (M1, M5).
        """
        uris = [uri for uri in self if uri in self._lapsed and may_hear(uri)]
        self._lapsed.difference_update(uris)
        return uris

    def above(self, uri: str) -> str:
        """Return the subscription that a change of ``uri`` falls under; empty: none.

        A server may tell of a part of what was subscribed.
        """
        if uri in self._uris:
            return uri
        return next((each for each in self if uri.startswith(each.rstrip("/") + "/")), "")


class Filter(NamedTuple):
    """What one ``subscriptions/listen`` asks for (modern era)."""

    kinds: frozenset[Kind]
    """Lists whose changes it wants to hear of."""
    uris: tuple[str, ...]
    tasks: tuple[str, ...]


def read_filter(message: Message) -> Filter | None:
    """Return what a stream is to tell; ``None`` where that can't be read."""
    wanted = message.params.get("notifications")
    if not isinstance(wanted, dict):
        return None
    asked = as_dict(message.params.get("notifications"))
    kinds = frozenset(kind for name, kind in FLAGS.items() if asked.get(name) is True)
    uris, tasks = (_texts(asked.get(key)) for key in (RESOURCES, "taskIds"))
    return Filter(kinds, uris, tasks)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    items = cast("list[object]", value)[:MOST_URIS]
    return tuple(item for item in items if isinstance(item, str))
