"""The long form: rules with everything that they may say."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from mcp_local.policy.document import ANY_ROLE, STANDARD_PRIORITY, Agents, Components, Hints, Rule
from mcp_local.policy.model import CALL_ONLY, SESSION, Effect, Kind
from mcp_local.policy.reading.impossible import never
from mcp_local.policy.reading.parse_conditions import conditions, field_paths
from mcp_local.policy.reading.parse_parts import actions, check_role, globs
from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.reading.nodes import Checker
    from mcp_local.policy.reading.yaml_tree import Node

_KINDS: Final = {"tools": Kind.TOOL, "resources": Kind.RESOURCE, "prompts": Kind.PROMPT}
_RULE: Final = (
    "name", "effect", "description", "agents", *_KINDS, "actions", "when", "priority", "reason",
    "remember", "redact",
)  # fmt: skip
_AGENTS: Final = Agents.__struct_fields__
_HINTS: Final = Hints.__struct_fields__
_EFFECTS: Final = tuple(map(str, Effect))

RESERVED: Final = frozenset(
    {"auth", "broken-policy", "default", "fault", "identity", "no-policy", "uri"}
)
"""Names that decisions carry where no rule decided."""

MAX_PRIORITY = 1_000_000
MAX_REMEMBER = 24 * 3600
"""Seconds that a yes may hold, but for ``session``."""
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,5})([smh])")
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,8})")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


def rules(check: Checker, node: Node | None) -> Iterator[Rule]:
    """Yield what stands under ``rules``."""
    if node is None:
        return
    if not isinstance(node, Sequence):
        check.wrong(node, "rules", "must be a list of rules", "Put a `- ` before each rule.")
        return
    if not node.items:
        check.wrong(node, "rules", "is an empty list", "Leave it out, or write a rule in it.")
    names: dict[str, Rule] = {}
    for position, item in enumerate(node.items):
        rule = _rule(check, item, f"rules[{position}]")
        first = names.setdefault(rule.name, rule)
        if rule.name and first is not rule:
            message = f"repeats the name `{rule.name}` of line {first.origin.line}"
            check.wrong(item, f"rules[{position}].name", message, "Each rule has its own name.")
        yield rule


def _rule(check: Checker, node: Node, path: str) -> Rule:
    fields = check.fields(node, path, _RULE)
    effect = _effect(check, node, fields, path)
    kinds = frozenset(kind for key, kind in _KINDS.items() if key in fields) or frozenset(Kind)
    rule = Rule(
        name=_name(check, node, fields, path),
        effect=effect or Effect.DENY,
        description=check.sentence(fields.get("description"), f"{path}.description"),
        agents=_agents(check, fields.get("agents"), f"{path}.agents"),
        tools=_components(check, fields.get("tools"), f"{path}.tools", Kind.TOOL),
        resources=_components(check, fields.get("resources"), f"{path}.resources", Kind.RESOURCE),
        prompts=_components(check, fields.get("prompts"), f"{path}.prompts", Kind.PROMPT),
        actions=actions(check, fields, path, everything=True),
        when=tuple(conditions(check, fields.get("when"), f"{path}.when", kinds)),
        priority=_priority(check, fields.get("priority"), f"{path}.priority"),
        reason=check.sentence(fields.get("reason"), f"{path}.reason"),
        remember=_remember(check, fields.get("remember"), f"{path}.remember", effect),
        redact=tuple(field_paths(check, fields.get("redact"), f"{path}.redact")),
        origin=node.origin,
    )
    if effect is not None and (why := never(rule)):
        check.wrong(node, path, f"can never apply: {why}", "Leave it out, or mend it.")
    return rule


def _name(check: Checker, node: Node, fields: dict[str, Node], path: str) -> str:
    word = fields.get("name")
    if word is None:
        check.missing(node, path, "name", "Decisions call a rule by its name.")
    elif check.is_text(word, f"{path}.name"):
        if word.text in RESERVED or word.text.startswith("roles."):
            hint = "Decisions that no rule makes carry it."
            check.wrong(word, f"{path}.name", f"is a name of mcp-local's own: `{word.text}`", hint)
        return word.text
    return ""


def _effect(check: Checker, node: Node, fields: dict[str, Node], path: str) -> Effect | None:
    if "effect" not in fields:
        check.missing(node, path, "effect", "Write `effect: allow`, `ask` or `deny`.")
        return None
    word = check.word(fields["effect"], f"{path}.effect", _EFFECTS)
    return Effect(word) if word else None


def _agents(check: Checker, node: Node | None, path: str) -> Agents | None:
    if node is None:
        return None
    fields = check.fields(node, path, _AGENTS)
    _not_empty(check, node, path, "names nobody", "Leave it out for everybody who is signed in.")
    words = {
        key: tuple(globs(check, fields.get(key), f"{path}.{key}", uris=False))
        if key in {"user_id", "agent_id", "patterns"}
        else tuple(word.text for word, _ in check.words(fields.get(key), f"{path}.{key}"))
        for key in _AGENTS
    }
    agents = Agents(**words)
    if agents.roles != (ANY_ROLE,) and isinstance(roles := fields.get("roles"), Sequence):
        for position, word in enumerate(roles.items):
            if isinstance(word, Scalar):
                _role(check, word, f"{path}.roles[{position}]")
    return agents


def _role(check: Checker, word: Scalar, path: str) -> None:
    if word.text == ANY_ROLE:
        hint = 'Alone, ["*"] is whoever has a role.'
        check.wrong(word, path, "stands beside other roles, which it includes", hint)
    else:
        check_role(check, word, path)


def _components(check: Checker, node: Node | None, path: str, kind: Kind) -> Components | None:
    if node is None:
        return None
    of_resources = kind is Kind.RESOURCE
    names = "uris" if of_resources else "names"
    only = {Kind.TOOL: ("annotations",), Kind.RESOURCE: ("schemes",), Kind.PROMPT: ()}[kind]
    fields = check.fields(node, path, (names, "patterns", "namespaces", "tags", *only), names)
    hint = "Leave it out, or name something in it."
    _not_empty(check, node, path, "names nothing", hint)
    return Components(
        names=tuple(globs(check, fields.get(names), f"{path}.{names}", uris=of_resources)),
        patterns=tuple(globs(check, fields.get("patterns"), f"{path}.patterns", uris=of_resources)),
        namespaces=tuple(_namespaces(check, fields.get("namespaces"), f"{path}.namespaces")),
        schemes=tuple(_schemes(check, fields.get("schemes"), f"{path}.schemes")),
        tags=tuple(word.text for word, _ in check.words(fields.get("tags"), f"{path}.tags")),
        annotations=_hints(check, fields.get("annotations"), f"{path}.annotations"),
    )


def _namespaces(check: Checker, node: Node | None, path: str) -> Iterator[str]:
    for word, inner in check.words(node, path):
        if any(sign in word.text for sign in "*?["):
            check.wrong(word, inner, "is a glob, and namespaces match exactly")
        yield word.text


def _schemes(check: Checker, node: Node | None, path: str) -> Iterator[str]:
    for word, inner in check.words(node, path):
        if not _SCHEME.fullmatch(word.text):
            bare = word.text.split(":")[0]
            hint = f"Write {bare}." if _SCHEME.fullmatch(bare) else ""
            check.wrong(word, inner, "is no scheme of a URI", hint)
        yield word.text.lower()


def _hints(check: Checker, node: Node | None, path: str) -> Hints | None:
    if node is None:
        return None
    fields = check.fields(node, path, _HINTS)
    _not_empty(check, node, path, "asks for nothing", f"Known are: {', '.join(_HINTS)}.")
    truths: dict[str, bool | None] = {}
    for key, value in fields.items():
        said = value.text.lower() if isinstance(value, Scalar) else ""
        if said not in {"true", "false"}:
            check.wrong(value, f"{path}.{key}", "must be true or false")
        elif isinstance(value, Scalar) and value.kind is not ScalarKind.TRUTH:
            hint = f"Write {said}, without quotes."
            check.wrong(value, f"{path}.{key}", "must be true or false, not a text", hint)
        else:
            truths[key] = said == "true"
    return Hints(**truths)


def _not_empty(check: Checker, node: Node, path: str, message: str, hint: str) -> None:
    """Note an empty mapping: it would match everything, and is never meant so."""
    if isinstance(node, Mapping) and not node.entries:
        check.wrong(node, path, message, hint)


def _priority(check: Checker, node: Node | None, path: str) -> int:
    if node is None:
        return STANDARD_PRIORITY
    if isinstance(node, Scalar) and node.kind is ScalarKind.NUMBER:
        number = int(node.text) if _INTEGER.fullmatch(node.text) else MAX_PRIORITY + 1
        if abs(number) <= MAX_PRIORITY:
            return number
    hint = f"Higher is tried first; {STANDARD_PRIORITY} when left out."
    check.wrong(node, path, f"must be a whole number up to {MAX_PRIORITY}", hint)
    return STANDARD_PRIORITY


def _remember(check: Checker, node: Node | None, path: str, effect: Effect | None) -> float:
    if node is None:
        return CALL_ONLY
    seconds = span(node.text) if isinstance(node, Scalar) else None
    if seconds is None:
        hint = "Or a time like 30s, 15m or 8h, 24h at most."
        check.wrong(node, path, "must be `call`, `session` or a time", hint)
        return CALL_ONLY
    if effect not in {None, Effect.ASK}:
        hint = "There is no yes to remember; say `effect: ask`, or leave it out."
        check.wrong(node, path, f"means nothing where the effect is {effect}", hint)
    return seconds


def span(text: str) -> float | None:
    """Return the seconds of ``call``, ``session`` or a time like ``15m``; else ``None``."""
    if text in {"call", "session"}:
        return CALL_ONLY if text == "call" else SESSION
    found = _SPAN.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else math.inf
    return float(seconds) if seconds <= MAX_REMEMBER else None


def span_text(seconds: float) -> str:
    """Return the text that :func:`span` reads as so many seconds."""
    if seconds in {CALL_ONLY, SESSION}:
        return "call" if seconds == CALL_ONLY else "session"
    whole = int(seconds)
    unit = next(unit for unit in "hms" if whole % _SECONDS[unit] == 0)
    return f"{whole // _SECONDS[unit]}{unit}"
