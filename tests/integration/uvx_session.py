"""The main job as an installed program: ``uv run python tests/integration/uvx_session.py WHEEL``.

Takes the shipped example configuration, puts WHEEL and a running emulator in the place of its
placeholders, signs somebody in, and starts the server as a desktop client does: with its command,
its arguments and its environment. Prints one line a step; exits 1 on any difference. For Linux.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mcp_local.emulator import Emulator
from tests.support.chat import ERAS, NOTES, chat, run
from tests.support.person import Person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXAMPLE = Path(__file__).parents[2] / "claude_desktop_config.example.json"
MACHINE = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Beside those of ``uv`` itself, what ``uvx`` may need on this machine to install anything."""


class DiffersError(Exception):
    """Something isn't as it should be."""


@dataclass(frozen=True)
class Server:
    """One entry under ``mcpServers``, as a desktop client reads it."""

    command: str
    args: list[str]
    env: dict[str, str]

    def program(self) -> list[str]:
        """Return the command line up to the program's own words."""
        return [self.command, *self.args[: self.args.index("run")]]


def main() -> int:
    """Do everything; return the exit code."""
    wheel = Path(sys.argv[1]).resolve(strict=True)
    try:
        with tempfile.TemporaryDirectory(prefix="uvx-session-") as folder, Emulator() as emulator:
            _walk(Path(folder), emulator, wheel)
    except DiffersError as difference:
        _say(f"DIFFERS  {difference}")
        return 1
    return 0


def _walk(folder: Path, emulator: Emulator, wheel: Path) -> None:
    server = _configured(folder, emulator, wheel)
    _say(f"configured  {server.command} {' '.join(server.args)}")
    person = Person(folder / "home", emulator, "writer", cache_key="file")
    machine = _machine()
    terminal = machine | person.terminal | server.env
    desktop = machine | person.desktop | server.env

    who = _command([*server.program(), "login"], terminal)
    _expect("login", who["roles"], ["Task.Write"])
    for era in ERAS:
        run(_session(server, desktop, era))
    gone = _command([*server.program(), "logout"], terminal)
    _expect("logout", gone["signed_out"], ["writer@contoso.example"])


def _configured(folder: Path, emulator: Emulator, wheel: Path) -> Server:
    """Return the example's one server, with real values in the place of the placeholders."""
    server, _, policy = NOTES
    values = {
        "/absolute/path/server.py": str(shutil.copy(server, folder)),
        "/absolute/path/policy.yaml": str(shutil.copy(policy, folder)),
        "00000000-0000-0000-0000-000000000000": emulator.tenant_id,
        "11111111-1111-1111-1111-111111111111": emulator.client_id,
        "22222222-2222-2222-2222-222222222222": emulator.api_id,
    }
    text = EXAMPLE.read_text(encoding="utf-8")
    for placeholder, value in values.items():
        _expect(f"{placeholder} in the example", text.count(placeholder), 1)
        text = text.replace(placeholder, value)
    (entry,) = cast("dict[str, dict[str, dict[str, object]]]", json.loads(text))[
        "mcpServers"
    ].values()
    command, args = str(entry["command"]), cast("list[str]", entry["args"])
    _expect("command", (command, args[:2]), ("uvx", ["mcp-local", "run"]))
    return Server(command, ["--from", str(wheel), *args], cast("dict[str, str]", entry["env"]))


def _machine() -> dict[str, str]:
    """Return what this machine's ``uvx`` needs: its cache, and its way to the packages."""
    cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True)
    own = {name: os.environ[name] for name in os.environ if name.startswith("UV_")}
    certificates = {name: os.environ[name] for name in MACHINE if name in os.environ}
    return own | certificates | {"UV_CACHE_DIR": cache.stdout.strip()}


def _command(line: Sequence[str], environ: Mapping[str, str]) -> dict[str, object]:
    """Run a command of the program; return its JSON."""
    done = subprocess.run(
        [*line, "--json"], env=environ, stdout=subprocess.PIPE, text=True, check=False, timeout=300
    )
    _expect(f"{line[-1]}: exit code", done.returncode, 0)
    return cast("dict[str, object]", json.loads(done.stdout))


async def _session(server: Server, environ: Mapping[str, str], era: str) -> None:
    async with chat(server.args, environ, era=era, program=server.command) as client:
        _say(f"{era}  speaks {client.client.protocol_version}")
        tools = sorted(await client.tools())
        _expect(f"{era}  lists", tools, ["add_note", "count_slowly", "list_notes"])
        _expect(f"{era}  calls", await client.say("add_note", text="go out"), "3 notes")
        refused = await client.say("delete_notes")
        _expect(f"{era}  refuses", refused, "Unknown tool: 'delete_notes'")


def _expect(step: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise DiffersError(f"{step}: {found!r}, not {wanted!r}")
    _say(f"{step}  {found}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
