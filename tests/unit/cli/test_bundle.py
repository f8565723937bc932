"""The ZIP for support."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from mcp_local.cli.bundle import write_bundle
from mcp_local.desktop.doctor.secrets import Secrets

if TYPE_CHECKING:
    from pathlib import Path


def test_a_name_that_is_no_utf_8_can_be_sent(tmp_path: Path) -> None:
    """Files and variables may hold any bytes, which Python shows as lone surrogates."""
    bundle, log = tmp_path / "support.zip", tmp_path / "none.jsonl"
    write_bundle(bundle, [{"evidence": "/home/\udce9 can't be written"}], None, log, Secrets([]))
    with zipfile.ZipFile(bundle) as parts:
        assert b"\\udce9 can't be written" in parts.read("findings.json")
