"""A time limit for the window of the operating system's account broker.

MSAL waits for that window on the main thread and knows no limit; on Windows not even Ctrl-C ends
the wait. So a second thread keeps the time, says what happened, and ends the process: it is one of
its own, and the system takes its locks and its window back.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def ended_after(seconds: float, tell: Callable[[], None]) -> Generator[None]:
    """End this process when the block takes longer than ``seconds``, after ``tell`` has run."""
    deciding, done = threading.Lock(), False

    def end() -> None:
        with deciding:
            if done:
                return
            try:
                tell()
            finally:
                os._exit(ExitCode.SIGN_IN_NEEDED)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with deciding:
            done = True
        timer.cancel()
