"""The first steps of a keeper, in the process that was forked for it: the server starts here.

Light: a server waits for all of it (see ``launch``). What keeps comes after (``keeper_posix``).
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ctypes import CDLL
    from typing import Final, NoReturn

    from mcp_local.guard.relay.command import PathLike

_NO_EXEC: Final = 127
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_SIGKILL: Final = 9
_SIGPIPE: Final = 13
_SIGXFSZ: Final = 25
_SIG_DFL: Final = None
_SIG_SETMASK: Final = 2
_SIGSET: Final = 128
"""Bytes of a ``sigset_t``; all of them zero is none."""


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
        library = _library()
        if library is not None:
            library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        server = _start(order, library)
        for stream in order.streams:
            os.close(stream)
        from mcp_local.guard.relay.keeper_posix import Keeper  # noqa: PLC0415 - the server runs

        Keeper(server, order.life, order.status).run()
    finally:
        os._exit(0)


def _start(order: Order, library: CDLL | None) -> int:
    """Start the server in a session of its own; return its process id."""
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        if library is not None:
            library.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:  # it died before that was set
            os._exit(_NO_EXEC)
        for number, stream in enumerate(order.streams):
            os.dup2(stream, number)  # all others are closed by exec (PEP 446)
        _heed_signals(library)
        os.chdir(order.folder)
        os.execve(order.words[0], [*order.words], dict(order.environ))  # noqa: S606 - no shell: that is the point (M25)
    except OSError as error:
        os.write(order.status, f"failed {error.errno}\n".encode())
    finally:
        os._exit(_NO_EXEC)


def _library() -> CDLL | None:
    """Return Linux's C library; ``None`` elsewhere."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - here only: our own start doesn't pay for it

    return ctypes.CDLL(None)


def _heed_signals(library: CDLL | None) -> None:
    """Undo what a program inherits: Python ignores two signals, and a client may block some."""
    if library is not None:
        for number in (_SIGPIPE, _SIGXFSZ):
            library.signal(number, _SIG_DFL)
        library.sigprocmask(_SIG_SETMASK, bytes(_SIGSET), None)
        return
    import signal  # noqa: PLC0415 - 4 ms, which Linux is spared

    for known in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(known, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _forget_all_but(needed: set[int]) -> None:
    """Close every other descriptor, above all our parent's wire: clients wait for its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        if number not in needed:
            os.dup2(nothing, number)
    for number in _open_descriptors():
        if number > 2 and number not in needed:  # noqa: PLR2004 - the standard ones
            try:
                os.close(number)
            except OSError:
                continue  # the one that listed them


def _open_descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return list(range(os.sysconf("SC_OPEN_MAX")))
