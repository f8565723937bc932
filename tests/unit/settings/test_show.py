"""What `settings show` and errors of missing settings tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import ExitCode, SettingsError
from mcp_local.settings import Source, load, require_sign_in, show
from mcp_local.settings.keys import KEYS

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"


def test_every_setting_is_shown_with_its_place(tmp_path: Path) -> None:
    """Nothing that is in force is left out, and what follows from others is shown as in force."""
    (tmp_path / "config.toml").write_text(
        f'client_id = "{CLIENT}"\nproxy = "http://anna:canary@proxy:1/"\n'
        "[list]\nhold = 2\nlocked = 'show'\n"
        "[servers.git]\ncommand = 'uvx'\nargs = ['--token', 'canary']\nenv = {A = 'canary'}\n"
        "[servers.far]\nurl = 'https://tools.contoso.com/mcp'\n",
        encoding="utf-8",
    )
    environ = {"MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_TOKEN_ALLOW_APP_ONLY": "yes"}
    rows = show(load({"tenant": "contoso.com"}, environ))
    texts = {name: text for name, text, _ in rows}
    places = {name: (place.source, place.place) for name, _, place in rows}
    assert [name for name, _, _ in rows] == [
        "home",
        "config_file",
        *(key.name for key in KEYS),
        "servers.git",
        "servers.far",
    ]
    assert texts["home"] == str(tmp_path)
    assert texts["authority"] == "https://login.microsoftonline.com/contoso.com"
    assert texts["audiences"] == f"{CLIENT} api://{CLIENT}"
    assert texts["scopes"] == f"{CLIENT}/access_as_user"
    assert texts["proxy"] == "http://…@proxy:1/"
    assert texts["list.hold"] == "2 s"
    assert texts["list.locked"] == "show"
    assert texts["token.leeway"] == "60 s"
    assert texts["token.allow_app_only"] == "true"
    assert texts["signin.timeout"] == "300 s"
    assert texts["servers.git"] == "uvx"
    assert texts["servers.far"] == "https://tools.contoso.com/mcp"
    assert places["tenant"] == (Source.FLAG, "--tenant")
    assert places["token.allow_app_only"] == (
        Source.ENVIRONMENT,
        "MCP_LOCAL_TOKEN_ALLOW_APP_ONLY",
    )
    assert places["servers.git"] == (Source.FILE, str(tmp_path / "config.toml"))
    assert "canary" not in str(rows)


def test_missing_settings_are_named_with_every_way_to_set_them(tmp_path: Path) -> None:
    """The error leads on, also to the demo that needs no tenant."""
    environ = {"MCP_LOCAL_HOME": str(tmp_path)}
    with pytest.raises(SettingsError) as caught:
        require_sign_in(load({}, environ))
    assert caught.value.message == "`tenant` and `client_id` are not set."
    assert caught.value.exit_code is ExitCode.USAGE
    for way in (
        "config.toml",
        "MCP_LOCAL_TENANT_ID",
        "--client-id",
        "mcp-local init",
        "mcp-local demo",
    ):
        assert way in caught.value.hint
    with pytest.raises(SettingsError, match=r"^`client_id` is not set"):
        require_sign_in(load({"tenant": "contoso.com"}, environ))


def test_enough_is_enough(tmp_path: Path) -> None:
    """A tenant and a client id do; with `signin.method = none` nothing is needed."""
    environ = {"MCP_LOCAL_HOME": str(tmp_path)}
    require_sign_in(load({"tenant": "contoso.com", "client_id": CLIENT}, environ))
    require_sign_in(load({}, environ | {"MCP_LOCAL_SIGN_IN": "none"}))


def test_what_is_empty_is_no_folder_and_what_is_left_out_has_a_word(tmp_path: Path) -> None:
    """``policy = ""`` means none, not the folder of the file; the defaults are shown as written."""
    config = tmp_path / "config.toml"
    config.write_text('policy = ""\n', encoding="utf-8")
    settings = load({"config": str(config)}, {"MCP_LOCAL_HOME": str(tmp_path)})
    shown = {name: text for name, text, _ in show(settings)}
    assert settings.policy == ""
    assert (shown["list.hold"], shown["list.locked"]) == ("auto", "hide")
