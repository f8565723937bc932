"""Who may see and use a component, judged for the person of the request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mcp_local.guard.judge import Check, Judge
from mcp_local.guard.wish import Wish, wishing
from mcp_local.identity.grace import Grace
from mcp_local.log import Log
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, ClientInfo, Component, Decision, Effect, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from tests.support.people import person

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.identity.model import Identity, VerifiedToken

TOOL = Component(Kind.TOOL, "tool")
OTHER = Component(Kind.TOOL, "other")
ADA = person("ada", "reader")


@dataclass
class Table:
    """Answers by action and name, and keeps what it was asked."""

    effects: dict[tuple[Action, str], Effect] = field(
        default_factory=dict[tuple[Action, str], Effect]
    )
    asked: list[Request] = field(default_factory=list[Request])

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Look the answer up."""
        self.asked.append(request)
        effect = self.effects.get((request.action, component.name), Effect.DENY)
        if identity is None:
            effect = Effect.DENY
        return Decision(effect, "table", "", needs_roles=("writer",))


def judge_of(table: Table | None, token: VerifiedToken | None = ADA, **options: bool) -> Judge:
    """Return a judge for whom ``token`` is signed in."""
    return Judge(table, lambda: token, None, clock=lambda: 1000.0, **options)


def asked(judge: Judge, wish: Wish | None, *components: Component, own_auth: bool = False) -> bool:
    """Ask as FastMCP does, within a wish."""
    check = Check(judge, components or (TOOL,), own_auth=own_auth)
    if wish is None:
        return check(None)
    with wishing(wish):
        return check(None)


ALLOW_ALL = {(action, "tool"): Effect.ALLOW for action in Action}


def test_nobody_is_refused_whatever_the_policy_says() -> None:
    """Without a verified identity nothing is listed or used (POLICY.md 0)."""
    judge = judge_of(Table(ALLOW_ALL), None)
    for wish in (None, Wish(Action.LIST), Wish(Action.CALL, "tool")):
        assert not asked(judge, wish)


