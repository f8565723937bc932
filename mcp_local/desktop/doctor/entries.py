"""Checks of one entry of ours in a client's configuration: whether the client could start it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.desktop.doctor.finding import Finding, from_error, note, problem
from mcp_local.desktop.ours import SPLIT
from mcp_local.errors import McpLocalError
from mcp_local.origin import install_hint
from mcp_local.policy.load import load_policy
from mcp_local.settings.keys import CA_FILE, KEYS, PASSPHRASE_FILE, PASSPHRASE_VARIABLE
from mcp_local.settings.paths import absolute, home_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mcp_local.desktop.model import DesktopClient, Entry


def ours(
    client: DesktopClient,
    name: str,
    entry: Entry,
    environ: Mapping[str, str],
    home: Path | None,
) -> Iterator[Finding]:
    """Look at an entry that starts this program.

    ``environ`` and ``home`` (the state folder) are this terminal's.
    """
    yield from _command(client, name, entry)
    yield from _environment(client, name, entry, home)
    yield from _settings(client, name, entry, environ)
    yield from _policy(client, name, entry)


def _command(client: DesktopClient, name: str, entry: Entry) -> Iterator[Finding]:
    command = Path(entry.command)
    if not command.is_absolute():
        where = shutil.which(entry.command)
        yield problem(
            client.id,
            f"{name} is started as `{entry.command}`, which a client's PATH may not have.",
            f"Write {where} there." if where else install_hint(),
        )
    elif not command.exists():
        yield problem(
            client.id,
            f"{name} is started as {command}, which isn't there.",
            f"Write it anew: mcp-local install {client.id} {name} … --replace",
        )
    inner = _wrapped(entry)
    if inner and shutil.which(inner, path=entry.env.get("PATH")) is None:
        yield problem(
            client.id,
            f"{name} guards the command `{inner}`, which isn't there.",
            "Install it, or correct what stands behind `--`.",
        )


def _environment(
    client: DesktopClient, name: str, entry: Entry, home: Path | None
) -> Iterator[Finding]:
    if entry.env.get(PASSPHRASE_VARIABLE):
        yield problem(
            client.id,
            f"The cache's passphrase stands in {name}'s entry, for everyone who reads the file.",
            "Put it into a file of yours alone, named by MCP_LOCAL_CACHE_PASSPHRASE_FILE.",
        )
    for key in (CA_FILE, PASSPHRASE_FILE):
        file = entry.env.get(key.variable)
        if file and not absolute(file).is_file():
            yield problem(
                client.id,
                f"{name}'s entry names {file} ({key.variable}), which isn't there; an emulator "
                "takes its own with it when it ends.",
                f"Correct it, or write it anew: mcp-local install {client.id} {name} …",
            )
    its_home = home_folder(entry.env)[0]
    if home is not None and its_home != home:
        yield note(
            client.id,
            f"{name} keeps its state in {its_home}, this terminal in {home}: who signs in here "
            "isn't signed in there.",
            "Give both the same MCP_LOCAL_HOME, or neither, unless it is meant so.",
        )


def _settings(
    client: DesktopClient, name: str, entry: Entry, environ: Mapping[str, str]
) -> Iterator[Finding]:
    """Look whether the client's server is told what holds in this terminal."""
    here = {key.variable: environ.get(key.variable) for key in KEYS}
    other = [each for each, value in here.items() if value and entry.env.get(each) != value]
    if other:
        yield note(
            client.id,
            f"{name}'s entry doesn't say what this terminal says of {', '.join(other)}.",
            f"If it should: mcp-local install {client.id} {name} … writes it anew; or put it into "
            "the settings file, which holds for both.",
        )


def _policy(client: DesktopClient, name: str, entry: Entry) -> Iterator[Finding]:
    policy = _policy_of(entry)
    if not policy:
        return
    try:
        load_policy(Path(policy))
    except McpLocalError as error:
        told = from_error(client.id, error)
        yield problem(client.id, f"{name}: {told.evidence}", told.remedy)


def _own(entry: Entry) -> tuple[str, ...]:
    """Return the words that are for this program, not for the wrapped server."""
    return entry.line[: entry.line.index(SPLIT)] if SPLIT in entry.line else entry.line


def _policy_of(entry: Entry) -> str:
    own = _own(entry)
    return own[own.index("--policy") + 1] if "--policy" in own[:-1] else ""


def _wrapped(entry: Entry) -> str:
    return "".join(entry.line[len(_own(entry)) + 1 :][:1])
