"""A listener at work, and what a browser or an attacker sends it: raw bytes over sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mcp_local.broker.signin import pages
from mcp_local.broker.signin.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from mcp_local.broker.loopback.http import Response

STATE = "the-state-of-this-sign-in"
AUTH_URI = f"https://login.example/authorize?client_id=x&state={STATE}&response_mode=form_post"
SIGNED_IN = pages.signed_in("Rita Reader", "Claude Desktop")


@dataclass
class Serving:
    """A listener that waits for its answer in a thread."""

    listener: Listener
    redeemed: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    started: list[str] = field(default_factory=list[str])
    failure: BaseException | None = None
    hold_redeeming: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    page: Response = field(default_factory=lambda: SIGNED_IN)
    """What the browser is shown at the end."""

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.listener.redirect_uri.rpartition(":")[2])

    def redeem(self, form: Mapping[str, str]) -> Response:
        """Stand in for the token request."""
        self.redeemed.append(dict(form))
        assert self.hold_redeeming.wait(10)
        return self.page

    def run(self, limit: float) -> None:
        """Serve until it is over."""
        try:
            asyncio.run(
                self.listener.receive(
                    AUTH_URI, self.redeem, limit=limit, started=self.started.append
                )
            )
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            self.failure = error

    def over(self) -> bool:
        """Wait until it has stopped; tell whether it has."""
        assert self.thread is not None
        self.thread.join(5)
        return not self.thread.is_alive()

    def connect(self, host: str = "127.0.0.1") -> socket.socket:
        """Open a connection."""
        return socket.create_connection((host, self.port), timeout=5)

    def send(self, data: bytes, host: str = "127.0.0.1") -> bytes:
        """Send bytes on a connection of their own; return all that comes back."""
        with self.connect(host) as peer:
            peer.sendall(data)
            return read_all(peer)

    def request(
        self,
        method: str = "POST",
        path: str = "/",
        *,
        form: str = "",
        headers: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
    ) -> bytes:
        """Send a request as a browser does, but for what is given; return the answer."""
        return self.send(self.raw(method, path, form=form, headers=headers), host)

    def raw(
        self,
        method: str = "POST",
        path: str = "/",
        *,
        form: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the bytes of a request."""
        usual = {
            "Host": f"localhost:{self.port}",
            "Origin": "null",
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(form)),
        }
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (usual | dict(headers or {})).items()]
        return "\r\n".join([*lines, "", form]).encode()

    def answer(self) -> bytes:
        """Post what the authority's page posts."""
        return self.request(form=good_form())


def good_form(**changes: str) -> str:
    """Return the authority's answer as a form."""
    return urlencode({"code": "a-code", "state": STATE, "session_state": "s"} | changes)


def read_all(peer: socket.socket) -> bytes:
    """Read until the other side closes, or resets."""
    received = b""
    try:
        while piece := peer.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def status_of(answer: bytes) -> int:
    """Return the status of an HTTP answer; 0 when there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@contextmanager
def serving(*, limit: float = 20.0, hold: bool = False) -> Generator[Serving]:
    """Run a listener; with ``hold`` it redeems only when ``hold_redeeming`` is set."""
    served = Serving(Listener())
    if not hold:
        served.hold_redeeming.set()
    served.thread = threading.Thread(target=served.run, args=(limit,))
    served.thread.start()
    try:
        yield served
    finally:
        served.hold_redeeming.set()
        if not served.redeemed:
            with suppress(ConnectionError):  # it may be over without
                served.answer()
        served.thread.join(10)
        served.listener.close()


@contextmanager
def within(seconds: float) -> Generator[None]:
    """Assert that the block takes less time; the limit is the specification's, not a measure."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds
