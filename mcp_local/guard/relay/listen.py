"""``subscriptions/listen``: the client's streams, and those to the server behind them (2026-07-28).

The client's stream is ours: a sign-in changes its lists, too. What it wants to hear of resources
and tasks is asked of the server in a stream of our own, for what the person may have only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast, final

from mcp_local.guard.relay import answers
from mcp_local.guard.relay.answers import encode
from mcp_local.guard.relay.message import SUBSCRIPTION_ID, as_dict
from mcp_local.guard.relay.methods import CANCELLED, LISTEN, TASK_NEWS, UPDATED
from mcp_local.guard.relay.threads import on_loop
from mcp_local.policy.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay

FLAGS: Final = {
    "toolsListChanged": Kind.TOOL,
    "promptsListChanged": Kind.PROMPT,
    "resourcesListChanged": Kind.RESOURCE,
}
CHANGED: Final = {
    Kind.TOOL: "notifications/tools/list_changed",
    Kind.PROMPT: "notifications/prompts/list_changed",
    Kind.RESOURCE: "notifications/resources/list_changed",
}
KIND_OF: Final = {method: kind for kind, method in CHANGED.items()}
RESOURCES: Final = "resourceSubscriptions"
"""What a stream is to tell of resources: their URIs."""
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_MOST: Final = 64
"""Streams of one client."""
MOST_URIS: Final = 1000
"""Resources, and tasks, in one stream."""
LASTED: Final = 60.0
"""Seconds after which the end of a stream to the server is no refusal: it is asked for anew."""
_ACK_WAIT: Final = 5.0
"""Seconds for the server to say what it will tell."""


@dataclass(slots=True, eq=False)
class Stream:
    """One stream of the client."""

    asked: Asked
    flags: frozenset[Kind]
    beyond: Mapping[str, object]
    """What the server is to tell beyond changes of lists."""
    envelope: Mapping[str, object]
    upstream: str = ""
    """The id of the stream to the server; empty: there is none."""
    acknowledged: asyncio.Future[Mapping[str, object]] | None = field(default=None)


@final
class Listening:
    """All streams. On the event loop only."""

    def __init__(
        self, relay: Relay, changed: Callable[[Kind], None], may_hear: Callable[[str], bool]
    ) -> None:
        self._relay = relay
        self._changed = changed
        """Is told of changes in the server's own lists."""
        self._may_hear = may_hear
        """Judges each URI by whoever is signed in."""
        self._streams: dict[object, Stream] = {}
        self._by_upstream: dict[str, Stream] = {}
        self._following = ""
        """The id of the stream by which we hear of changes in lists ourselves."""

    @property
    def full(self) -> bool:
        """Whether the client has too many streams."""
        return len(self._streams) >= _MOST

    async def open(
        self,
        asked: Asked,
        flags: frozenset[Kind],
        beyond: Mapping[str, object],
        envelope: Mapping[str, object],
    ) -> None:
        """Open a stream of the client; it stays open until the client cancels it."""
        stream = Stream(asked, flags, beyond, envelope)
        self._streams[asked.ident] = stream
        honoured: Mapping[str, object] = {}
        if beyond:
            honoured = await self._open_upstream(stream)
        told: dict[str, object] = {name: True for name, kind in FLAGS.items() if kind in flags}
        told |= {key: value for key, value in honoured.items() if key in beyond}
        self._tell(stream, _ACKNOWLEDGED, {"notifications": told})

    def close(self, asked: Asked) -> bool:
        """Close a stream that the client gave up; whether it was one."""
        stream = self._streams.pop(asked.ident, None)
        if stream is None:
            return False
        self._relay.open.end(asked)
        if stream.upstream:
            self._by_upstream.pop(stream.upstream, None)
            self._relay.own_of_server.take(stream.upstream)
            params = {**stream.envelope, "requestId": stream.upstream}
            self._relay.tell_server_soon(answers.notification(CANCELLED, params))
        return True

    def follow(self, envelope: Mapping[str, object]) -> None:
        """Hear of changes in the server's lists from now on."""
        if self._following or not envelope:
            return

        def over() -> None:
            self._following = ""
            for kind in CHANGED:  # what there was to tell since then isn't known
                self._changed(kind)

        self._following = self._listen(
            {**envelope, "notifications": dict.fromkeys(FLAGS, True)}, over
        )

    def anew(self) -> None:
        """Forget what the server was asked: it is another process now."""
        self._following = ""
        self._by_upstream.clear()
        for stream in self._streams.values():
            stream.upstream = ""

    def resume(self) -> None:
        """Ask for what streams were to tell that the server isn't asked for.

        A new process knows nothing of the old one's tasks.
        """
        for stream in self._streams.values():
            wanted = cast("Sequence[str]", stream.beyond.get(RESOURCES, ()))
            if not stream.upstream and (uris := [uri for uri in wanted if self._may_hear(uri)]):
                self._ask(stream, {RESOURCES: uris})

    def announce(self, kinds: Sequence[Kind]) -> None:
        """Tell the streams that want to know that lists changed."""
        for stream in list(self._streams.values()):
            for kind in kinds:
                if kind in stream.flags:
                    self._tell(stream, CHANGED[kind], {})

    def heard(self, message: Message, allowed: Callable[[Message], bool]) -> None:
        """Take what the server told in a stream of ours."""
        ident = message.meta.get(SUBSCRIPTION_ID)
        kind = KIND_OF.get(message.method)
        if kind is not None:
            self._changed(kind)
            return
        stream = self._by_upstream.get(str(ident))
        if stream is None:
            return
        if message.method == _ACKNOWLEDGED:
            if stream.acknowledged is not None and not stream.acknowledged.done():
                stream.acknowledged.set_result(as_dict(message.params.get("notifications")))
        elif self._relay.to_client.is_full:  # it reads nothing; news of the same come again (M17)
            return
        elif (message.method == UPDATED or message.method in TASK_NEWS) and allowed(message):
            self._tell(stream, message.method, message.params)

    async def _open_upstream(self, stream: Stream) -> Mapping[str, object]:
        """Have the server tell of resources and tasks; return what it agreed to."""
        stream.acknowledged = asyncio.get_running_loop().create_future()
        self._ask(stream, stream.beyond)
        try:
            return await asyncio.wait_for(stream.acknowledged, _ACK_WAIT)
        except TimeoutError:
            return {}

    def _ask(self, stream: Stream, wanted: Mapping[str, object]) -> None:
        def over() -> None:
            del self._by_upstream[stream.upstream]
            stream.upstream = ""
            self.resume()

        params = {**stream.envelope, "notifications": wanted}
        stream.upstream = self._listen(params, over, stream)
        self._by_upstream[stream.upstream] = stream

    def _listen(
        self, params: Mapping[str, object], over: Callable[[], None], stream: Stream | None = None
    ) -> str:
        """Open a stream to the server; ``over`` is called when one that has lasted ends."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        def ended(answer: Message | None) -> None:
            told = stream and stream.acknowledged
            if told is not None and not told.done():
                told.set_result({})
            is_open = ident == self._following or ident in self._by_upstream
            if answer is not None and is_open and loop.time() - began >= LASTED:
                over()

        ident = self._relay.ask_server(LISTEN, params, lambda answer: on_loop(loop, ended, answer))
        return ident

    def _tell(self, stream: Stream, method: str, params: Mapping[str, object]) -> None:
        meta = {**as_dict(params.get("_meta")), SUBSCRIPTION_ID: stream.asked.ident}
        body = {"jsonrpc": "2.0", "method": method, "params": {**params, "_meta": meta}}
        self._relay.write_soon(encode(body))
