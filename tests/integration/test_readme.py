"""README.md is true: its commands run, its examples parse, its tables are complete."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from mcp_local.cli.catalogue import GROUPS, MODULES, find_command
from mcp_local.cli.parser import Parser
from mcp_local.errors import ExitCode
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.settings import keys, load
from tests.support import readme
from tests.support.chat import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.testing import SignsInAs
    from tests.support.commands import Commands

PARSERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
    "python": lambda text: compile(text, "README.md", "exec"),
}
USES = [
    use.removeprefix("mcp-local ")
    for row in readme.table("## Commands")
    for use in readme.code(row[0])
]
"""How the commands are called, as the table of commands shows it."""


def command_name(use: str) -> str:
    """Return the command that is used: one word, or two after the name of a group."""
    first, second = [*use.split(), ""][:2]
    return f"{first} {second}" if first in GROUPS else first


EVERYWHERE = ("--config", "--tenant", "--client-id", "--verbose", "--json")


def test_commands_run(
    commands: Commands, entra_as: SignsInAs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every console block marked ``<!-- run -->``, in order, with the files that README shows."""
    environ = entra_as("reader")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    ran = 0
    for block in readme.blocks():
        if name := block.said("file"):
            Path(name).write_text(block.text, encoding="utf-8")
        expected = block.said("run")
        if expected is None:
            continue
        for command in block.commands:
            done = _run(commands, command, environ)
            wanted = int(expected.removeprefix("exit ") or 0)
            assert done.returncode == wanted, (
                f"README.md:{block.line}: {command}\n{done.stdout}{done.stderr}"
            )
            ran += 1
    assert ran >= len(("login", "whoami", "tools", "can", "call"))


def _run(
    commands: Commands, command: str, environ: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    program, *words = shlex.split(command)
    if program == "mcp-local":
        return commands.run(words, environ, Path.cwd())
    programs = Path(PROGRAM).parent
    return subprocess.run(
        [programs / program, *words],
        env=environ | {"PATH": f"{programs}{os.pathsep}{environ['PATH']}"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "block", readme.blocks(*PARSERS), ids=lambda block: f"line {block.line}, {block.language}"
)
def test_examples_parse(block: readme.Block) -> None:
    """Whoever copies an example has something that can be read."""
    PARSERS[block.language](block.text)


def test_every_block_is_marked_with_its_language() -> None:
    """So that none escapes the test above; drawings are plain."""
    languages = {block.language for block in readme.blocks()}
    assert languages == {"", "console", *PARSERS}


@pytest.mark.parametrize("block", readme.blocks("yaml"), ids=lambda block: f"line {block.line}")
def test_policy_example_is_a_policy(block: readme.Block) -> None:
    """The YAML examples mean something to the product."""
    parse_policy(block.text, "README.md")


def test_settings_example_is_a_settings_file(tmp_path: Path) -> None:
    """The TOML examples name settings that there are, the first those of a first set-up."""
    config = tmp_path / "config.toml"
    tenants: list[str] = []
    for block in readme.blocks("toml"):
        config.write_text(block.text, encoding="utf-8")
        settings = load({"config": str(config)}, {})
        assert settings.warnings == ()
        tenants.append(settings.tenant)
    assert tenants[0] == "00000000-0000-0000-0000-000000000000"


def test_configuration_example_is_the_shipped_file() -> None:
    """What README shows for a desktop client is what the file beside it holds."""
    shipped = readme.PATH.with_name("claude_desktop_config.example.json")
    examples = [json.loads(block.text) for block in readme.blocks("json")]
    assert json.loads(shipped.read_text(encoding="utf-8")) in examples


def test_links_lead_somewhere() -> None:
    """Files and headings that README links to are there."""
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in readme.TEXT.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", readme.TEXT):
        if target.startswith("#"):
            assert target[1:] in headings
        elif "://" not in target:
            assert (readme.PATH.parent / target).exists(), target


def test_table_of_commands_is_complete() -> None:
    """Every command stands in it, and no other."""
    assert {command_name(use) for use in USES} == set(MODULES)


@pytest.mark.parametrize("use", USES)
def test_options_are_there(use: str) -> None:
    """An option that README shows is one that the command takes."""
    command = find_command(command_name(use))
    parser = Parser(command.name, "")
    command.declare(parser)
    known = parser.format_help()
    for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", use):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", known), f"{command.name} {option}"


@pytest.mark.parametrize("option", EVERYWHERE)
def test_options_everywhere_are_named(option: str) -> None:
    """The flags of every command stand below the table."""
    section = readme.TEXT.split("\n## Commands\n")[1].split("\n#", maxsplit=1)[0]
    assert option in section.rpartition("Everywhere:")[2]


def test_table_of_exit_codes_is_complete() -> None:
    """It has every exit code and no other."""
    codes = [int(row[0]) for row in readme.table("### Exit codes")]
    assert codes == list(ExitCode)


def test_table_of_settings_is_complete() -> None:
    """Every key of the settings file stands in it, and every variable, and no other."""
    rows = readme.table("## Settings")
    names = {name for row in rows for name in readme.code(row[0])}
    variables = {name for row in rows for name in readme.code(row[1])}
    assert names == keys.IN_FILE | {"servers.NAME"}
    # The one is the standard's, the other is only known to be reported as unused.
    assert variables ^ keys.VARIABLES == {"BROWSER", keys.CLIENT_SECRET_VARIABLE}


def test_public_names_are_there() -> None:
    """What README says to call in ``mcp_local`` can be called."""
    import mcp_local  # noqa: PLC0415 - as a server's author does

    used = set(re.findall(r"mcp_local\.(\w+)\(", readme.TEXT))
    assert used
    assert used <= set(mcp_local.__all__)
