"""docs/ is true: examples mean something, commands parse, links lead somewhere, tables are current.

docs/policy.md has tests of its own beside these.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

import mcp_local
from mcp_local.cli.catalogue import GROUPS, find_command
from mcp_local.cli.parser import HelpWanted, split_command
from mcp_local.errors import UsageError
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.settings import load
from tests.support import doc_tables, readme

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
BLOCKS = [
    (name, block)
    for name, text in sorted(PAGES.items())
    if name != "policy.md"
    for block in readme.blocks(text=text)
]
LANGUAGES = {"", "console", "json", "python", "text", "toml", "yaml"}
PROGRAMS = {"bash", "export", "(umask", "sudo", "uv", "pytest"}
"""What pages run beside mcp-local."""
CODE = re.compile(r"`(mcp-local [^`\n]+)`")
PLACE = re.compile(r"`((?:mcp_local|tests|packaging|docs)/[\w./-]*)`")


def in_language(language: str) -> list[Any]:
    """Return the blocks in a language, named by where they stand."""
    return [
        pytest.param(block, id=f"{name}:{block.line}")
        for name, block in BLOCKS
        if block.language == language
    ]


def parse(line: str) -> None:
    """Parse a command line of ours as the program does.

    Raises:
        UsageError: it means nothing.
    """
    words = shlex.split(line, comments=True)[1:]
    before = words[: words.index("--")] if "--" in words else words
    name, rest = split_command(words)
    if name in GROUPS:
        word, rest = split_command(rest)
        name = f"{name} {word}"
    if not name:
        assert before == ["--version"], line
        return
    with suppress(HelpWanted):
        find_command(name).parse(rest)


def test_every_block_is_of_a_language_that_is_tested() -> None:
    """So that none escapes the tests below; drawings have none, examples of help are text."""
    odd = [f"{name}:{block.line}" for name, block in BLOCKS if block.language not in LANGUAGES]
    assert odd == []


@pytest.mark.parametrize("block", in_language("console"))
def test_commands_parse(block: readme.Block) -> None:
    """Whoever types what a page shows is understood."""
    assert block.commands
    for command in block.commands:
        ours = command.removeprefix("uv run ")
        if ours.startswith("mcp-local"):
            parse(ours)
        else:
            assert command.split()[0] in PROGRAMS, command


@pytest.mark.parametrize("name", sorted(PAGES))
def test_commands_in_sentences_are_there(name: str) -> None:
    """A command that is named in passing exists, with its options; its name may stand alone."""
    for line in CODE.findall(PAGES[name]):
        if re.search(r"[…|\[(]|COMMAND", line):
            continue
        try:
            parse(line)
        except UsageError as error:
            if "required: " not in error.message:
                raise


@pytest.mark.parametrize("block", in_language("yaml"))
def test_policies_parse(block: readme.Block) -> None:
    """A policy on a page is one."""
    parse_policy(block.text, "policy.yaml")


@pytest.mark.parametrize("block", in_language("toml"))
def test_settings_load(block: readme.Block, tmp_path: Path) -> None:
    """A settings file on a page is one, without a warning; a client's is TOML, and starts us."""
    if block.note == "client":
        for entry in tomllib.loads(block.text)["mcp_servers"].values():
            parse(shlex.join(["mcp-local", *entry["args"]]))
        return
    config = tmp_path / "config.toml"
    config.write_text(block.text, encoding="utf-8")
    assert load({"config": str(config)}, {}).warnings == ()


@pytest.mark.parametrize("block", in_language("json"))
def test_client_entries_start_us(block: readme.Block) -> None:
    """An entry for a client starts mcp-local with words that it knows."""
    document = cast("dict[str, dict[str, Any]]", json.loads(block.text))
    for entry in (document.get("mcpServers") or document["servers"]).values():
        assert Path(entry["command"]).name in {"mcp-local", "uvx"}
        words = (
            entry["args"][entry["args"].index("mcp-local") + 1 :]
            if ("mcp-local" in entry["args"])
            else entry["args"]
        )
        parse(shlex.join(["mcp-local", *words]))


@pytest.mark.parametrize("block", in_language("python"))
def test_python_examples_use_what_is_there(block: readme.Block) -> None:
    """They compile, and what they take from the package can be had."""
    compile(block.text, "example.py", "exec")
    assert set(re.findall(r"mcp_local\.(\w+)", block.text)) <= set(mcp_local.__all__)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_places_in_the_code_are_there(name: str) -> None:
    """A file or folder that a page names exists."""
    missing = [place for place in PLACE.findall(PAGES[name]) if not (ROOT / place).exists()]
    assert missing == []


def test_architecture_names_every_room_in_its_layer() -> None:
    """The table of rooms is the contract that CI checks, from top to bottom."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    layers: dict[int, set[str]] = {}
    for row in readme.table("## Rooms and layers", text=PAGES["architecture.md"]):
        number = int(row[0]) if row[0] else max(layers)
        rooms = {Path(place).stem for place in readme.code(row[1])}
        layers.setdefault(number, set()).update(rooms)
    assert [*layers.values()] == [set(layer.split(" | ")) for layer in contract["layers"]]


@pytest.mark.skipif(sys.platform == "win32", reason="the table shows paths of POSIX systems")
@pytest.mark.parametrize("page", doc_tables.WRITERS, ids=lambda path: cast("Path", path).name)
def test_tables_are_current(page: Path) -> None:
    """What pages take from the program is what it says today."""
    current = page.read_text(encoding="utf-8") == doc_tables.WRITERS[page]()
    assert current, "run: uv run python -m tests.support.doc_tables"


def test_every_page_can_be_found() -> None:
    """Each stands in the site's table of contents, and README leads to the site's start."""
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    assert sorted(leaves(nav)) == sorted(PAGES)
    assert "(docs/index.md)" in readme.TEXT


def leaves(nav: object) -> Iterator[str]:
    """Yield the pages of a table of contents."""
    if isinstance(nav, str):
        yield nav
        return
    parts = cast("dict[str, object]", nav).values() if isinstance(nav, dict) else nav
    for part in cast("list[object]", parts):
        yield from leaves(part)


class Page(HTMLParser):
    """Where a page leads, and what can be led to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link or an id."""
        del tag
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif name in {"href", "src"}:
                self.links.append(value or "")


@pytest.mark.skipif(
    shutil.which("zensical", path=Path(sys.executable).parent) is None,
    reason="zensical isn't installed",
)
def test_the_site_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    """One command, no warning; every link to a page, a file or a heading of the site works."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    done = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "build" / "site"
    pages = {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert {path.stem for path in pages} == {Path(name).stem for name in PAGES}
    broken: list[str] = []
    for path, page in pages.items():
        for link in page.links:
            target, _, fragment = link.partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            file = (path.parent / target).resolve() if target else path
            found = pages.get(file)
            if not file.exists() or (fragment and found and fragment not in found.ids):
                broken.append(f"{path.name}: {link}")
    assert broken == []
