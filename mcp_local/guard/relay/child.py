"""A wrapped server: a child process on three pipes, as an ``Upstream`` (guard/upstream.py).

Standard library only: a start waits for it when its server is quick.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay.launch import launch
from mcp_local.guard.relay.lines import MAX_MESSAGE, LineTooLong, messages
from mcp_local.guard.relay.tail import Tail
from mcp_local.guard.upstream import UpstreamGone

if sys.platform == "win32":
    from mcp_local.guard.relay import child_windows as system
else:
    from mcp_local.guard.relay import child_posix as system

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mcp_local.guard.relay.command import PathLike
    from mcp_local.guard.relay.launch import Launched
    from mcp_local.guard.relay.tail import Logs

_CHUNK: Final = 65_536
"""Bytes of a read: what a pipe holds. For more the system would map memory each time."""
_EXIT_WAIT: Final = 0.5
"""Seconds to wait for the exit code of a server that closed its standard output."""
_HOPELESS: Final = frozenset({errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.E2BIG})
"""Why a program can't be run, now or ever: none, no leave, no program, too long a command line."""
_CLOSE_WAIT: Final = 0.2
"""Seconds for a thread to leave a write that has failed."""


@final
class Child:
    """One run of a wrapped server.

    ``env`` is all that it finds in its environment (see ``environment.child_environment``);
    ``command`` is looked up on that environment's PATH; ``cwd`` is the folder that it runs in.
    ``launched`` is the same command when it was started before.
    """

    def __init__(  # noqa: PLR0913 - what a command is
        self,
        command: str,
        args: Sequence[str],
        env: Mapping[str, str],
        cwd: PathLike,
        log: Logs,
        *,
        launched: Launched | None = None,
    ) -> None:
        self._command = command
        self._args = tuple(args)
        self._env = env
        self._cwd = cwd
        self._launched = launched
        self._log = log
        self._errors = Tail(log, "server_stderr")
        self._noise = Tail(log, "server_noise")
        self._running: system.Running | None = None
        self._messages: Iterator[bytes] = iter(())
        self._listening: threading.Thread | None = None
        self._ended = ""
        self._over = threading.Event()
        self._hopeless = False
        self._remedy = ""
        self._stopped = False
        self._sending = threading.Lock()
        self._ending = threading.Lock()

    def __repr__(self) -> str:
        return f"Child({self._command!r})"  # arguments and environment may hold secrets

    def start(self) -> None:
        """Start the server; returns at once. Why it can't be started is told by :attr:`ended`."""
        if self._stopped:
            return
        launched = self._launched
        if launched is None:
            system.prepare()
            launched = launch(self._command, self._args, self._env, self._cwd)
        if launched.started is None:
            self._remedy = launched.remedy
            self._end_with(launched.failure, hopeless=launched.hopeless)
            return
        running = self._running = system.Running(launched.started)
        self._messages = messages(lambda: _read(running.stdout), self._noise.add)
        self._listening = threading.Thread(
            target=self._listen, args=(running.stderr,), name="mcp-local stderr", daemon=True
        )
        self._listening.start()
        self._log.event("server_started", program=launched.program)

    def send(self, message: bytes) -> None:
        """Write one message; blocks while the server doesn't read.

        Raises:
            UpstreamGone: the server has ended, or closed its standard input.
        """
        with self._sending:
            running = self._running  # who receives may be about to drop it
            if running is None or self._stopped:
                raise UpstreamGone(self._ended or f"{self._command} was stopped.")
            try:
                _write(running.stdin, message + b"\n")
            except OSError:
                self._over.wait(_EXIT_WAIT)  # who receives is about to know why
                gone = self._ended or f"{self._command} no longer reads its standard input."
                raise UpstreamGone(gone) from None

    def receive(self) -> bytes | None:
        """Wait for the server's next message; ``None`` once it is gone, and all that it started.

        Called by one thread only.
        """
        try:
            message = next(self._messages, None)
        except LineTooLong:
            message = None
            self._end_with(f"{self._command} wrote a line of more than {MAX_MESSAGE >> 20} MiB.")
        if message is None:
            self._finish()
        return message

    @property
    def ended(self) -> str:
        """Why there is nothing more, in a sentence for people; empty while there may be."""
        return self._ended

    @property
    def hopeless(self) -> bool:
        """Whether another start would end in the very same way: there is no such program."""
        return self._hopeless

    @property
    def remedy(self) -> str:
        """What helps where it could not be started; empty where that isn't known."""
        return self._remedy

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of its standard error; may hold secrets of the server's own."""
        return self._errors.lines

    def pid(self) -> int | None:
        """Return its process id; ``None`` when it could not be started."""
        running = self._running
        with self._ending:
            return None if running is None else running.pid(_EXIT_WAIT)

    def stop(self) -> None:
        """End the server and all that it started: end of file, TERM, KILL, within 2 s."""
        self._stopped = True
        running = self._running
        if running is not None:
            self._end(running)

    def _end(self, running: system.Running) -> None:
        self._close_stdin(running, wait=0.0)
        running.end()
        with self._ending:
            running.wait_gone()
        self._close_stdin(running, wait=_CLOSE_WAIT)

    def _close_stdin(self, running: system.Running, *, wait: float) -> None:
        """Tell the server that there is no more; not while a thread is stuck in writing to it.

        Such a thread gets free when the server, which doesn't read, is killed.
        """
        if self._sending.acquire(timeout=wait):
            try:
                running.close_stdin()
            finally:
                self._sending.release()

    def _finish(self) -> None:
        """Say how it ended, once, and leave nothing of it."""
        if not self._ended:
            self._end_with(self._how_it_ended())
        running, self._running = self._running, None
        if running is not None:
            self._end(running)
            os.close(running.stdout)

    def _how_it_ended(self) -> str:
        running = self._running
        if running is None or self._stopped:
            return f"{self._command} was stopped."
        try:
            with self._ending:
                code = running.exit_code(_EXIT_WAIT)
        except OSError as error:
            self._hopeless = error.errno in _HOPELESS
            return f"{self._command} can't be run: {error.strerror}."
        if code is None:
            return f"{self._command} closed its standard output."
        if code < 0:
            return f"{self._command} was ended by signal {-code}."
        return f"{self._command} ended with exit code {code}."

    def _end_with(self, why: str, *, hopeless: bool = False) -> None:
        self._ended, self._hopeless = why, self._hopeless or hopeless
        self._over.set()
        if self._listening is not None:
            self._listening.join(_EXIT_WAIT)  # what it said last is about to be asked for
        level = "info" if self._stopped else "error"
        more = {"remedy": self._remedy} if self._remedy else {"stderr": [*self.last_lines]}
        self._log.event("server_ended", level=level, why=why, **more)

    def _listen(self, stderr: int) -> None:
        while chunk := _read(stderr):
            self._errors.feed(chunk)
        self._errors.close()
        os.close(stderr)


def _read(stream: int) -> bytes:
    with suppress(OSError):
        return os.read(stream, _CHUNK)
    return b""


def _write(stream: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(stream, rest) :]
