"""What the server says: answers, notifications, and requests of its own; and its ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast, final

from mcp_local.guard.relay import answers, hello
from mcp_local.guard.relay.message import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Message,
    Refused,
    as_dict,
    read_server,
)
from mcp_local.guard.relay.methods import CANCELLED, GUARDED, HELLO, OF_SOMEBODY
from mcp_local.guard.relay.server_requests import ServerRequests, not_passed_on
from mcp_local.guard.upstream import UpstreamGone

if TYPE_CHECKING:
    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.guarding import Guarding
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.upstream import Restartable

_LOGGED: Final = 100
"""Characters of a method in the log."""


@final
class ServerSide:
    """Takes the server's messages, one after the other, in the thread that reads them."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._requests = ServerRequests(relay.rules.requests)

    def listen(self) -> None:
        """Take all that the server says, in all of its lives."""
        upstream = self._relay.upstream
        while True:
            while (line := upstream.receive()) is not None:
                self.take(line)
            self._relay.server_gone(f"The server is gone. {upstream.ended}")
            if not hasattr(upstream, "revive") or not cast("Restartable", upstream).revive():
                self._relay.server_back()
                return
            self._greet_again()

    def take(self, line: bytes) -> None:
        """Take one message; a fault of ours must not end the others."""
        same = self._relay.own_of_server.recognise(line)
        if same:
            self._answered(Message(line, "", same, {}, {}))
            return
        try:
            message = read_server(line)
        except Refused as refused:
            self._unreadable(refused)
            return
        try:
            self._take(message)
        except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
            self._failed(fault, message)

    def _take(self, message: Message) -> None:
        if not message.method:
            self._answered(message)
        elif message.ident is None:
            self._told(message)
        else:
            self._asked(message)

    def _failed(self, fault: Exception, message: Message) -> None:
        self._relay.note_fault(fault)
        self._unreadable(Refused(INTERNAL_ERROR, "a fault of mcp-local", message.ident))

    def _unreadable(self, refused: Refused) -> None:
        """Don't let anybody wait for an answer that can't be read."""
        self._relay.log.event("server_refused", level="warning", why=refused.text)
        own = self._relay.own_of_server.take(refused.ident)
        if own is not None:
            own(None)
        asked = self._relay.open.find(refused.ident)
        if asked is not None and asked.sent:
            text = f"The server's answer can't be read: {refused.text}."
            line = answers.error(asked.ident, INTERNAL_ERROR, text)
            self._relay.answer(asked, line)

    def _answered(self, message: Message) -> None:
        relay = self._relay
        own = relay.own_of_server.take(message.ident)
        if own is not None:
            own(message)
            return
        if message.ident is None:  # it couldn't read what it was sent: whose that was nobody knows
            relay.write(message.raw)
            return
        asked = relay.open.answered_by(message.ident)
        if asked is None or not asked.sent:
            # The client may be about to use that id for something that must be judged.
            relay.log.event("answer_dropped", by="server")
            return
        self._pass_answer(asked, message)

    def _pass_answer(self, asked: Asked, message: Message) -> None:
        relay = self._relay
        denied = self._requests.denied(message)
        if denied:
            relay.log.event("request_denied", level="warning", method=denied)
        if asked.method in GUARDED:  # it may be about to be there, which let the first ones through
            relay.with_guard(asked, lambda guard: guard.answered(asked, message, denied))
        elif denied:
            relay.answer(asked, answers.refusal(asked, not_passed_on(denied)))
        elif asked.method in HELLO:
            self._greeted(asked, message)
        else:
            relay.answer(asked, message.raw)

    def _greeted(self, asked: Asked, message: Message) -> None:
        relay = self._relay
        if "result" not in message.body:
            relay.answer(asked, message.raw)
            return
        result = as_dict(message.body["result"])
        relay.capabilities = as_dict(result.get("capabilities"))
        relay.greeted = True
        instructions = hello.words(result)

        def note(guard: Guarding) -> None:
            relay.to_server.post(lambda: judge(guard))

        def judge(guard: Guarding) -> None:
            try:
                answer(shown=guard.introduced(instructions))
            except Exception as fault:  # noqa: BLE001 - as in `take`, which this comes after
                self._failed(fault, message)

        def answer(*, shown: bool) -> None:
            relay.answer(asked, hello.served(message, instructions=shown))
            relay.welcomed |= asked.method == "initialize"

        if not relay.rules.hold:  # else it must be known first whether they were approved
            answer(shown=True)
        relay.with_guard(asked, note)

    def _told(self, message: Message) -> None:
        relay = self._relay
        if message.method == CANCELLED:
            relay.of_server.end(message.params.get("requestId"))
        denied = self._requests.denied_in(message.params)  # news of a task hold all of it
        if denied:
            relay.log.event("request_denied", level="warning", method=denied)
            return
        guard = relay.guard
        passes = message.method not in OF_SOMEBODY if guard is None else guard.told(message)
        if passes:
            relay.write(message.raw)

    def _asked(self, message: Message) -> None:
        """Pass a request on if the settings let it (M12)."""
        relay, method, ident = self._relay, message.method, message.ident
        if not self._requests.passes(method, message.params):
            name = self._requests.spoken(method, message.params)
            relay.log.event("request_denied", level="warning", method=name)
            text = f"mcp-local doesn't pass on {name}."
            relay.tell_server_soon(answers.error(ident, METHOD_NOT_FOUND, text))
        elif ident is not None and relay.of_server.begin(ident, method):
            relay.write(message.raw)
        else:
            text = "Invalid Request: the id is in use"
            relay.tell_server_soon(answers.error(ident, INVALID_REQUEST, text))

    # Another life.

    def _greet_again(self) -> None:
        """Say to a new server process what the client said to the old one."""
        relay = self._relay
        if relay.initialize is None or not relay.greeted:
            relay.to_server.post(self._is_back)
            return
        params = relay.initialize.params
        relay.ask_server("initialize", params, self._greeted_again, greeting=True)

    def _greeted_again(self, message: Message | None) -> None:
        if message is None:  # it is gone again, which is seen to where it is listened to
            return
        if "error" in message.body:
            self._relay.log.event("server_refused", level="error", why="initialize after a restart")
        self._relay.to_server.post(self._is_back)

    def _is_back(self) -> None:
        relay = self._relay
        with suppress(UpstreamGone):
            if relay.initialized is not None:
                relay.upstream.send(relay.initialized.raw)
            if relay.level is not None:
                level = relay.level
                relay.ask_server(level.method, level.params, lambda _answer: None, greeting=True)
        relay.server_back()
        if relay.guard is not None:
            relay.guard.anew()
