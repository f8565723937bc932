"""What policy commands read and write beside policies."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from mcp_local.cli.main import main
from mcp_local.cli.policy.spoken import spoken_of
from mcp_local.cli.policy.write import write_file
from mcp_local.errors import ExitCode, UsageError
from mcp_local.policy.document import (
    Components,
    Document,
    Grant,
    Rule,
    Selection,
    Tagging,
)
from mcp_local.policy.model import Effect, Kind

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_is_written_over_by_accident(tmp_path: Path) -> None:
    """What is there stays as it is; the hint says how to mean it."""
    path = tmp_path / "policy.yaml"
    write_file(path, "one\n", force=False)
    with pytest.raises(UsageError, match="is there already") as caught:
        write_file(path, "two\n", force=False)
    assert "--force" in caught.value.hint
    assert path.read_text(encoding="utf-8") == "one\n"


@pytest.mark.skipif(sys.platform == "win32", reason="files have other permissions there")
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    """It is replaced whole, and no wider than before; no litter stays."""
    path = tmp_path / "policy.yaml"
    write_file(path, "one\n", force=True)
    path.chmod(0o640)
    write_file(path, "two\n", force=True)
    assert path.read_bytes() == b"two\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["policy.yaml"]  # noqa: PTH208 - hidden files too


@pytest.mark.parametrize("force", [True, False])
def test_what_cannot_be_written_is_told(tmp_path: Path, force: bool) -> None:  # noqa: FBT001 - a column
    """A folder that isn't there, for example."""
    with pytest.raises(UsageError, match="can't be written"):
        write_file(tmp_path / "nowhere" / "policy.yaml", "", force=force)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    """It can't be written over, and nothing is left beside it."""
    (tmp_path / "policy.yaml").mkdir()
    with pytest.raises(UsageError, match="can't be written"):
        write_file(tmp_path / "policy.yaml", "", force=True)
    assert os.listdir(tmp_path) == ["policy.yaml"]  # noqa: PTH208 - hidden files too


def test_what_a_policy_speaks_of() -> None:
    """Every name, glob and tag once, in its order, with tags and namespace where a rule asks."""
    document = Document(
        grants=(
            Grant(
                "A", tags=("read",), selection=Selection(("get_*",), ("docs://{x}",), ("brief",))
            ),
            Grant("B", selection=Selection(("get_*",))),
        ),
        taggings=(Tagging("write", selection=Selection(("set_x",))),),
        rules=(
            Rule(
                name="one",
                effect=Effect.DENY,
                tools=Components(names=("query",), namespaces=("sqlite",), tags=("sql",)),
                resources=Components(tags=("secret",)),
                prompts=Components(patterns=("p*",)),
            ),
        ),
    )
    found = [
        (c.kind, c.name, sorted(c.tags), c.namespace, c.template) for c in spoken_of([document])
    ]
    assert found == [
        (Kind.TOOL, "(tagged read)", ["read"], "", False),
        (Kind.TOOL, "get_*", [], "", False),
        (Kind.RESOURCE, "docs://{x}", [], "", True),
        (Kind.PROMPT, "brief", [], "", False),
        (Kind.TOOL, "set_x", [], "", False),
        (Kind.TOOL, "query", ["sql"], "sqlite", False),
        (Kind.RESOURCE, "tagged:secret", ["secret"], "", False),
        (Kind.PROMPT, "p*", [], "", False),
    ]


def test_a_difference_stands_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no terminal shows the table, a long name is not broken: lines are searched and kept."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    name = "list_directory_with_sizes_" * 4
    old.write_text("version: 1\n", encoding="utf-8")
    new.write_text(f"version: 1\nroles:\n  Reader: {{tools: [{name}]}}\n", encoding="utf-8")
    assert main(["policy", "diff", str(old), str(new)], os.environ) is ExitCode.OK
    [line] = [each for each in capsys.readouterr().out.splitlines() if "gains" in each]
    assert name in line
    assert line.rstrip().endswith("roles.Reader")
