"""What the client says of itself: once in the handshake era, in each request in the modern one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.clean import clean
from mcp_local.guard.relay.message import CLIENT_CAPABILITIES, CLIENT_INFO, as_dict
from mcp_local.policy.model import ClientInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.guard.relay.message import Message

_LONGEST: Final = 200
"""Characters kept of each text."""


@final
class Client:
    """The client at the other end."""

    def __init__(self, hello: Callable[[], Message | None]) -> None:
        self._hello = hello
        """Gives its ``initialize``, once that was sent."""
        self._last: tuple[object, ClientInfo] = (None, ClientInfo())

    def of(self, message: Message) -> ClientInfo:
        """Return who sent a request."""
        said = message.meta.get(CLIENT_INFO) if message.modern else self._in_hello("clientInfo")
        if said != self._last[0]:
            self._last = (said, _info(said))
        return self._last[1]

    def title(self, message: Message) -> str:
        """Return what people call the program; empty where it doesn't say."""
        said = message.meta.get(CLIENT_INFO) if message.modern else self._in_hello("clientInfo")
        info = as_dict(said)
        title = info.get("title") or info.get("name")
        return clean(title[:_LONGEST]) if isinstance(title, str) else ""

    def capabilities(self, message: Message) -> Mapping[str, object]:
        """Return what the client can that sent a request."""
        if message.modern:
            return as_dict(message.meta.get(CLIENT_CAPABILITIES))
        return as_dict(self._in_hello("capabilities"))

    def _in_hello(self, key: str) -> object:
        hello = self._hello()
        return None if hello is None else hello.params.get(key)


def _info(said: object) -> ClientInfo:
    info = as_dict(said)
    name, version = info.get("name"), info.get("version")
    return ClientInfo(
        name[:_LONGEST] if isinstance(name, str) else "",
        version[:_LONGEST] if isinstance(version, str) else "",
    )
