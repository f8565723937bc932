"""The keeper: a tiny process between us and a wrapped server, which lets nothing outlive us.

It is forked, not started, so it costs under a millisecond and shares our memory. It lives in a
session of its own, waits for one thing, the end of our pipe, which the system closes however we
die, and then ends the server and everything that the server started: standard input is closed,
TERM, KILL (M20). On Linux it is the subreaper of all of them, so that one that left its process
group or its session is found too; elsewhere the process group is all there is.

What it tells on its status pipe are lines: ``pid N``, ``failed ERRNO``, ``exit CODE``.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Final, NoReturn

    from mcp_local.guard.relay.command import PathLike

EOF_GRACE: Final = 0.7
"""Seconds for a server to end after its standard input was closed."""
TERM_GRACE: Final = 0.6
"""Seconds for it, and what it started, to end after SIGTERM."""
_KILLING: Final = 1.0
"""Seconds of trying to kill; what forks faster than that wins."""
_LOOK: Final = 50
"""Milliseconds between two looks at whether all are gone."""
_NO_EXEC: Final = 127
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


class Order:
    """What the keeper is to start, and the descriptors that it keeps."""

    __slots__ = ("environ", "folder", "life", "status", "streams", "words")

    def __init__(  # noqa: PLR0913 - what it all is
        self,
        words: Sequence[str],
        environ: Mapping[str, str],
        folder: PathLike,
        streams: tuple[int, int, int],
        *,
        life: int,
        status: int,
    ) -> None:
        self.words = words
        """The program, by its absolute path, and its arguments."""
        self.environ = environ
        self.folder = folder
        self.streams = streams
        """The server's standard input, output and error."""
        self.life = life
        """Its end means: end the server."""
        self.status = status


def keep(order: Order) -> NoReturn:
    """Be the keeper, in a process that was just forked; never returns."""
    try:
        gc.disable()  # to look at our memory would copy it
        os.setsid()
        _forget_all_but({*order.streams, order.life, order.status})
        _Keeper(order).run()
    finally:
        os._exit(0)


class _Keeper:
    """Starts the server, tells how it ended, and cleans up after it."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._wake = _wake_on(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._told_to_end = False
        self._ended = False
        control = _process_control()
        control(_PR_SET_CHILD_SUBREAPER, 1)
        self._server = _start(order, control)
        for stream in order.streams:
            os.close(stream)
        self._say(f"pid {self._server}")

    def run(self) -> None:
        """Wait for an end, the server's or ours; return when nothing is left."""
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
            waiting.register(self._order.life, select.POLLIN)
        for descriptor, _ in waiting.poll(milliseconds):
            if descriptor == self._order.life:
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
            os.write(self._order.status, f"{line}\n".encode())


def _start(order: Order, control: Callable[[int, int], object]) -> int:
    """Start the server in a session of its own; return its process id."""
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # it died before that was set
            os._exit(_NO_EXEC)
        for number, stream in enumerate(order.streams):
            os.dup2(stream, number)  # all others are closed by exec (PEP 446)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python, and that is inherited
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.chdir(order.folder)
        os.execve(order.words[0], [*order.words], dict(order.environ))  # noqa: S606 - no shell: that is the point (M25)
    except OSError as error:
        os.write(order.status, f"failed {error.errno}\n".encode())
    finally:
        os._exit(_NO_EXEC)


def _process_control() -> Callable[[int, int], object]:
    """Return Linux's ``prctl``; elsewhere what does nothing."""
    if sys.platform != "linux":
        return lambda _option, _value: None
    import ctypes  # noqa: PLC0415 - here only: our own start doesn't pay for it

    prctl = ctypes.CDLL(None).prctl
    return lambda option, value: prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _wake_on(*signals: signal.Signals) -> int:
    """Return a descriptor on which each of these signals is read as one byte."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in signals:
        signal.signal(number, lambda _number, _frame: None)
    return read


def _forget_all_but(needed: set[int]) -> None:
    """Close every other descriptor, above all our parent's wire: clients wait for its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        if number not in needed:
            os.dup2(nothing, number)
    for number in _open_descriptors():
        if number > 2 and number not in needed:  # noqa: PLR2004 - the standard ones
            with suppress(OSError):
                os.close(number)


def _open_descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return list(range(os.sysconf("SC_OPEN_MAX")))


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
