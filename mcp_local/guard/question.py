"""One question of ``ask``: what it is about, what a yes is bound to, and how it is worded."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mcp_local.guard.account import SIGN_IN, SIGN_OUT
from mcp_local.guard.clean import with_escapes
from mcp_local.guard.shown import FORM, cut, shown_lines
from mcp_local.policy.model import CALL_ONLY, Action, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.identity.model import Identity
    from mcp_local.policy.model import Component, Decision

CONFIRM: Final = "confirm"
"""The one field of the form, and the key of its answer between two calls; ``client`` knows it."""

_MAY: Final = {
    Action.CALL: "May this tool run?",
    Action.READ: "May this resource be read?",
    Action.GET: "May this prompt be fetched?",
}
_OPEN_SIGN_IN: Final = (
    "Sign in to Microsoft Entra ID? mcp-local opens the sign-in page in your browser on this "
    "computer. Continue only if you expected this."
)
_OPEN_STEP_UP: Final = (
    "Sign in to Microsoft Entra ID once more? The API that this calls asks for more than your "
    "last sign-in brought. mcp-local opens the sign-in page in your browser on this computer. "
    "Continue only if you expected this."
)
_CONFIRM_SIGN_OUT: Final = (
    "Sign out of Microsoft Entra ID on this computer? Every mcp-local server of yours will ask "
    "for a new sign-in."
)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether this very use may go on."""

    kind: Kind
    name: str
    """The component's, as clients know it."""
    person: tuple[str, str]
    """Tenant and object id of whoever may say yes."""
    call: str = field(repr=False)
    """SHA-256 of all that a yes is bound to, but for the time."""
    title: str
    """The question in one line."""
    button: str = "Yes"
    """What the box of a form says."""
    subject: str = field(default="", repr=False)
    """The component as the person reads it; empty where the title says it all."""
    arguments: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    redact: tuple[str, ...] = ()
    """Fields of the arguments whose values are not shown."""
    reason: str = ""
    rule: str = ""
    url: str = field(default="", repr=False)
    """The page that the client is to open; empty: a form is shown."""
    remember: float = CALL_ONLY
    """Seconds that a yes holds for every use of it under the rule; 0: for this one only."""

    @property
    def about(self) -> tuple[Kind, str]:
        """What at most one question is open for: a component, or one sign-in."""
        return (self.kind, self.call if self.url else self.name)

    def agreed(self, action: str, content: Mapping[str, object] | None) -> bool:
        """Whether an answer is a yes: to open the page, or the form with its box ticked."""
        return action == "accept" if self.url else said_yes(action, content)

    def message(self) -> str:
        """Return the text of a form: plain, and the same where a client reads it as Markdown.

        What the model chose stands in an indented block, which Markdown shows as it is.
        """
        if not self.subject:
            return self.title
        lines = [f"        {line}" for line in shown_lines(self.arguments, self.redact, FORM)]
        block = "\n".join([f"    {cut(self.subject, FORM.line)}", *lines])
        return f"{self.title}\n\n{block}\n\n{self.because()}\n{self.extent()}"

    def because(self) -> str:
        """Return why it is asked."""
        return f"{self.reason} (Rule: {self.rule})".lstrip()

    def extent(self) -> str:
        """Return what a yes would be good for."""
        if self.remember == CALL_ONLY:
            return "A yes is good for this once only."
        if self.remember == math.inf:
            span = "until this server ends"
        else:
            span = f"for the next {_span(self.remember)}"
        return f"A yes is good for every use of it {span}, whatever the arguments."


def can_be_asked(action: Action) -> bool:
    """Whether a person can be asked about it: nobody can judge each letter of a completion."""
    return action in _MAY


def question_of(
    identity: Identity,
    action: Action,
    component: Component,
    arguments: Mapping[str, object],
    decision: Decision,
) -> Question:
    """Return the question that ``decision``, an ask, wants put to the person.

    Raises:
        ValueError, RecursionError: the arguments are no JSON, or nested too deeply.
    """
    rule = with_escapes(decision.rule)
    return Question(
        kind=component.kind,
        name=component.name,
        person=identity.key,
        call=_bound_to(identity, action, component, arguments, decision),
        title=_MAY[action],
        subject=with_escapes(component.uri or component.name),
        arguments=arguments,
        redact=decision.redact,
        reason=with_escapes(decision.reason),
        rule=rule,
        remember=decision.remember,
    )


def sign_out_question(person: tuple[str, str]) -> Question:
    """Return the question whether ``person`` (tenant, object id) is to be signed out."""
    return Question(
        kind=Kind.TOOL,
        name=SIGN_OUT,
        person=person,
        call=_digest([person, SIGN_OUT]),
        title=_CONFIRM_SIGN_OUT,
        button="Sign out",
    )


def sign_in_question(url: str, *, again: bool = False) -> Question:
    """Return the question whether the client may open ``url``, where a sign-in begins.

    ``again`` says that somebody is signed in, and an API wants more of them.

    A yes opens a page and proves nothing: who somebody is, the sign-in itself shows (CLIENTS.md
    13). It is bound to the sign-in, whose address changes with each use but for its port.
    """
    return Question(
        kind=Kind.TOOL,
        name=SIGN_IN,
        person=("", ""),
        call=_digest([SIGN_IN, urlsplit(url).netloc]),
        title=_OPEN_STEP_UP if again else _OPEN_SIGN_IN,
        url=url,
    )


def _bound_to(
    identity: Identity,
    action: Action,
    component: Component,
    arguments: Mapping[str, object],
    decision: Decision,
) -> str:
    """Return one hash of everything that a yes is good for; numbers and texts stay apart."""
    bound: list[object] = [
        identity.key,
        action.value,
        (component.kind.value, component.namespace, component.name),
        (component.version, component.uri),
        dict(arguments),
        (decision.rule, decision.origin, decision.reason),
    ]
    return _digest(bound)


def _digest(bound: list[object]) -> str:
    canonical = json.dumps(bound, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def form_schema(title: str = "Yes") -> dict[str, object]:
    """Return the JSON Schema of the form: one box, not ticked, called ``title``."""
    return {
        "type": "object",
        "properties": {CONFIRM: {"type": "boolean", "title": title, "default": False}},
        "required": [CONFIRM],
    }


def said_yes(action: str, content: Mapping[str, object] | None) -> bool:
    """Whether a form came back accepted and its box ticked; everything else is a no."""
    return action == "accept" and (content or {}).get(CONFIRM) is True


def _span(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
