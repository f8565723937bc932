"""A corpus of wrong settings: each error names the place, the setting, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from mcp_local.errors import ExitCode, SettingsError
from mcp_local.settings import load

if TYPE_CHECKING:
    from pathlib import Path


class Mistake(NamedTuple):
    """One wrong settings file."""

    text: str
    line: int
    """0: no line can be told."""
    message: str
    hint: str = ""


IN_THE_FILE = [
    Mistake('tennant = "x.com"', 1, "`tennant` is no setting", "Did you mean 'tenant'?"),
    Mistake('clientid = "x"', 1, "`clientid` is no setting", "Did you mean 'client_id'?"),
    Mistake('# one\n[signin]\nmetod = "x"', 3, "`signin.metod` is no", "'signin.method'"),
    Mistake('[sigin]\nmethod = "device"', 1, "`sigin` is no setting", "Did you mean 'signin'?"),
    Mistake("[server.x]", 0, "`server` is no setting", "Did you mean 'servers'?"),
    Mistake("zzzzqqq = 1", 1, "`zzzzqqq` is no setting", "Known are: account, api, audiences"),
    Mistake('[signin]\nmethod = "brwoser"', 2, 'not "brwoser"', "Did you mean 'browser'?"),
    Mistake('signin.method = "devise"', 1, 'not "devise"', "Did you mean 'device'?"),
    Mistake('[signin]\nfallback = "browser"', 2, "must be none or device"),
    Mistake('[signin]\nwhen = "Start"', 2, 'not "Start"', "Did you mean 'start'?"),
    Mistake('[list]\nlocked = "hidden"', 2, "must be hide or show", "Did you mean 'hide'?"),
    Mistake('cloud = "usgov"', 1, "must be public or us-gov or china", "Did you mean 'us-gov'?"),
    Mistake('[log]\nlevel = "warn"', 2, 'not "warn"', "Did you mean 'warning'?"),
    Mistake('[cache]\nkey = "keychain"', 2, 'not "keychain"', "Did you mean 'keyring'?"),
    Mistake('[cache]\nkey = "xyz"', 2, "memory.", "Known are: auto, file, keyring, memory, pass"),
    Mistake("tenant = 5", 1, "must be a text in quotes, not a number"),
    Mistake("tenant = true", 1, "must be a text in quotes, not true or false"),
    Mistake("tenant = 1979-05-27", 1, "must be a text in quotes, not a date or time"),
    Mistake("tenant = ['x']", 1, "must be a text in quotes, not a list"),
    Mistake("[tenant]\nid = 'x'", 1, "must be a text in quotes, not a table"),
    Mistake('tenant = "common"', 1, '"common" names no tenant'),
    Mistake('tenant = "${input:tenant}"', 1, "must be a GUID or a domain"),
    Mistake('tenant = "-contoso.com"', 1, "must be a GUID or a domain"),
    Mistake('tenant = "cont\\u0000oso.com"', 1, "holds a character that can't be printed"),
    Mistake('policy = "C:\\new\\b.yaml"', 1, "holds a character that can't", "single quotes"),
    Mistake('client_id = "my app"', 1, "must be a GUID like"),
    Mistake('api = "tools"', 1, "must be a GUID or an App ID URI"),
    Mistake('tenants = "contoso.com"', 1, 'must be a list like ["one", "two"], not a text'),
    Mistake('tenants = ["contoso.com"]', 1, "must be a GUID like"),
    Mistake("scopes = [1]", 1, "must be a text in quotes, not a number"),
    Mistake('proxy = "proxy:8080"', 1, "must be an address like"),
    Mistake('proxy = "-http://x"', 1, "must be an address like"),
    Mistake('proxy = "socks5://proxy:1080"', 1, "must be an address like"),
    Mistake('proxy = "http://:8080"', 1, "must be an address like"),
    Mistake('proxy = "http://proxy:0"', 1, "must be an address like"),
    Mistake('proxy = "http://[::1:8080"', 1, "must be an address like"),
    Mistake('proxy = "http://proxy:99999"', 1, "must be an address like"),
    Mistake("[signin]\ntimeout = 0", 2, "must be 1 to 3600 seconds, not 0"),
    Mistake("[signin]\ntimeout = true", 2, "must be a number of seconds"),
    Mistake('[signin]\ntimeout = "five"', 2, "must be a number of seconds"),
    Mistake("[signin]\ntimeout = nan", 2, "must be 1 to 3600 seconds"),
    Mistake("[signin]\ntimeout = 1" + 400 * "0", 2, "must be 1 to 3600 seconds"),
    Mistake("[signin]\ntimeout = -1" + 400 * "0", 2, "must be 1 to 3600 seconds"),
    Mistake("[list]\nhold = 61", 2, "must be 0 to 60 seconds"),
    Mistake("[token]\nleeway = 301", 2, "must be 0 to 300 seconds"),
    Mistake("[token]\nleeway = -1", 2, "must be 0 to 300 seconds"),
    Mistake('[token]\nallow_app_only = "true"', 2, "must be true or false"),
    Mistake("[offline]\ngrace = '25h'", 2, "must be 0 to 86400 seconds"),
    Mistake("[offline]\ntags = 'read'", 2, "must be a list"),
    Mistake("signin = 'browser'", 1, "must be a table: [signin]"),
    Mistake("servers = 'x'", 1, "must be a table: [servers]"),
    Mistake("[cache]\npassphrase = 'x'", 2, "doesn't belong", "MCP_LOCAL_CACHE_PASSPHRASE_FILE"),
    Mistake("[cache]\npassphrase_file = 'x'", 2, "doesn't belong", "CACHE_PASSPHRASE_FILE"),
    Mistake("[servers.x]\nargs = []", 1, "needs either `command` or `url`"),
    Mistake("[servers.x]\ncommand='a'\nurl='https://a'", 1, "needs either `command` or `url`"),
    Mistake("[servers.x]\ncommand=' '", 1, "needs either `command` or `url`"),
    Mistake("[servers.x]\ncommand=''\nurl='https://a'", 1, "needs either `command` or `url`"),
    Mistake(
        "[servers.x]\nurl='https://a'\nargs = ['b']", 3, "`servers.x.args` goes with `command`"
    ),
    Mistake("[servers.x]\nurl='https://a'\ncwd = 'b'", 3, "`servers.x.cwd` goes with `command`"),
    Mistake("[servers.x]\nurl='https://a'\n[servers.x.env]", 3, "env` goes with `command`"),
    Mistake("[servers.x]\ncommand='a.py'\nenv = {A = 'b'}", 3, "no effect on a Python", "python"),
    Mistake("[servers.x]\ncommand='a.py:b'\ndefinitions = 'hold'", 3, "no effect on a Python"),
    Mistake("[servers.x]\ncommand='a.py'\nrequests = []", 3, "no effect on a Python"),
    Mistake("[servers.x]\ncommand='a.py'\nmethods = ['b']", 3, "no effect on a Python"),
    Mistake(
        "[servers.x]\ncomand = 'a'", 2, "`servers.x.comand` is no entry", "Did you mean 'command'?"
    ),
    Mistake("[servers.x]\ncommand = 'a'\nargs = 'b'", 3, "must be a list like"),
    Mistake("[servers.x]\ncommand = 'a'\nargs = [1]", 3, "must hold texts only"),
    Mistake("[servers.x]\ncommand = 'a'\nenv = ['A=b']", 3, "must be a table like"),
    Mistake("[servers.x]\ncommand = 'a'\nenv = {A = 1}", 3, "must hold texts only"),
    Mistake("[servers.x]\ncommand = 'a'\nenv = {'A=B' = 'c'}", 3, "no variable can have"),
    Mistake("[servers.x]\ncommand = 'a'\nenv = {'' = 'c'}", 3, "no variable can have"),
    Mistake("[servers.x]\nurl = 'http://a.com'", 2, "must start with https://"),
    Mistake("[servers.x]\nurl = 'http://localhost:1@a.com/'", 2, "no user name or password"),
    Mistake("[servers.x]\nurl = 'https://a.com:99999/'", 2, "holds what no address can have"),
    Mistake("[servers.x]\nurl = 'https://[::1/'", 2, "holds what no address can have"),
    Mistake("[servers.x]\nurl = 'https://b@a.com/'", 2, "no user name or password"),
    Mistake("[servers.x]\nurl = 'https://a'\ndefinitions = 'held'", 3, "must be", "'hold'"),
    Mistake("[servers.'x.y']\ncommand = 'a'", 1, "is no name for a server"),
    Mistake("servers.x = 1", 1, "must be a table: [servers.x]"),
    Mistake(
        "tenant = contoso.com", 0, "is not TOML: Invalid value (at line 1", "A value looks like"
    ),
    Mistake(
        "tenant = 'a'\n[servers.x]\ncommand = \"C:\\Users\\a.exe\"", 0, "is not TOML", "'C:\\tools"
    ),
    Mistake("tenant = 'a'\ntenant = 'b'", 0, "is not TOML: Cannot overwrite a value"),
    Mistake("a = " + "[" * 100_000, 0, "is not TOML: nested too deeply"),
    Mistake("a = " + "9" * 5_000, 0, "is not TOML: Exceeds the limit"),
    Mistake("authority = 'http://x/y'", 0, "`authority` must start with https://"),
]


@pytest.mark.parametrize("mistake", IN_THE_FILE, ids=lambda each: each.text[:40])
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, mistake: Mistake) -> None:
    """Exit 2 with the file, the line where it can be told, the setting and a way out."""
    path = tmp_path / "config.toml"
    path.write_text(mistake.text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load({}, {"MCP_LOCAL_HOME": str(tmp_path)})
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert mistake.message in error.message
    assert error.message.startswith(f"{path}, line {mistake.line}: " if mistake.line else str(path))
    assert "line 0" not in error.message
    assert mistake.hint in error.hint
    assert error.hint


@pytest.mark.parametrize(
    ("variable", "value", "message", "hint"),
    [
        ("MCP_LOCAL_TENNANT_ID", "x", "MCP_LOCAL_TENNANT_ID is no setting", "MCP_LOCAL_TENANT_ID"),
        ("MCP_LOCAL_POLCIY", "", "MCP_LOCAL_POLCIY is no setting", "'MCP_LOCAL_POLICY'"),
        ("MCP_LOCAL_TENANT", "x", "MCP_LOCAL_TENANT is no setting", "'MCP_LOCAL_TENANT_ID'"),
        ("MCP_LOCAL_SIGNIN_METHOD", "x", "is no setting", "'MCP_LOCAL_SIGN_IN'"),
        ("MCP_LOCAL_TENANT_ID", "organizations", "MCP_LOCAL_TENANT_ID: `tenant`", "Correct it"),
        ("MCP_LOCAL_SIGN_IN", "devcie", "MCP_LOCAL_SIGN_IN: `signin.method`", "'device'"),
        ("MCP_LOCAL_SIGN_IN_TIMEOUT", "5d", "MCP_LOCAL_SIGN_IN_TIMEOUT: `signin.timeout`", ""),
        ("MCP_LOCAL_TOKEN_ALLOW_APP_ONLY", "maybe", "must be true or false", ""),
        ("MCP_LOCAL_TENANTS", "a,b", "MCP_LOCAL_TENANTS: `tenants` must be a GUID", ""),
        ("MCP_LOCAL_AUTHORITY", "-x", "MCP_LOCAL_AUTHORITY: `authority` must not start", ""),
    ],
)
def test_a_mistake_in_a_variable_is_told_by_its_name(
    tmp_path: Path, variable: str, value: str, message: str, hint: str
) -> None:
    """Misspelt variables are mistakes too: nobody would ever notice the default at work."""
    with pytest.raises(SettingsError) as caught:
        load({}, {"MCP_LOCAL_HOME": str(tmp_path), variable: value})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_mistake_in_a_flag_is_told_by_its_name(tmp_path: Path) -> None:
    """The person sees the very flag they typed."""
    with pytest.raises(SettingsError, match=r"^--client-id: `client_id` must be a GUID"):
        load({"client_id": "nonsense"}, {"MCP_LOCAL_HOME": str(tmp_path)})


def test_no_error_repeats_what_may_be_a_secret(tmp_path: Path) -> None:
    """People paste secrets into the wrong place."""
    for variable in ("CLIENT_ID", "TENANT_ID", "API", "PROXY", "TENANTS", "AUTHORITY"):
        with pytest.raises(SettingsError) as caught:
            load({}, {"MCP_LOCAL_HOME": str(tmp_path), f"MCP_LOCAL_{variable}": "s3cr~canary"})
        assert "canary" not in caught.value.message + caught.value.hint


def test_a_value_that_loses_must_be_right_too(tmp_path: Path) -> None:
    """A broken file isn't hidden by a variable that stands above it."""
    (tmp_path / "config.toml").write_text("tenant = 5", encoding="utf-8")
    environ = {"MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_TENANT_ID": "contoso.com"}
    with pytest.raises(SettingsError, match="line 1: `tenant`"):
        load({}, environ)


