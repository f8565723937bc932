"""A server that was told of no screen still brings the sign-in to the person's own browser."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from mcp_local.emulator.visitor import visit
from tests.support import tab
from tests.support.chat import MODERN, NOTES, chat, run
from tests.support.desk import wait_for
from tests.support.person import Person

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp_local.emulator import Emulator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems need no variable")


@pytest.fixture
def login() -> Iterator[Path]:
    """The folder of a login with a Wayland socket in it (a socket's path has 108 bytes at most)."""
    with (
        TemporaryDirectory(prefix="login-") as folder,
        closing(socket.socket(socket.AF_UNIX)) as server,
    ):
        server.bind(f"{folder}/wayland-0")
        yield Path(folder)


def test_the_browser_of_the_desktop_is_found(
    login: Path, tmp_path: Path, entra_emulator: Emulator
) -> None:
    """HOME, PATH and the login's folder are enough: ``xdg-open`` is told where the screen is."""
    rita = Person(tmp_path / "home", entra_emulator, "reader", cache_key="file")
    opened = tmp_path / "opened"
    programs = tmp_path / "bin"
    programs.mkdir()
    xdg_open = programs / "xdg-open"
    xdg_open.write_text(
        f'#!/bin/sh\n[ "$WAYLAND_DISPLAY" = wayland-0 ] && exec {sys.executable} {tab.__file__} '
        f'{opened} "$1"\n',
        encoding="utf-8",
    )
    xdg_open.chmod(0o700)
    desktop = rita.desktop | {
        "PATH": str(programs),  # else the browser of this machine may be preferred
        "XDG_RUNTIME_DIR": str(login),
    }
    assert run(_session(desktop, opened)) == {"list_notes", "count_slowly"}


async def _session(environ: Mapping[str, str], opened: Path) -> set[str]:
    async with chat(["run", *NOTES], environ, era=MODERN, name="claude-code") as client:
        await asyncio.to_thread(_sign_in, opened)
        await client.told()
        return await client.tools()


def _sign_in(opened: Path) -> None:
    wait_for(lambda: opened.exists() and opened.read_text(encoding="utf-8").endswith("\n"))
    assert visit(opened.read_text(encoding="utf-8").strip(), "reader").went_well
