# ruff: noqa: INP001 - a script, in no package
"""Draw README's pictures from what a terminal really shows: ``uv run python docs/images/make.py``.

POSIX only: the commands run in a pseudo-terminal, so that they show their colours.
"""

from __future__ import annotations

import json
import os
import platform
import pty
import re
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from mcp_local.emulator import Emulator
from mcp_local.targets import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
COLUMNS = 122
FROM_ELSEWHERE = re.compile(r"@font-face\s*\{.*?\}\s*|<!--.*?-->\s*", re.DOTALL)
TIMINGS = re.compile(r"\n\s*\n[^\n]*role[^\n]*protocol.*?\n(?=Done)", re.DOTALL)
"""The demo's last table says how fast the machine is, and nothing about the program's answers."""

PROGRESS = re.compile(r"[^\n]*\x1b\[2K\r?")
"""A live line, taken back."""


def shown(command: str, environ: Mapping[str, str], *, code: int = 0) -> str:
    """Run a command in a terminal; return its prompt and what it showed.

    Raises:
        SystemExit: it ended with another exit code than ``code``.
    """
    name, *arguments = command.split()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(name, (name, *arguments), environ)  # noqa: S606 - no shell is wanted
    chunks: list[bytes] = []
    try:
        while chunk := os.read(terminal, 65_536):
            chunks.append(chunk)
    except OSError:
        pass  # Linux's way of saying that the other side was closed
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != code:
        raise SystemExit(f"{command} failed:\n{b''.join(chunks).decode()}")
    return f"\x1b[1m$ {command}\x1b[0m\n" + b"".join(chunks).decode().replace("\r\n", "\n")


def draw(name: str, text: str) -> None:
    """Write a picture that asks for nothing from elsewhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, file=nowhere, width=COLUMNS)
        console.print(Text.from_ansi(text.rstrip()), end="\n\n")
        svg = FROM_ELSEWHERE.sub("", console.export_svg(title="mcp-local", unique_id=name))
    lines = (line.rstrip() for line in svg.splitlines())
    HERE.joinpath(f"{name}.svg").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def doctor(terminal: Mapping[str, str]) -> str:
    """Return what ``doctor`` tells somebody whom nobody gave a role."""
    with Emulator() as emulator, TemporaryDirectory() as folder:
        home = Path(folder) / "nora"
        state = home / "mcp-local"
        state.mkdir(parents=True, mode=0o700)
        policy = state / "policy.yaml"
        policy.write_bytes((SAMPLES / "weather_policy.yaml").read_bytes())
        settings = {
            "tenant": emulator.tenant_id,
            "client_id": emulator.client_id,
            "api": emulator.api_id,
            "authority": emulator.authority,
            "ca_file": str(emulator.ca_file),
            "policy": str(policy),
        }
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        state.joinpath("config.toml").write_text("".join(lines), encoding="utf-8")
        client = home / ".cursor" / "mcp.json"
        client.parent.mkdir()
        entry = {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem"]}
        client.write_text(json.dumps({"mcpServers": {"files": entry}}), encoding="utf-8")
        browser = home / "firefox"
        command = emulator.environment("norole")["BROWSER"].replace("%s", '"$1"')
        browser.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        browser.chmod(0o700)
        person = terminal | {
            "HOME": str(home),
            "BROWSER": f"{browser} %s",
            "MCP_LOCAL_HOME": str(state),
            "MCP_LOCAL_CACHE_PASSPHRASE": secrets.token_hex(),
        }
        shown("mcp-local login", person)
        text = PROGRESS.sub("", shown("mcp-local doctor", person, code=6))
    programs = str(Path(sys.executable).parent)
    system = platform.platform(terse=True)
    return (
        text.replace(folder, "/home")
        .replace(programs, "/home/nora/.local/bin")
        .replace(system, platform.system())
    )


def main() -> None:
    """Draw all pictures."""
    terminal = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    draw("doctor", doctor(terminal))
    draw("demo", TIMINGS.sub("\n\n", shown("mcp-local demo", terminal)))
    with Emulator() as emulator, TemporaryDirectory() as home:
        machine = {"MCP_LOCAL_HOME": home, "MCP_LOCAL_CACHE_PASSPHRASE": secrets.token_hex()}
        reader = terminal | emulator.environment("reader") | machine
        shown("mcp-local login", reader)
        commands = ("mcp-local whoami", "mcp-local tools")
        draw("reader", "\n".join(shown(command, reader) for command in commands))


if __name__ == "__main__":
    main()
