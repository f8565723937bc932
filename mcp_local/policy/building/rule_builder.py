"""Rules of the long form in Python; see :mod:`mcp_local.policy.building.builder`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack

from msgspec import structs

from mcp_local.policy.model import Effect
from mcp_local.policy.problems import InvalidPolicy, problem
from mcp_local.policy.reading.parse import read_document
from mcp_local.policy.reading.python_tree import caller, mapping, sequence, tree_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from mcp_local.policy.document import Rule
    from mcp_local.policy.problems import Problem
    from mcp_local.policy.reading.yaml_tree import Mapping, Node

Plain: TypeAlias = str | bool | int | float


class Tests(TypedDict, total=False):
    """Operators of a condition (POLICY.md 6); ``in_`` is the file's ``in``, a word of Python."""

    equals: Plain
    not_equals: Plain
    in_: Collection[Plain]
    not_in: Collection[Plain]
    contains: Plain
    not_contains: Plain
    starts_with: str
    ends_with: str
    regex: str
    not_regex: str
    gt: float
    lt: float
    gte: float
    lte: float
    exists: bool
    under: str | Collection[str]
    sql_only: Collection[str]
    sql_not_only: Collection[str]


def allow(name: str) -> RuleBuilder:
    """Start a rule that allows."""
    return RuleBuilder(_entries=_head(name, Effect.ALLOW))


def ask(name: str) -> RuleBuilder:
    """Start a rule that lists, and lets a use run only after the person's yes to that very use."""
    return RuleBuilder(_entries=_head(name, Effect.ASK))


def deny(name: str) -> RuleBuilder:
    """Start a rule that refuses."""
    return RuleBuilder(_entries=_head(name, Effect.DENY))


