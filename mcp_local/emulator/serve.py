"""Runs the emulator in the foreground, for ``mcp-local emulator``."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from mcp_local.emulator.emulator import Emulator
from mcp_local.emulator.users_file import load_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path
    from types import FrameType

_TICK = 0.5
"""Seconds between two looks; on Windows a wait without end can't be interrupted."""
_STDIN = 0
_LAST_PORT = 65535


def serve(
    *,
    port: int = 0,
    users_file: Path | None = None,
    announce: Callable[[Emulator], None],
    until_stdin_closes: bool = False,
) -> None:
    """Run an emulator until SIGINT or SIGTERM, or the end of standard input where asked.

    ``port`` is the one of HTTPS, the pages for people come at the next one; 0 takes free ones, as
    the pages do behind the last of all.
    ``announce`` is called once it runs; :meth:`Emulator.environment` has what to set. Call it
    from the main thread: signals go nowhere else.

    Raises:
        SettingsError: the users file means nothing.
        UsageError: a port is in use.
    """
    directory = load_directory(users_file) if users_file else None
    stopped = threading.Event()
    pages_port = port + 1 if 0 < port < _LAST_PORT else 0
    with _signals(stopped), Emulator(directory, port=port, pages_port=pages_port) as entra:
        if until_stdin_closes:
            threading.Thread(target=_watch_stdin, args=(stopped,), daemon=True).start()
        announce(entra)
        while not stopped.wait(_TICK):
            pass


@contextlib.contextmanager
def _signals(stopped: threading.Event) -> Generator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _watch_stdin(stopped: threading.Event) -> None:
    # Read past Python's buffer: a thread that holds its lock would trouble the interpreter's end.
    with contextlib.suppress(OSError):
        while os.read(_STDIN, 4096):
            pass
    stopped.set()
