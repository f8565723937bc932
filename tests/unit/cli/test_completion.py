"""Completion: what a shell is told at a Tab, by the program itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mcp_local.cli.catalogue import MODULES
from mcp_local.cli.completion import SHELLS
from mcp_local.cli.main import main
from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


def _tab(line: str, folder: Path) -> list[str]:
    """Return the words that the program offers after ``line``."""
    answer = folder / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "mcp_local"], env={**os.environ, **asked}, check=False
    )
    assert done.returncode == 0
    return [word.strip() for word in answer.read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("forks")
def test_a_shell_is_told_every_command_and_flag(tmp_path: Path) -> None:
    """Groups offer their own words; flags come with their command."""
    first = {name.split()[0] for name in MODULES}
    assert first <= set(_tab("mcp-local ", tmp_path))
    assert {"check", "explain", "matrix"} <= set(_tab("mcp-local policy ", tmp_path))
    assert {"--device", "--no-browser", "--json"} <= set(_tab("mcp-local login --", tmp_path))
    assert set(SHELLS) <= set(_tab("mcp-local completion ", tmp_path))


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_names_the_program(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes to standard output, to be kept in a file."""
    assert main(["completion", shell], {}) is ExitCode.OK
    assert "mcp-local" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash isn't here")
def test_bash_takes_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    """It is sound, and registers itself for the program."""
    assert main(["completion", "bash"], {}) is ExitCode.OK
    script = capsys.readouterr().out
    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p mcp-local"],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert "mcp-local" in done.stdout


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The known ones are named."""
    assert main(["completion", "tcsh"], {}) is ExitCode.USAGE
    assert "bash" in capsys.readouterr().err
