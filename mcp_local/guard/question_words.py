"""What a model reads while its call waits for the person's yes, or got none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.guard.clean import clean
from mcp_local.guard.decision_log import Outcome
from mcp_local.guard.questions import Answer

if TYPE_CHECKING:
    from mcp_local.guard.question import Question

CHANGED: Final = (
    "Not allowed: who is signed in, or the policy, has changed while the person was asked. Make "
    "the call again to have it judged anew."
)
OUTCOMES: Final = {
    Answer.NO: Outcome.DECLINED,
    Answer.WAITING: Outcome.WAITING,
    Answer.BUSY: Outcome.WAITING,
    Answer.NO_WAY: Outcome.NO_WAY,
}
"""How the log calls what became of a use that got no yes."""


def not_confirmed(answer: Answer, question: Question) -> str:
    """Return why the use didn't go on; ``answer`` is anything but a yes."""
    name = clean(question.subject)
    match answer:
        case Answer.WAITING:
            return (
                f"Waiting for your yes: {name} was not used yet. The person is being asked. When "
                "they have said yes, make the very same call again, within 5 minutes."
            )
        case Answer.BUSY:
            return (
                f"Waiting for your yes to another call: {name} was not used, and the person was "
                "not asked. Try again when they have answered what is open."
            )
        case Answer.NO_WAY:
            return (
                f"Not confirmed: {name} needs the person's yes, and there is no way to ask them: "
                "this program shows no questions, and no browser can be opened. They can use it "
                f"themselves in a terminal: `mcp-local {_command(question)}` asks there."
            )
        case _:
            return (
                f"Not confirmed: the person did not say yes to {name}. Don't try the same again "
                "unless they ask for it."
            )


def _command(question: Question) -> str:
    return {"tool": "call", "resource": "read", "prompt": "prompt"}[question.kind.value]
