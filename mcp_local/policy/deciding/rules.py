"""Rules: whose, of which components, for which actions, when. Grants come to the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.policy.document import ANY_ROLE, STANDARD_PRIORITY
from mcp_local.policy.model import CALL_ONLY, Action, Effect
from mcp_local.policy.vocabulary.fields import Absent, client_name
from mcp_local.policy.vocabulary.globs import Glob

if TYPE_CHECKING:
    from mcp_local.identity.model import Identity
    from mcp_local.policy.deciding.conditions import Check
    from mcp_local.policy.deciding.matching import Matcher, Subject
    from mcp_local.policy.problems import Origin
    from mcp_local.policy.vocabulary.fields import Case
    from mcp_local.policy.vocabulary.operators import Truth

_BY_CAUTION = {Effect.DENY: 0, Effect.ASK: 1, Effect.ALLOW: 2}


class AnyGlob:
    """Texts or globs; any of them matches."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._texts = frozenset(texts)
        self._globs = tuple(Glob(text) for text in texts if Glob(text).wild)

    def matches(self, text: str) -> bool:
        """Tell whether one of them is, or fits, the text."""
        return text in self._texts or any(glob.matches(text) for glob in self._globs)


@dataclass(frozen=True, slots=True)
class Others:
    """What a rule asks of a person beside roles; what is empty or ``None`` is not asked for."""

    tenant: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    user_id: AnyGlob | None = None
    agent_id: AnyGlob | None = None
    patterns: AnyGlob | None = None

    def fit(self, identity: Identity) -> str:
        """Return which of these a person doesn't fit, empty if they fit all that is certain."""
        if self.tenant and identity.tenant_id not in self.tenant:
            return "tenant"
        if self.groups and self.groups.isdisjoint(identity.groups):
            return "groups"
        if self.scopes and self.scopes.isdisjoint(identity.scopes):
            return "scopes"
        if self.user_id is not None and not self.user_id.matches(identity.object_id):
            return "user_id"
        return ""

    def asks_client(self, identity: Identity) -> bool:
        """Tell whether it depends on what the client calls itself."""
        by_pattern = self.patterns is not None and not self.patterns.matches(identity.object_id)
        return by_pattern or self.agent_id is not None

    def client_fits(self, case: Case) -> Truth:
        """Tell whether the client is one of those meant; unknown where it has no name."""
        name = client_name(case)
        if isinstance(name, Absent):
            return None
        if self.agent_id is not None and not self.agent_id.matches(name):
            return False
        return (
            self.patterns is None
            or self.patterns.matches(case.identity.object_id)
            or self.patterns.matches(name)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule of the ordered list; equal to itself only."""

    name: str
    effect: Effect
    roles: frozenset[str]
    """Applies to whoever has any of these; none: to everybody signed in."""
    matchers: tuple[Matcher, ...]
    """Applies to what any of these means; none: to everything."""
    actions: frozenset[Action]
    origin: Origin
    priority: int = STANDARD_PRIORITY
    others: Others = Others()
    """What else it asks of the person and the client."""
    checks: tuple[Check, ...] = ()
    """All must hold."""
    reason: str = ""
    remember: float = CALL_ONLY
    """Seconds that a yes holds."""
    redact: tuple[str, ...] = ()
    """Fields that nothing may show."""

    def match(self, action: Action, subject: Subject) -> Truth:
        """Tell whether the rule speaks of this use of this component, for whomever."""
        if action not in self.actions:
            return False
        if not self.matchers:
            return True
        unknown = False
        for matcher in self.matchers:
            truth = matcher.match(subject)
            if truth:
                return True
            unknown = unknown or truth is None
        return None if unknown else False

    def has_role(self, roles: frozenset[str]) -> bool:
        """Tell whether roles are among those it is for."""
        if not self.roles:
            return True
        return not self.roles.isdisjoint(roles) or (ANY_ROLE in self.roles and bool(roles))

    @property
    def reads_roles(self) -> bool:
        """Whether a condition looks at the person's roles."""
        return any(check.condition.field == "user.roles" for check in self.checks)

    def order(self) -> tuple[int, int, str, str, int]:
        """Return the sort key: higher priority first, then caution (POLICY.md 2).

        Name and place only make the order total: the order in and of the files means nothing.
        """
        caution = _BY_CAUTION[self.effect]
        return (-self.priority, caution, self.name, self.origin.file, self.origin.line)
