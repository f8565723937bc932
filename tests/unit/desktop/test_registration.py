"""Entries in every client's own format, put in, guarded, and as they were afterwards."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, cast

import pytest

from mcp_local.desktop.catalogue import CLIENTS, find_client, places
from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.guarded import GuardedRecords
from mcp_local.desktop.model import Entry
from mcp_local.desktop.ours import behind_guard, changes, is_ours
from mcp_local.desktop.registration import Registration
from mcp_local.desktop.shapes import read_entry
from mcp_local.desktop.text import Unreadable, at
from mcp_local.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.desktop.model import DesktopClient

PROGRAM = "/opt/bin/mcp-local"
LINE = (PROGRAM, "run", "--policy", "/p.yaml")

_JSON = """{
  // servers of mine
  "%s": {
    "files": {
      "command": "npx", // by npm
      "args": [
        "-y",
        "server-filesystem"
      ],
      "env": { "TOKEN": "s3cret" },
      "disabled": false
    },
  },
  "theme": "dark"
}
"""
FILES = {
    "claude-desktop": _JSON % "mcpServers",
    "claude-code": """{
  "numStartups": 3,
  "mcpServers": {
    "files": {
      "type": "stdio",
      "command": "npx",
      "args": [
        "-y",
        "server-filesystem"
      ],
      "env": {
        "TOKEN": "s3cret"
      }
    }
  }
}""",
    "vscode": _JSON % "servers",
    "cursor": _JSON % "mcpServers",
    "windsurf": _JSON % "mcpServers",
    "codex": """# mine
model = "o3"

[mcp_servers.files]
command = "npx"  # by npm
args = [
  "-y",
  "server-filesystem",
]
startup_timeout_sec = 20

[mcp_servers.files.env]
TOKEN = "s3cret"

[profiles.fast]
model = "o4"
""",
    "gemini": _JSON % "mcpServers",
    "goose": """GOOSE_PROVIDER: openai # mine
extensions:
  files:
    enabled: true
    type: stdio
    name: files
    cmd: npx
    args:
    - -y
    - server-filesystem
    envs:
      TOKEN: s3cret
    timeout: 300
GOOSE_MODEL: gpt
""",
    "zed": """// Zed settings
{
  "theme": "One Dark",
  "context_servers": {
    "files": {
      "source": "custom",
      "command": {
        "path": "npx",
        "args": ["-y", "server-filesystem"],
        "env": { "TOKEN": "s3cret" }
      }
    }
  }
}
""",
    "generic": _JSON % "mcpServers",
}


def test_there_is_a_file_of_every_client() -> None:
    """No client is left out below."""
    assert set(FILES) == {client.id for client in CLIENTS}


def _open(client: DesktopClient, home: Path, text: str | None = None) -> ConfigFile:
    place = places(client, os.environ, home / "work")[0]
    if text is not None:
        place.path.parent.mkdir(parents=True, exist_ok=True)
        place.path.write_bytes(text.encode())
    return ConfigFile(place)


@pytest.mark.parametrize("name", FILES)
def test_a_guard_goes_before_a_server_and_away_again(name: str, home: Path) -> None:
    """The command and its arguments stand behind the guard; afterwards not a byte differs."""
    client, records = find_client(name), GuardedRecords(home / "state")
    before = _open(client, home, FILES[name])
    entry = read_entry(before.servers()["files"], client.shape)
    assert entry is not None
    done = Registration(before, client).guard("files", LINE, {"MCP_LOCAL_HOME": "/h"}, records)
    assert done.copy is not None
    assert done.copy.read_text(encoding="utf-8") == FILES[name]
    after = _open(client, home)
    value = after.servers()["files"]
    guarded = read_entry(value, client.shape)
    assert guarded is not None
    passed = [word for variable in entry.env for word in ("--pass-env", variable)]
    assert guarded.line == (*LINE, *passed, "--", "npx", "-y", "server-filesystem")
    assert guarded.env == {"MCP_LOCAL_HOME": "/h", **entry.env}
    assert is_ours(value, client)
    assert behind_guard(value, client) == Entry("npx", ("-y", "server-filesystem"), guarded.env, "")
    with pytest.raises(UsageError, match="mcp-local before it already") as caught:
        Registration(after, client).guard("files", LINE, {}, records)
    assert caught.value.hint.endswith(f"mcp-local unguard {name} files")
    Registration(after, client).unguard("files", records)
    assert after.place.path.read_text(encoding="utf-8") == FILES[name]
    with pytest.raises(UsageError, match="no guard"):
        Registration(_open(client, home), client).unguard("files", records)


@pytest.mark.parametrize("name", FILES)
def test_a_guard_goes_away_from_an_entry_that_was_edited_since(name: str, home: Path) -> None:
    """The server's command is as it was, what the person changed stays, nothing of ours does."""
    client, records = find_client(name), GuardedRecords(home / "state")
    file = _open(client, home, FILES[name])
    Registration(file, client).guard("files", LINE, {"MCP_LOCAL_HOME": "/h"}, records)
    edited = _open(client, home)
    edited.text.set((*edited.place.keys, "files", "mine"), [1])
    edited.save()
    Registration(_open(client, home), client).unguard("files", records)
    servers = _open(client, home)
    assert at(servers.servers(), ("files", "mine")) == [1]
    entry = read_entry(servers.servers()["files"], client.shape)
    assert entry is not None
    assert entry.line == ("npx", "-y", "server-filesystem")
    assert "MCP_LOCAL_HOME" not in entry.env


