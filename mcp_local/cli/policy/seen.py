"""What ``mode: observe`` let through, from the log, and the least policy that allows it.

Names in the log are what clients asked for: each stands for itself only, never as a glob.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from mcp_local.cli.policy.draft import SECTIONS, quoted
from mcp_local.cli.policy.proposal import why_unnameable
from mcp_local.errors import UsageError
from mcp_local.guard.decision_log import LOGGED_NAME
from mcp_local.policy.model import Action, Kind

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


@dataclass(slots=True)
class _Needs:
    """What one role needs."""

    names: dict[Kind, set[str]] = field(default_factory=lambda: defaultdict(set))
    actions: set[Action] = field(default_factory=lambda: {Action.LIST})


def read_uses(lines: Iterable[str]) -> list[Use]:
    """Return the uses that lines of the log tell of, each once, in their order."""
    found = (_use(line) for line in lines)
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
    for role in sorted(needs):
        lines += _role(role, needs[role])
    return "\n".join(lines) + "\n"


def _use(line: str) -> Use | None:
    try:
        record: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    said = cast("Mapping[str, object]", record)
    roles, name = said.get("roles"), said.get("component")
    used = said.get("observed") is True and said.get("allowed") is True  # not declined, not hidden
    if said.get("event") != "decision" or not used:
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
    needs: dict[str, _Needs] = defaultdict(_Needs)
    remarks: dict[str, None] = {}
    for use in uses:
        if why := _why_not(use):
            remarks[f"# Left out, as {why}: {use.kind} {json.dumps(use.name)}"] = None
            continue
        role = min(use.roles, key=lambda each: (spread[each], each))
        needs[role].names[use.kind].add(use.name)
        needs[role].actions.add(use.action)
    return needs, list(remarks)


def _why_not(use: Use) -> str:
    if not use.roles:
        return "whoever used it has no role"
    if len(use.name) >= LOGGED_NAME:
        return "the log has only the beginning of its name"
    if use.kind is Kind.RESOURCE and "{" in use.name:  # a client may send a template's very text
        return "it would stand for all that a template of this text reads"
    return why_unnameable(use.kind, use.name)


def _role(role: str, needs: _Needs) -> Iterator[str]:
    yield f"  {json.dumps(role, ensure_ascii=False)}:"
    for kind, section in SECTIONS.items():
        if names := needs.names.get(kind):
            yield f"    {section}:"
            yield from (f"      - {quoted(name)}" for name in sorted(names))
    yield f"    actions: [{', '.join(action for action in Action if action in needs.actions)}]"
