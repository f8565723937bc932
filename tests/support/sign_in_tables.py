"""What docs/sign-in.md takes from the program: the states and the messages.

``uv run python -m tests.support.sign_in_tables`` writes them.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from mcp_local.broker.authority.clock import SET_IT, told
from mcp_local.broker.authority.msal_cache import NOBODY, CacheChanged
from mcp_local.broker.authority.os_broker import NoAccountBroker
from mcp_local.broker.authority.problems import PLAIN
from mcp_local.broker.authority.refusal import problem_of
from mcp_local.broker.session.declared import _NO_SIGN_IN  # pyright: ignore[reportPrivateUsage]
from mcp_local.broker.session.runner import _FAULT  # pyright: ignore[reportPrivateUsage]
from mcp_local.broker.signin.unanswered import NoBrowser, timed_out
from mcp_local.broker.state import Problem
from mcp_local.broker.status import MEANINGS, WORDS
from mcp_local.broker.transitions import (
    _INTERRUPTED,  # pyright: ignore[reportPrivateUsage]
    _STOPPED,  # pyright: ignore[reportPrivateUsage]
)
from tests.support.doc_tables import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = DOCS / "sign-in.md"


def states() -> Iterator[str]:
    """Return the table of states."""
    yield "| state | in `--json` | what it means | what to do |"
    yield "|---|---|---|---|"
    for phase, words in WORDS.items():
        means, do = MEANINGS[phase]
        yield f"| {words} | `{phase.value}` | {means} | {do} |"


def messages() -> Iterator[str]:
    """Return the table of what can go wrong on this machine, or without a code of Microsoft's."""
    clock = Problem("clock_off", told(3 * 3600.0), SET_IT)
    here = (
        NOBODY,
        problem_of(CacheChanged()),
        timed_out(300.0).problem,
        _INTERRUPTED,
        problem_of(NoBrowser()),
        problem_of(NoAccountBroker()),
        clock,
        _FAULT,
        _STOPPED,
        _NO_SIGN_IN,
    )
    yield "| code | message | what helps |"
    yield "|---|---|---|"
    for problem in sorted({each.code: each for each in (*here, *PLAIN.values())}.items()):
        code, said = problem
        yield f"| `{code}` | {said.message} | {said.hint} |"


_RAISED = {
    "SignInFailed": 0,
    "SignInNeeded": 0,
    "Unreachable": 0,
    "AuthorityDown": 0,
    "WrongAccount": 0,
    "StorageError": 0,
    "TokenRejected": 1,
}
"""Which argument of each error is its text."""


def rarer() -> Iterator[str]:
    """Return the table of all other texts, as they stand in the program's own files."""
    yield "| message | what helps |"
    yield "|---|---|"
    package = DOCS.parent / "mcp_local"
    files = [file for room in ("broker", "identity") for file in (package / room).rglob("*.py")]
    calls = (
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    )
    for said, helps in sorted({_raised(call) for call in calls} - {("", "")}):
        yield f"| {said} | {helps} |".replace("<", "&lt;")


def _raised(call: ast.Call) -> tuple[str, str]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    place = _RAISED.get(name, len(call.args))
    said = _text(call.args[place]) if place < len(call.args) else ""
    helps = next((_text(word.value) for word in call.keywords if word.arg == "hint"), "")
    return (said, helps) if said else ("", "")


def _text(node: ast.expr) -> str:
    """Return a text of the program, with three dots for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(each) if isinstance(each, ast.Constant) else "…" for each in parts)
        case _:
            return ""


def page() -> str:
    """Return docs/sign-in.md with its tables made anew."""
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in _TABLES.items():
        table = "\n".join(rows()) + "\n"
        marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->\n)", re.DOTALL)
        text = marked.sub(lambda _, made=table: made, text)
    return text


_TABLES: Final = {"states": states, "messages": messages, "rarer": rarer}

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
