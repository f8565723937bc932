"""What docs/ takes from the program: the pages of commands and settings, the table of clients.

``uv run python -m tests.support.doc_tables`` writes them.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Final, cast

from mcp_local.cli.catalogue import FAMILIES, find_command
from mcp_local.cli.parser import Parser
from mcp_local.desktop.catalogue import (
    _PLACES,  # pyright: ignore[reportPrivateUsage]
    CLIENTS,
    Base,
)
from mcp_local.guard.clients import known
from mcp_local.settings.keys import KEYS
from mcp_local.settings.servers import _ENTRIES  # pyright: ignore[reportPrivateUsage]
from tests.support import readme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mcp_local.desktop.model import DesktopClient

DOCS: Final = Path(__file__).parents[2] / "docs"
_MARKED: Final = re.compile(r"(?<=<!-- clients -->\n).*?(?=<!-- /clients -->\n)", re.DOTALL)
_CALLS_ITSELF: Final = {
    "claude-desktop": "claude-ai",
    "claude-code": "claude-code",
    "vscode": "visual studio code",
    "cursor": "cursor",
    "codex": "codex-mcp-client",
    "windsurf": "windsurf",
}
"""Client → its ``clientInfo.name``."""
_LIMIT_KNOWN: Final = frozenset({"claude-desktop", "claude-code", "codex"})
"""Clients whose limit for a start isn't only assumed."""
_FOLDERS: Final = {
    Base.HOME: "~/",
    Base.SETTINGS: "SETTINGS/",
    Base.DOT_CONFIG: "~/.config/",
    Base.WORKSPACE: "",
    Base.CLAUDE_CODE: "~/",
    Base.CODEX: "~/.codex/",
}
_SERVER: Final = {
    "command": "the program, or a Python file with a FastMCP server; never read by a shell",
    "args": "its arguments",
    "env": 'what it finds in its environment beside the short list; `"${NAME}"` as a whole value '
    "hands a variable of yours on; as `definitions`, `requests` and `methods` not for a Python "
    "file, which mcp-local's own process serves",
    "cwd": "its working folder",
    "url": "a remote server instead: https, or http on loopback",
    "api": "the app whose token the remote server is sent; without it none is",
    "scopes": "which of that API's permissions to ask for; default: its `.default`",
    "headers": "sent to the remote server as they are; never shown",
    "headers_from": "headers whose value stands in the named environment variable",
    "policy": "its policy, in place of `policy` of the file",
    "tenant": "another tenant for this server",
    "account": "another account for this server",
    "definitions": "`report` (default) or `hold`: what happens to a tool that says something else "
    "than what was approved",
    "requests": "which requests of the server reach the client; default: roots, and forms "
    "(`roots/list`, `elicitation/create`)",
    "methods": "methods of the client that pass beside the known ones; default: none",
}


def commands() -> str:
    """Return docs/commands.md."""
    lines = [
        "# Commands",
        "",
        "What each command takes. `mcp-local COMMAND --help` says the same in a terminal; README",
        "has the table of them, the exit codes and the shapes of `--json`. Every command also",
        "takes `--config FILE`, `--tenant ID`, `--client-id ID`, `--verbose` and, where its output",
        "is data, `--json`. Where a TARGET may stand, `-- COMMAND ARG…` may stand instead.",
    ]
    for family, modules in FAMILIES.items():
        lines += ["", f"## {family}"]
        for name in (name for names in modules.values() for name in names):
            lines += ["", *_command(name)]
    return "\n".join(lines) + "\n"


def _command(name: str) -> Iterator[str]:
    command = find_command(name)
    parser = Parser(f"mcp-local {name}", "")
    command.declare(parser)
    yield f"### mcp-local {name}"
    yield ""
    yield command.summary
    # The list is argparse's own; there is no public way to it.
    actions = [
        action
        for action in cast("list[argparse.Action]", vars(parser)["_actions"])
        if action.help != argparse.SUPPRESS
    ]
    if actions:
        yield ""
        yield "| takes | meaning |"
        yield "|---|---|"
        yield from (f"| {_spelling(action)} | {_cell(action.help or '')} |" for action in actions)
    if command.examples:
        yield ""
        yield "```text"
        yield from dedent(command.examples).strip().splitlines()
        yield "```"


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = ""
    if action.nargs != 0:
        choices = "\\|".join(map(str, action.choices)) if action.choices else ""
        value = f" {choices or action.metavar or action.dest.upper()}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


