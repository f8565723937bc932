"""What ``logout`` leaves of a cache that was sealed with another passphrase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.broker.authority.msal_cache import forget
from mcp_local.broker.storage.store import Entry, open_store
from mcp_local.settings import load

if TYPE_CHECKING:
    from pathlib import Path


def test_signing_out_makes_room_for_another_passphrase(tmp_path: Path) -> None:
    """All that the passphrase of before sealed is dropped, so that the new one is used."""
    environ = {
        "MCP_LOCAL_HOME": str(tmp_path),
        "MCP_LOCAL_CACHE_KEY": "passphrase",
        "MCP_LOCAL_CACHE_PASSPHRASE": "one",
    }
    settings = load({}, environ)
    before = open_store(settings, environ)
    for entry in Entry:
        before.save(entry, b"{}")
    environ["MCP_LOCAL_CACHE_PASSPHRASE"] = "another"
    shut = open_store(settings, environ)
    assert shut.storage.kind == "memory"
    assert "mcp-local logout" in shut.storage.remedy
    forget(shut)
    assert open_store(settings, environ).storage.kind == "passphrase"