@pytest.mark.parametrize("name", FILES)
def test_a_server_is_added_beside_others_and_taken_out_again(name: str, home: Path) -> None:
    """What the client has beside it stays as it was, to the byte."""
    client = find_client(name)
    entry = Entry(PROGRAM, ("run", "notes.py"), {"MCP_LOCAL_TENANT_ID": "t"})
    file = _open(client, home, FILES[name])
    Registration(file, client).install("notes", entry, overwrite=False)
    added = read_entry(_open(client, home).servers()["notes"], client.shape)
    assert added == entry
    again = Registration(_open(client, home), client)
    again.install("notes", Entry(PROGRAM, ("run", "other.py")), overwrite=False)
    Registration(_open(client, home), client).uninstall("notes")
    assert file.place.path.read_text(encoding="utf-8") == FILES[name]


@pytest.mark.parametrize("name", FILES)
def test_a_client_without_a_file_gets_one(name: str, home: Path) -> None:
    """Folders are made, and there is nothing to keep a copy of."""
    client = find_client(name)
    done = Registration(_open(client, home), client).install(
        "notes", Entry(PROGRAM, ("run",)), overwrite=False
    )
    assert done.copy is None
    assert "notes" in _open(client, home).servers()


def test_what_is_not_ours_is_left_alone(home: Path) -> None:
    """Another server is neither replaced unasked nor taken out."""
    client = find_client("cursor")
    servers = Registration(_open(client, home, FILES["cursor"]), client)
    with pytest.raises(UsageError, match="has a server 'files' already"):
        servers.install("files", Entry(PROGRAM, ("run",)), overwrite=False)
    with pytest.raises(UsageError, match="doesn't start mcp-local"):
        servers.uninstall("files")
    with pytest.raises(UsageError, match="has no server 'file'") as refused:
        servers.uninstall("file")
    assert refused.value.hint == "Did you mean 'files'?"
    assert servers.install("files", Entry(PROGRAM, ("run",)), overwrite=True).copy is not None


@pytest.mark.parametrize(
    ("name", "text", "headers"),
    [
        ("vscode", '{"servers": {"r": {"type": "http", "url": "https://x/mcp"}}}', False),
        ("windsurf", '{"mcpServers": {"r": {"serverUrl": "https://x/mcp"}}}', False),
        ("gemini", '{"mcpServers": {"r": {"httpUrl": "https://x/mcp"}}}', False),
        ("goose", "extensions:\n  r:\n    type: streamable_http\n    uri: https://x/mcp\n", False),
        ("codex", '[mcp_servers.r]\nurl = "https://x/mcp"\n', False),
        ("cursor", '{"mcpServers": {"r": {"url": "https://x/mcp", "headers": {"A": "b"}}}}', True),
        ("codex", '[mcp_servers.r]\nurl = "https://x/mcp"\nbearer_token_env_var = "T"\n', True),
    ],
)
def test_a_remote_server_is_bridged(name: str, text: str, headers: bool, home: Path) -> None:  # noqa: FBT001
    """Its address becomes our target; headers of its own must move to the settings first."""
    client, records = find_client(name), GuardedRecords(home / "state")
    servers = Registration(_open(client, home, text), client)
    if headers:
        with pytest.raises(UsageError, match="headers of its own"):
            servers.guard("r", LINE, {}, records)
        return
    servers.guard("r", (*LINE, "--api", "a"), {}, records)
    entry = read_entry(_open(client, home).servers()["r"], client.shape)
    assert entry is not None
    assert entry.line == (*LINE, "--api", "a", "https://x/mcp")
    assert "https://x/mcp" not in {entry.url, entry.cwd}
    Registration(_open(client, home), client).unguard("r", records)
    assert _open(client, home).place.path.read_text(encoding="utf-8") == text