def test_a_named_settings_file_must_be_there(tmp_path: Path) -> None:
    """`--config` names a file; a missing one is a mistake, not an empty one."""
    with pytest.raises(SettingsError, match="is not there"):
        load({"config": str(tmp_path / "none.toml")}, {"MCP_LOCAL_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"tenant = '\xff'", "is not UTF-8 text"),
        ("tenant = 'x'".encode("utf-16"), "is not UTF-8 text"),
        (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """Wrong encodings and sizes are told as such."""
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        load({}, {"MCP_LOCAL_HOME": str(tmp_path)})


def test_a_settings_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A folder, and with it a pipe or device, is not read."""
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(SettingsError, match="is not a file"):
        load({}, {"MCP_LOCAL_HOME": str(tmp_path)})


def test_a_settings_file_that_cant_be_read_is_refused(tmp_path: Path) -> None:
    """The system's reason is told; here a name longer than any file system takes."""
    environ = {"MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_CONFIG": str(tmp_path / ("x" * 300))}
    with pytest.raises(SettingsError, match="can't be read"):
        load({}, environ)


def test_a_passphrase_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    """`cache.key` sounds like the place for it; clients keep what we say in their logs."""
    environ = {"MCP_LOCAL_HOME": str(tmp_path), "MCP_LOCAL_CACHE_KEY": "correct-horse-battery"}
    with pytest.raises(SettingsError, match=r"`cache\.key` must be") as caught:
        load({}, environ)
    assert "horse" not in caught.value.message + caught.value.hint