@dataclass(frozen=True, slots=True)
class RuleBuilder:
    """A rule in the making: who, what, when. It applies when all that is said matches.

    Immutable. What is wrong is told by :meth:`~mcp_local.policy.Policy.add`; what is said twice, at
    once.
    """

    _entries: tuple[tuple[str, Node], ...]
    _agents: tuple[tuple[str, Node], ...] = ()
    _when: tuple[Node, ...] = ()
    _redact: tuple[Node, ...] = ()

    # who

    def for_roles(self, *roles: str) -> RuleBuilder:
        """Whoever has any of these app roles; ``"*"`` alone: whoever has at least one."""
        return self._for("roles", roles)

    def for_users(self, *object_ids: str) -> RuleBuilder:
        """People by their object id (``oid``), or globs."""
        return self._for("user_id", object_ids)

    def for_tenants(self, *tenant_ids: str) -> RuleBuilder:
        """People of these tenants (``tid``)."""
        return self._for("tenant", tenant_ids)

    def for_groups(self, *group_ids: str) -> RuleBuilder:
        """Members of any of these groups, where the token names them."""
        return self._for("groups", group_ids)

    def for_scopes(self, *scopes: str) -> RuleBuilder:
        """Tokens with any of these delegated scopes."""
        return self._for("scopes", scopes)

    def for_clients(self, *names: str) -> RuleBuilder:
        """Clients by what they call themselves, or globs. Anyone can claim a name."""
        return self._for("agent_id", names)

    def for_patterns(self, *globs: str) -> RuleBuilder:
        """Globs that fit the object id or the client's name."""
        return self._for("patterns", globs)

    # what

    def tools(  # noqa: PLR0913 - the keys of a matcher, by name
        self,
        *,
        names: Collection[str] = (),
        patterns: Collection[str] = (),
        namespaces: Collection[str] = (),
        tags: Collection[str] = (),
        read_only: bool | None = None,
        destructive: bool | None = None,
        idempotent: bool | None = None,
        open_world: bool | None = None,
    ) -> RuleBuilder:
        """Tools that match all that is given; the last four are what their annotations say."""
        hints = {
            "read_only": read_only,
            "destructive": destructive,
            "idempotent": idempotent,
            "open_world": open_world,
        }
        annotations = {key: hint for key, hint in hints.items() if hint is not None}
        return self._about(
            "tools",
            names=names,
            patterns=patterns,
            namespaces=namespaces,
            tags=tags,
            annotations=annotations or (),
        )

    def resources(
        self,
        *,
        uris: Collection[str] = (),
        patterns: Collection[str] = (),
        namespaces: Collection[str] = (),
        schemes: Collection[str] = (),
        tags: Collection[str] = (),
    ) -> RuleBuilder:
        """Resources and templates that match all that is given."""
        return self._about(
            "resources",
            uris=uris,
            patterns=patterns,
            namespaces=namespaces,
            schemes=schemes,
            tags=tags,
        )

    def prompts(
        self,
        *,
        names: Collection[str] = (),
        patterns: Collection[str] = (),
        namespaces: Collection[str] = (),
        tags: Collection[str] = (),
    ) -> RuleBuilder:
        """Prompts that match all that is given."""
        return self._about(
            "prompts", names=names, patterns=patterns, namespaces=namespaces, tags=tags
        )

    def on(self, *actions: str) -> RuleBuilder:
        """Only these actions: ``list call read get complete subscribe``; all when left out."""
        return self._with("actions", list(actions))

    # when

    def when(self, path: str, **tests: Unpack[Tests]) -> RuleBuilder:
        """Add conditions on a field like ``user.claims.department``; all must hold."""
        origin = caller()
        added = (
            tree_of(origin, {"field": path, "operator": operator.removesuffix("_"), "value": value})
            for operator, value in tests.items()
        )
        return replace(self, _when=(*self._when, *added))

    def when_arg(self, name: str, **tests: Unpack[Tests]) -> RuleBuilder:
        """Add conditions on an argument of the call."""
        return self.when(f"args.{name}", **tests)

    def when_condition(self, name: str) -> RuleBuilder:
        """Add a predicate registered with :func:`mcp_local.policy.condition`."""
        return replace(self, _when=(*self._when, tree_of(caller(), {"condition": name})))

    # and then

    def because(self, reason: str) -> RuleBuilder:
        """Say why, in one sentence for the person."""
        return self._with("reason", reason)

    def described(self, description: str) -> RuleBuilder:
        """Say more, for readers of the policy."""
        return self._with("description", description)

    def priority(self, priority: int) -> RuleBuilder:
        """Be tried before rules of a lower priority; 100 when left out."""
        return self._with("priority", priority)

    def remember(self, how_long: str) -> RuleBuilder:
        """Say how long a yes holds: ``call``, ``session``, or like ``15m``; with ask only."""
        return self._with("remember", how_long)

    def redact(self, *fields: str) -> RuleBuilder:
        """Show the values of these fields, like ``args.password``, nowhere."""
        added = (tree_of(caller(), each) for each in fields)
        return replace(self, _redact=(*self._redact, *added))

    def rule(self, *, position: int = 0) -> Rule:
        """Return the finished rule; ``position`` is its place in the policy, for errors.

        Raises:
            InvalidPolicy: something in it is wrong.
        """
        tree = self._tree()
        whole = mapping(tree.origin, [("rules", sequence(tree.origin, [tree]))])
        try:
            (rule,) = read_document(whole, tree.origin.file).rules
        except InvalidPolicy as error:
            raise InvalidPolicy([_at(position, each) for each in error.problems]) from None
        return rule

    def _tree(self) -> Mapping:
        """Return the rule as a file would say it."""
        origin = self._entries[0][1].origin
        entries = list(self._entries)
        if self._agents:
            entries.append(("agents", mapping(origin, self._agents)))
        if self._when:
            entries.append(("when", sequence(origin, self._when)))
        if self._redact:
            entries.append(("redact", sequence(origin, self._redact)))
        return mapping(origin, entries)

    def _for(self, key: str, values: tuple[str, ...]) -> RuleBuilder:
        return replace(self, _agents=_once(self._agents, key, list(values)))

    def _about(self, key: str, **fields: object) -> RuleBuilder:
        return self._with(key, {name: value for name, value in fields.items() if value != ()})

    def _with(self, key: str, value: object) -> RuleBuilder:
        return replace(self, _entries=_once(self._entries, key, value))


def _at(position: int, found: Problem) -> Problem:
    return structs.replace(found, path=found.path.replace("rules[0]", f"rules[{position}]", 1))


def _head(name: str, effect: Effect) -> tuple[tuple[str, Node], ...]:
    return _once(_once((), "name", name), "effect", str(effect))


def _once(
    entries: tuple[tuple[str, Node], ...], key: str, value: object
) -> tuple[tuple[str, Node], ...]:
    """Return the entries with one more.

    Raises:
        InvalidPolicy: it is there already.
    """
    origin = caller()
    for known, node in entries:
        if known == key:
            message = f"repeats the key `{key}` of line {node.origin.line}"
            raise InvalidPolicy([problem(origin, key, message)])
    return (*entries, (key, tree_of(origin, value)))
