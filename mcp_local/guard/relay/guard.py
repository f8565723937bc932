"""The guard of the relay: judges at once what it can, and has the rest wait on the event loop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.account import RESERVED
from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.questions import is_own_state
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.answers import encode
from mcp_local.guard.relay.listen import KIND_OF
from mcp_local.guard.relay.lists import NOT_TO_BE_KEPT
from mcp_local.guard.relay.message import SUBSCRIPTION_ID, Refused, as_dict
from mcp_local.guard.relay.methods import TASK_LIST, TASK_NEWS, TASKS, UPDATED, USES
from mcp_local.guard.relay.server_requests import not_passed_on
from mcp_local.guard.relay.threads import on_loop
from mcp_local.guard.relay.uses import asks_back, outcome_of, read_use, refusal
from mcp_local.policy.model import Effect, Kind

if TYPE_CHECKING:
    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.desk import Desk
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.relay.uses import Use, Verdict

_NUDGE: Final = 1.0
"""Seconds between two times that a use judged at once has the session see to its token."""
_GREETING_WAIT: Final = 55.0
"""Seconds that a server may take for its first answer; clients give up at about 60."""


@final
class Guard:
    """What the threads that read ask of the guard; whatever must wait goes to its desk."""

    def __init__(self, relay: Relay, desk: Desk) -> None:
        self._relay = relay
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._nudged = 0.0

    def take(self, message: Message, asked: Asked) -> None:
        """Answer a request of the client or let it through: now, if nothing must be waited for."""
        method = message.method
        if method in USES and not _is_account_tool(message):
            self._take_use(message, asked)
        elif method in TASKS or method == TASK_LIST:
            self._take_task(message, asked)
        else:
            self._later(message, asked)

    def _take_use(self, message: Message, asked: Asked) -> None:
        desk = self._desk
        try:
            use = read_use(message, desk.client.of(message))
        except Refused as refused:
            self._relay.answer(asked, answers.error(asked.ident, refused.code, refused.text))
            return
        if message.method == "resources/unsubscribe" and use.wish.name in desk.subscriptions:
            desk.subscriptions.remove(use.wish.name)
            self._relay.send(asked, message.raw)
            return
        asked.use = use
        asked.life = self._relay.life
        token = desk.session.current()
        if token is None or not desk.catalog.knows(use.kind) or _is_reply(message):
            self._later(message, asked)
            return
        self._nudge()
        verdict = desk.uses.judge(use, token)
        if verdict.effect is Effect.ALLOW:
            self._relay.send(asked, message.raw)
        elif verdict.effect is Effect.ASK:
            self._later(message, asked)
        else:
            self._refuse(message, asked, use, verdict)

    def _take_task(self, message: Message, asked: Asked) -> None:
        """Let through what is about a task of the person's own."""
        owner = self._desk.owner()
        if owner is None:
            self._later(message, asked)
            return
        task = message.params.get("taskId")
        if message.method == TASK_LIST or self._desk.tasks.owned(task, owner):
            self._relay.send(asked, message.raw)
        else:
            self._relay.answer(asked, answers.unknown_task(message))

    def _refuse(self, message: Message, asked: Asked, use: Use, verdict: Verdict) -> None:
        self._relay.answer(asked, refusal(message, use, verdict))
        self._desk.uses.note(use, verdict.outcome)

    def _later(self, message: Message, asked: Asked) -> None:
        on_loop(self._loop, self._desk.begin, message, asked)

    def _nudge(self) -> None:
        """Have the session see to its token, whose end may be near; not at every use."""
        now = time.monotonic()
        if now - self._nudged >= _NUDGE:
            self._nudged = now
            on_loop(self._loop, self._desk.see_to_token)

    # From the thread that reads the server.

    def answered(self, asked: Asked, message: Message, denied: str) -> None:
        """Pass on what the server answered; ``denied`` is what it must not ask for (M12)."""
        if denied:
            line = answers.refusal(asked, not_passed_on(denied))
        elif asked.method == TASK_LIST and "result" in message.body:
            line = self._own_tasks(message)
        else:
            line = _for_once(message)
            self._note_answer(asked, message)
        self._relay.answer(asked, line)
        if asked.use is not None:
            self._desk.uses.note(asked.use, Outcome.ERROR if denied else outcome_of(message))

    def _own_tasks(self, message: Message) -> bytes:
        result = self._desk.tasks.visible(message, self._desk.owner())
        return encode({**message.body, "result": result})

    def _note_answer(self, asked: Asked, message: Message) -> None:
        """Remember what the answer to a use began: a task, a subscription, a question."""
        use = asked.use
        if use is None or "result" not in message.body:
            return
        if use.kind is Kind.TOOL and use.token is not None:
            self._desk.tasks.begun(message, use.token.identity)
        elif asked.method == "resources/subscribe":
            self._desk.subscriptions.add(use.wish.name)
        if asked.question is not None and asks_back(message):
            on_loop(self._loop, self._desk.asker.questions.once_more, asked.question)

    def told(self, message: Message) -> bool:
        """Whether a notification of the server passes."""
        if self._relay.own_of_server.is_own(message.meta.get(SUBSCRIPTION_ID)):
            on_loop(self._loop, self._desk.heard, message)
            return False
        kind = KIND_OF.get(message.method)
        if kind is not None:
            self._desk.catalog.changed(kind)
        return self._is_for_person(message)

    def _is_for_person(self, message: Message) -> bool:
        desk = self._desk
        if message.method == UPDATED:
            uri = message.params.get("uri")
            return isinstance(uri, str) and (desk.may_hear(uri) or self._is_part(uri))
        if message.method in TASK_NEWS:
            return not desk.tasks.of_another(message.params.get("taskId"), desk.owner())
        return True

    def _is_part(self, uri: str) -> bool:
        """Whether it belongs to what the person hears of, and is nothing by itself (M1)."""
        above = self._desk.subscriptions.above(uri)
        is_heard = bool(above) and self._desk.may_hear(above)
        return is_heard and not self._desk.catalog.find(Kind.RESOURCE, uri)

    def cancel(self, asked: Asked, message: Message) -> None:
        """Give up a request that the client took back."""
        on_loop(self._loop, self._desk.cancel, asked, message)

    def introduced(self, instructions: str) -> bool:
        """Take note of the server's instructions; whether they may be shown."""
        return self._desk.news.introduced(instructions)

    def greeting(self, asked: Asked) -> None:
        """See to it that a greeting is answered some time (M18)."""
        on_loop(self._loop, self._loop.call_later, _GREETING_WAIT, self._late, asked)

    def _late(self, asked: Asked) -> None:
        why = f"The server has not answered for {_GREETING_WAIT:.0f} s."
        self._relay.failed_soon(asked, why)

    def gone(self) -> None:
        """Take note that the server process is gone: what comes now is judged by the next one."""
        self._desk.catalog.forget()

    def anew(self) -> None:
        """Take note that it is another server process from now on."""
        on_loop(self._loop, self._desk.anew)

    def abandon(self, asked: Asked) -> None:
        """Log a use that will have no end."""
        if asked.use is not None:
            self._desk.uses.note(asked.use, Outcome.ABORTED)


def _for_once(message: Message) -> bytes:
    """Return an answer that no client keeps and gives to whoever comes next; else as it came."""
    result = as_dict(message.body.get("result"))
    if not any(key in result and result[key] != value for key, value in NOT_TO_BE_KEPT.items()):
        return message.raw
    return encode({**message.body, "result": {**result, **NOT_TO_BE_KEPT}})


def _is_account_tool(message: Message) -> bool:
    name = message.params.get("name")
    return message.method == "tools/call" and isinstance(name, str) and name in RESERVED


def _is_reply(message: Message) -> bool:
    """Whether it answers a question of ours, which the server must not see."""
    return is_own_state(message.params.get("requestState"))