def test_a_broken_file_is_never_touched(home: Path) -> None:
    """It is named, with what is wrong and that nothing was written."""
    client = find_client("claude-desktop")
    with pytest.raises(Unreadable, match=r"claude_desktop_config\.json is not JSON") as refused:
        _open(client, home, '{"mcpServers": {')
    assert "not touched" in refused.value.hint
    for text in ('{"mcpServers": []}', '{"mcpServers": 7}'):
        with pytest.raises(Unreadable, match="has no table under `mcpServers`"):
            _open(client, home, text).servers()
    path = places(client, os.environ, home)[0].path
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(Unreadable, match="not UTF-8"):
        _open(client, home)
    assert path.read_bytes() == b"\xff\xfe{}"


def test_a_file_that_changed_meanwhile_is_not_overwritten(home: Path) -> None:
    """The client wrote it between our reading and our writing."""
    client = find_client("cursor")
    servers = Registration(_open(client, home, FILES["cursor"]), client)
    path = places(client, os.environ, home)[0].path
    path.write_text('{"mcpServers": {}}', encoding="utf-8")
    with pytest.raises(StorageError, match="changed by another program"):
        servers.install("notes", Entry(PROGRAM, ("run",)), overwrite=False)
    assert path.read_text(encoding="utf-8") == '{"mcpServers": {}}'


def test_links_and_permissions_stay(home: Path) -> None:
    """A configuration that is a link into somebody's dotfiles stays one, with its mode."""
    client = find_client("cursor")
    path = places(client, os.environ, home)[0].path
    real = home / "dotfiles.json"
    real.write_text("{}", encoding="utf-8")
    real.chmod(0o640)
    path.parent.mkdir(parents=True)
    path.symlink_to(real)
    Registration(_open(client, home), client).install(
        "notes", Entry(PROGRAM, ("run",)), overwrite=False
    )
    assert path.is_symlink()
    assert "notes" in real.read_text(encoding="utf-8")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_a_folder_whose_name_is_no_text_may_hold_the_file_but_not_the_server(home: Path) -> None:
    """A configuration is UTF-8; of a path that isn't, nothing else could be written into it."""
    client, records = find_client("claude-code"), GuardedRecords(home / "state")
    folder = home / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    Registration(_open(client, folder, FILES[client.id]), client).guard("files", LINE, {}, records)
    Registration(_open(client, folder), client).unguard("files", records)
    file = _open(client, folder)
    assert file.place.path.read_text(encoding="utf-8") == FILES[client.id]
    entry = Entry(PROGRAM, ("run", f"{folder}/notes.py"), {})
    with pytest.raises(StorageError, match="a path in the entry isn't"):
        Registration(file, client).guard("files", entry.line, {}, records)
    file = _open(client, folder)
    with pytest.raises(StorageError, match="a path in the entry isn't"):
        Registration(file, client).install("notes", entry, overwrite=False)
    assert file.place.path.read_text(encoding="utf-8") == FILES[client.id]


def test_only_the_newest_copies_are_kept(home: Path) -> None:
    """Five dated copies lie beside the file, and no more."""
    client = find_client("cursor")
    for count in range(8):
        Registration(_open(client, home), client).install(
            f"n{count}", Entry(PROGRAM, ("run",)), overwrite=False
        )
    folder = places(client, os.environ, home)[0].path.parent
    assert len(list(folder.glob("*.bak"))) == 5
    assert len(list(folder.iterdir())) == 6


def test_a_record_that_can_not_be_read_is_as_good_as_none(home: Path) -> None:
    """The entry itself says what it guards."""
    client, records = find_client("cursor"), GuardedRecords(home / "state")
    Registration(_open(client, home, FILES["cursor"]), client).guard("files", LINE, {}, records)
    (kept,) = (home / "state" / "guarded").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_bytes(b"{")
    Registration(_open(client, home), client).unguard("files", records)
    value = _open(client, home).servers()["files"]
    entry = read_entry(value, client.shape)
    assert entry is not None
    assert entry.line == ("npx", "-y", "server-filesystem")


@pytest.mark.parametrize(
    "line",
    [
        ["uvx", "mcp-local", "run"],
        ["/x/uv", "tool", "run", "--from", "mcp-local==1", "mcp-local", "run", "n.py"],
        ["C:\\x\\mcp-local.exe", "--tenant", "t", "run", "--", "npx"],
        ["python", "-m", "mcp_local", "run"],
    ],
)
def test_ours_is_known_in_every_way_it_is_started(line: list[str]) -> None:
    """Through uvx, by its path, as a module, with flags before the command."""
    client = find_client("cursor")
    assert is_ours({"command": line[0], "args": line[1:]}, client)


@pytest.mark.parametrize(
    "line", [["npx", "--", "mcp-local", "run"], ["mcp-local", "demo"], ["run"], ["mcp-locally"]]
)
def test_others_are_not_taken_for_ours(line: list[str]) -> None:
    """What another program is told after its own `--` is none of ours."""
    assert not is_ours({"command": line[0], "args": line[1:]}, find_client("cursor"))