@pytest.mark.parametrize(
    ("effect", "listed"), [(Effect.ALLOW, True), (Effect.ASK, True), (Effect.DENY, False)]
)
def test_a_list_shows_what_is_not_denied(
    effect: Effect,
    listed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """An ask lists the component; a list tells the policy no arguments, client or time."""
    table = Table({(Action.LIST, "tool"): effect})
    wish = Wish(Action.LIST, client=ClientInfo("someone"))
    assert asked(judge_of(table), wish) is listed
    assert table.asked == [Request(Action.LIST)]
    assert wish.hidden == (not listed)


@pytest.mark.parametrize(
    ("effect", "runs"), [(Effect.ALLOW, True), (Effect.ASK, False), (Effect.DENY, False)]
)
def test_a_use_needs_an_allow(
    effect: Effect,
    runs: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """An ask is no allow; the policy is told arguments, client and time."""
    table = Table({(Action.CALL, "tool"): effect})
    client = ClientInfo("someone")
    wish = Wish(Action.CALL, "tool", {"a": 1}, client)
    assert asked(judge_of(table), wish) is runs
    assert table.asked == [Request(Action.CALL, {"a": 1}, client, 1000.0)]
    assert wish.decision is not None
    assert (wish.refused is None) is runs


def test_a_list_asks_the_policy_once_for_a_token() -> None:
    """The same token has the same list; another token is asked for anew."""
    table = Table(ALLOW_ALL)
    tokens = [ADA]
    judge = Judge(table, lambda: tokens[0], None)
    check = Check(judge, (TOOL,), own_auth=False)
    with wishing(Wish(Action.LIST)):
        assert [check(None) for _ in range(3)] == [True, True, True]
        assert len(table.asked) == 1
        tokens[0] = person("ada", "reader")
        assert check(None)
        assert len(table.asked) == 2


def test_what_the_target_looks_up_itself_must_be_listed_and_usable() -> None:
    """Once the target runs, other components need both; what was granted isn't judged again."""
    table = Table({(Action.CALL, "tool"): Effect.ALLOW, (Action.CALL, "other"): Effect.ALLOW})
    judge = judge_of(table)
    wish = Wish(Action.CALL, "tool", resolving=False, granted=TOOL)
    assert asked(judge, wish)
    assert not asked(judge, wish, OTHER)
    table.effects[Action.LIST, "other"] = Effect.ALLOW
    assert asked(judge, wish, OTHER)
    table.effects[Action.CALL, "other"] = Effect.DENY
    assert not asked(judge, wish, OTHER)
    assert not asked(judge, None)


def test_a_component_with_two_names_needs_one_that_is_allowed() -> None:
    """A server mounted twice is known by two names; one without a name can't be reached."""
    judge = judge_of(Table({(Action.LIST, "other"): Effect.ALLOW}))
    assert asked(judge, Wish(Action.LIST), TOOL, OTHER)
    check = Check(judge, (), own_auth=True)
    for wish in (Wish(Action.LIST), Wish(Action.CALL), Wish(Action.CALL, resolving=False)):
        with wishing(wish):
            assert not check(None)


def test_without_a_policy_the_components_own_check_is_all_there_is() -> None:
    """With no policy file, only components with their own check are served (POLICY.md 11)."""
    judge = judge_of(None)
    for wish in (Wish(Action.LIST), Wish(Action.CALL, "tool"), None):
        assert asked(judge, wish, own_auth=True)
        assert not asked(judge, wish, own_auth=False)
    assert not asked(judge_of(None, None), Wish(Action.LIST), own_auth=True)


def test_locked_components_are_shown_but_not_used() -> None:
    """`list.locked = show` lists what a role would unlock, and changes nothing else."""
    judge = judge_of(Table(), locked=True)
    assert asked(judge, Wish(Action.LIST))
    assert not asked(judge, Wish(Action.CALL, "tool"))
    assert not asked(judge, Wish(Action.CALL, "x", resolving=False))
    assert not judge.is_locked(Decision(Effect.DENY, "", ""))


def test_a_fault_in_the_policy_is_a_no_and_is_logged(tmp_path: Path) -> None:
    """Whatever the policy raises, the answer is a refusal."""

    class Broken:
        def decide(self, identity: object, request: object, component: object) -> Decision:
            raise RuntimeError("broken", identity, request, component)

    log = tmp_path / "log.jsonl"
    judge = Judge(Broken(), lambda: ADA, Log(log))
    for wish in (Wish(Action.LIST), Wish(Action.CALL, "tool"), None):
        assert not asked(judge, wish)
    assert '"event":"fault"' in log.read_text(encoding="ascii")


def test_a_fault_in_the_session_is_a_no() -> None:
    """The guard's own faults refuse as well."""

    def broken() -> VerifiedToken | None:
        raise RuntimeError("broken")

    assert not asked(Judge(Table(ALLOW_ALL), broken, None), Wish(Action.LIST))


def test_offline_commands_write_down_and_let_through() -> None:
    """The stricter of two decisions on one component stays, as both must allow."""
    explained: dict[Component, Decision] = {}
    wish = Wish(Action.CALL, "tool", explained=explained)
    assert asked(judge_of(None), wish, own_auth=False)
    assert asked(judge_of(None), wish, own_auth=True)
    assert explained[TOOL].effect is Effect.DENY


@pytest.mark.parametrize("own_auth", [False, True])
def test_past_its_end_a_token_serves_what_is_tagged(*, own_auth: bool) -> None:
    """Whatever else would decide: the policy, its tags, or the component's own check."""
    late = Grace(60.0, frozenset({"safe"})).extended(ADA)
    tagged, other = Component(Kind.TOOL, "tool", frozenset({"safe"})), Component(Kind.TOOL, "tool")
    table = None if own_auth else Table(ALLOW_ALL)
    for action in (Action.LIST, Action.CALL):
        judge = judge_of(table, late)
        assert asked(judge, Wish(action), tagged, own_auth=own_auth)
        assert not asked(judge, Wish(action), other, own_auth=own_auth)
    text = "version: 1\ntags: {safe: {tools: [tool]}}\nroles: {reader: {tools: ['*']}}"
    given = compile_policy([parse_policy(text, "policy.yaml")])
    judge = Judge(given, lambda: late, None)
    assert asked(judge, Wish(Action.CALL), TOOL)
    assert not asked(judge, Wish(Action.CALL), OTHER)
    assert asked(Judge(given, lambda: ADA, None), Wish(Action.CALL), OTHER)


def test_a_yes_is_for_one_rule_and_one_component() -> None:
    """What the person agreed to is nothing else's (M27)."""
    effects = {(Action.CALL, name): Effect.ASK for name in ("tool", "other")}
    judge = judge_of(Table(effects))
    yes = Decision(Effect.ASK, "table", "")
    for agreed, component, admitted in (
        ((TOOL, yes), TOOL, True),
        ((TOOL, yes), OTHER, False),
        ((OTHER, yes), TOOL, False),
        ((TOOL, Decision(Effect.ASK, "another", "")), TOOL, False),
        ((TOOL, Decision(Effect.ASK, "table", "", origin="other.yaml:1")), TOOL, False),
        (None, TOOL, False),
    ):
        wish = Wish(Action.CALL, component.name, {}, agreed=agreed)
        assert asked(judge, wish, component) is admitted
    denied = Wish(Action.CALL, "tool", {}, agreed=(TOOL, yes))
    assert not asked(judge_of(Table()), denied, TOOL)
