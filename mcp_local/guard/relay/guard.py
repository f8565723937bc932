"""The guard of the relay: judges at once what it can, and waits on the event loop for the rest."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard import account
from mcp_local.guard.account import RESERVED
from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.hold import Hold
from mcp_local.guard.judge import Judge
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.account_tools import AccountTools
from mcp_local.guard.relay.answers import encode
from mcp_local.guard.relay.catalog import LISTS, Catalog, ListFailed
from mcp_local.guard.relay.client import Client
from mcp_local.guard.relay.lists import Lists
from mcp_local.guard.relay.message import Refused
from mcp_local.guard.relay.uses import Uses, Verdict, outcome_of, read_use, refusal
from mcp_local.policy.model import Effect, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.parts import RelayParts
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.relay.uses import Use
    from mcp_local.log import Log

_CHANGED: Final = {
    "notifications/tools/list_changed": Kind.TOOL,
    "notifications/prompts/list_changed": Kind.PROMPT,
    "notifications/resources/list_changed": Kind.RESOURCE,
}
_NUDGE: Final = 1.0
"""Seconds between two times that a use at once asks the session to see to its token."""
_LIST_WAIT: Final = 50.0
"""Seconds that a server may take for its lists; clients give up at about 60."""


@final
class Guard:
    """Answers what is guarded, or lets it through."""

    def __init__(self, relay: Relay, parts: RelayParts, namespace: str, log: Log) -> None:
        self._relay = relay
        self._session = parts.session
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._judge = Judge(parts.policy, parts.session.current, log, locked=parts.locked)
        self._catalog = Catalog(self._fetch, namespace, log)
        self._uses = Uses(self._judge, self._catalog, log)
        self._lists = Lists(self._judge, log, parts.generation)
        self._hold = Hold(parts.hold)
        self._client = Client(lambda: relay.initialize)
        self._account = AccountTools(parts.session, parts.notice)
        self._nudged = 0.0

    # From the threads that read.

    def take(self, message: Message, asked: Asked) -> None:
        """Answer a request or let it through, now if nothing must be waited for."""
        client = self._client.of(message)
        if message.method in LISTS or message.params.get("name") in RESERVED:
            self._later(message, asked, None)
            return
        try:
            asked.use = use = read_use(message, client)
        except Refused as refused:
            self._relay.answer(asked, answers.error(asked.ident, refused.code, refused.text))
            return
        token = self._session.current()
        if token is None or not self._catalog.knows(use.kind):
            self._later(message, asked, use)
            return
        self._nudge()
        verdict = self._uses.judge(use, token)
        if verdict.effect is Effect.ALLOW:
            self._relay.send(asked, message.raw)
        elif verdict.effect is Effect.ASK:
            self._later(message, asked, use)
        else:
            self._refuse(message, asked, use, verdict)

    def answered(self, asked: Asked, message: Message) -> None:
        """Pass on what the server answered to a use."""
        self._relay.answer(asked, message.raw)
        if asked.use is not None:
            self._uses.note(asked.use, outcome_of(message))

    def told(self, method: str) -> None:
        """Hear that the server's list has changed."""
        kind = _CHANGED.get(method)
        if kind is not None:
            self._loop.call_soon_threadsafe(self._catalog.changed, kind)

    def _nudge(self) -> None:
        """Let the session see to its token, whose end may be near; not at every use."""
        now = time.monotonic()
        if now - self._nudged >= _NUDGE:
            self._nudged = now
            asyncio.run_coroutine_threadsafe(self._session.ready(use=True), self._loop)

    def _later(self, message: Message, asked: Asked, use: Use | None) -> None:
        self._loop.call_soon_threadsafe(self._begin, message, asked, use)

    # On the event loop.

    def _begin(self, message: Message, asked: Asked, use: Use | None) -> None:
        asked.task = self._loop.create_task(self._work(message, asked, use))

    async def _work(self, message: Message, asked: Asked, use: Use | None) -> None:
        try:
            if use is not None:
                await self._use(message, asked, use)
            elif message.method in LISTS:
                self._relay.answer(asked, await self._list(message))
            else:
                self._relay.answer(
                    asked, await self._account.call(message, self._client.of(message))
                )
        except ListFailed as failed:
            self._relay.answer(asked, answers.error(asked.ident, failed.code, failed.text))
        except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
            self._judge.report(fault)
            self._relay.answer(asked, answers.refusal(message, account.FAULT))

    async def _use(self, message: Message, asked: Asked, use: Use) -> None:
        await self._session.ready(use=True)
        token = self._session.current()
        if token is None:
            text = account.sign_in_needed(self._session.status())
            verdict = Verdict(Effect.DENY, Outcome.SIGN_IN_NEEDED, text)
        else:
            async with asyncio.timeout(_LIST_WAIT):
                await self._catalog.learn(use.kind, _envelope(message))
            verdict = self._uses.judge(use, token)
        if verdict.effect is Effect.ALLOW:
            asked.sent = True
            self._relay.poster.post(message.raw, lambda why: self._relay.failed(asked, why))
        else:
            self._refuse(message, asked, use, verdict)

    def _refuse(self, message: Message, asked: Asked, use: Use, verdict: Verdict) -> None:
        self._relay.answer(asked, refusal(message, use, verdict))
        self._uses.note(use, verdict.outcome)

    async def _list(self, message: Message) -> bytes:
        which = LISTS[message.method]
        client = self._client.of(message)
        await self._session.ready(hold=self._hold.left(client.name))
        token = self._session.current()
        if token is None:
            body = self._lists.nobodys(which, modern=message.modern)
        else:
            async with asyncio.timeout(_LIST_WAIT):
                listing = await self._catalog.fetch(which, _envelope(message))
            body = self._lists.shown(which, listing, token, client, modern=message.modern)
        return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (encode(message.ident), body)

    async def _fetch(self, method: str, params: Mapping[str, object]) -> Message:
        """Ask the server for something; it is told when we no longer wait."""
        got: asyncio.Future[Message | None] = self._loop.create_future()

        def answered(message: Message | None) -> None:
            self._loop.call_soon_threadsafe(_settle, got, message)

        self._relay.fetch(method, dict(params), answered)
        answer = await got
        if answer is None:
            raise ListFailed(answers.SERVER_GONE, "The server is gone.")
        return answer


def _settle(got: asyncio.Future[Message | None], answer: Message | None) -> None:
    if not got.done():
        got.set_result(answer)


def _envelope(message: Message) -> dict[str, object]:
    """Return what every request of the client's era carries."""
    if not message.modern:
        return {}
    prefix = "io.modelcontextprotocol/"
    return {"_meta": {key: value for key, value in message.meta.items() if key.startswith(prefix)}}
