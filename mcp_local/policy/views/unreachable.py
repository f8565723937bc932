"""Rules that never decide, because an earlier one always does."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from msgspec import structs

from mcp_local.policy.document import ANY_ROLE, Agents, Components, Rule
from mcp_local.policy.model import Effect
from mcp_local.policy.views.export import in_order
from mcp_local.policy.vocabulary.globs import Glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.document import Document

_KINDS: Final = ("tools", "resources", "prompts")
_SIGNS: Final = frozenset("*?[")
_STAR: Final = frozenset("*")


def unreachable(rules: Sequence[Rule], granted: Sequence[Rule] = ()) -> Iterator[tuple[Rule, Rule]]:
    """Yield each rule that never decides, with one that always decides before it.

    ``granted`` is the short form as rules (:func:`as_rules`): only what is tried later is told of
    because of it. In doubt a rule counts as reachable.
    """
    grants = frozenset(map(id, granted))
    broad: list[Rule] = []
    by_name: dict[str, list[Rule]] = defaultdict(list)
    for rule in in_order((*rules, *granted)):
        names = _exact_names(rule)
        near = (each for name in names or () for each in by_name[name])
        earlier = (
            each
            for each in (*broad, *near)
            if id(each) not in grants or rule.priority < each.priority
        )
        first = next((each for each in earlier if _covers(each, rule)), None)
        if first is not None:
            if id(rule) not in grants:
                yield rule, first
        elif rule.when:
            continue  # it may not apply, so that it covers nothing
        elif names is None:
            broad.append(rule)
        else:
            for name in names:
                by_name[name].append(rule)


def as_rules(documents: Sequence[Document], policy: CompiledPolicy) -> Iterator[Rule]:
    """Yield what grants come to in the long form; ``policy`` is what the documents compile to."""
    holders = {rule.name: rule.roles for rule in policy.rules}
    for grant in (each for document in documents for each in document.grants):
        name = f"roles.{grant.role}"
        about = [(kind, getattr(grant.selection, kind)) for kind in _KINDS]
        matchers = [{kind: Components(names=texts)} for kind, texts in about if texts]
        if grant.tags:
            matchers.append({kind: Components(tags=grant.tags) for kind in _KINDS})
        agents = Agents(roles=tuple(sorted(holders.get(name, ()))))
        rule = Rule(
            name=name,
            effect=Effect.ALLOW,
            agents=agents,
            actions=grant.actions,
            origin=grant.origin,
        )
        yield from (structs.replace(rule, **matcher) for matcher in matchers)


def _exact_names(rule: Rule) -> frozenset[str] | None:
    """Return all names that a rule can be about; ``None``: more than its plain names."""
    found: set[str] = set()
    matchers = [each for each in _matchers(rule).values() if each is not None]
    for each in matchers:
        names = (*each.names, *each.patterns)
        if not names or any(_SIGNS.intersection(name) for name in names):
            return None
        found.update(names)
    return frozenset(found) if matchers else None


def _matchers(rule: Rule) -> Mapping[str, Components | None]:
    return {"tools": rule.tools, "resources": rule.resources, "prompts": rule.prompts}


def _covers(first: Rule, rule: Rule) -> bool:
    """Tell whether the first, which has no conditions, applies wherever the other does."""
    if first.actions and not (rule.actions and set(rule.actions) <= set(first.actions)):
        return False
    if not _covers_agents(first.agents or Agents(), rule.agents or Agents()):
        return False
    broad, narrow = _matchers(first), _matchers(rule)
    if not any(broad.values()):
        return True
    given = [(kind, each) for kind, each in narrow.items() if each is not None]
    return bool(given) and all(
        (wide := broad[kind]) is not None and _covers_components(wide, each) for kind, each in given
    )


def _covers_agents(wide: Agents, narrow: Agents) -> bool:
    for field in Agents.__struct_fields__:
        asked: tuple[str, ...] = getattr(wide, field)
        given: tuple[str, ...] = getattr(narrow, field)
        if field == "roles" and ANY_ROLE in asked and given:
            continue
        globs = field in {"user_id", "agent_id", "patterns"}
        if asked and not _all_within(given, asked, globs=globs):
            return False
    return True


def _covers_components(wide: Components, narrow: Components) -> bool:
    for field in ("namespaces", "schemes", "tags"):
        asked: tuple[str, ...] = getattr(wide, field)
        if asked and not _all_within(getattr(narrow, field), asked, globs=False):
            return False
    if wide.annotations is not None and wide.annotations != narrow.annotations:
        return False
    names = (*wide.names, *wide.patterns)
    return not names or "*" in names or _all_within((*narrow.names, *narrow.patterns), names)


def _all_within(given: Sequence[str], asked: Iterable[str], *, globs: bool = True) -> bool:
    asked = frozenset(asked)
    stars = [Glob(text) for text in asked if globs and _SIGNS.intersection(text) == _STAR]
    return bool(given) and all(
        text in asked or ("[" not in text and any(star.matches(text) for star in stars))
        for text in given
    )
