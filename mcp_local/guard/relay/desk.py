"""The guard's desk: what must wait for somebody is waited for here, on the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard import account
from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.hold import Hold
from mcp_local.guard.judge import Judge
from mcp_local.guard.questions import Questions
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.account_tools import AccountTools
from mcp_local.guard.relay.answers import encode
from mcp_local.guard.relay.asking import Asker, without_reply
from mcp_local.guard.relay.catalog import Catalog
from mcp_local.guard.relay.client import Client
from mcp_local.guard.relay.confirm import Confirming
from mcp_local.guard.relay.fetch import Fetch
from mcp_local.guard.relay.list_kinds import LISTS, TOOLS
from mcp_local.guard.relay.listen import RESOURCES, Listening
from mcp_local.guard.relay.lists import Lists
from mcp_local.guard.relay.message import INTERNAL_ERROR
from mcp_local.guard.relay.methods import LISTEN, TASK_LIST, TASKS, UPDATED
from mcp_local.guard.relay.newcomers import Newcomers
from mcp_local.guard.relay.news import News
from mcp_local.guard.relay.pages import ListFailed
from mcp_local.guard.relay.subscriptions import Subscriptions, read_filter
from mcp_local.guard.relay.tasks import Tasks
from mcp_local.guard.relay.uses import Uses, Verdict, refusal
from mcp_local.identity.model import VerifiedToken
from mcp_local.policy.model import Effect, Kind

if TYPE_CHECKING:
    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.parts import RelayParts
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.relay.uses import Use
    from mcp_local.identity.model import Identity
    from mcp_local.log import Log
    from mcp_local.policy.live import LivePolicy

_LIST_WAIT: Final = 50.0
"""Seconds that a server may take for its lists; clients give up at about 60."""
_ROOM: Final = 0.05
"""Seconds between two looks at whether the client reads."""
_SILENT: Final = f"The server has not given its list for {_LIST_WAIT:.0f} s."
_NAME: Final = 60
"""Characters of a client's name that a page shows."""


