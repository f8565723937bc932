"""``mcp-local demo``: the tour, as a person and as a script see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment without any settings, whose home and temporary folder are empty."""
    (tmp_path / "tmp").mkdir()
    plain = {name: os.environ[name] for name in os.environ if not name.startswith("MCP_LOCAL_")}
    return plain | {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path), "COLUMNS": "120"}


def demo(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Take the tour."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "mcp_local", "demo", *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=110,
        check=False,
    )


@pytest.mark.usefixtures("forks")
def test_the_tour_shows_each_role(environ: dict[str, str], tmp_path: Path) -> None:
    """Four people, what each sees, a refusal with its reason, offline the same; nothing is kept."""
    done = demo(environ)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    by_name = {row[1]: row[2:] for row in rows if len(row) == 6}
    yes, no = "yes", "·"
    assert by_name["component"] == ["Task.Read", "Task.Write", "Task.All", "Admin"]
    assert by_name["get_weather"] == [yes, yes, yes, yes]
    assert by_name["set_weather_alert"] == [no, yes, yes, yes]
    assert by_name["weather://alerts"] == [no, no, yes, yes]
    assert by_name["clear_weather_data"] == [no, no, no, yes]
    assert "Unknown tool: 'clear_weather_data'" in done.stdout
    assert "it needs Admin" in done.stdout
    assert "New sessions list and answer: all as before." in done.stdout
    assert {"2025-11-25", "2026-07-28"} <= {word for row in rows for word in row}
    assert not list(tmp_path.rglob("mcp-local*"))


@pytest.mark.usefixtures("forks")
def test_the_tour_as_a_document(environ: dict[str, str]) -> None:
    """One JSON document on stdout; with all that one sees nothing is refused."""
    done = demo(environ, "--role", "Admin", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [role["role"] for role in said["roles"]] == ["Admin"]
    assert {"kind": "tool", "name": "clear_weather_data"} in said["roles"][0]["listed"]
    assert said["refused"] is None
    assert said["same_offline"] is True


@pytest.mark.usefixtures("forks")
def test_the_tour_takes_a_role_once_and_finds_who_is_refused(environ: dict[str, str]) -> None:
    """Whoever was named first, and however often."""
    done = demo(environ, "--role", "Admin", "--role", "Task.Read", "--role", "Admin", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [role["role"] for role in said["roles"]] == ["Admin", "Task.Read"]
    assert said["refused"]["role"] == "Task.Read"
    assert said["refused"]["needs_roles"] == ["Admin"]


def test_an_unknown_role_names_the_nearest(environ: dict[str, str]) -> None:
    """Nothing is started for it."""
    done = demo(environ, "--role", "Admn", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["hint"] == "Did you mean 'Admin'?"
