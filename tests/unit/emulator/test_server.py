"""Where the emulator listens."""

from __future__ import annotations

import socket
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from mcp_local.emulator import Emulator
from mcp_local.emulator.certificates import make_certificates
from mcp_local.emulator.server import ServerThread, loopback_sockets
from mcp_local.errors import UsageError


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "example.org", ""])  # noqa: S104
def test_off_loopback_is_refused(host: str) -> None:
    """The emulator signs anybody in: it starts nowhere but on loopback (SECURITY.md, O18)."""
    with pytest.raises(UsageError, match="stays on loopback"):
        Emulator(host=host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_has_three_names(host: str) -> None:
    """Each name of loopback is fine, and means the same."""
    with Emulator(host=host) as emulator:
        assert emulator.authority.startswith("https://localhost:")


def test_both_families() -> None:
    """One port is held in both families, so that nobody else answers on the other."""
    sockets = loopback_sockets(0)
    try:
        addresses = {one.getsockname()[:2] for one in sockets}
        port = sockets[0].getsockname()[1]
        assert addresses == {("127.0.0.1", port), ("::1", port)}
    finally:
        for one in sockets:
            one.close()


def test_ipv6_taken_by_somebody_else() -> None:
    """A port whose other family somebody else holds is in use."""
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match="in use"):
            loopback_sockets(port)


def test_a_port_for_administrators_is_not_said_to_be_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looks for the program that uses it finds none."""
    real = socket.socket

    class Unprivileged(real):
        def bind(self, _address: object, /) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Unprivileged)
    with pytest.raises(UsageError, match="port 443 can't be had: Permission denied"):
        loopback_sockets(443)


def test_a_websocket_is_answered_as_any_other_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The emulator has none; the name of the host is looked at all the same."""
    with Emulator() as emulator:
        at = urlsplit(emulator.pages)
        connection = HTTPConnection("localhost", at.port or 0, timeout=10)
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            "Host": "tools.example",
        }
        connection.request("GET", "/", headers=headers)
        assert connection.getresponse().status == 421
        connection.close()
    assert not [each for each in caplog.records if each.exc_info]


@pytest.mark.parametrize("where", ["socket", "address"])
def test_no_ipv6(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without IPv6 one family is enough."""
    real = socket.socket

    class OneFamily(real):
        def __init__(self, family: int = -1, kind: int = -1, protocol: int = -1) -> None:
            if where == "socket" and family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            super().__init__(family, kind, protocol)

        def bind(self, address: tuple[str, int]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            if self.family == socket.AF_INET6:
                raise OSError(99, "Cannot assign requested address")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", OneFamily)

    sockets = loopback_sockets(0)
    try:
        assert [one.family for one in sockets] == [socket.AF_INET]
    finally:
        sockets[0].close()


def test_stopping_what_never_ran() -> None:
    """Stopping is fine at any time."""
    Emulator().stop()
    ServerThread(make_certificates().server, _nothing, _nothing).stop()


async def _nothing(*_: object) -> None:
    """Answer nothing."""