@final
class Desk:
    """What the guard knows, and what it waits for; for the event loop, if not said otherwise."""

    def __init__(self, relay: Relay, parts: RelayParts, policy: LivePolicy, log: Log) -> None:
        self._relay = relay
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._judge = Judge(policy, parts.session.current, log, locked=parts.locked)
        self._hold = Hold(parts.hold)
        self._listening = Listening(relay, self._list_changed, self.may_hear)
        self.session = parts.session
        self.news = News(relay, self._listening, policy, parts.definitions)
        fetch = Fetch(relay)
        self.catalog = Catalog(fetch, relay.rules.namespace, parts.definitions, log)
        self._lists = Lists(self._judge, log, self.news.generation, self.catalog.is_held)
        self.client = Client(lambda: relay.initialize)
        self.uses = Uses(self._judge, self.catalog, log)
        self.tasks = Tasks()
        self.subscriptions = Subscriptions()
        self.asker = Asker(Questions(log), relay, self.client, parts.session, parts.page)
        self._confirming = Confirming(relay, self.asker, self.uses, parts.session, self._learn_for)
        self.newcomers = Newcomers(relay, parts.session, self.asker)
        self._account = AccountTools(
            relay, parts.session, self.asker, self.newcomers, self.news.notice
        )
        self._running: set[asyncio.Task[None]] = set()
        parts.session.on_change(self._judge_anew)

    def begin(self, message: Message, asked: Asked) -> None:
        """Work on a request of the client."""
        if not asked.cancelled:
            asked.task = self._keep(self._loop.create_task(self._work(message, asked)))

    def cancel(self, asked: Asked, message: Message) -> None:
        """Give a request up that the client took back; the server hears of it if it was sent."""
        if asked.sent:
            self._relay.tell_server_soon(message.raw)
        elif not self._listening.close(asked):
            if asked.task is not None:
                asked.task.cancel()
            self._relay.give_up(asked)

    def see_to_token(self) -> None:
        """Have the session renew the token, where its end is near."""
        self._keep(self._loop.create_task(self.session.ready(use=True)))

    def policy_changed(self) -> None:
        """Judge by other rules from now on."""
        self.asker.questions.forget()
        self._judge_anew()

    def heard(self, message: Message) -> None:
        """Take what the server told in a stream of ours."""
        self._listening.heard(message, self._may_be_told)

    def may_hear(self, uri: str) -> bool:
        """Whether the person may hear of a resource's changes now; from any thread."""
        token = self.session.current()
        return token is not None and self.uses.may_subscribe(uri, token)

    def owner(self) -> Identity | None:
        """Return whose tasks are served; past the token's end nobody's: a task has no tags."""
        token = self.session.current()
        return None if token is None or token.only_tags is not None else token.identity

    def anew(self) -> None:
        """Begin anew with another server process."""
        self.subscriptions.lapse()
        self._listening.anew()
        self._judge_anew()

    def _judge_anew(self) -> None:
        """Tell of what may be other lists now, and ask again for what may be heard of by now."""
        for uri in self.subscriptions.resume(self.may_hear):
            self._relay.ask_server("resources/subscribe", {"uri": uri}, lambda _answer: None)
        self._listening.resume()
        self.news.announce()

    def close(self) -> None:
        """Give up what is open: the relay ends."""
        self.asker.questions.close()

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _work(self, message: Message, asked: Asked) -> None:
        try:
            self._name_client(message)
            self.newcomers.greet(message)
            await self._answer(message, asked)
        except (ListFailed, TimeoutError) as failed:
            code = failed.code if isinstance(failed, ListFailed) else INTERNAL_ERROR
            text = failed.text if isinstance(failed, ListFailed) else _SILENT
            self._log.event("list_failed", level="warning", method=asked.method, why=text)
            self._relay.answer_soon(asked, answers.error(asked.ident, code, text))
            self._note(asked, Outcome.ERROR)
        except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
            self._judge.report(fault)
            self._relay.answer_soon(asked, answers.refusal(asked, account.FAULT))
            self._note(asked, Outcome.FAULT)

    async def _answer(self, message: Message, asked: Asked) -> None:
        if asked.use is not None:
            await self._use(message, asked, asked.use)
        elif message.method in LISTS:
            self._relay.answer_soon(asked, await self._list(message))
        elif message.method == LISTEN:
            await self._listen(message, asked)
        elif message.method in TASKS or message.method == TASK_LIST:
            await self._task(message, asked)
        else:
            answer = await self._account.call(message, self.client.of(message))
            self._relay.answer_soon(asked, answer)

    async def _use(self, message: Message, asked: Asked, use: Use) -> None:
        token = await self.newcomers.user(message)
        if isinstance(token, VerifiedToken):
            await self._learn_for(use, asked, message)
            token = self.session.current()  # it may be somebody else by now (M6)
        if token is None:
            text = account.sign_in_needed(self.session.status())
            verdict = Verdict(Effect.DENY, Outcome.SIGN_IN_NEEDED, text)
        elif not isinstance(token, VerifiedToken):
            verdict = Verdict(Effect.DENY, Outcome.ASKED, result=token)
        else:
            verdict = self.uses.judge(use, token)
            if verdict.effect is Effect.ASK:
                verdict = await self._confirming.confirmed(message, asked, use, verdict)
        if verdict.effect is Effect.ALLOW:
            self._relay.send_soon(asked, without_reply(message).raw)
        else:
            self._relay.answer_soon(asked, refusal(message, use, verdict))
            self.uses.note(use, verdict.outcome)

    async def _task(self, message: Message, asked: Asked) -> None:
        """Answer what is about tasks while nobody is signed in, or let it through after all."""
        await self.newcomers.somebody()
        task, owner = message.params.get("taskId"), self.owner()
        if owner is None:
            text = account.sign_in_needed(self.session.status())
            self._relay.answer_soon(asked, answers.refusal(asked, text))
        elif message.method == TASK_LIST or self.tasks.owned(task, owner):
            self._relay.send_soon(asked, message.raw)
        else:
            self._relay.answer_soon(asked, answers.unknown_task(message))

    async def _list(self, message: Message) -> bytes:
        which = LISTS[message.method]
        client = self.client.of(message)
        await self.session.ready(hold=self._hold.left(client.name))
        token = self.session.current()
        if token is None:
            body = self._lists.nobodys(which, modern=message.modern)
        else:
            envelope = _envelope(message)
            self._listening.follow(envelope)
            async with asyncio.timeout(_LIST_WAIT):
                listing = await self.catalog.fetch(which, envelope)
            # Lists are long, and asked for in a few bytes (M17).
            while self._relay.to_client.is_full:  # noqa: ASYNC110 - emptied by another thread
                await asyncio.sleep(_ROOM)
            if self.session.current() != token:  # it is somebody else's list by now
                return await self._list(message)
            absent = listing.pages[0].absent
            if absent is not None and which is not TOOLS:  # as the server itself says it
                return encode({"jsonrpc": "2.0", "id": message.ident, "error": absent})
            body = self._lists.shown(which, listing, token, client, modern=message.modern)
        return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (encode(message.ident), body)

    async def _listen(self, message: Message, asked: Asked) -> None:
        """Open a stream for what the person may hear of."""
        wanted = read_filter(message)
        if wanted is None or self._listening.full:
            self._relay.answer_soon(asked, answers.invalid(message))
            return
        token = await self.newcomers.somebody() if wanted.uris or wanted.tasks else None
        beyond: dict[str, object] = {}
        if token is not None:
            await self._learn(Kind.RESOURCE, message)
            token = self.session.current()
        if token is not None:
            uris = [uri for uri in wanted.uris if self.uses.may_subscribe(uri, token)]
            tasks = [task for task in wanted.tasks if self.tasks.owned(task, self.owner())]
            beyond = {RESOURCES: uris} if uris else {}
            beyond |= {"taskIds": tasks} if tasks else {}
        self._listening.follow(_envelope(message))
        await self._listening.open(asked, wanted.kinds, beyond, _envelope(message))

    async def _learn_for(self, use: Use, asked: Asked, message: Message) -> None:
        asked.life = self._relay.life
        await self._learn(use.kind, message)

    async def _learn(self, kind: Kind, message: Message) -> None:
        envelope = _envelope(message)
        self._listening.follow(envelope)
        async with asyncio.timeout(_LIST_WAIT):
            await self.catalog.learn(kind, envelope)

    def _may_be_told(self, message: Message) -> bool:
        if message.method == UPDATED:
            uri = message.params.get("uri")
            return isinstance(uri, str) and self.may_hear(uri)
        return self.tasks.owned(message.params.get("taskId"), self.owner())

    def _list_changed(self, kind: Kind) -> None:
        self.catalog.changed(kind)
        self._listening.announce([kind])

    def _name_client(self, message: Message) -> None:
        """Tell the session which program asks, for the last page of a sign-in."""
        if not self.session.program:
            self.session.program = self.client.title(message)[:_NAME]

    def _note(self, asked: Asked, outcome: Outcome) -> None:
        if asked.use is not None:
            self.uses.note(asked.use, outcome)


def _envelope(message: Message) -> dict[str, object]:
    """Return what every request of the client's era carries."""
    if not message.modern:
        return {}
    prefix = "io.modelcontextprotocol/"
    return {"_meta": {key: value for key, value in message.meta.items() if key.startswith(prefix)}}
