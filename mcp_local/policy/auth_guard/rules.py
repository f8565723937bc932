"""One rule of mcp-auth-guard → rules of ours: mostly one, or none where it can never apply."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Final

from mcp_local.policy.auth_guard.conditions import Settled, Told, read_condition
from mcp_local.policy.auth_guard.matchers import (
    KINDS,
    as_other_kind,
    nothing,
    possible,
    read_actions,
    read_agents,
    read_kinds,
)
from mcp_local.policy.auth_guard.remarks import Difference
from mcp_local.policy.document import STANDARD_PRIORITY
from mcp_local.policy.model import Action, Effect
from mcp_local.policy.reading.parse_rules import RESERVED
from mcp_local.policy.reading.python_tree import mapping, sequence, tree_of
from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.auth_guard.remarks import Remarks
    from mcp_local.policy.reading.nodes import Checker
    from mcp_local.policy.reading.yaml_tree import Node

_RULE: Final = (
    "name", "description", "effect", "agents", *KINDS, "actions", "conditions", "priority",
)  # fmt: skip
_EFFECTS: Final = ("allow", "deny")


@dataclass(frozen=True, slots=True)
class _Read:
    """A rule whose parts are read."""

    node: Node
    path: str
    effect: Effect
    fields: dict[str, Node]
    agents: Mapping | None
    kinds: dict[str, Mapping]
    """Empty: the rule is about everything."""
    actions: list[str] | None
    conditions: list[Told]


class RuleReader:
    """Reads the rules of one file, in its order."""

    def __init__(self, check: Checker, remarks: Remarks) -> None:
        self._check = check
        self._remarks = remarks
        self._names: set[str] = set()
        self._allowing: set[str] = set()
        """Priorities of the allows read so far."""

    def rules(self, node: Node, path: str) -> Iterator[Mapping]:
        """Yield what a rule comes to."""
        fields = self._check.fields(node, path, _RULE)
        for key in ("name", "effect"):
            if key not in fields:
                self._check.missing(node, path, key)
                return
        word = self._check.word(fields["effect"], f"{path}.effect", _EFFECTS)
        if word is None or not self._check.is_text(fields["name"], f"{path}.name"):
            return
        read = self._read(node, path, Effect(word), fields)
        if read is None:
            self._remarks.meet(Difference.NEVER_APPLIES, node.origin, path)
            return
        self._note(read)
        yield from self._written(read)

    def _read(self, node: Node, path: str, effect: Effect, fields: dict[str, Node]) -> _Read | None:
        """Return the rule; ``None``: it can never apply."""
        agents = read_agents(self._check, fields.get("agents"), f"{path}.agents", self._remarks)
        given = read_kinds(self._check, fields, path, self._remarks)
        actions = read_actions(self._check, fields.get("actions"), f"{path}.actions")
        kinds = {key: each for key, each in given.items() if each is not None}
        if tools := kinds.get("tools"):  # there it counts for the kinds that aren't given, too
            others = {key: as_other_kind(tools, key) for key in KINDS if key not in given}
            others = {key: each for key, each in others.items() if possible(key, actions)}
            if effect is Effect.DENY:
                kinds |= {key: each for key, each in others.items() if each is not None}
            elif any(others.values()):
                self._remarks.meet(Difference.KINDS, fields["tools"].origin, f"{path}.tools")
        kinds = {key: each for key, each in kinds.items() if possible(key, actions)}
        conditions = self._conditions(fields.get("conditions"), f"{path}.conditions", effect)
        if (given and not kinds) or actions == [] or conditions is None:
            return None
        return _Read(node, path, effect, fields, agents, kinds, actions, conditions)

    def _conditions(self, node: Node | None, path: str, effect: Effect) -> list[Told] | None:
        """Return the conditions that can be told; ``None``: they can never all be true."""
        if node is None or nothing(node):
            return []
        if not isinstance(node, Sequence):
            self._check.wrong(node, path, "must be a list of conditions", "Put a `- ` before each.")
            return []
        read = [
            read_condition(self._check, item, f"{path}[{position}]", effect, self._remarks)
            for position, item in enumerate(node.items)
        ]
        if Settled.NEVER in read or (effect is Effect.ALLOW and Settled.NEVER_TOLD in read):
            return None
        return [each for each in read if isinstance(each, Told)]

    def _note(self, read: _Read) -> None:
        lists = read.actions is None or Action.LIST in read.actions
        asked = {key.text for key, _ in read.agents.entries} if read.agents else set[str]()
        changing = any(each.field.changing for each in read.conditions)
        if lists and (changing or asked & {"agent_id", "patterns"}):
            self._remarks.meet(Difference.LISTS, read.node.origin, read.path)
        priority = read.fields.get("priority")
        text = priority.text if isinstance(priority, Scalar) else str(STANDARD_PRIORITY)
        if read.effect is Effect.ALLOW:
            self._allowing.add(text)
        elif text in self._allowing:
            self._remarks.meet(Difference.ORDER, read.node.origin, read.path)

    def _written(self, read: _Read) -> Iterator[Mapping]:
        """Write one rule, or one for each kind where conditions look at the component."""
        if not any(each.of_component for each in read.conditions):
            yield self._rule(read, read.kinds, None)
            return
        origin = read.node.origin
        kinds = read.kinds or {
            key: mapping(origin, [("patterns", tree_of(origin, ["*"]))])
            for key in KINDS
            if possible(key, read.actions)
        }
        for key, matcher in kinds.items():
            yield self._rule(read, {key: matcher}, key)

    def _rule(self, read: _Read, kinds: dict[str, Mapping], only: str | None) -> Mapping:
        origin = read.node.origin
        kind = KINDS[only] if only else None
        entries: list[tuple[str, Node | None]] = [
            ("name", self._name(read.fields["name"], only or "")),
            ("effect", read.fields["effect"]),
            ("description", read.fields.get("description")),
            ("agents", read.agents),
            *kinds.items(),
            ("actions", tree_of(origin, sorted(read.actions)) if read.actions else None),
            ("priority", read.fields.get("priority")),
        ]
        if conditions := [each.tree(kind) for each in read.conditions]:
            entries.append(("when", sequence(origin, conditions)))
        kept = ((key, node) for key, node in entries if node is not None and not nothing(node))
        return mapping(origin, kept)

    def _name(self, node: Node, only: str) -> Node:
        """Return a name of its own: there, two rules may have one."""
        text = node.text if isinstance(node, Scalar) else ""
        if text in RESERVED or text.startswith("roles."):
            text = f"rule {text}"
        alone = [text, f"{text} ({only})"] if only else [text]
        candidates = chain(alone, (f"{text} ({number})" for number in count(2)))
        name = next(each for each in candidates if each not in self._names)
        self._names.add(name)
        return tree_of(node.origin, name)
