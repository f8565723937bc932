"""``mcp-local run`` around another server, as a person's settings name it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest

from mcp_local.broker.storage.files import FileLock
from tests.support.log_lines import logged_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVERS: Final = Path(__file__).parents[1] / "integration" / "servers"
PLAIN: Final = str(SERVERS / "plain.py")
"""A server of both eras on the standard library; see there."""
PYTHON: Final = (sys.executable, "-P", "-m", "mcp_local")
ALL: Final = "version: 1\ndefault: allow\n"
"""The policy that allows everything to whoever is signed in."""
EVERY_REQUEST: Final = (
    *("roots/list", "elicitation/create", "elicitation/create:url"),
    *("sampling/createMessage", "tasks/get", "tasks/result"),
)
_FETCH: Final = 100.0
"""Seconds for a package to be downloaded."""


def settings_folder(
    folder: Path,
    command: Sequence[str],
    *,
    policy: str = ALL,
    **entries: object,
) -> dict[str, str]:
    """Write settings with the server ``it``; return the environment of somebody with role ``any``.

    ``entries`` are further ones of ``[servers.it]``.
    """
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "policy.yaml").write_text(policy, encoding="utf-8")
    server = {
        "command": command[0],
        "args": list(command[1:]),
        "policy": str(home / "policy.yaml"),
        "cwd": str(folder),
        **entries,
    }
    lines = [f"{key} = {_toml(value)}" for key, value in server.items()]
    text = "\n".join(["[servers.it]", *lines, ""])
    (home / "config.toml").write_text(text, encoding="utf-8")
    return {
        **_without_ours(os.environ),
        "MCP_LOCAL_HOME": str(home),
        "MCP_LOCAL_CONFIG": str(home / "config.toml"),
        "MCP_LOCAL_SIGN_IN": "none",
        "MCP_LOCAL_SIGN_IN_ROLES": "any",
    }


def _toml(value: object) -> str:
    """Return a text, a list of texts or a table of texts."""
    if isinstance(value, dict):
        entries = cast("dict[str, str]", value)
        return "{" + ", ".join(f"{key} = {json.dumps(entries[key])}" for key in entries) + "}"
    return json.dumps(value)  # such JSON is TOML, too


def _without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith("MCP_LOCAL_")}


def logged(folder: Path, event: str) -> list[dict[str, object]]:
    """Return the log's lines of one event; ``folder`` is that of :func:`settings_folder`."""
    return logged_in(folder / "home" / "log" / "mcp-local.jsonl", event)


def fetched(launcher: str, package: str, *more: str) -> tuple[str, ...]:
    """Return the command that starts a package's program with ``npx`` or ``uvx``, once it is here.

    Skips the test where there is no launcher, or the package can't be had.
    """
    lacking = _lacking(launcher, package, more)
    if lacking:
        pytest.skip(lacking)
    if launcher == "npx":
        return ("npx", "-y", package)
    return ("uvx", *more, "--from", package, package.partition("==")[0])


@functools.cache
def _lacking(launcher: str, package: str, more: tuple[str, ...]) -> str:
    """Download a package, where it isn't here; return why that can't be."""
    if not shutil.which(launcher):
        return f"needs {launcher} on the PATH"
    if launcher == "npx":
        line = ["npx", "-y", "-p", package, "--", "node", "-e", "0"]
    else:
        line = ["uvx", *more, "--from", package, "python", "-c", ""]
    # Two launchers that fetch one package at the same time step on each other's toes.
    with FileLock(Path(tempfile.gettempdir()) / "mcp-local-tests-fetch.lock", timeout=_FETCH):
        done = subprocess.run(line, capture_output=True, text=True, timeout=_FETCH, check=False)
    return f"needs {package} from its registry: {done.stderr[-300:]}" if done.returncode else ""
