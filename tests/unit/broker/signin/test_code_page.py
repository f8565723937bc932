"""The page with a device code: for one browser of this person, while the code is waited for."""

from __future__ import annotations

import http.client
import shlex
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mcp_local.broker.signin import code_page, pages
from mcp_local.broker.signin.code_page import on_screen
from mcp_local.errors import SignInFailed
from tests.support import tab
from tests.support.desk import wait_for

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable
    from pathlib import Path

    from mcp_local.broker.loopback.http import Response


def _page() -> Response:
    return pages.device_code("MB9YFP8VR", "https://login.example/device", "Cursor")


def _get(url: str, *, method: str = "GET", path: str = "", host: str = "") -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=10)
    headers = {"Host": host or parts.netloc}
    connection.request(method, path or parts.path, headers=headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_it_is_there_for_its_address_alone_and_no_longer_than_the_code(tmp_path: Path) -> None:
    """O7: another host, path or method gets a 4xx; it can be looked at twice; then it is gone."""
    noted = tmp_path / "tabs"
    browser = shlex.join([sys.executable, tab.__file__, str(noted)])
    with on_screen(_page, {"BROWSER": f"{browser} %s"}, limit=60):
        wait_for(noted.exists)
        url = noted.read_text("utf-8").strip()
        for _ in range(2):
            status, text = _get(url)
            assert (status, "MB9YFP8VR" in text) == (200, True)
        for status, asked in (
            (421, _get(url, host="evil.example")),
            (404, _get(url, path="/code/guess")),
            (404, _get(url, method="POST")),
        ):
            assert asked[0] == status
            assert "MB9YFP8VR" not in asked[1]
    with pytest.raises(ConnectionRefusedError):
        _get(url)


def test_without_a_browser_or_a_port_the_code_is_waited_for_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is a help, not the way."""
    ran: list[str] = []
    with on_screen(_page, {"XDG_RUNTIME_DIR": str(tmp_path), "SSH_CONNECTION": "far"}, limit=60):
        ran.append("no browser")

    def taken(_: Iterable[int]) -> list[socket.socket]:
        raise SignInFailed("taken")

    monkeypatch.setattr(code_page, "open_loopback", taken)
    with on_screen(_page, {"BROWSER": "/bin/false"}, limit=60):
        ran.append("no port")
    assert ran == ["no browser", "no port"]
