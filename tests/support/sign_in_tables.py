"""What docs/sign-in.md takes from the program: the states and the messages.

``uv run python -m tests.support.sign_in_tables`` writes them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mcp_local.broker.authority.clock import SET_IT, told
from mcp_local.broker.authority.msal_cache import NOBODY, CacheChanged
from mcp_local.broker.authority.os_broker import NoAccountBroker
from mcp_local.broker.authority.problems import PLAIN
from mcp_local.broker.authority.refusal import problem_of
from mcp_local.broker.session.declared import _NO_SIGN_IN  # pyright: ignore[reportPrivateUsage]
from mcp_local.broker.session.errands import _FAULT  # pyright: ignore[reportPrivateUsage]
from mcp_local.broker.signin.prompts import (
    NoBrowser,
    _timed_out,  # pyright: ignore[reportPrivateUsage]
)
from mcp_local.broker.state import Problem
from mcp_local.broker.status import MEANINGS, WORDS
from mcp_local.broker.transitions import _INTERRUPTED  # pyright: ignore[reportPrivateUsage]
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
        _timed_out(300.0).problem,
        _INTERRUPTED,
        problem_of(NoBrowser()),
        problem_of(NoAccountBroker()),
        clock,
        _FAULT,
        _NO_SIGN_IN,
    )
    yield "| code | message | what helps |"
    yield "|---|---|---|"
    for problem in sorted({each.code: each for each in (*here, *PLAIN.values())}.items()):
        code, said = problem
        yield f"| `{code}` | {said.message} | {said.hint} |"


def page() -> str:
    """Return docs/sign-in.md with its tables made anew."""
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in (("states", states()), ("messages", messages())):
        table = "\n".join(rows) + "\n"
        marked = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->\n)", re.DOTALL)
        text = marked.sub(lambda _, made=table: made, text)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
