"""Whether a use goes on that needs the person's yes: asks them, then the policy once more (M27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mcp_local.guard import account
from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.question import can_be_asked, question_of
from mcp_local.guard.question_words import CHANGED, OUTCOMES, not_confirmed
from mcp_local.guard.questions import Answer
from mcp_local.guard.relay.progress import telling
from mcp_local.guard.relay.uses import Verdict
from mcp_local.policy.model import Effect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp_local.guard.question import Question
    from mcp_local.guard.relay.asked import Asked
    from mcp_local.guard.relay.asking import Asker
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.relay import Relay
    from mcp_local.guard.relay.uses import Use, Uses
    from mcp_local.guard.session import Session

_WAITING: Final = "Waiting for the person's yes."
_CHANGED: Final = Verdict(Effect.DENY, Outcome.DENIED, CHANGED)


@final
class Confirming:
    """Asks the person about a use, and judges it again with their yes."""

    def __init__(
        self,
        relay: Relay,
        asker: Asker,
        uses: Uses,
        session: Session,
        learn: Callable[[Use, Asked, Message], Awaitable[None]],
    ) -> None:
        """``learn`` sees to the server's lists, which may be others by the time of the yes."""
        self._relay = relay
        self._asker = asker
        self._uses = uses
        self._session = session
        self._learn = learn

    async def confirmed(
        self, message: Message, asked: Asked, use: Use, verdict: Verdict
    ) -> Verdict:
        """Return what becomes of a use whose verdict is to ask."""
        if verdict.component and verdict.decision and not can_be_asked(use.wish.action):
            text = account.denied(verdict.component, verdict.decision)
            return Verdict(Effect.DENY, Outcome.DENIED, text)
        question = _question(use, verdict)
        if question is None:
            return Verdict(Effect.DENY, Outcome.FAULT, account.FAULT)
        async with telling(self._relay, message, _WAITING):
            answer = await self._asker.put(message, question)
        if not isinstance(answer, Answer):
            return Verdict(Effect.DENY, Outcome.ASKED, result=answer)
        if answer is not Answer.YES:
            return Verdict(Effect.DENY, OUTCOMES[answer], not_confirmed(answer, question))
        asked.question = question
        await self._learn(use, asked, message)
        return self._again(use, verdict)

    def _again(self, use: Use, before: Verdict) -> Verdict:
        """Judge once more: the person or the policy may have changed while it was asked."""
        token = self._session.current()
        if token is None or use.token is None or token.identity.key != use.token.identity.key:
            return _CHANGED
        now = self._uses.judge(use, token)
        if now.effect is Effect.ASK and _same_ask(now, before):
            use.wish.granted = now.component
            return Verdict(Effect.ALLOW)
        return now if now.effect is not Effect.ASK else _CHANGED


def _question(use: Use, verdict: Verdict) -> Question | None:
    if use.token is None or verdict.component is None or verdict.decision is None:
        return None
    arguments = use.wish.arguments or {}
    return question_of(
        use.token.identity, use.wish.action, verdict.component, arguments, verdict.decision
    )


def _same_ask(one: Verdict, other: Verdict) -> bool:
    """Whether the very rule asks about the very component that the person said yes to."""
    a, b = one.decision, other.decision
    if a is None or b is None or one.component != other.component:
        return False
    return (a.rule, a.origin, a.reason) == (b.rule, b.origin, b.reason)
