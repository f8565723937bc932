"""A policy as it is written: the one model that file, builder and export are views of.

Field names are the words of the language; where a file's word differs, the docstring says so. An
empty tuple, an empty text or ``None`` means that the file doesn't say it. Origins are places in
the file, for errors and ``explain``; a policy made otherwise may leave them out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from mcp_local.policy.model import CALL_ONLY, Action, Effect
from mcp_local.policy.problems import Origin, Problem

NOWHERE = Origin("")
"""The place of what stands in no file."""

STANDARD_PRIORITY = 100

ANY_ROLE = "*"
"""As the only entry of ``agents.roles``: whoever has at least one role."""


class Mode(StrEnum):
    """Whether the default is enforced."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    """What only the default refuses is let through and logged; denies and asks hold."""


class Operator(StrEnum):
    """How a condition compares what stands in its field (POLICY.md 6)."""

    EQUALS = "equals"
    """Is this value, of the same type."""
    NOT_EQUALS = "not_equals"
    """Is another value of the same type."""
    IN = "in"
    """Is one of these values."""
    NOT_IN = "not_in"
    """Is none of these values."""
    CONTAINS = "contains"
    """Has this text in it; of a list: has this entry."""
    NOT_CONTAINS = "not_contains"
    """Doesn't have it."""
    STARTS_WITH = "starts_with"
    """Begins with this text."""
    ENDS_WITH = "ends_with"
    """Ends with this text."""
    REGEX = "regex"
    """Has something in it that fits this expression (RE2); write ``^`` and ``$`` for all of it."""
    NOT_REGEX = "not_regex"
    """Has nothing in it that fits."""
    GT = "gt"
    """Is larger than this number; ``request.time`` later than a moment."""
    LT = "lt"
    """Is smaller; earlier."""
    GTE = "gte"
    """Is this number or larger; this moment or later."""
    LTE = "lte"
    """Is this number or smaller; this moment or earlier."""
    EXISTS = "exists"
    """Is there (``true``), or isn't (``false``); unknown only where a name in another case is, or
    a text or list on the way that a server may look into."""
    UNDER = "under"
    """Is a path inside one of these folders, made absolute, with ``..`` and links resolved."""
    SQL_ONLY = "sql_only"
    """Is SQL whose every statement is of these kinds; what can't be parsed is unknown."""
    SQL_NOT_ONLY = "sql_not_only"
    """Is SQL with a statement of another kind."""
    CONDITION = "condition"
    """A predicate registered in Python; in a file `{condition: NAME}`, without a field."""


Plain: TypeAlias = str | bool | int | float
Value: TypeAlias = Plain | tuple[Plain, ...]
"""What a condition compares with. Exactly typed: ``"1"``, ``1`` and ``true`` are three values."""


class Reference(msgspec.Struct, frozen=True):
    """The name of something else, with its place, so that a dangling one can be shown."""

    name: str
    origin: Origin = NOWHERE
    path: str = ""


class Selection(msgspec.Struct, frozen=True):
    """Components by what they are called; any match selects."""

    tools: tuple[str, ...] = ()
    """Names or globs of tools."""
    resources: tuple[str, ...] = ()
    """URIs or globs of resources."""
    prompts: tuple[str, ...] = ()
    """Names or globs of prompts."""


class Grant(msgspec.Struct, frozen=True):
    """The short form: what one role grants."""

    role: str
    """The ``value`` of the app role; in a file the key under ``roles``."""
    origin: Origin = NOWHERE
    includes: tuple[Reference, ...] = ()
    """Roles of this policy whose grants this one has as well."""
    tags: tuple[str, ...] = ()
    """Components with any of these tags, of whatever kind."""
    selection: Selection = Selection()
    """Components by name; in a file ``tools``, ``resources`` and ``prompts``."""
    actions: tuple[Action, ...] = ()
    """What may be done with them; all when left out."""


class Tagging(msgspec.Struct, frozen=True):
    """A tag given to components that carry none of their own."""

    tag: str
    """In a file the key under ``tags``."""
    origin: Origin = NOWHERE
    selection: Selection = Selection()
    """What gets it; in a file ``tools``, ``resources`` and ``prompts``."""


