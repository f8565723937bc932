"""Policy commands about servers that aren't ours: they are started, asked, and let go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.commands import Commands

SERVER = Path(__file__).parent / "servers" / "plain.py"


Policy = Callable[..., CompletedProcess[str]]


@pytest.fixture
def policy(commands: Commands, tmp_path: Path) -> Policy:
    """Return what runs a policy command."""
    return lambda *words: commands.run(["policy", *words], os.environ, tmp_path)


def test_a_wrapped_server_is_asked_what_it_has(policy: Policy, home: Path, tmp_path: Path) -> None:
    """Given as a command, or by its name, which is the namespace that rules can ask for."""
    rules = tmp_path / "policy.yaml"
    rules.write_text(
        "rules: [{name: echoes, effect: allow, tools: {names: [echo], namespaces: [plain]}}]",
        encoding="utf-8",
    )
    home.mkdir(exist_ok=True)
    words = [sys.executable, str(SERVER), str(tmp_path)]
    (home / "config.toml").write_text(
        f"[servers.plain]\ncommand = {json.dumps(words[0])}\nargs = {json.dumps(words[1:])}\n",
        encoding="utf-8",
    )
    by_name = policy("matrix", "plain", "--policy", str(rules), "--json")
    as_command = policy("matrix", "--policy", str(rules), "--json", "--", *words)

    effects = [
        {row["name"]: [cell["effect"] for cell in row["cells"]] for row in json.loads(text)["rows"]}
        for text in (by_name.stdout, as_command.stdout)
    ]
    assert effects[0]["echo"] == ["allow"], by_name.stderr
    assert effects[0]["change"] == ["deny"]
    assert set(effects[0]) == set(effects[1])
    assert effects[1]["echo"] == []  # nobody may anything: it has no namespace


def test_a_first_policy_tells_no_secret_of_the_command(policy: Policy, tmp_path: Path) -> None:
    """Of the command line only the program's name goes into the file."""
    done = policy("init", "-o", "-", "--", sys.executable, str(SERVER), str(tmp_path))
    assert "- echo" in done.stdout, done.stderr
    assert f"# A first policy for {Path(sys.executable).name}, from" in done.stdout
    assert str(tmp_path) not in done.stdout


def test_a_server_that_does_not_answer_is_told(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the exit code for what is out of reach, and no traceback of ours."""
    monkeypatch.setenv("COLUMNS", "100")
    done = policy("init", "-o", "-", "--", sys.executable, "-c", "raise SystemExit('gone')")
    assert done.returncode == 5
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
