"""The way to the person's screen, where a desktop client doesn't hand it on."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.screen.display import with_screen

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems need no variable")


@pytest.fixture
def login() -> Iterator[Path]:
    """The folder of a login; not pytest's: the path of a socket has 108 bytes at most."""
    with TemporaryDirectory(prefix="login-") as folder:
        yield Path(folder)


def listen(path: Path) -> None:
    """Leave a socket behind, as a server does that listens there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))


def found(login: Path, **environ: str) -> dict[str, str]:
    """Return what is added to the environment of a desktop client."""
    before = {"PATH": "/bin", "XDG_RUNTIME_DIR": str(login)} | environ
    after = with_screen(before, login / "x11")
    assert after.items() >= {name: text for name, text in before.items() if text}.items()
    return {name: text for name, text in after.items() if before.get(name) != text}


def test_wayland(login: Path) -> None:
    """Its socket lies in the folder of the login, beside the bus; a lock isn't one."""
    listen(login / "wayland-1")
    listen(login / "bus")
    (login / "wayland-0.lock").touch()
    assert found(login, DBUS_SESSION_BUS_ADDRESS="") == {
        "WAYLAND_DISPLAY": "wayland-1",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={login}/bus",
    }


@pytest.mark.parametrize(
    "cookie", ["gdm/Xauthority", ".mutter-Xwaylandauth.A1", "xauth_bC", "home/.Xauthority"]
)
def test_x11(login: Path, cookie: str) -> None:
    """Its socket lies in a folder of all; the key to it with the login or at home."""
    listen(login / "x11" / "X1")
    assert found(login, HOME=str(login / "home")) == {}
    (login / cookie).parent.mkdir(exist_ok=True)
    (login / cookie).touch()
    assert found(login, HOME=str(login / "home")) == {
        "DISPLAY": ":1",
        "XAUTHORITY": str(login / cookie),
    }


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"])
def test_what_is_said_counts(login: Path, name: str) -> None:
    """A screen that is named is used; over SSH nobody sits in front of this one."""
    listen(login / "wayland-0")
    assert found(login, **{name: "said"}) == {}


def test_no_desktop(login: Path) -> None:
    """A folder without sockets, or none at all, adds nothing."""
    (login / "wayland-0").touch()
    assert found(login) == {}
    assert found(login / "gone") == {}


def test_foreign_sockets_are_left_alone(login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user could otherwise show our sign-in on their screen, and type into it."""
    listen(login / "x11" / "X0")
    (login / "xauth_bC").touch()
    assert found(login)["DISPLAY"] == ":0"
    if os.getuid() == 0:
        os.chown(login / "x11" / "X0", 4711, -1)
    else:
        monkeypatch.setattr("os.getuid", lambda: 4711)
        assert (login / "x11" / "X0").stat().st_uid not in {0, 4711}
    assert found(login) == {}
