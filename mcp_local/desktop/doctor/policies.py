"""Checks of the policy: its mistakes, its oddities, and what it leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.desktop.doctor.finding import Actor, Finding, from_error, note, ok, problem
from mcp_local.errors import PolicyError
from mcp_local.policy.load import PRESET, load_policy
from mcp_local.policy.problems import InvalidPolicy
from mcp_local.policy.views.check import warnings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.model import Component


def policy(
    path: str,
    components: Sequence[Component] = (),
    folder: Path | None = None,
    who: Actor = Actor.YOU,
) -> Iterator[Finding | CompiledPolicy]:
    """Look at the policy at ``path`` (empty: none); yields it last, if it can be read.

    ``components`` are what the servers have that it holds for, as far as it is known; ``folder``
    is where they run; ``who`` can change it.
    """
    if not path:
        yield note(
            "policy",
            "None is set here: without `--policy`, only components with a check of their own are "
            "served.",
            "Write a first one: mcp-local policy init TARGET",
        )
        return
    try:
        compiled = load_policy(Path(path), folder=folder)
    except InvalidPolicy as error:
        for each in error.problems:
            yield problem("policy", str(each), each.hint or "Look at that place in the file.", who)
        return
    except PolicyError as error:
        yield from_error("policy", error, who)
        return
    count = len(compiled.rules)
    yield ok("policy", f"{path} is sound: {count} rule{'' if count == 1 else 's'}.")
    if not path.startswith(PRESET):  # nobody can mend what comes with the program
        for each in warnings(compiled.documents, compiled, components):
            yield note("policy", str(each), each.hint, who)
    yield compiled
