"""Runs one check so that it can neither hide the others nor hold them up."""

from __future__ import annotations

import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from mcp_local.desktop.doctor.finding import Actor, Finding, from_error, problem
from mcp_local.errors import McpLocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

PATIENCE: Final = 40.0
"""Seconds that one check may take: more than the time limits of all its requests."""


def look(
    check: str, what: Callable[[], Iterable[T | Finding]], patience: float = PATIENCE
) -> list[T | Finding]:
    """Return what a check yields. An error that ends it, or its being late, is one more finding.

    It runs in a thread that nobody waits for once ``patience`` (seconds) is over: a name server,
    a network drive or a server's own code may hang where no time limit of ours reaches.
    """
    found: list[T | Finding] = []

    def run() -> None:
        try:
            for each in what():  # one at a time: what was seen before an error counts
                found.append(each)  # noqa: PERF402 - as said
        except McpLocalError as error:
            found.append(from_error(check, error))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the edge of one check
            found.append(_fault(check, error))

    thread = threading.Thread(target=run, name=f"doctor {check}", daemon=True)
    thread.start()
    thread.join(patience)
    if thread.is_alive():
        late = problem(
            check,
            f"It could not be looked at within {patience:g} seconds.",
            "Something that it needs hangs: the network, a network drive, or a server's own code.",
            Actor.IT,
        )
        return [*found, late]
    return found


def _fault(check: str, error: BaseException) -> Finding:
    """Say what ended a check; not what an exception says of itself, which may quote a secret."""
    if isinstance(error, OSError):
        where = f" {error.filename}:" if isinstance(error.filename, str) else ""
        return problem(
            check,
            f"It could not be looked at:{where} {error.strerror or type(error).__name__}.",
            "Look at the permissions there; else please report it.",
        )
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "start"
    return problem(
        check,
        f"It could not be looked at: {type(error).__name__} at {place}.",
        "Please report it, with the version that `mcp-local --version` shows.",
        Actor.DEVELOPER,
    )