@pytest.mark.parametrize("value", [None, 3, [], {}, {"command": 3}, {"args": ["x"]}])
def test_what_is_no_server_is_no_server(value: object) -> None:
    """Odd entries are neither ours nor guardable."""
    assert read_entry(value, find_client("cursor").shape) is None
    assert not is_ours(value, find_client("cursor"))


@pytest.mark.parametrize("name", FILES)
def test_an_entry_of_ours_that_is_written_anew_keeps_what_else_it_says(
    name: str, home: Path
) -> None:
    """A person may have given it a time limit, or switched it off; what it was is told."""
    client = find_client(name)
    first = Entry(PROGRAM, ("run", "/a.py"), env={"MCP_LOCAL_ACCOUNT": "rita"})
    Registration(_open(client, home, FILES[name]), client).install("own", first, overwrite=False)
    file = _open(client, home)
    file.text.set((*file.place.keys, "own", "patience"), 90)
    file.save()
    second = Entry(PROGRAM, ("run", "/b.py"))
    done = Registration(_open(client, home), client).install("own", second, overwrite=False)
    entry = _open(client, home).servers()["own"]
    assert cast("dict[str, object]", entry)["patience"] == 90
    written = read_entry(entry, client.shape)
    assert written is not None
    assert written.line == second.line
    assert not written.env
    assert done.replaced is not None
    assert done.replaced.line == first.line


OURS = Entry(PROGRAM, ("run", "/a.py", "--policy", "/p.yaml"), env={"A": "s3cret", "B": "2"})


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (OURS, OURS, []),
        (OURS, Entry(PROGRAM, OURS.args, env={"A": "other", "C": "3"}), ["environment: A, B, C"]),
        (
            OURS,
            Entry("/usr/bin/uv", ("tool", "run", "mcp-local", "run", "/a.py"), OURS.env),
            [f"program: {PROGRAM} → /usr/bin/uv", "policy: /p.yaml → none"],
        ),
        (
            Entry(PROGRAM, ("--tenant", "t", "run", "--demo")),
            Entry(PROGRAM, ("run", "--pass-env", "A", "--pass-env", "B", "--", "npx", "x")),
            [
                "tenant: t → none",
                "server: the sample server → npx",
                "demo: yes → none",
                "pass-env: none → A B",
            ],
        ),
        (
            Entry(PROGRAM, ("run", "--", "npx", "--key", "s3cret")),
            Entry(PROGRAM, ("run", "--", "npx", "--key", "other")),
            ["other arguments for npx"],
        ),
        (
            Entry("npx", ("s3cret",)),
            Entry(PROGRAM, ("run", "https://x.example/mcp")),
            [
                "server: npx, without a guard → https://x.example",
                f"program: none → {PROGRAM}",
            ],
        ),
        (
            Entry("", url="https://me:s3cret@x.example:8/s3cret?key=s3cret"),
            Entry(PROGRAM, ("run", "notes")),
            [
                "server: https://x.example:8, without a guard → notes",
                f"program: none → {PROGRAM}",
            ],
        ),
        (
            Entry(PROGRAM, ("run", "https://x.example/s3cret")),
            Entry(PROGRAM, ("run", "https://x.example/mcp?key=s3cret")),
            ["another address at https://x.example"],
        ),
        (
            Entry("KEY=s3cret npx x"),
            Entry(PROGRAM, ("run", "notes")),
            ["server: … npx x, without a guard → notes", f"program: none → {PROGRAM}"],
        ),
    ],
)
def test_what_two_entries_say_otherwise_is_told(old: Entry, new: Entry, told: list[str]) -> None:
    """Neither values of variables, nor arguments of others' commands, nor ways to servers."""
    assert sorted(changes(old, new)) == sorted(told)


def test_servers_of_one_folder_are_kept_apart_from_the_persons(home: Path) -> None:
    """One file of Claude Code has both, and a server's name may stand in both."""
    client, records = find_client("claude-code"), GuardedRecords(home / "state")
    everywhere, _, here = places(client, os.environ, home)
    for place, command in ((everywhere, "npx"), (here, "uvx")):
        file = ConfigFile(place)
        file.text.set((*place.keys, "files"), {"command": command, "args": []})
        file.save()
    text = here.path.read_text(encoding="utf-8")
    for place in (everywhere, here):
        Registration(ConfigFile(place), client).guard("files", LINE, {}, records)
    for place in (everywhere, here):
        Registration(ConfigFile(place), client).unguard("files", records)
    assert here.path.read_text(encoding="utf-8") == text
