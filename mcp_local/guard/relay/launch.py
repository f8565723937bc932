"""Starts a command as a server: all that stands between a client's start and the server's own.

Every import here is felt at every start. So of the standard library this and what it imports take
the lightest only: neither ``typing`` nor ``pathlib`` nor ``re`` (5 to 9 ms each; a test looks).
"""

from __future__ import annotations

import os
import sys

from mcp_local.guard.relay.command import NoProgram, find_program

if sys.platform == "win32":
    from mcp_local.guard.relay import launch_windows as system
else:
    from mcp_local.guard.relay import launch_posix as system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.guard.relay.command import PathLike


class Launched:
    """A command that was started, or why it could not be."""

    __slots__ = ("failure", "hopeless", "program", "remedy", "started")

    def __init__(
        self,
        program: str,
        started: system.Started | None,
        failure: str = "",
        *,
        hopeless: bool = False,
        remedy: str = "",
    ) -> None:
        self.program = program
        """Absolute path; empty where there is none."""
        self.started = started
        self.failure = failure
        """A sentence for people."""
        self.hopeless = hopeless
        """Whether another try would end in the very same way."""
        self.remedy = remedy
        """What helps, where that is known."""


def launch(command: str, args: Sequence[str], env: Mapping[str, str], folder: PathLike) -> Launched:
    """Start ``command``, looked up on the PATH of ``env``, with ``env`` and nothing else of ours.

    Returns at once.
    """
    try:
        here = os.path.join(os.getcwd(), folder)
        program = find_program(command, env, here)
        return Launched(program, system.start(program, args, env, here))
    except NoProgram as error:
        return Launched("", None, error.text, hopeless=True, remedy=error.remedy)
    except OSError as error:
        return Launched("", None, f"{command} can't be started: {error.strerror}.")
