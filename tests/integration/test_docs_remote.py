"""What docs/remote.md shows for trying it without a tenant works as it stands there."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import readme
from tests.support.desk import PATIENCE, desk
from tests.support.planted import free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

PAGE = (Path(__file__).parents[2] / "docs" / "remote.md").read_text(encoding="utf-8")
SERVER = next(block.text for block in readme.blocks(text=PAGE) if block.note == "server")
USES = [
    command
    for block in readme.blocks(text=PAGE)
    for command in block.commands
    if "http://localhost:8765" in command
]


def listens(port: int) -> bool:
    """Whether somebody does at this port."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(file: Path, environ: Mapping[str, str], port: int) -> Generator[None]:
    """Run the server until the block ends; it listens when this yields."""
    process = subprocess.Popen([sys.executable, file], env=environ, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not listens(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def test_the_server_without_a_tenant(tmp_path: Path) -> None:
    """It wants a token of its API, and its tool answers whoever is signed in."""
    port = free_port()
    file = tmp_path / "reports.py"
    file.write_text(SERVER.replace("8765", str(port)), encoding="utf-8")
    with desk(tmp_path / "home") as here:
        here.sign_in("reader")
        trusting = here.environ | {"SSL_CERT_FILE": here.environ["MCP_LOCAL_CA_FILE"]}
        with running(file, trusting, port):
            listed, called = (
                here.run(*shlex.split(use.replace("$MCP_LOCAL_API", here.emulator.api_id))[1:])
                for use in (use.replace("8765", str(port)) for use in USES)
            )
            refused = here.run("tools", f"http://localhost:{port}/mcp")
    assert "find_report" in listed.stdout
    assert called.stdout == "the report of 2025\n"
    assert "without a token" in refused.stderr
