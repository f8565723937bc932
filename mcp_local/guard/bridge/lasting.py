"""What a client asked of a session once and for all; a server that has lost it is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from mcp_local.guard.bridge.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST: Final = 4096
"""Subscriptions of one client."""
_LEVEL: Final = "logging/setLevel"
_SUBSCRIBE: Final = "resources/subscribe"
_UNSUBSCRIBE: Final = "resources/unsubscribe"


@final
class Lasting:
    """The log level and the subscriptions (handshake era). Each method is one step."""

    def __init__(self) -> None:
        self.may_hear: Callable[[str], bool] = lambda _uri: False
        """Judges each subscription by whoever is signed in by then (M5, M6)."""
        self._level: object = None
        self._uris: dict[str, None] = {}

    def note(self, envelope: Envelope) -> None:
        """Take note of a request that the server was asked; what it refused it refuses again."""
        params = envelope.params
        if params is None or envelope.modern_version:
            return
        if envelope.method == _LEVEL:
            self._level = params.level
        elif isinstance(params.uri, str):
            if envelope.method == _UNSUBSCRIBE:
                self._uris.pop(params.uri, None)
            elif envelope.method == _SUBSCRIBE and len(self._uris) < _MOST:
                self._uris[params.uri] = None

    def again(self) -> Iterator[tuple[bytes, Envelope]]:
        """Yield the requests that bring another session to where this one was."""
        wanted = [(_LEVEL, "level", self._level)] if self._level is not None else []
        wanted += [(_SUBSCRIBE, "uri", uri) for uri in list(self._uris) if self.may_hear(uri)]
        for number, (method, name, value) in enumerate(wanted, 1):
            ident = f"mcp-local-again-{number}"  # no client's: such ids are the relay's own
            request = {"jsonrpc": "2.0", "id": ident, "method": method, "params": {name: value}}
            yield msgspec.json.encode(request), Envelope(id=ident, method=method)

    def forget(self) -> None:
        """Begin with nothing: the client begins anew."""
        self._level = None
        self._uris.clear()
