"""Through the relay a client sees what it would see directly, with real servers of both eras."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support import sessions, warm
from tests.support.fidelity import Way, differences, record_both
from tests.support.relayed import EVERY_REQUEST, PLAIN, SERVERS, fetched, settings_folder
from tests.support.wire import ERAS, HANDSHAKE, MODERN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.support.fidelity import Recording
    from tests.support.wire import Wire

EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
FILESYSTEM = "@modelcontextprotocol/server-filesystem@2026.8.31"


def play(
    script: Callable[[Wire], None],
    command: Sequence[str],
    folder: Path,
    era: str,
    prepare: Callable[[Path], object] | None = None,
) -> tuple[Recording, Recording]:
    """Play a session directly and through ``mcp-local run``, each in a folder of its own."""
    folders = [folder / "direct", folder / "relayed"]
    for one in folders:
        one.mkdir()
        if prepare is not None:
            prepare(one)
    environ = settings_folder(folders[1], command, requests=EVERY_REQUEST)
    direct = Way(command, folders[0], environ, ends=False)
    relayed = Way(warm.ours("run", "it"), folders[1], environ, ends=True)
    return record_both(script, direct, relayed, era=era)


@dataclass(frozen=True)
class Case:
    """A server from a registry, and what is done with it."""

    script: Callable[[Wire], None]
    package: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    prepare: Callable[[Path], object] | None = None


@pytest.mark.node
def test_server_everything(tmp_path: Path) -> None:
    """All that npm's reference server does, from tasks to completion."""
    command = fetched("npx", EVERYTHING)
    direct, relayed = play(sessions.everything, command, tmp_path, HANDSHAKE)
    assert differences(direct, relayed) == []
    assert {line.method for line in relayed.lines} >= {
        *("roots/list", "sampling/createMessage", "elicitation/create"),
        *("notifications/progress", "notifications/message", "notifications/resources/updated"),
        "notifications/tasks/status",
    }


@pytest.mark.node
def test_a_modern_client_falls_back(tmp_path: Path) -> None:
    """Before a server of the handshake era it learns of that as it would directly."""
    direct, relayed = play(sessions.fall_back, fetched("npx", EVERYTHING), tmp_path, MODERN)
    assert differences(direct, relayed) == []


CASES = {
    "filesystem": Case(
        sessions.filesystem,
        ("npx", FILESYSTEM),
        ("files",),
        prepare=lambda folder: (folder / "files").mkdir(),
    ),
    "git": Case(
        sessions.git, ("uvx", "mcp-server-git==2026.10.19"), prepare=sessions.make_repository
    ),
    "time": Case(sessions.clock, ("uvx", "mcp-server-time==2026.10.19")),
    "sqlite": Case(
        sessions.sqlite,
        ("uvx", "mcp-server-sqlite==2025.4.25", "--with", "mcp<2"),
        ("--db-path", "test.db"),
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("filesystem", marks=pytest.mark.node),
        *(pytest.param(name, marks=pytest.mark.uvx) for name in ("git", "time", "sqlite")),
    ],
)
def test_servers_that_people_use(name: str, tmp_path: Path) -> None:
    """Lists, calls, errors, roots, resources that change: each as if there were no relay."""
    case = CASES[name]
    command = (*fetched(*case.package), *case.arguments)
    direct, relayed = play(case.script, command, tmp_path, HANDSHAKE, case.prepare)
    assert differences(direct, relayed) == []
    assert len(direct.lines) > len(("hello", "four", "lists", "and", "some", "calls"))


@pytest.mark.parametrize("era", ERAS)
def test_a_fastmcp_server(era: str, tmp_path: Path) -> None:
    """Structured content, icons, annotations, ``_meta``, questions: in the way of each era."""
    command = (warm.python(), str(SERVERS / "gallery.py"))
    direct, relayed = play(sessions.gallery, command, tmp_path, era)
    assert differences(direct, relayed) == []
    asked = {line.method for line in relayed.lines}
    if era == MODERN:
        assert b'"resultType":"input_required"' in b"".join(line.raw for line in relayed.lines)
    else:
        assert asked >= {"elicitation/create", "sampling/createMessage", "roots/list"}


@pytest.mark.parametrize("era", ERAS)
def test_odd_frames(era: str, tmp_path: Path) -> None:
    """What a server says by itself comes byte for byte, however odd; ids are kept as they are."""
    direct, relayed = play(sessions.odd_frames, (sys.executable, PLAIN, "."), tmp_path, era)
    assert differences(direct, relayed) == []
    raw = [line.raw for line in relayed.lines]
    assert [line for line in raw if line in sessions.FRAMES] == list(sessions.FRAMES)
    said, heard = [(one.folder / "heard").read_bytes().splitlines() for one in (direct, relayed)]
    assert [line for line in heard if line in said] == said  # but for what the relay asks itself
