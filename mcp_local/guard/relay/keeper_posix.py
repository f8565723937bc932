"""The keeper: a tiny process between us and a wrapped server, which lets nothing outlive us.

It is forked, not started, so it shares our memory (``spawn_posix``). It lives in a session of its
own, waits for one thing, the end of our pipe, which the system closes however we die, and then ends
the server and everything that the server started: standard input is closed, TERM, KILL (M20). On
Linux it is the subreaper of all of them, so that one that left its process group or its session is
found too; elsewhere the process group is all there is.

What it tells on its status pipe are lines: ``pid N``, ``failed ERRNO``, ``exit CODE``.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False  # typing is nothing that a keeper needs
if TYPE_CHECKING:
    from typing import Final

EOF_GRACE: Final = 0.7
"""Seconds for a server to end after its standard input was closed."""
TERM_GRACE: Final = 0.6
"""Seconds for it, and what it started, to end after SIGTERM."""
_KILLING: Final = 1.0
"""Seconds of trying to kill; what forks faster than that wins."""
_LOOK: Final = 50
"""Milliseconds between two looks at whether all are gone."""


class Keeper:
    """Tells how a server ended, and cleans up after it.

    ``server`` is its process id; the end of ``life`` means to end it; what there is to tell is
    written to ``status``.
    """

    def __init__(self, server: int, life: int, status: int) -> None:
        self._server = server
        self._life = life
        self._status = status
        self._wake = _wake_on(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._told_to_end = False
        self._ended = False
        self._say(f"pid {server}")

    def run(self) -> None:
        """Wait for an end, the server's or ours; return when nothing is left."""
        self._reap()  # it may have ended before its end could wake us
        while not (self._ended or self._told_to_end):
            self._wait(None)
        if not self._ended:
            self._wait_until_gone(EOF_GRACE)
        self._signal_all(signal.SIGTERM)
        self._wait_until_gone(TERM_GRACE)
        deadline = time.monotonic() + _KILLING
        while not self._gone() and time.monotonic() < deadline:
            self._signal_all(signal.SIGKILL)
            self._wait(_LOOK)

    def _wait(self, milliseconds: int | None) -> None:
        """Wait for a signal or the end of our parent."""
        waiting = select.poll()
        waiting.register(self._wake, select.POLLIN)
        if not self._told_to_end:
            waiting.register(self._life, select.POLLIN)
        for descriptor, _ in waiting.poll(milliseconds):
            if descriptor == self._life:
                self._told_to_end = True
            else:
                numbers = os.read(self._wake, 512)
                self._told_to_end |= any(number != signal.SIGCHLD for number in numbers)
        self._reap()

    def _wait_until_gone(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._gone() and time.monotonic() < deadline:
            self._wait(_LOOK)

    def _reap(self) -> bool:
        """Take note of every process that ended; return whether none is left that is ours."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self._server:
                self._ended = True
                self._say(f"exit {os.waitstatus_to_exitcode(status)}")

    def _gone(self) -> bool:
        """Whether nothing is left: on Linux orphans are our children, elsewhere in the group."""
        if not self._reap():
            return False
        if sys.platform == "linux":
            return True
        with suppress(ProcessLookupError, PermissionError):  # the latter: zombies only
            os.killpg(self._server, 0)
            return False
        return True

    def _signal_all(self, number: int) -> None:
        found = _descendants(os.getpid())
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        if not found:  # the system doesn't tell
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._server, number)

    def _say(self, line: str) -> None:
        with suppress(OSError):  # nobody listens any more
            os.write(self._status, f"{line}\n".encode())


def _wake_on(*signals: signal.Signals) -> int:
    """Return a descriptor on which each of these signals is read as one byte."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, lambda _number, _frame: None)
    return read


def _descendants(ancestor: int) -> list[int]:
    """Return all processes below one, where the system tells (``/proc``); parents first."""
    children: dict[int, list[int]] = {}
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdecimal() and (parent := _parent_of(int(name))) is not None:
                children.setdefault(parent, []).append(int(name))
    found = [ancestor]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def _parent_of(pid: int) -> int | None:
    """Return the parent's id: the second field after the name, which may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as told:
            return int(told.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None
