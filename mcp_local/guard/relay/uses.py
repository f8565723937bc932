"""One use of a tool, resource or prompt: what it asks for, and whether the person may."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, cast, final

import msgspec

from mcp_local.guard import account
from mcp_local.guard.decision_log import Outcome, note_decision
from mcp_local.guard.relay import answers
from mcp_local.guard.relay.catalog import version_in
from mcp_local.guard.relay.message import INVALID_PARAMS, Refused, as_dict
from mcp_local.guard.wish import Wish
from mcp_local.identity.model import VerifiedToken
from mcp_local.policy.model import Action, Effect, Kind, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.judge import Judge
    from mcp_local.guard.relay.catalog import Catalog
    from mcp_local.guard.relay.message import Message
    from mcp_local.log import Log
    from mcp_local.policy.model import ClientInfo, Component, Decision

METHODS = {
    "tools/call": (Kind.TOOL, Action.CALL),
    "resources/read": (Kind.RESOURCE, Action.READ),
    "resources/subscribe": (Kind.RESOURCE, Action.SUBSCRIBE),
    "resources/unsubscribe": (Kind.RESOURCE, Action.SUBSCRIBE),
    "prompts/get": (Kind.PROMPT, Action.GET),
    "completion/complete": (Kind.PROMPT, Action.COMPLETE),
}
"""The uses, by the method that asks for them."""


class Use(msgspec.Struct, eq=False):
    """One use, from its request to its end."""

    kind: Kind
    wish: Wish
    version: str | None = None
    """The version of it that is asked for; ``None``: whichever is listed."""
    token: VerifiedToken | None = None
    began: int = msgspec.field(default_factory=time.perf_counter_ns)


class Verdict(NamedTuple):
    """Whether a use may go on."""

    effect: Effect
    outcome: Outcome = Outcome.OK
    text: str = ""
    """Why not."""
    component: Component | None = None
    """What is asked about."""
    decision: Decision | None = None
    result: Mapping[str, object] | None = None
    """What has the client ask the person between two calls."""


def read_use(message: Message, client: ClientInfo) -> Use:
    """Return what a request wants to use.

    Raises:
        Refused: its parameters are none of such a request.
    """
    kind, action = METHODS[message.method]
    params = message.params
    if action is Action.COMPLETE:
        kind, name = _referred(message)
        return Use(kind, Wish(action, name, {}, client), version_in(message.meta))
    name = params.get("uri" if kind is Kind.RESOURCE else "name")
    given = params.get("arguments")
    arguments = as_dict(given)
    if not isinstance(name, str) or not (given is None or arguments is given):
        raise _invalid(message)
    if kind is Kind.RESOURCE:
        arguments = {}
    return Use(kind, Wish(action, name, arguments, client), version_in(message.meta))


def _referred(message: Message) -> tuple[Kind, str]:
    match message.params.get("ref"):
        case {"type": "ref/prompt", "name": str(name)}:
            return Kind.PROMPT, name
        case {"type": "ref/resource", "uri": str(uri)}:
            return Kind.RESOURCE, uri
        case _:
            raise _invalid(message)


def _invalid(message: Message) -> Refused:
    return Refused(INVALID_PARAMS, "Invalid request parameters", message.ident)


@final
class Uses:
    """Judges uses; safe to use from any thread."""

    def __init__(self, judge: Judge, catalog: Catalog, log: Log) -> None:
        self._judge = judge
        self._catalog = catalog
        self._log = log

    def judge(self, use: Use, token: VerifiedToken) -> Verdict:
        """Say whether the person may; what goes wrong is a no."""
        use.token = token
        try:
            return self._judged(use, token)
        except Exception as fault:  # noqa: BLE001 - the guard's edge refuses
            self._judge.report(fault)
            return Verdict(Effect.DENY, Outcome.FAULT, account.FAULT)

    def _judged(self, use: Use, token: VerifiedToken) -> Verdict:
        wish = use.wish
        find = (
            self._catalog.find_reference if wish.action is Action.COMPLETE else self._catalog.find
        )
        found = find(use.kind, wish.name)
        if use.version is not None and any(each.version != use.version for each in found):
            return _UNKNOWN  # what isn't listed is never run (M26)
        request = wish.request(time.time())
        asked: Verdict | None = None
        for component in found:
            decision = self._judge.decide(token, request, component, own_auth=False)
            wish.decision = decision
            if decision.effect is Effect.DENY:
                return self._refused(token, component, decision)
            if decision.effect is Effect.ASK and asked is None:
                asked = Verdict(Effect.ASK, component=component, decision=decision)
        if not found:
            return _UNKNOWN
        if asked is not None:
            wish.decision = asked.decision
            return asked
        wish.granted = found[0]
        return _GRANTED

    def _refused(self, token: VerifiedToken, component: Component, decision: Decision) -> Verdict:
        """Give the reason to somebody who sees the component, else what an absent one gets."""
        listing = self._judge.decide(token, Request(Action.LIST), component, own_auth=False)
        if self._judge.shows(listing):
            return Verdict(Effect.DENY, Outcome.DENIED, account.denied(component, decision))
        return _UNKNOWN

    def may_subscribe(self, uri: str, token: VerifiedToken) -> bool:
        """Whether the person may hear of changes of a resource."""
        if not self._catalog.has_known(Kind.RESOURCE):
            return False
        use = Use(Kind.RESOURCE, Wish(Action.SUBSCRIBE, uri, {}))
        return self.judge(use, token).effect is Effect.ALLOW

    def note(self, use: Use, outcome: Outcome) -> None:
        """Write one line in the log: how a use ended."""
        note_decision(
            self._log,
            kind=use.kind,
            wish=use.wish,
            token=use.token,
            outcome=outcome,
            elapsed_ns=time.perf_counter_ns() - use.began,
        )


def refusal(message: Message, use: Use, verdict: Verdict) -> bytes:
    """Return the answer to a use that doesn't go ahead."""
    if verdict.result is not None:
        return answers.result(message.ident, verdict.result, modern=True)
    if verdict.outcome is Outcome.UNKNOWN:
        return answers.unknown(message, use.wish.name)
    return answers.refusal(message, verdict.text)


def asks_back(answer: Message) -> bool:
    """Whether the server asks the client for something between two calls."""
    result = as_dict(answer.body.get("result"))
    return result.get("resultType") == "input_required" or "inputRequests" in result


def outcome_of(answer: Message) -> Outcome:
    """Return how a use ended by what the server answered."""
    result = cast("dict[str, object] | None", answer.body.get("result"))
    failed = not isinstance(result, dict) or result.get("isError") is True
    return Outcome.ERROR if failed else Outcome.OK


_UNKNOWN = Verdict(Effect.DENY, Outcome.UNKNOWN)
_GRANTED = Verdict(Effect.ALLOW)
