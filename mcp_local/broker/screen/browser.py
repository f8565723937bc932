"""Opens the person's browser, so that nothing it prints reaches us.

The standard ``webbrowser`` module does it, in a process of its own: browsers inherit standard
output, write to it, and some stay in the foreground until they are closed.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from mcp_local.broker.screen.display import with_screen
from mcp_local.broker.screen.wsl import windows_opener
from mcp_local.settings.keys import PASSPHRASE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPEN = (
    "import os, sys, webbrowser; url = sys.stdin.readline(); "
    "os.dup2(os.open(os.devnull, os.O_RDONLY), 0); sys.exit(not webbrowser.open(url))"
)
"""The address comes over a pipe: arguments can be read by every user of the machine."""
_LOOK = "import webbrowser; webbrowser.get()"
_PYTHON = (sys.executable, "-P", "-c")
_TAKEN = 2.0
"""Seconds in which a browser that can't open a page says so."""
_OWN_SCREEN = ("win32", "darwin")
"""Systems where a person's session always has a screen."""


def available(environ: Mapping[str, str]) -> bool:
    """Tell whether a browser can probably be opened.

    ``BROWSER`` counts as one. Without a display only text browsers are left, which need a terminal
    that we don't have.
    """
    if environ.get("BROWSER") or sys.platform in _OWN_SCREEN or windows_opener(environ):
        return True
    environ = with_screen(environ)
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return False
    look = _start([*_PYTHON, _LOOK], environ=environ)
    return look is not None and not look.wait()


def open_page(url: str, environ: Mapping[str, str]) -> bool:
    """Open ``url``, and leave it to the person; tell whether a browser took it. Blocks a moment."""
    return available(environ) and Opening(url, environ).taken(_TAKEN)


class Opening:
    """An address on its way to the browser."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Start to open ``url``; returns at once."""
        own = "" if environ.get("BROWSER") else windows_opener(environ)
        command = own or [*_PYTHON, _OPEN]
        self._process = _start(command, environ=with_screen(environ), text=url)

    def failed(self) -> bool:
        """Tell whether no browser took the address; ``False`` while one is being tried."""
        return self._process is None or bool(self._process.poll())

    def taken(self, seconds: float) -> bool:
        """Tell whether a browser has taken the address, or tries to, after so many seconds."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        failed = self.failed()
        self.let_go()
        return not failed

    def let_go(self) -> None:
        """Leave the browser to the person."""
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0  # else Python warns of a process left running


def _start(
    command: Sequence[str], *, environ: Mapping[str, str], text: str = ""
) -> subprocess.Popen[bytes] | None:
    """Start it; ``None`` where the system can't, as a WSL that has lost its way to Windows."""
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, or Windows' shell; fixed words
            command,
            env={name: value for name, value in environ.items() if name != PASSPHRASE_VARIABLE},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C ends the sign-in, not the browser
        )
    except OSError:
        return None
    with suppress(OSError), process.stdin or nullcontext() as pipe:  # it may have ended already
        if pipe is not None:
            pipe.write(text.encode())
    return process
