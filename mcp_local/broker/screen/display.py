"""Finds the person's screen where a desktop client hands on no word of it (CLIENTS.md 8).

On Linux a browser needs DISPLAY or WAYLAND_DISPLAY; clients start servers with HOME, PATH and
little more. The sockets of the desktop lie where they always do, in the folder of the login.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

X_SOCKETS: Final = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers listen
_COOKIES: Final = ("gdm/Xauthority", ".mutter-Xwaylandauth.*", "xauth_*")
"""Where display managers keep the key to an X server, below the folder of the login."""


def with_screen(environ: Mapping[str, str], x_sockets: Path = X_SOCKETS) -> dict[str, str]:
    """Return ``environ``, with the way to the person's screen if it lacks that and there is one.

    A terminal over SSH stays without: whoever sits there doesn't see this machine's screen.
    """
    if sys.platform != "linux" or _says_enough(environ):
        return dict(environ)
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    if not runtime.is_dir():
        return dict(environ)
    screen = _wayland(runtime) | _x11(runtime, x_sockets, environ.get("HOME", ""))
    if not screen:
        return dict(environ)
    login = {"XDG_RUNTIME_DIR": str(runtime)}
    if (runtime / "bus").is_socket():
        login["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={runtime}/bus"
    return login | screen | {name: value for name, value in environ.items() if value}


def _says_enough(environ: Mapping[str, str]) -> bool:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION")
    return any(environ.get(name) for name in names)


def _wayland(runtime: Path) -> dict[str, str]:
    sockets = sorted(path.name for path in runtime.glob("wayland-*") if path.is_socket())
    return {"WAYLAND_DISPLAY": sockets[0]} if sockets else {}


def _x11(runtime: Path, x_sockets: Path, home: str) -> dict[str, str]:
    """Return the first X server that this person's login may have the key to."""
    cookies = [path for pattern in _COOKIES for path in sorted(runtime.glob(pattern))]
    cookies += [path for path in [Path(home, ".Xauthority")] if home and path.exists()]
    screens = sorted(path.name for path in x_sockets.glob("X*") if _is_trusted(path))
    if not cookies or not screens:
        return {}
    return {"DISPLAY": f":{screens[0].removeprefix('X')}", "XAUTHORITY": str(cookies[0])}


def _is_trusted(path: Path) -> bool:
    """Whether it is a socket of this person or of the system: others may put some there, too."""
    return path.is_socket() and path.stat().st_uid in {0, os.getuid()}
