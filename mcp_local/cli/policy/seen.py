"""What ``mode: observe`` let through, from the log, and the least policy that allows it.

Names in the log are what clients asked for: each stands for itself only, never as a glob.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

from mcp_local.cli.policy.draft import SECTIONS, quoted
from mcp_local.cli.policy.proposal import why_unnameable
from mcp_local.errors import UsageError
from mcp_local.guard.decision_log import LOGGED_NAME
from mcp_local.policy.model import ACTIONS, Action, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LONGEST_ROLE = 120
"""Characters; what a policy takes."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use that only the default would have refused."""

    kind: Kind
    name: str
    action: Action
    roles: frozenset[str]
    """Of the person."""


_USES = {kind: frozenset(able) for kind, able in ACTIONS.items()}

_Needs: TypeAlias = dict[tuple[Kind, str], set[Action]]
"""What one role needs: of each component, what was done with it."""


@dataclass(slots=True)
class _Group:
    """Components of one role that can be granted together."""

    actions: frozenset[Action]
    names: dict[Kind, list[str]] = field(default_factory=dict[Kind, list[str]])

    def takes(self, kind: Kind, actions: frozenset[Action]) -> bool:
        """Tell whether more can be granted with it and nothing that wasn't seen is."""
        union = self.actions | actions
        same = all(union & _USES[each] == self.actions & _USES[each] for each in self.names)
        return kind not in self.names and same and union & _USES[kind] == actions


def read_uses(lines: Iterable[str], server: str = "") -> list[Use]:
    """Return the uses that lines of the log tell of, each once, in their order.

    ``server`` is how the log names the only one that counts; empty: all do.
    """
    found = (_use(line, server) for line in lines)
    return list(dict.fromkeys(use for use in found if use is not None))


def write_least(uses: Iterable[Use]) -> str:
    """Return the text of a policy that allows these uses and nothing else.

    Raises:
        UsageError: there is none that a role could be granted.
    """
    needs, remarks = _needs(list(uses))
    if not needs:
        raise UsageError(
            "The log tells of nothing that a policy let through only to observe.",
            hint="Serve with `mode: observe` in the policy, use the server, and try again."
            if not remarks
            else "Those who were seen have no role: assign them one, and try again.",
        )
    lines = [
        "# The least policy that was needed by what the log shows. Read it: nobody else did.",
        "# What your rules allow already is not in it.",
        *remarks,
        "version: 1",
        "default: deny",
        "",
        "roles:",
    ]
    groups = {role: _groups(needs[role]) for role in sorted(needs)}
    for role, (first, *_) in groups.items():
        lines += [f"  {_text(role)}:", *_granted(first, "    ", "")]
    rules = [
        line
        for role, (_, *others) in groups.items()
        for number, group in enumerate(others, 2)
        for line in _rule(role, number, group)
    ]
    return "\n".join([*lines, *(["", "rules:"] if rules else []), *rules]) + "\n"


def _use(line: str, server: str) -> Use | None:
    try:
        record: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    said = cast("Mapping[str, object]", record)
    is_its = not server or said.get("server") == server
    roles, name = said.get("roles"), said.get("component")
    used = said.get("observed") is True and said.get("allowed") is True  # not declined, not hidden
    if said.get("event") != "decision" or not used or not is_its:
        return None
    if not isinstance(roles, list) or not isinstance(name, str):
        return None
    try:
        kind, action = Kind(str(said.get("kind"))), Action(str(said.get("action")))
    except ValueError:
        return None
    usable = (role for role in cast("list[object]", roles) if isinstance(role, str))
    return Use(kind, name, action, frozenset(filter(_is_role, usable)))


def _is_role(text: str) -> bool:
    whole = text.isprintable() and not any(char.isspace() for char in text)
    return whole and 0 < len(text) <= _LONGEST_ROLE and text != "*"


def _needs(uses: list[Use]) -> tuple[dict[str, _Needs], list[str]]:
    """Give each use to the role of its person that the fewest others were seen with."""
    spread = Counter(role for roles in {use.roles for use in uses} for role in roles)
    needs: dict[str, _Needs] = defaultdict(dict)
    remarks: dict[str, None] = {}
    for use in uses:
        if why := _why_not(use):
            remarks[f"# Left out, as {why}: {use.kind} {json.dumps(use.name)}"] = None
            continue
        role = min(use.roles, key=lambda each: (spread[each], each))
        needs[role].setdefault((use.kind, use.name), {Action.LIST}).add(use.action)
    return needs, list(remarks)


def _why_not(use: Use) -> str:
    if not use.roles:
        return "whoever used it has no role"
    if len(use.name) >= LOGGED_NAME:
        return "the log has only the beginning of its name"
    if use.kind is Kind.RESOURCE and "{" in use.name:  # a client may send a template's very text
        return "it would stand for all that a template of this text reads"
    return why_unnameable(use.kind, use.name)


def _groups(needs: _Needs) -> list[_Group]:
    """Return what is granted together: in one grant all would get the actions of each."""
    alike: dict[tuple[Kind, frozenset[Action]], list[str]] = defaultdict(list)
    for (kind, name), actions in sorted(needs.items()):
        alike[kind, frozenset(actions)].append(name)
    groups: list[_Group] = []
    for (kind, actions), names in alike.items():
        group = next((each for each in groups if each.takes(kind, actions)), None)
        if group is None:
            group = _Group(actions)
            groups.append(group)
        group.actions |= actions
        group.names[kind] = names
    return groups


def _rule(role: str, number: int, group: _Group) -> Iterator[str]:
    yield f"  - name: {_text(f'{role}, as seen ({number})')}"
    yield "    effect: allow"
    yield f"    agents: {{roles: [{_text(role)}]}}"
    yield from _granted(group, "    ", "names")


def _granted(group: _Group, indent: str, key: str) -> Iterator[str]:
    """Yield names and actions; ``key``: names stand below one, as in a rule."""
    for kind, names in group.names.items():
        yield f"{indent}{SECTIONS[kind]}:"
        inner = indent + "  "
        if key:
            yield f"{inner}{'uris' if kind is Kind.RESOURCE else key}:"
            inner += "  "
        yield from (f"{inner}- {quoted(name)}" for name in names)
    yield f"{indent}actions: [{', '.join(each for each in Action if each in group.actions)}]"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
