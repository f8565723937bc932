"""Redirects of a remote server: within its origin once, to another never."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from mcp_local.guard.bridge.credential import FixedHeaders
from tests.support.bridge import bridge, error_of
from tests.support.scripted import Exchange, scripted, well_behaved

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_follows_a_redirect_to_another_origin(tmp_path: Path, status: int) -> None:
    """Neither the message nor the credential; the error names the place."""
    with scripted(well_behaved) as elsewhere:

        def script(exchange: Exchange) -> None:
            exchange.answer(status, Location=f"{elsewhere.url}?secret=1")

        secret = FixedHeaders({"Authorization": "Bearer canary"}, "")
        with scripted(script) as server, bridge(server.url, secret, home=tmp_path) as here:
            text = error_of(here.answer(here.modern("tools/call")))
        assert elsewhere.url in text
        assert "secret" not in text
        assert elsewhere.came == []


def test_a_redirect_within_the_origin_is_followed_once(tmp_path: Path) -> None:
    """The message is sent again as it is, and from then on to the right place at once."""

    def script(exchange: Exchange) -> None:
        if exchange.came.path == "/mcp":
            exchange.answer(308, Location="/mcp/")
        else:
            well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        assert "result" in here.ask("ping")
        assert [came.path for came in server.came].count("/mcp") == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_where_a_browser_would_be_led_no_message_goes(tmp_path: Path, status: int) -> None:
    """An address that shows people its documentation takes messages as before."""

    def script(exchange: Exchange) -> None:
        if exchange.came.method == "GET" and exchange.came.path == "/mcp":
            exchange.answer(status, Location="/docs")
        elif exchange.came.path != "/mcp":
            exchange.answer(200, b"<p>Read me", Content_Type="text/html")
        else:
            well_behaved(exchange)

    with scripted(script) as server, bridge(server.url, home=tmp_path) as here:
        here.open()
        while not any(came.path == "/docs" for came in server.came):
            time.sleep(0.01)
        assert "result" in here.ask("ping")


def test_redirects_come_to_an_end(tmp_path: Path) -> None:
    """Round and round is an error."""
    with (
        scripted(lambda exchange: exchange.answer(307, Location="/mcp")) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        assert "redirects" in error_of(here.answer(here.modern("ping")))


def test_only_a_redirect_leads_elsewhere(tmp_path: Path) -> None:
    """Where something was made is no such place (RFC 9110, 10.2.2)."""
    with (
        scripted(lambda exchange: exchange.result({}, Location="/made")) as server,
        bridge(server.url, home=tmp_path) as here,
    ):
        assert here.answer(here.modern("tools/call"))["result"] == {}
        assert [came.path for came in server.came] == ["/mcp"]
