"""Where settings come from, which one wins, and what follows from them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.settings import (
    CacheKey,
    Definitions,
    SignInMethod,
    SignInWhen,
    Source,
    load,
)

if TYPE_CHECKING:
    from mcp_local.settings import Settings

TENANT = "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"
CLIENT = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb"
API = "cccccccc-3333-4333-8333-cccccccccccc"

EVERYTHING = """
tenant = "contoso.onmicrosoft.com"
client_id = "BBBBBBBB-2222-4222-8222-BBBBBBBBBBBB"
api = "api://cccccccc-3333-4333-8333-cccccccccccc"
audiences = ["one", "two"]
scopes = ["read", "api://x/write"]
tenants = ["dddddddd-4444-4444-8444-dddddddddddd"]
cloud = "us-gov"
account = "anna@contoso.com"
ca_file = "ca.pem"
proxy = "http://anna:hunter2@proxy:8080"
policy = "policies"
[signin]
method = "device"
fallback = "device"
when = "call"
timeout = "1h"
[list]
hold = 1.5
locked = "show"
[cache]
key = "passphrase"
[token]
leeway = 30
allow_app_only = true
[log]
level = "debug"
format = "text"
[servers.files]
command = "uvx"
args = ["mcp-server-git", ""]
env = {TOKEN = "t"}
cwd = "work"
policy = "files.yaml"
tenant = "fabrikam.com"
account = "bo"
definitions = "hold"
requests = ["roots/list"]
methods = ["x/y"]
[servers.remote]
url = "https://tools.contoso.com/mcp"
api = "api://tools"
"""


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """An environment whose state and settings file are the test's own."""
    return {"MCP_LOCAL_HOME": str(tmp_path)}


def write(folder: Path, text: str) -> Path:
    """Write the settings file of a folder."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def place(settings: Settings, name: str) -> tuple[Source, str]:
    """Return where a setting comes from."""
    found = settings.provenance[name]
    return found.source, found.place


def test_defaults_are_those_of_the_documentation(base: dict[str, str]) -> None:
    """With nothing set, every value is its documented default."""
    settings = load({}, base)
    assert settings.tenant == settings.client_id == settings.api == settings.authority == ""
    assert settings.audiences == settings.scopes == settings.tenants == ()
    assert settings.signin.method is SignInMethod.BROWSER
    assert settings.signin.fallback is SignInMethod.NONE
    assert settings.signin.when is SignInWhen.START
    assert settings.signin.timeout == 300
    assert settings.list_hold is None
    assert settings.list_locked is False
    assert settings.cache_key is CacheKey.AUTO
    assert settings.token_leeway == 60
    assert settings.allow_app_only is False
    assert (settings.log_level, settings.log_format) == ("info", "json")
    assert settings.development is False
    assert settings.warnings == ()
    places = {k: v for k, v in settings.provenance.items() if k not in {"home", "config_file"}}
    assert {each.source for each in places.values()} == {Source.DEFAULT}


def test_settings_are_frozen(base: dict[str, str]) -> None:
    """Nobody changes settings after they are made."""
    settings = load({}, base)
    with pytest.raises(FrozenInstanceError):
        settings.tenant = "contoso.com"  # pyright: ignore[reportAttributeAccessIssue]


def test_every_setting_is_read_from_the_file(base: dict[str, str], tmp_path: Path) -> None:
    """The whole table of settings can stand in the file; relative paths start at its folder."""
    path = write(tmp_path, EVERYTHING)
    settings = load({}, base)
    assert settings.tenant == "contoso.onmicrosoft.com"
    assert settings.client_id == CLIENT
    assert settings.audiences == ("one", "two")
    assert settings.scopes == (f"api://{API}/read", "api://x/write")
    assert settings.authority == "https://login.microsoftonline.us/contoso.onmicrosoft.com"
    assert settings.account == "anna@contoso.com"
    assert settings.ca_file == str(tmp_path / "ca.pem")
    assert settings.policy == str(tmp_path / "policies")
    assert settings.proxy == "http://anna:hunter2@proxy:8080"
    assert settings.signin.method is SignInMethod.DEVICE
    assert settings.signin.fallback is SignInMethod.DEVICE
    assert settings.signin.when is SignInWhen.CALL
    assert settings.signin.timeout == 3600
    assert settings.list_hold == 1.5
    assert settings.list_locked is True
    assert settings.cache_key is CacheKey.PASSPHRASE
    assert (settings.token_leeway, settings.allow_app_only) == (30, True)
    assert (settings.log_level, settings.log_format) == ("debug", "text")
    assert place(settings, "signin.when") == (Source.FILE, str(path))


def test_a_policy_that_comes_with_the_program_is_no_path(
    base: dict[str, str], tmp_path: Path
) -> None:
    """Its name stays as it is: in the file, for a server, in a variable and on the command line."""
    name = "preset:read-only"
    write(tmp_path, f'policy = "{name}"\n[servers.git]\ncommand = "x"\npolicy = "{name}"\n')
    settings = load({}, base)
    assert (settings.policy, settings.servers["git"].policy) == (name, name)
    assert load({}, {**base, "MCP_LOCAL_POLICY": name}).policy == name
    assert load({"policy": name}, base).policy == name


def test_servers_are_read_by_name(base: dict[str, str], tmp_path: Path) -> None:
    """Each [servers.NAME] is a server; repeated and empty arguments stay as they are."""
    path = write(tmp_path, EVERYTHING)
    settings = load({}, base)
    files, remote = settings.servers["files"], settings.servers["remote"]
    assert (files.command, files.args) == ("uvx", ("mcp-server-git", ""))
    assert files.env == {"TOKEN": "t"}
    assert files.cwd == str(tmp_path / "work")
    assert files.policy == str(tmp_path / "files.yaml")
    assert (files.tenant, files.account) == ("fabrikam.com", "bo")
    assert files.definitions is Definitions.HOLD
    assert (files.requests, files.methods) == (("roots/list",), ("x/y",))
    assert (remote.url, remote.api) == ("https://tools.contoso.com/mcp", "api://tools")
    assert remote.definitions is Definitions.REPORT
    assert place(settings, "servers.files") == (Source.FILE, str(path))


def test_what_may_be_secret_is_in_no_repr(base: dict[str, str], tmp_path: Path) -> None:
    """A proxy's password and a server's environment don't leak into tracebacks and logs."""
    write(tmp_path, EVERYTHING.replace('"t"', '"canary"'))
    text = repr(load({}, base))
    assert "hunter2" not in text
    assert "canary" not in text


