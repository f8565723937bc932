"""The visitor keeps to loopback, and knows when to stop."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from mcp_local.emulator.visitor import Mood, browser_command, main, visit
from mcp_local.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp_local.emulator import Emulator


@pytest.mark.parametrize(
    "url",
    ["https://localhost/", "http://example.org/?code=secret", "file:///etc/passwd", "http:///x"],
)
def test_loopback_only(url: str) -> None:
    """Anything but plain HTTP on loopback is refused, and a query is never shown."""
    with pytest.raises(UsageError, match="loopback only") as caught:
        visit(url, "reader")
    assert "secret" not in caught.value.message


@pytest.fixture
def circle() -> Generator[str]:
    """The address of a page that always leads to itself."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "/again")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_circles_end(circle: str) -> None:
    """Pages that never end are given up."""
    with pytest.raises(UsageError, match="never ends"):
        visit(circle, "reader")


def test_a_code_is_needed(entra_emulator: Emulator) -> None:
    """Without a code the visitor stays at the page that asks for one."""
    assert visit(f"{entra_emulator.pages}/devicelogin", "reader").page == "code"


def test_missing_page(entra_emulator: Emulator) -> None:
    """A page that isn't there didn't go well, and is no page of the emulator's."""
    outcome = visit(f"{entra_emulator.pages}/missing", "reader")

    assert (outcome.status, outcome.page, outcome.went_well) == (404, "", False)


def test_browser_command() -> None:
    """The value for BROWSER takes the address, lets the caller go on, and quotes names."""
    command = browser_command("Ada Lovelace", Mood.DECLINES)

    assert command.endswith("--user 'Ada Lovelace' --mood declines %s &")


def test_as_a_program(entra_emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """Its exit codes: 0 when it went well, 1 for a refusal, else those of the errors."""
    start, missing = f"{entra_emulator.pages}/", f"{entra_emulator.pages}/missing"

    codes = [main(["--user", "reader", url]) for url in (start, missing, "https://x/")]

    assert codes == [0, 1, 2]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "visitor: the app: " in printed.err
