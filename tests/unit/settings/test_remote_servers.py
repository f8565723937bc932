"""``[servers.NAME]`` of a remote server: what may be sent there, and every way to get it wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import SettingsError
from mcp_local.settings import load
from mcp_local.settings.show import show

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[servers.it]
url = "https://a.example/mcp"
api = "api://reports"
scopes = ["Reports.Read"]
headers = {"X-Key" = "canary"}
headers_from = {"X-Other" = "OTHER_KEY"}
"""


def _load(folder: Path, text: str) -> object:
    config = folder / "config.toml"
    config.write_text(text, encoding="utf-8")
    return load({"config": str(config)}, {"MCP_LOCAL_HOME": str(folder)})


def test_what_is_sent_is_read_and_not_shown(tmp_path: Path) -> None:
    """A header may hold a key: it is in no repr and not in ``settings show``."""
    config = tmp_path / "config.toml"
    config.write_text(GOOD, encoding="utf-8")
    settings = load({"config": str(config)}, {"MCP_LOCAL_HOME": str(tmp_path)})
    server = settings.servers["it"]
    assert server.scopes == ("Reports.Read",)
    assert server.headers == {"X-Key": "canary"}
    assert server.headers_from == {"X-Other": "OTHER_KEY"}
    assert "canary" not in repr(settings)
    assert "canary" not in str(show(settings))


def test_without_an_api_a_key_may_be_sent_as_authorization(tmp_path: Path) -> None:
    """There is no token then whose place it would take."""
    config = tmp_path / "config.toml"
    server = '[servers.it]\nurl = "https://a.example"\nheaders_from = {"Authorization" = "KEY"}\n'
    config.write_text(server, encoding="utf-8")
    settings = load({"config": str(config)}, {"MCP_LOCAL_HOME": str(tmp_path)})
    assert settings.servers["it"].headers_from == {"Authorization": "KEY"}


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ('headers = {"Host" = "x"}', "can't set the header Host"),
        ('headers = {"mcp-session-id" = "x"}', "can't set the header mcp-session-id"),
        ('headers = {"Content-Length" = "1"}', "can't set the header"),
        ('headers = {"a b" = "x"}', "can't set the header a b"),
        (r'headers = {"X" = "a\nb"}', "no header can have"),
        ('headers = {"X" = "ü"}', "no header can have"),
        ("headers = {X = 1}", "must hold texts only"),
        ('headers_from = {"Mcp-Name" = "A"}', "can't set the header"),
        ('headers_from = {"a b" = "A"}', "can't set the header a b"),
        ('headers = {"X" = "1", "x" = "2"}', "`servers.it.headers` names a header twice"),
        ('headers_from = {"X" = "A", "x" = "B"}', "headers_from` names a header twice"),
        ('headers_from = {"X" = "not a name"}', "must name an environment variable"),
        ('headers = {"X" = "1"}\nheaders_from = {"x" = "A"}', "names a header twice"),
        ('scopes = ["a"]', "goes with `api`"),
        ('api = "api://x"\nheaders = {"Authorization" = "x"}', "is the token's"),
        ('api = "api://x"\nheaders_from = {"authorization" = "A"}', "headers_from` holds `Auth"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, entries: str, text: str) -> None:
    """None is taken as it stands."""
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, f'[servers.it]\nurl = "https://a.example"\n{entries}\n')
    assert text in caught.value.message


@pytest.mark.parametrize("entry", ['api = "api://x"', "headers = {}", "headers_from = {}"])
def test_a_command_is_sent_nothing(tmp_path: Path, entry: str) -> None:
    """What goes over HTTP means nothing to a child."""
    with pytest.raises(SettingsError, match="goes with `url`"):
        _load(tmp_path, f'[servers.it]\ncommand = "x"\n{entry}\n')
