"""The ZIP for support."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.session.changes import Changes
from mcp_local.broker.state import Phase, Status
from mcp_local.cli.bundle import write_bundle
from mcp_local.cli.unserved import noting_unserved
from mcp_local.desktop.doctor.secrets import Secrets
from mcp_local.errors import UsageError
from mcp_local.log import Log
from mcp_local.log.place import early_log_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_name_that_is_no_utf_8_can_be_sent(tmp_path: Path) -> None:
    """Files and variables may hold any bytes, which Python shows as lone surrogates."""
    bundle, log = tmp_path / "support.zip", tmp_path / "none.jsonl"
    write_bundle(bundle, [{"evidence": "/home/\udce9 can't be written"}], None, log, Secrets([]))
    with zipfile.ZipFile(bundle) as parts:
        assert b"\\udce9 can't be written" in parts.read("findings.json")


def test_what_happened_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    """An OAuth `state` or `code` would be; the states and errors of our own log must stay."""
    environ, status = {"MCP_LOCAL_HOME": str(tmp_path)}, Status(Phase.SIGNED_OUT, signed_in=False)
    log = early_log_file(environ)
    Changes(Log(log)).note((status,), lambda: None, lambda: status)
    with pytest.raises(UsageError), noting_unserved(environ):
        raise UsageError("There is nothing like that here.")
    write_bundle(tmp_path / "support.zip", [], None, log, Secrets([]))
    with zipfile.ZipFile(tmp_path / "support.zip") as parts:
        told = parts.read("log.jsonl").decode()
    assert '"now":"signed out"' in told
    assert '"error":"usage"' in told
