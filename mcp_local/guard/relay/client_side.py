"""What the client says: requests, notifications, and its answers to the server's requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay import answers
from mcp_local.guard.relay.message import (
    INVALID_REQUEST,
    Refused,
    read_client,
)
from mcp_local.guard.relay.methods import (
    CANCELLED,
    GUARDED,
    HELLO,
    INITIALIZED,
    NOTIFICATIONS,
    PASSED,
)
from mcp_local.guard.relay.relay import TOO_MANY

if TYPE_CHECKING:
    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.guarding import Guarding
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay

_LOGGED: Final = 100
"""Characters of a method in the log."""


@final
class ClientSide:
    """Takes the client's lines, one after the other, in the thread that reads them."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def take(self, line: bytes) -> None:
        """Take one line; a fault of ours must not end the others."""
        if not line or line.isspace():
            return
        try:
            message = read_client(line)
        except Refused as refused:
            self._relay.write(answers.error(refused.ident, refused.code, refused.text))
            self._relay.log.event("client_refused", level="warning", why=refused.text)
            return
        try:
            self._take(message)
        except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
            self._relay.note_fault(fault)
            from mcp_local.guard.account import FAULT  # noqa: PLC0415 - only a fault pays for it

            asked = self._relay.open.find(message.ident)
            if asked is not None and not asked.sent:
                self._relay.answer(asked, answers.refusal(asked, FAULT))

    def _take(self, message: Message) -> None:
        if not message.method:
            self._answered(message)
        elif message.ident is None:
            self._told(message)
        else:
            self._asked(message)

    def _asked(self, message: Message) -> None:
        relay, method = self._relay, message.method
        if not relay.open.has_room(len(message.raw)):
            relay.write(answers.error(message.ident, answers.SERVER_GONE, TOO_MANY))
            return
        asked = relay.open.begin(message)
        if asked is None:
            text = "Invalid Request: the id is in use"
            relay.write(answers.error(message.ident, INVALID_REQUEST, text))
        elif method in GUARDED:
            relay.with_guard(asked, lambda guard: _judge(guard, message, asked))
        elif method in PASSED or method in relay.rules.methods:
            self._pass(message, asked)
        else:
            relay.log.event("method_refused", level="warning", method=method[:_LOGGED])
            relay.answer(asked, answers.no_such_method(message))

    def _pass(self, message: Message, asked: Asked) -> None:
        relay = self._relay
        if message.method == "initialize":
            relay.initialize = message
            relay.welcomed = False
        elif message.method == "logging/setLevel":
            relay.level = message
        if message.method in HELLO and relay.guard is not None:
            relay.guard.greeting(asked)
        relay.send(asked, message.raw)

    def _told(self, message: Message) -> None:
        relay, method = self._relay, message.method
        if method == CANCELLED:
            self._cancelled(message)
        elif method in NOTIFICATIONS or (method in relay.rules.methods and method not in GUARDED):
            if method == INITIALIZED:
                relay.initialized = message
            relay.tell_server(message.raw)
        else:
            relay.log.event("notification_refused", level="warning", method=method[:_LOGGED])

    def _cancelled(self, message: Message) -> None:
        """Give a request up; the server hears of it if it has heard of the request."""
        relay = self._relay
        asked = relay.open.find(message.params.get("requestId"))
        if asked is None or asked.cancelled:
            return
        given_up = relay.open.cancel(asked)
        if given_up is not None and relay.guard is not None:
            relay.guard.abandon(given_up)
        if asked.sent:
            relay.tell_server(message.raw)
        elif relay.guard is not None:
            relay.guard.cancel(asked, message)
        else:
            relay.open.end(asked)

    def _answered(self, message: Message) -> None:
        """Pass on the answer to a request of the server, or take the one to a request of ours."""
        own = self._relay.own_of_client.take(message.ident)
        if own is not None:
            own(message)
        elif self._relay.of_server.end(message.ident):
            self._relay.tell_server(message.raw)
        else:
            self._relay.log.event("answer_dropped", by="client")


def _judge(guard: Guarding, message: Message, asked: Asked) -> None:
    if not asked.cancelled:
        guard.take(message, asked)
