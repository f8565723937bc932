"""What commands about a server are told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from mcp_local.cli.console import Console
from mcp_local.cli.context import Context, global_flags
from mcp_local.cli.run import COMMANDS
from mcp_local.cli.target import bring_packages, target_settings
from mcp_local.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

RUN = COMMANDS[0]
CONFIG = """
tenant = "contoso.com"
account = "me@contoso.com"
[servers.weather]
command = "server.py"
tenant = "fabrikam.com"
[servers.notes]
command = "server.py"
account = "other@contoso.com"
"""


def told(home: Path, *words: str) -> tuple[str, str, str, tuple[str, ...]]:
    """Return tenant, account and authority under these words, and the flags for our processes."""
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(CONFIG, encoding="utf-8")
    settings = target_settings(RUN.parse(words), Context(Console(), os.environ, words))
    return settings.tenant, settings.account, settings.authority.rpartition("/")[2], settings.flags


def test_a_server_may_have_a_tenant_or_account_of_its_own(home: Path) -> None:
    """It holds for that target only, also in the processes that sign people in for it."""
    assert told(home, "server.py")[:3] == ("contoso.com", "me@contoso.com", "contoso.com")
    tenant = ("--tenant", "fabrikam.com")
    assert told(home, "weather") == ("fabrikam.com", "me@contoso.com", "fabrikam.com", tenant)
    account = ("--account", "other@contoso.com")
    assert told(home, "notes") == ("contoso.com", "other@contoso.com", "contoso.com", account)


def test_what_the_server_says_is_not_taken_for_what_the_person_said(home: Path) -> None:
    """``install`` writes what was said into a client's file, where it outranks the settings."""
    told(home)
    arguments = RUN.parse(["notes"])
    target_settings(arguments, Context(Console(), os.environ, ()))
    assert global_flags(arguments) == []


def test_a_flag_outranks_what_the_server_says(home: Path) -> None:
    """As it outranks everything but the administrator."""
    assert told(home, "weather", "--tenant", "northwind.com")[0] == "northwind.com"
    assert told(home, "--account", "a@b", "notes")[1] == "a@b"


def test_a_uv_that_lies_in_the_working_folder_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M25: a folder with a server in it says nothing about what else lies there."""
    server, planted = tmp_path / "server.py", tmp_path / "uv"
    server.write_text('# /// script\n# dependencies = ["not-there"]\n# ///\n', encoding="utf-8")
    planted.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(TargetError, match="not-there"):
        bring_packages(server, Context(Console(), {}, ["run", "server.py"]))
