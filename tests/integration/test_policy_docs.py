"""docs/policy.md is true: its policies parse, its cases hold, its commands answer as shown."""

from __future__ import annotations

import os
import re
import runpy
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from mcp_local.policy.deciding.predicates import registered
from mcp_local.policy.model import Action, Component, Effect, Kind, Request
from mcp_local.policy.views.people import imagined
from mcp_local.policy.vocabulary.fields import UnknownField, find_field
from tests.support import policy_reference, readme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.commands import Commands

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = readme.blocks(text=TEXT)
FILES = {name: block.text for block in BLOCKS if (name := block.said("file"))}
SHOWN = [block for block in BLOCKS if block.language == "console"]
ROLES = {"MCP_LOCAL_SIGN_IN": "none", "MCP_LOCAL_SIGN_IN_ROLES": "Report.Read"}
"""Who sits there while the page is read."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with every file of the page."""
    work = tmp_path / "work"
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(work)
    monkeypatch.setenv("COLUMNS", "100")
    return work


def run(commands: Commands, command: str) -> tuple[int, str]:
    """Run a command of the page; return its exit code, and what it says: notes first."""
    program, *words = shlex.split(command)
    assert program == "mcp-local", command
    environ = {**os.environ, **ROLES, "COLUMNS": "100", "TZ": "UTC"}
    done = commands.run(words, environ, Path.cwd())
    return done.returncode, done.stderr + done.stdout


def steps(block: readme.Block) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a block with the lines below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *expected = part.rstrip("\n").split("\n")
        yield command, expected


def trimmed(text: str) -> list[str]:
    """Return lines without what can't be seen at their ends."""
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).strip("\n").split("\n")


def test_commands_answer_as_shown(commands: Commands, folder: Path) -> None:
    """Every console block, in order: what it prints (notes first), and its exit code."""
    for block in SHOWN:
        note = block.note.removeprefix("run").removeprefix(": ")
        wanted = int(note.removeprefix("exit ")) if note.startswith("exit ") else 0
        for command, expected in steps(block):
            code, said = run(commands, command)
            said = said.replace(f"{folder}{os.sep}", "")
            where = f"docs/policy.md:{block.line}: {command}\n{said}"
            assert code == wanted, where
            if note != "quiet":
                assert trimmed(said) == expected, where


def test_every_block_is_run_or_a_file() -> None:
    """So that nothing on the page escapes; what is neither shows what others read."""
    loose = [
        f"line {block.line}"
        for block in BLOCKS
        if block.language != "console"
        and not block.said("file")
        and "actions/checkout" not in block.text
        and "yaml-language-server" not in block.text
    ]
    assert loose == []
    assert all(block.note.startswith("run") for block in SHOWN)


def test_every_policy_is_looked_at() -> None:
    """A policy that is shown, or its folder, stands in a command that is run."""
    words = {
        word for block in SHOWN for command, _ in steps(block) for word in shlex.split(command)
    }
    policies = [Path(name) for name in FILES if name.endswith(".yaml")]
    unused = [each for each in policies if words.isdisjoint({each.as_posix(), each.parts[0]})]
    assert unused == []


def test_every_policy_of_the_cookbook_has_cases() -> None:
    """With something that must be refused in each: a table of allowed things proves little."""
    tables = {name: text for name, text in FILES.items() if name.endswith("cases.yaml")}
    assert len(tables) >= 9
    assert all("expect: deny" in text for text in tables.values())


def test_fields_are_the_ones_that_there_are() -> None:
    """The table of fields names them all, and no other."""
    rows = readme.table("### Rules on arguments", text=TEXT)
    shown = {path.replace("NAME", "x") for row in rows for path in readme.code(row[0])}
    for path in shown:
        find_field(path)
    roots = {path.split(".")[0] for path in shown}
    known = {f"{root}.{word}" for root in ("user", "tool", "request") for word in words_of(root)}
    assert roots | {"resource", "prompt"} == set(words_of(""))
    assert {path.removesuffix(".x") for path in shown} == known | {"args"}


def words_of(root: str) -> tuple[str, ...]:
    """Return what may stand below a root, as the error for a wrong word tells it."""
    with pytest.raises(UnknownField) as caught:
        find_field(f"{root}.no-such-word" if root else "no-such-root.x")
    return caught.value.known


def test_the_reference_is_up_to_date() -> None:
    """It is what the model says today: `uv run python -m tests.support.policy_reference`."""
    assert policy_reference.committed() == policy_reference.reference()


def test_python_examples_work(folder: Path) -> None:
    """The builder's policy decides as its text says, and the predicate is registered."""
    policy = runpy.run_path(str(folder / "my_policy.py"))["policy"]
    delete, pay = Component(Kind.TOOL, "delete_report"), Component(Kind.TOOL, "pay")
    admin, clerk = imagined(frozenset({"Report.Admin"})), imagined(frozenset({"Clerk"}))
    assert policy.decide(admin, Request(Action.CALL, {}), delete).effect is Effect.ASK
    assert policy.decide(clerk, Request(Action.CALL, {"amount": 501}), pay).rule == "small-sums"
    runpy.run_path(str(folder / "conditions.py"))
    assert registered()["on_call"](admin, Request(Action.CALL), pay) is False


def test_workflow_uses_commands_that_are_there() -> None:
    """The steps for CI run with the files of the page."""
    (workflow,) = [block.text for block in BLOCKS if "actions/checkout" in block.text]
    lines = [step["run"] for step in yaml.safe_load(workflow)["steps"] if "run" in step]
    assert lines == [
        "uvx mcp-local policy check policy.yaml",
        "uvx mcp-local policy test cases.yaml --policy policy.yaml",
    ]


def test_links_lead_somewhere() -> None:
    """Files and headings that the page links to are there."""
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in TEXT.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif "://" not in target:
            assert (PAGE.parent / target).exists(), target
