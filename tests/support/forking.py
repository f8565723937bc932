"""Has imported FastMCP and all of ours, and is forked for each program: see ``launching.py``.

``python -P forking.py NUMBER`` listens on the socket of that number. It ends, and all forks with
it, when its standard input does. A fork ends as any process of ours does, but for the tidying up
of memory. Linux only.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import marshal
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import mcp_local

_TIE: Final = 0
_FREE: Final = 200
"""Descriptors from here on are nobody's."""


@dataclass(frozen=True)
class Start:
    """How a fork begins."""

    words: list[str]
    python: str
    environ: dict[str, str]
    folder: str
    files: dict[int, int]
    """Descriptors that came, by the numbers that they are to have."""

    def run(self) -> None:
        """Take all of it over, and run what the words say."""
        os.environ.clear()
        os.environ.update(self.environ)
        time.tzset()
        os.chdir(self.folder)
        free = {to: fcntl.fcntl(came, fcntl.F_DUPFD, _FREE) for to, came in self.files.items()}
        self.close()
        for to, number in free.items():
            os.dup2(number, to)
            os.close(number)
        sys.executable = self.python
        is_safe = self.words[0] == "-P"
        run(self.words[is_safe:], is_safe=is_safe)

    def close(self) -> None:
        """Close what came."""
        for came in self.files.values():
            os.close(came)


def run(words: list[str], *, is_safe: bool) -> None:
    """Run ``-m MODULE``, ``-c CODE`` or ``FILE`` as Python does, with ``-P`` or without."""
    if words[0] == "-m":
        place, sys.argv = "", words[1:]
        sys.modules.pop(words[1], None)
        start = partial(runpy.run_module, words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        place, sys.argv = "", ["-c", *words[2:]]
        start = partial(exec, words[1], {"__name__": "__main__"})
    else:
        place, sys.argv = str(Path(words[0]).resolve().parent), words
        start = partial(runpy.run_path, words[0], run_name="__main__")
    if not is_safe:
        sys.path.insert(0, place)
    start()


def receive(channel: socket.socket) -> Start | None:
    """Read how a fork is to begin; return nothing when whoever asks is gone before."""
    size, came, _, _ = socket.recv_fds(channel, 4, 64)
    body = b""
    while len(body) < int.from_bytes(size, "big"):
        more = channel.recv(1 << 16)
        if not more:
            break
        body += more
    if len(size) < 4 or len(body) < int.from_bytes(size, "big"):
        for each in came:
            os.close(each)
        return None
    words, python, environ, folder, numbers = marshal.loads(body)  # noqa: S302 - our own launcher
    return Start(words, python, environ, folder, dict(zip(numbers, came, strict=True)))


@dataclass(frozen=True)
class Fork:
    """A fork that runs, and where its end is awaited."""

    pid: int
    ends: int
    """A descriptor that is readable when it ended."""
    channel: socket.socket

    def tell(self, number: int) -> None:
        """Say a number to whoever waits, if they still do."""
        with suppress(OSError):
            self.channel.sendall(number.to_bytes(4, "big", signed=True))

    def close(self) -> None:
        """Close both."""
        self.channel.close()
        os.close(self.ends)


class Warm:
    """The process that is forked."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._forks: set[Fork] = set()
        self._selector = selectors.PollSelector()
        for each in (listener, _TIE):
            self._selector.register(each, selectors.EVENT_READ)

    def serve(self) -> Start | None:
        """Fork until the end; in a fork, return how it is to begin."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    start = self._fork()
                    if start is not None:
                        return start
                elif key.fd == _TIE:
                    self._end()
                    return None
                elif key.data in self._forks:
                    self._look(key.data, has_ended=key.fd == key.data.ends)

    def _fork(self) -> Start | None:
        channel, _ = self._listener.accept()
        start = receive(channel)
        if start is None:
            channel.close()
            return None
        pid = os.fork()
        if not pid:
            self._listener.close()
            channel.close()
            for each in self._forks:
                each.close()
            return start
        start.close()
        fork = Fork(pid, os.pidfd_open(pid), channel)
        fork.tell(pid)
        self._forks.add(fork)
        self._selector.register(fork.ends, selectors.EVENT_READ, fork)
        self._selector.register(fork.channel, selectors.EVENT_READ, fork)
        return None

    def _look(self, fork: Fork, *, has_ended: bool) -> None:
        if not has_ended:  # its launcher was killed
            os.kill(fork.pid, signal.SIGKILL)
        _, status = os.waitpid(fork.pid, 0)
        fork.tell(os.waitstatus_to_exitcode(status))
        self._selector.unregister(fork.ends)
        self._selector.unregister(fork.channel)
        self._forks.remove(fork)
        fork.close()

    def _end(self) -> None:
        for each in self._forks:
            os.kill(each.pid, signal.SIGKILL)


def import_ours() -> None:
    """Import what our programs do, and what that imports: FastMCP, MSAL."""
    for each in pkgutil.walk_packages(mcp_local.__path__, "mcp_local."):
        if not each.name.endswith(("_windows", "_macos", "__main__")):
            importlib.import_module(each.name)
    gc.freeze()  # what was imported stays


def end_swiftly(codes: list[int]) -> None:
    """Leave at once with the code, if there is one: to tidy up what was imported takes long."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])


def main() -> None:
    """Be warm, or a fork."""
    codes: list[int] = []
    atexit.register(end_swiftly, codes)  # the first, so that it is the last to run
    import_ours()
    start = Warm(socket.socket(fileno=int(sys.argv[1]))).serve()
    if start is None:
        return
    try:
        start.run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            codes.append(end.code or 0)
        raise
    codes.append(0)


if __name__ == "__main__":
    main()
