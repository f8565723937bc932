"""What a target has, whatever it is."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from mcp_local.errors import StorageError, Unreachable
from mcp_local.guard.record_file import all_records
from mcp_local.inventory import ask, inventory, remembered
from mcp_local.settings import Definitions, Settings
from mcp_local.settings.model import Server
from mcp_local.targets import SAMPLE, RemoteTarget, WrappedTarget

LEDGER = Path(__file__).parents[1] / "transcripts" / "servers" / "ledger.py"


def settings(home: Path) -> Settings:
    """Return settings that keep everything in one folder."""
    return Settings(home=home, config_file=home / "config.toml")


def ledger(*words: str, hold: bool = False) -> WrappedTarget:
    """Return a small server that is wrapped; with a word it says something else."""
    when = Definitions.HOLD if hold else Definitions.REPORT
    args = ("-I", str(LEDGER), *words)
    server = Server("ledger", command=sys.executable, args=args, definitions=when)
    return WrappedTarget(server, LEDGER.parent)


def test_a_hosted_server_is_loaded(tmp_path: Path) -> None:
    """The sample has its components."""
    found = asyncio.run(inventory(SAMPLE, settings(tmp_path), os.environ))
    assert "get_weather" in {component.name for component in found}


def test_a_wrapped_server_is_started_and_remembered(tmp_path: Path) -> None:
    """What it told is there afterwards too, with its namespace and annotations."""
    assert remembered(ledger(), settings(tmp_path)) is None
    found = asyncio.run(inventory(ledger(), settings(tmp_path), os.environ))
    assert [(each.name, each.namespace) for each in found] == [
        ("read_rows", "ledger"),
        ("drop_table", "ledger"),
    ]
    assert found[0].annotations == {"readOnlyHint": True}
    known = remembered(ledger(), settings(tmp_path))
    assert known is not None
    assert list(known.components) == found


@pytest.mark.parametrize("hold", [True, False])
def test_what_is_not_approved_is_held(tmp_path: Path, *, hold: bool) -> None:
    """A server that changed its mind is shown as it is; what is held back is known."""
    ask(ledger(), settings(tmp_path), os.environ)
    found = ask(ledger("later", hold=hold), settings(tmp_path), os.environ)
    names = {"read_rows", "send_mail"}
    assert {each.name for each in found.components} == names
    assert names <= {name for _, name in found.held} or not hold
    assert bool(found.held) is hold


def test_one_out_of_reach_is_an_error(tmp_path: Path) -> None:
    """Nothing is made up where nobody answers."""
    nobody = RemoteTarget(Server("", url="http://127.0.0.1:9/mcp"))
    missing = WrappedTarget(Server("", command="no-such-program"), tmp_path)
    for target in (nobody, missing):
        with pytest.raises(Unreachable):
            asyncio.run(inventory(target, settings(tmp_path), {}))


def test_a_broken_record_is_an_error(tmp_path: Path) -> None:
    """What was approved isn't known: the person must say that it doesn't matter."""
    ask(ledger(), settings(tmp_path), os.environ)
    (file,) = all_records(tmp_path)
    file.write_text("{", encoding="utf-8")
    with pytest.raises(StorageError) as caught:
        ask(ledger(), settings(tmp_path), os.environ)
    assert caught.value.hint == "Forget it: mcp-local pin reset ledger"
    with pytest.raises(StorageError):
        remembered(ledger(), settings(tmp_path))