def test_flags_win_over_variables_over_file(base: dict[str, str], tmp_path: Path) -> None:
    """The nearer to the command, the stronger."""
    write(tmp_path, 'tenant = "file.com"\naccount = "file"\n[log]\nlevel = "debug"')
    environ = base | {"MCP_LOCAL_TENANT_ID": "environment.com", "MCP_LOCAL_ACCOUNT": "environment"}
    settings = load({"tenant": "flag.com", "client_id": None}, environ)
    assert (settings.tenant, settings.account, settings.log_level) == (
        "flag.com",
        "environment",
        "debug",
    )
    assert place(settings, "tenant") == (Source.FLAG, "--tenant")
    assert place(settings, "account") == (Source.ENVIRONMENT, "MCP_LOCAL_ACCOUNT")


def test_a_flag_without_a_name_of_its_own_is_named_by_its_setting(base: dict[str, str]) -> None:
    """Errors and provenance can always say which flag."""
    assert place(load({"log.level": "debug"}, base), "log.level") == (Source.FLAG, "--log.level")


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("MCP_LOCAL_AUDIENCES", "one,two", "audiences", ("one", "two")),
        ("MCP_LOCAL_AUDIENCES", "one two  one", "audiences", ("one", "two")),
        ("MCP_LOCAL_AUDIENCES", " one , two ", "audiences", ("one", "two")),
        ("MCP_LOCAL_LIST_HOLD", "auto", "list_hold", None),
        ("MCP_LOCAL_LIST_HOLD", "0", "list_hold", 0),
        ("MCP_LOCAL_LIST_HOLD", "2.5s", "list_hold", 2.5),
        ("MCP_LOCAL_TOKEN_LEEWAY", "5 m", "token_leeway", 300),
        ("MCP_LOCAL_TOKEN_ALLOW_APP_ONLY", "Yes", "allow_app_only", True),
        ("MCP_LOCAL_TOKEN_ALLOW_APP_ONLY", "0", "allow_app_only", False),
        ("MCP_LOCAL_LIST_LOCKED", "show", "list_locked", True),
        ("MCP_LOCAL_CACHE_KEY", "memory", "cache_key", CacheKey.MEMORY),
        ("MCP_LOCAL_TENANTS", TENANT.upper(), "tenants", (TENANT,)),
    ],
)
def test_variables_hold_lists_durations_and_truths_as_text(
    base: dict[str, str], variable: str, text: str, name: str, value: object
) -> None:
    """What TOML has types for is read from the text of a variable."""
    assert getattr(load({}, base | {variable: text}), name) == value


def test_empty_variables_are_not_set(base: dict[str, str]) -> None:
    """Clients pass an empty variable for a box that the person left empty."""
    settings = load({}, base | {"MCP_LOCAL_TENANT_ID": " ", "MCP_LOCAL_SIGN_IN": ""})
    assert settings.tenant == ""
    assert place(settings, "signin.method")[0] is Source.DEFAULT


def test_other_programs_variables_are_not_read(base: dict[str, str]) -> None:
    """AZURE_* belong to somebody's service principal."""
    environ = base | {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT}
    settings = load({}, environ)
    assert (settings.tenant, settings.client_id) == ("", "")


def test_global_flags_are_kept_for_processes_started_later(base: dict[str, str]) -> None:
    """A broker process is started with the flags this one was given."""
    settings = load({}, base, argv_flags=("--tenant", "contoso.com"))
    assert settings.flags == ("--tenant", "contoso.com")


def test_a_client_secret_is_reported_and_not_shown(base: dict[str, str], tmp_path: Path) -> None:
    """A desktop program is a public client: a secret in its settings is a mistake."""
    path = write(tmp_path, 'client_secret = "canary"')
    settings = load({}, base | {"MCP_LOCAL_CLIENT_SECRET": "canary"})
    environment, file = settings.warnings
    assert environment.startswith("MCP_LOCAL_CLIENT_SECRET is not used")
    assert file.startswith(f"`client_secret` in {path} is not used")
    assert "canary" not in repr(settings)


def test_a_settings_file_may_start_with_a_byte_order_mark(
    base: dict[str, str], tmp_path: Path
) -> None:
    """Editors on Windows write one."""
    (tmp_path / "config.toml").write_bytes(b'\xef\xbb\xbftenant = "contoso.com"\r\n')
    assert load({}, base).tenant == "contoso.com"


def test_the_passphrase_file_is_named_by_a_variable(base: dict[str, str], tmp_path: Path) -> None:
    """The place of the passphrase is handed on; a relative one starts at the working folder."""
    settings = load({}, base | {"MCP_LOCAL_CACHE_PASSPHRASE_FILE": "pass.txt"})
    assert settings.passphrase_file == str(Path.cwd() / "pass.txt")
    settings = load({}, base | {"MCP_LOCAL_CACHE_PASSPHRASE_FILE": str(tmp_path / "p")})
    assert settings.passphrase_file == str(tmp_path / "p")
