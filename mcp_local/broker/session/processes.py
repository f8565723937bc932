"""Starts the short-lived processes in which MSAL runs: ``login``, ``refresh``, ``token``.

They get neither our standard input nor our standard output, which are the protocol's, and a
sign-in survives us. Only light modules here: servers import this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from mcp_local.errors import ExitCode

if sys.platform == "win32":
    from mcp_local.broker.session import processes_windows as system
else:
    from mcp_local.broker.session import processes_posix as system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mcp_local.settings.model import Settings


class Process:
    """A broker process that we started."""

    def __init__(
        self, popen: subprocess.Popen[bytes], listening: threading.Thread | None = None
    ) -> None:
        self._popen = popen
        self._listening = listening
        self._is_to_end = False

    def ended(self) -> int | None:
        """Return its exit code once all that it handed back was heard; before that ``None``."""
        if self._listening is not None and self._listening.is_alive():
            return None
        code = self._popen.poll()
        return ExitCode.INTERRUPTED if self._is_to_end and code is not None else code

    def end(self) -> None:
        """Have it end; where it can, it says so in the state."""
        self._is_to_end = True
        self._popen.terminate()

    def let_go(self) -> None:
        """Stop caring for it: it goes on without us."""
        if self._popen.poll() is None:
            self._popen.returncode = 0  # else Python warns of a process left running


def start(settings: Settings, environ: Mapping[str, str], command: Sequence[str]) -> Process:
    """Run ``mcp-local COMMAND`` with the same settings, on its own.

    Blocks for some milliseconds: not for the event loop.

    Raises:
        OSError: the system refuses to start a process.
    """
    line = [*_program(settings), *command]
    return Process(system.spawn(line, environ, stdin=subprocess.DEVNULL, pipe=None))


def start_with_pipes(
    settings: Settings,
    environ: Mapping[str, str],
    command: Sequence[str],
    *,
    hand_over: bytes,
    heard: Callable[[bytes], None],
) -> Process:
    """Run ``mcp-local COMMAND`` as ``start`` does, for memory-only storage.

    The process gets ``hand_over``; ``heard`` is called, in a thread, with each line it hands back.

    Raises:
        OSError: as ``start``.
    """
    ours, theirs = os.pipe()
    results = os.fdopen(ours, "rb")
    try:
        line = [*_program(settings), *command, "--result-fd", str(system.name_of(theirs))]
        popen = system.spawn(line, environ, stdin=subprocess.PIPE, pipe=theirs)
    except OSError:
        results.close()
        raise
    finally:
        os.close(theirs)
    listening = threading.Thread(
        target=_listen, args=(results, heard), name="mcp-local results", daemon=True
    )
    listening.start()
    if popen.stdin is not None:
        with suppress(OSError), popen.stdin as stdin:  # a process that died is noticed later
            stdin.write(hand_over)
    return Process(popen, listening)


def _listen(results: BinaryIO, heard: Callable[[bytes], None]) -> None:
    with results:
        for line in results:
            heard(line)


def _program(settings: Settings) -> list[str]:
    # -P: modules lying in the working folder must not be imported where tokens are
    return [sys.executable, "-P", "-m", "mcp_local", *settings.flags]
