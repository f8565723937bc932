"""Starts the short-lived processes in which MSAL runs: ``login``, ``refresh``, ``logout``.

They get neither our standard input nor our standard output, which are the protocol's, and a
sign-in survives us. Only light modules here: servers import this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

if sys.platform == "win32":
    from mcp_local.broker import processes_windows as system
else:
    from mcp_local.broker import processes_posix as system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.settings.model import Settings


class Process:
    """A broker process that we started."""

    def __init__(self, popen: subprocess.Popen[bytes], results: BinaryIO | None) -> None:
        self._popen = popen
        self.results = results
        """What it hands back, line by line, until it ends; for memory-only storage."""

    def ended(self) -> int | None:
        """Return its exit code; ``None`` while it runs. No waiting."""
        return self._popen.poll()

    def let_go(self) -> None:
        """Stop caring for it: it goes on without us."""
        if self.results is not None:
            self.results.close()
        if self._popen.poll() is None:
            self._popen.returncode = 0  # else Python warns of a process left running


def start(
    settings: Settings,
    environ: Mapping[str, str],
    command: Sequence[str],
    *,
    hand_over: bytes | None = None,
) -> Process:
    """Run ``mcp-local COMMAND`` with the same settings, on its own.

    With ``hand_over`` the process gets those bytes and hands its results back. Blocks for some
    milliseconds: not for the event loop.

    Raises:
        OSError: the system refuses to start a process.
    """
    # -P: modules lying in the working folder must not be imported where tokens are
    line = [sys.executable, "-P", "-m", "mcp_local", *settings.flags, *command]
    if hand_over is None:
        return Process(system.spawn(line, environ, stdin=subprocess.DEVNULL, pipe=None), None)
    ours, theirs = os.pipe()
    results = os.fdopen(ours, "rb")
    try:
        line += ["--result-fd", str(system.name_of(theirs))]
        popen = system.spawn(line, environ, stdin=subprocess.PIPE, pipe=theirs)
    except OSError:
        results.close()
        raise
    finally:
        os.close(theirs)
    if popen.stdin is not None:
        with suppress(OSError), popen.stdin as stdin:  # a process that died is noticed later
            stdin.write(hand_over)
    return Process(popen, results)
