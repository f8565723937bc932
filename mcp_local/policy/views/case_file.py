"""YAML text → cases of ``policy test``. Every mistake is told with its place."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from mcp_local.policy.model import (
    ACTIONS,
    USE,
    Action,
    ClientInfo,
    Component,
    Effect,
    Kind,
    Request,
)
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.reading.nodes import Checker
from mcp_local.policy.reading.plain_values import odd_numbers, value_of
from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence, read_tree
from mcp_local.policy.views.cases import Case
from mcp_local.policy.views.people import imagined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.identity.model import Identity
    from mcp_local.policy.reading.yaml_tree import Node

_KNOWN = (
    "expect",
    *map(str, Kind),
    "action",
    "roles",
    "args",
    *("user_id", "tenant", "groups", "scopes", "claims", "agent_id"),
    *("tags", "namespace", "version", "annotations", "uri"),
    "time",
    "note",
)
_SHOWN = 40
"""Characters of a number in an error."""
_TIMES = "Write it like 2026-05-04T09:30, or with its offset: 2026-05-04T09:30+02:00."


def parse_cases(text: str, filename: str) -> tuple[Case, ...]:
    """Return the cases that a YAML text holds; ``filename`` is used in errors only.

    Raises:
        InvalidPolicy: with the first 50 mistakes.
    """
    parser = _Parser()
    cases = tuple(parser.cases(read_tree(text, filename)))
    if parser.problems:
        raise InvalidPolicy(parser.problems)
    return cases


class _Parser(Checker):
    def cases(self, node: Node) -> Iterator[Case]:
        found = self.fields(node, "", ("cases",)).get("cases")
        if found is None:
            if isinstance(node, Mapping):
                self.wrong(node, "", "has no `cases`", "Write `cases:` and a list below it.")
        elif not isinstance(found, Sequence) or not found.items:
            hint = "Start each case with `- `; a table without cases proves nothing."
            self.wrong(found, "cases", "must be a list of cases", hint)
        else:
            for position, item in enumerate(found.items):
                yield from self._case(item, f"cases[{position}]")

    def _case(self, node: Node, path: str) -> Iterator[Case]:
        fields = _Fields(self, node, path)
        expect = fields.expectation()
        component = fields.component()
        identity = fields.identity()
        request = fields.request(component.kind if component else None)
        note = fields.text("note")
        if expect and component:
            yield Case(expect, identity, request, component, node.origin, note)


class _Fields:
    """The keys of one case."""

    def __init__(self, checker: Checker, node: Node, path: str) -> None:
        self._checker = checker
        self._node = node
        self._path = path
        self._found = checker.fields(node, path, _KNOWN)

    def expectation(self) -> Effect | None:
        node = self._found.get("expect")
        if node is None:
            if isinstance(self._node, Mapping):
                self._wrong(self._node, "", "has no `expect`", "Say allow, ask or deny.")
            return None
        word = self._checker.word(node, f"{self._path}.expect", tuple(map(str, Effect)))
        return Effect(word) if word else None

    def component(self) -> Component | None:
        kinds = [kind for kind in Kind if kind in self._found]
        if len(kinds) != 1:
            if isinstance(self._node, Mapping):
                hint = "Name one `tool`, one `resource` by its URI, or one `prompt`."
                self._wrong(self._node, "", "must name one component", hint)
            return None
        (kind,) = kinds
        name = self.text(kind)
        return Component(
            kind,
            name,
            self._words("tags"),
            self.text("namespace"),
            self.text("version"),
            template=kind is Kind.RESOURCE and "{" in name,
            uri=self.text("uri"),
            annotations=self._object("annotations") or {},
        )

    def identity(self) -> Identity:
        return imagined(
            self._words("roles"),
            user_id=self.text("user_id") or "somebody",
            tenant=self.text("tenant") or "some-tenant",
            groups=self._words("groups"),
            scopes=self._words("scopes"),
            claims=self._object("claims"),
        )

    def request(self, kind: Kind | None) -> Request:
        agent = self.text("agent_id")
        return Request(
            self._action(kind),
            self._object("args"),
            ClientInfo(agent) if agent else None,
            self._time(),
        )

    def text(self, key: str) -> str:
        node = self._found.get(key)
        if node is None or not self._checker.is_text(node, f"{self._path}.{key}"):
            return ""
        return node.text

    def _action(self, kind: Kind | None) -> Action:
        node = self._found.get("action")
        if node is not None:
            word = self._checker.word(node, f"{self._path}.action", tuple(map(str, Action)))
            if word and kind and word not in ACTIONS[kind]:
                hint = f"Possible are: {', '.join(sorted(ACTIONS[kind]))}."
                self._wrong(node, "action", f"can never be done with a {kind}", hint)
            elif word:
                return Action(word)
        return USE[kind] if kind else Action.LIST

    def _words(self, key: str) -> frozenset[str]:
        """Return a list's texts; here it may be empty: somebody without roles is a case, too."""
        node = self._found.get(key)
        if isinstance(node, Sequence) and not node.items:
            return frozenset()
        return frozenset(w.text for w, _ in self._checker.words(node, f"{self._path}.{key}"))

    def _object(self, key: str) -> dict[str, object] | None:
        node = self._found.get(key)
        if node is None:
            return None
        if not isinstance(node, Mapping):
            self._wrong(node, key, "must be a mapping of names to values")
            return None
        for odd in odd_numbers(node):
            message = f"holds `{odd.text[:_SHOWN]}`, which is no number of JSON"
            self._wrong(odd, key, message, "Write it like 30 or 0.5, or put it in quotes.")
        return cast("dict[str, object]", value_of(node))

    def _time(self) -> float | None:
        node = self._found.get("time")
        if node is None:
            return None
        if isinstance(node, Scalar) and node.kind in {ScalarKind.TEXT, ScalarKind.OTHER}:
            try:
                return datetime.fromisoformat(node.text).timestamp()
            except (ValueError, OverflowError, OSError):
                pass
        self._wrong(node, "time", "is no date with a time", _TIMES)
        return None

    def _wrong(self, node: Node, key: str, message: str, hint: str = "") -> None:
        path = f"{self._path}.{key}" if key else self._path
        self._checker.wrong(node, path, message, hint)
