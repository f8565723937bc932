"""What standard error tells of a server that doesn't serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.cli.alarm import alarm

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        ({"event": "decision"}, []),
        (
            {"event": "server_ended", "why": "It ended.", "stderr": ["a", *"bcdefghijklm"]},
            [
                "error: It ended.",
                *(f"  {x}" for x in "bcdefghijklm"),
                "  More of it: mcp-local logs",
            ],
        ),
        (
            {"event": "server_ended", "why": "There is no uvx.", "remedy": "Install uv."},
            ["error: There is no uvx.", "  Install uv."],
        ),
        (
            {"event": "policy_broken", "problem": "x:1:1: no key here.", "path": "/a/x.yaml"},
            ["error: x:1:1: no key here.", "  All of it: mcp-local policy check /a/x.yaml"],
        ),
        (
            {"event": "policy_broken", "problem": "No key here.", "path": ""},
            ["error: No key here.", "  More of it: mcp-local logs"],
        ),
    ],
)
def test_the_next_command_tells_more(
    record: Mapping[str, object], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The log has a server's last words; of a policy's mistakes it has the first, a check all."""
    alarm(record)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", lines)
