"""A desk that ``doctor`` looks at: somebody is signed in, and whatever is planted is real."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from mcp_local.broker.record import load_record, save_record
from mcp_local.broker.storage.store import open_store
from mcp_local.cli.main import main
from mcp_local.desktop.catalogue import find_client, places
from mcp_local.secret import Secret
from mcp_local.settings import load, profile_dir
from tests.support.relayed import SERVERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from mcp_local.errors import ExitCode
    from tests.support.entra import Machine

POLICY = """version: 1
roles:
  Task.Read: {tools: ["show_*"]}
  Task.Write: {tools: ["write_*"]}
"""
FILES = (sys.executable, str(SERVERS / "files.py"))
"""A command that serves MCP."""


@dataclass
class Clinic:
    """One test's desk, whose person signed in before."""

    machine: Machine
    home: Path
    capsys: pytest.CaptureFixture[str]
    environ: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        emulator = self.machine.emulator
        self.environ = {
            "HOME": str(self.home.parent),
            "PATH": "/usr/bin:/bin",
            "BROWSER": "true %s",
            "MCP_LOCAL_HOME": str(self.home),
        }
        self.settings = {
            "tenant": emulator.tenant_id,
            "client_id": emulator.client_id,
            "api": emulator.api_id,
            "authority": emulator.authority,
            "ca_file": str(emulator.ca_file),
            "cache.key": "file",
            "policy": str(self.write("policy.yaml", POLICY)),
        }
        self.more = ""
        """What stands in the settings file below the settings."""

    def write(self, name: str, text: str) -> Path:
        """Write a file into the state folder."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def client(self, text: str) -> Path:
        """Write Claude Desktop's file."""
        [place] = places(find_client("claude-desktop"), self.environ, self.home)
        return self.write(str(place.path), text)

    def entries(self, **entries: Mapping[str, object]) -> Path:
        """Write Claude Desktop's file with these servers."""
        return self.client(json.dumps({"mcpServers": entries}))

    def server(self, name: str, command: str, *args: str, **more: str) -> None:
        """Put a server into the settings."""
        entry: dict[str, object] = {"command": command, "args": list(args), **more}
        lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
        self.more += "\n".join([f"[servers.{name}]", *lines, ""])

    def save(self) -> None:
        """Write the settings file."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in self.settings.items()]
        self.write("config.toml", "\n".join([*lines, self.more]))

    def token(self, *, lifetime: float | None = None, version: int = 0, **claims: object) -> None:
        """Let the kept token of this person be another one, still signed by the authority."""
        self.save()
        store = open_store(load({}, self.environ), self.environ)
        record = load_record(store)
        assert record is not None
        emulator = self.machine.emulator
        other = Secret(
            emulator.mint(
                "reader", lifetime=lifetime, version=version, **cast("dict[str, Any]", claims)
            )
        )
        due = {"renew_at": 0.0} if lifetime is not None and lifetime < 0 else {}
        save_record(store, replace(record, token=other, **due))

    def renewal(self, **changes: Any) -> None:
        """Let the token be due for renewal, and the person's record in the directory be changed."""
        self.token(lifetime=-600.0)
        emulator = self.machine.emulator
        emulator.put_person(dataclasses.replace(emulator.person("reader"), **changes))

    def app(self, **changes: Any) -> None:
        """Let the client app be registered otherwise."""
        directory = self.machine.emulator.directory
        client = dataclasses.replace(directory.client, **changes)
        self.machine.emulator.directory = dataclasses.replace(directory, client=client)

    @property
    def profile(self) -> Path:
        """The profile's folder."""
        self.save()
        return profile_dir(load({}, self.environ))

    def told(self, *words: str) -> tuple[ExitCode, str]:
        """Run ``doctor`` as a person does; return its exit code and all that it printed."""
        self.capsys.readouterr()
        code = main(["doctor", *words], self.environ)
        return code, "".join(self.capsys.readouterr())

    def doctor(self, *words: str) -> tuple[ExitCode, list[dict[str, Any]]]:
        """Run ``doctor --json``; return its exit code and checks."""
        self.capsys.readouterr()
        code = main(["doctor", "--json", *words], self.environ)
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        document = cast("dict[str, Any]", json.loads(out))
        problems = [each for each in document["checks"] if each["verdict"] == "problem"]
        assert document["problems"] == len(problems)
        return code, document["checks"]


def furnished(template: Path, home: Path) -> Path:
    """Return ``home`` as a copy of the state folder that somebody signed in to."""
    shutil.copytree(template, home, dirs_exist_ok=True)
    home.chmod(0o700)
    return home
