"""Runs the transcripts beside this file: commands, what they print, how they end.

A transcript reads like a terminal: ``$`` before a command; then its standard output; then, after
``!``, its standard error; then its exit code, unless that is 0. ``#`` begins a comment. At its top
stands who sits there: ``@ person reader`` (with a browser and the emulator), ``@ roles A B``
(declared in the settings), or ``@ nobody``. ``<…>`` stands for what differs from run to run.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.commands import Commands

HERE = Path(__file__).parent
PLACEHOLDERS = {
    "<guid>": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<time>": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?",
    "<span>": r"(?:in )?\d+ (?:s|min|h|d)(?: ago)?",
    "<n>": r"\d+",
    "<jwt>": r"eyJ[\w-]+\.[\w-]+\.[\w-]+",
    "<word>": r"[\w-]+",
    "<…>": r".*",
}


@dataclass(slots=True)
class Step:
    """One command of a transcript."""

    command: str
    expected: list[str] = field(default_factory=list[str])


def read_steps(lines: list[str]) -> Iterator[Step]:
    """Yield the commands with what is expected of each."""
    step = None
    for line in lines:
        if line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(line[2:])
        elif step is not None and not line.startswith("#"):
            step.expected.append(line.rstrip())
    if step is not None:
        yield step


def run_step(commands: Commands, step: Step, environ: dict[str, str], folder: Path) -> list[str]:
    """Run one command and return its lines as a transcript shows them."""
    program, *words = shlex.split(step.command)
    assert program == "mcp-local", step.command
    done = commands.run(words, environ, folder)
    errors = [f"! {text}".rstrip() for text in done.stderr.splitlines()]
    code = [f"[exit code {done.returncode}]"] if done.returncode else []
    return [*(text.rstrip() for text in done.stdout.splitlines()), *errors, *code]


def matches(expected: list[str], actual: list[str], names: dict[str, str]) -> bool:
    """Tell whether the lines are as expected; blank lines at the end don't count."""
    wanted = "\n".join(expected).rstrip()
    for value, name in names.items():
        actual = [line.replace(value, name) for line in actual]
    pattern = re.escape(wanted)
    for placeholder, meaning in PLACEHOLDERS.items():
        pattern = pattern.replace(re.escape(placeholder), meaning)
    return re.fullmatch(pattern, "\n".join(actual).rstrip()) is not None


def set_up(scene: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the environment of whoever sits there."""
    kind, *words = scene.split()
    if kind == "person":
        return request.getfixturevalue("entra_as")(*words)
    environ = dict(os.environ)
    if kind == "roles":
        environ |= {"MCP_LOCAL_SIGN_IN": "none", "MCP_LOCAL_SIGN_IN_ROLES": " ".join(words)}
    return environ


@pytest.mark.parametrize("path", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(
    path: Path, commands: Commands, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What the program says is what the transcript shows."""
    lines = path.read_text(encoding="utf-8").splitlines()
    scene = next(line[2:] for line in lines if line.startswith("@ "))
    folder = tmp_path / "work"
    shutil.copytree(HERE / "servers", folder)
    environ = set_up(scene, request) | {"COLUMNS": "100", "TZ": "UTC"}
    names = {str(folder): "<folder>", environ["MCP_LOCAL_HOME"]: "<home>"}
    for step in read_steps(lines):
        actual = run_step(commands, step, environ, folder)
        assert matches(step.expected, actual, names), (
            f"{path.name}: $ {step.command}\nsays\n" + "\n".join(actual)
        )