class Agents(msgspec.Struct, frozen=True, kw_only=True):
    """Who a rule is for: every given field must match, and within a field any entry does."""

    roles: tuple[str, ...] = ()
    """App roles, exactly; ``"*"`` alone: whoever has at least one role."""
    user_id: tuple[str, ...] = ()
    """Object ids of people (``oid``), or globs."""
    tenant: tuple[str, ...] = ()
    """Ids of tenants (``tid``)."""
    groups: tuple[str, ...] = ()
    """Ids of groups, where the token names them."""
    scopes: tuple[str, ...] = ()
    """Delegated scopes of the token."""
    agent_id: tuple[str, ...] = ()
    """Names that clients give themselves, or globs. Anyone can claim one."""
    patterns: tuple[str, ...] = ()
    """Globs that fit the object id or the client's name."""


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool's annotations must say; a hint that isn't given there is not matched.

    MCP lets a missing hint be read as: not read-only, destructive, not idempotent, open world.
    Hints are the server's own claim (SECURITY.md M10).
    """

    read_only: bool | None = None
    """``readOnlyHint``: it changes nothing."""
    destructive: bool | None = None
    """``destructiveHint``: what it changes may be lost."""
    idempotent: bool | None = None
    """``idempotentHint``: once or twice comes to the same."""
    open_world: bool | None = None
    """``openWorldHint``: it reaches things outside, like the web."""


class Components(msgspec.Struct, frozen=True, kw_only=True):
    """Which components of one kind: every given field must match, within a field any entry.

    ``names`` and ``patterns`` count as one field.
    """

    names: tuple[str, ...] = ()
    """Names or globs; for resources URIs, and ``uris`` in a file."""
    patterns: tuple[str, ...] = ()
    """Globs."""
    namespaces: tuple[str, ...] = ()
    """Mount prefixes of a hosted server, or names under ``[servers]``; exactly."""
    schemes: tuple[str, ...] = ()
    """Schemes of URIs, without ``://``; of resources only."""
    tags: tuple[str, ...] = ()
    """Tags, exactly."""
    annotations: Hints | None = None
    """What the annotations say; of tools only."""


class Condition(msgspec.Struct, frozen=True):
    """One comparison: true, false, or unknown where the field isn't there or has another type."""

    field: str
    """A path like ``args.sql`` or ``user.claims.department``; empty with ``condition``."""
    operator: Operator
    """How to compare."""
    value: Value
    """What to compare with; with ``condition`` the registered name."""
    origin: Origin = NOWHERE


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The long form: one rule. It applies when all that is given matches."""

    name: str
    """What decisions call it; unique in the policy."""
    effect: Effect
    """``allow``, ``ask`` (the person says yes to each use) or ``deny``."""
    description: str = ""
    """For readers of the file; decides nothing."""
    agents: Agents | None = None
    """Who it is for; everybody signed in when left out."""
    tools: Components | None = None
    """Tools it is about. Without ``tools``, ``resources`` and ``prompts``: everything."""
    resources: Components | None = None
    """Resources and templates it is about."""
    prompts: Components | None = None
    """Prompts it is about."""
    actions: tuple[Action, ...] = ()
    """What is done; every action when left out."""
    when: tuple[Condition, ...] = ()
    """Conditions; all must hold."""
    priority: int = STANDARD_PRIORITY
    """Higher is tried first; at the same priority deny comes before ask, ask before allow."""
    reason: str = ""
    """One sentence for the person, shown where the rule decides."""
    remember: float = CALL_ONLY
    """Seconds that a yes holds: 0 ``call``, infinite ``session``, else like ``15m``; ask only."""
    redact: tuple[str, ...] = ()
    """Fields, like ``args.password``, whose values no explanation, question or log shows: theirs
    and all that lies inside, for every component and action that the rule is about, whoever
    asks and whichever rule decides (``Decision.redact``)."""
    origin: Origin = NOWHERE


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One policy file."""

    file: str = ""
    """Its path, as errors and ``explain`` name it."""
    grants: tuple[Grant, ...] = ()
    """The short form; in a file ``roles``."""
    taggings: tuple[Tagging, ...] = ()
    """Tags for what carries none; in a file ``tags``."""
    rules: tuple[Rule, ...] = ()
    """The long form."""
    default: Effect | None = None
    """What happens where no rule applies: allow or deny; deny when no file says it."""
    default_origin: Origin | None = None
    mode: Mode | None = None
    """``enforce`` or ``observe``; enforce when no file says it."""
    mode_origin: Origin | None = None
    name: str = ""
    """What the policy is called; decides nothing, as all below."""
    description: str = ""
    """What it is for."""
    created_by: str = ""
    """Whom to ask about it."""
    labels: tuple[str, ...] = ()
    """Words to find it by; ``tags`` in files of mcp-auth-guard."""
    remarks: tuple[Problem, ...] = ()
    """What its reader noticed that is no mistake; ``policy check`` tells it."""