def settings() -> str:
    """Return docs/settings.md; the meanings are README's."""
    lines = [
        "# Settings",
        "",
        "A setting stands in `config.toml`, in an environment variable, or for some in a flag.",
        "`mcp-local settings show` prints each with its value, where that comes from, and where",
        "the file is. Managed settings outrank flags, flags the environment, that the file.",
        "A value that differs from a managed one is an error ([many machines](rollout.md)); so is",
        "a setting or an `MCP_LOCAL_…` variable that there isn't.",
        "",
        'Durations are seconds, or have a unit: `90`, `"90s"`, `"5m"`. Lists in variables are',
        "separated by commas or blanks. Paths are relative to the file they stand in, those of",
        "variables and flags to the working folder; `~` is your home folder in all of them.",
        "",
        "| setting | environment | flag | meaning, default |",
        "|---|---|---|---|",
    ]
    meanings = _meanings()
    for key in KEYS:
        name = f"`{key.name}`" if key.in_file else ""
        flag = f"`{key.flag}`" if key.flag else ""
        meaning = meanings[key.name if key.in_file else key.variable]
        lines.append(f"| {name} | `{key.variable}` | {flag} | {meaning} |")
    lines += [
        f"| | `MCP_LOCAL_CACHE_PASSPHRASE` | | {meanings['MCP_LOCAL_CACHE_PASSPHRASE']} |",
        "| | `MCP_LOCAL_HOME` | | state folder |",
        "| | `MCP_LOCAL_CONFIG` | `--config` | settings file |",
        "| | `BROWSER` | | the standard variable of Python's `webbrowser` |",
        "",
        "## A server by name",
        "",
        "`[servers.NAME]`: `mcp-local run NAME` serves it. It has a `command` or a `url`.",
        "",
        "| key | meaning |",
        "|---|---|",
        *(f"| `{key}` | {_SERVER[key]} |" for key in _ENTRIES),
    ]
    return "\n".join(lines) + "\n"


def _meanings() -> dict[str, str]:
    """Return README's words for each setting, and for each variable that is none."""
    found: dict[str, str] = {}
    for names, variables, meaning in readme.table("## Settings"):
        for name in [*readme.code(names), *readme.code(variables)]:
            found[name] = meaning
    return found


def clients() -> str:
    """Return the table of docs/clients.md."""
    lines = [
        "| client | its file | waits for a start | reads lists again |",
        "|---|---|---|---|",
        *(_client(client) for client in CLIENTS),
    ]
    return "\n".join(lines) + "\n"


def _client(client: DesktopClient) -> str:
    places = [place for place in _PLACES[client.id] if place[0] in _FOLDERS]
    files = ", ".join(f"`{_FOLDERS[base]}{path}`" for base, path, _, _ in places)
    rereads = known(_CALLS_ITSELF.get(client.id, "")).rereads
    word = {True: "yes", False: "no", None: "not known"}[rereads]
    name = f"{client.title}: `{client.id}`"
    where = f"{files}, under `{places[0][2]}`"
    limit = f"{client.start_limit:g} s" if client.id in _LIMIT_KNOWN else "not known"
    return f"| {name} | {where} | {limit} | {word} |"


def client_page() -> str:
    """Return docs/clients.md with its table made anew."""
    text = (DOCS / "clients.md").read_text(encoding="utf-8")
    return _MARKED.sub(lambda _: clients(), text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


WRITERS: Final[Mapping[Path, Callable[[], str]]] = {
    DOCS / "commands.md": commands,
    DOCS / "settings.md": settings,
    DOCS / "clients.md": client_page,
}
"""Each page that holds something made."""

if __name__ == "__main__":
    for path, write in WRITERS.items():
        path.write_text(write(), encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path} is written.\n")
