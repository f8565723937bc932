"""A desktop app as others write it: real MSAL with a loopback listener, against the emulator."""

from __future__ import annotations

import importlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import parse_qsl, urlsplit

import requests

from mcp_local.emulator.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from mcp_local.emulator import Emulator
    from mcp_local.emulator.visitor import Outcome

Result = dict[str, object]


class MsalApp(Protocol):
    """The part of ``msal.PublicClientApplication`` that the tests use."""

    def get_accounts(self) -> list[dict[str, str]]:
        """Return the accounts that are signed in."""
        ...

    def initiate_auth_code_flow(self, scopes: list[str], **options: object) -> Result:
        """Begin a sign-in in a browser."""
        ...

    def acquire_token_by_auth_code_flow(
        self, auth_code_flow: Result, auth_response: Mapping[str, str]
    ) -> Result:
        """End a sign-in in a browser."""
        ...

    def acquire_token_silent_with_error(
        self, scopes: list[str], account: Mapping[str, str], **options: object
    ) -> Result | None:
        """Find or fetch a token without the person."""
        ...

    def initiate_device_flow(self, scopes: list[str]) -> Result:
        """Begin a sign-in on another device."""
        ...

    def acquire_token_by_device_flow(
        self, flow: Result, *, exit_condition: Callable[[Result], bool] = ...
    ) -> Result:
        """Poll until a sign-in on another device has ended."""
        ...


def session(emulator: Emulator) -> requests.Session:
    """Return an HTTP session that trusts the emulator and looks at no variable."""
    made = requests.Session()
    made.trust_env = False
    made.verify = str(emulator.ca_file)
    return made


def msal_app(emulator: Emulator, **options: object) -> MsalApp:
    """Return a real, unmodified MSAL application; ``options`` replace its arguments."""
    msal = importlib.import_module("msal")
    arguments: dict[str, object] = {
        "client_id": emulator.client_id,
        "authority": emulator.authority,
        "instance_discovery": False,
        "http_client": session(emulator),
    }
    return cast("MsalApp", msal.PublicClientApplication(**(arguments | options)))


class Listener:
    """The loopback listener of an app; keeps what it was told."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = f"http://localhost:{server.server_address[1]}"
        self.answers: list[dict[str, str]] = []


@contextmanager
def listening() -> Generator[Listener]:
    """Run an app's listener, which takes answers by GET and by POST."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._take(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._take(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _take(self, text: str) -> None:
            if urlsplit(self.path).path == "/":  # browsers ask for a favicon, too
                listener.answers.append(dict(parse_qsl(text)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"You may close this window.")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    # A thread each: Chromium also opens connections on which it says nothing.
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listener = Listener(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown()
            thread.join()


class Desktop:
    """An app and a person with a browser, at one emulator."""

    def __init__(self, emulator: Emulator, app: MsalApp, listener: Listener) -> None:
        self.emulator = emulator
        self.app = app
        self.listener = listener
        self.outcome: Outcome | None = None
        """Where the browser ended at the last sign-in."""

    def sign_in(
        self, who: str | Visitor, scopes: list[str] | None = None, **options: object
    ) -> Result:
        """Sign in through the browser; an answer that never comes is an empty result."""
        visitor = Visitor(who) if isinstance(who, str) else who
        arguments = {"redirect_uri": self.listener.url, "response_mode": "form_post"} | options
        flow = self.app.initiate_auth_code_flow(scopes or [self.emulator.scope], **arguments)
        before = len(self.listener.answers)
        self.outcome = visitor.visit(str(flow["auth_uri"]))
        if len(self.listener.answers) == before:
            return {}
        return self.app.acquire_token_by_auth_code_flow(flow, self.listener.answers[-1])

    def silent(self, scopes: list[str] | None = None, **options: object) -> Result:
        """Ask for a token without the person; nothing at all is an empty result."""
        account = self.app.get_accounts()[0]
        wanted = scopes or [self.emulator.scope]
        return self.app.acquire_token_silent_with_error(wanted, account, **options) or {}

    def renew(self) -> Result:
        """Fetch a new token without the person."""
        return self.silent(force_refresh=True)


@contextmanager
def desktop(emulator: Emulator, **options: object) -> Generator[Desktop]:
    """Run an app at ``emulator``; ``options`` are MSAL's."""
    with listening() as listener:
        yield Desktop(emulator, msal_app(emulator, **options), listener)


def error_codes(result: Result) -> list[int]:
    """Return the AADSTS codes of an answer, checking its shape on the wire (ENTRA.md 4)."""
    text = str(result["error_description"])
    codes = cast("list[int]", result["error_codes"])
    assert text.startswith(f"AADSTS{codes[0]}: ")
    for name in ("trace_id", "correlation_id", "timestamp"):
        assert str(result[name]) in text
    assert str(result["error_uri"]).endswith(f"code={codes[0]}")
    return codes
