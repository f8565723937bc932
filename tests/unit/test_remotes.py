"""What a remote server is sent, as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import SettingsError
from mcp_local.remotes import open_remote
from mcp_local.settings import Server, Settings
from mcp_local.settings.model import SignIn, SignInMethod
from tests.support.bridge import Bridge, Noted
from tests.support.scripted import scripted, well_behaved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOBODY = SignIn(method=SignInMethod.NONE)


def _headers(
    folder: Path, entries: Mapping[str, object], environ: Mapping[str, str], *, proxy: str = ""
) -> Mapping[str, str]:
    """Return the headers of one request to a server with these entries."""
    settings = Settings(home=folder, config_file=folder / "config.toml", signin=NOBODY, proxy=proxy)
    with scripted(well_behaved) as served:
        server = Server("it", url=served.url, **entries)  # pyright: ignore[reportArgumentType]
        remote = open_remote(server, settings, environ, None, Noted())
        remote.start()
        here = Bridge(remote, Noted())
        here.answer(here.modern("ping"))
        here.finish()
        return served.came[0].headers


def test_headers_of_the_settings_are_sent(tmp_path: Path) -> None:
    """As they stand there, or in the variable that is named there."""
    entries = {"headers": {"X-One": "1"}, "headers_from": {"X-Two": "TWO"}}
    headers = _headers(tmp_path, entries, {"TWO": "2 "})
    assert (headers["x-one"], headers["x-two"]) == ("1", "2")
    assert "authorization" not in headers


def test_what_this_machine_is_sent_passes_no_proxy(tmp_path: Path) -> None:
    """Plain http is for loopback only; the proxy of the settings would read the secret in it."""
    entries = {"headers": {"Authorization": "canary"}}
    with scripted(well_behaved) as proxy:
        headers = _headers(tmp_path, entries, {}, proxy=proxy.url.removesuffix("/mcp"))
    assert proxy.came == []
    assert headers["authorization"] == "canary"


@pytest.mark.parametrize("environ", [{}, {"TWO": ""}, {"TWO": "a\nb"}, {"TWO": "ü"}])
def test_a_variable_must_hold_a_header(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """Else there is an error that names it, and not its value."""
    with pytest.raises(SettingsError) as caught:
        _headers(tmp_path, {"headers_from": {"X-Two": "TWO"}}, environ)
    assert "TWO" in caught.value.message
    assert "ü" not in caught.value.message


@pytest.mark.parametrize("url", ["https://[", "https://[::1/mcp", "https://a]b/?token=canary"])
def test_an_address_must_mean_something(tmp_path: Path, url: str) -> None:
    """Brackets are an IPv6 address's; what else the address holds isn't told."""
    settings = Settings(home=tmp_path, config_file=tmp_path / "config.toml", signin=NOBODY)
    with pytest.raises(SettingsError, match="can't be used") as caught:
        open_remote(Server("it", url=url), settings, {}, None, Noted())
    assert "canary" not in caught.value.message


def test_where_nobody_signs_in_there_is_no_token(tmp_path: Path) -> None:
    """Declared roles are for trying things out: nothing could be sent."""
    assert "authorization" not in _headers(tmp_path, {"api": "api://x"}, {})
