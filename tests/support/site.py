"""A small HTTPS server for tests that answers as each test says, with a CA of its own."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from mcp_local.settings.model import Settings

    MakeSettings = Callable[..., Settings]


@dataclass
class Reply:
    """What one path is answered with."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    write: Callable[[Callable[[bytes], object]], object] | None = None
    """Writes the body itself, piece by piece."""


@dataclass
class Site:
    """The running server."""

    url: str
    ca_file: Path
    replies: dict[str, Reply] = field(default_factory=dict[str, Reply])
    requests: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])
    """Method, path with query, body."""
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _sign(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("test CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=ca,
                crl_sign=ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not ca:
        names = x509.SubjectAlternativeName([x509.DNSName(subject)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _make_certificates(folder: Path, host: str) -> tuple[Path, Path]:
    """Write a CA and, signed by it, the certificate and key of the host."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    ca_file, chain = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(_sign("test CA", ca_key, ca_key, ca=True).public_bytes(pem))
    chain.write_bytes(
        _sign(host, key, ca_key, ca=False).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ca_file, chain


class _Server(ThreadingHTTPServer):
    site: Site

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site = cast("_Server", self.server).site
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        site.requests.append((self.command, self.path, body))
        site.headers.append({name.lower(): value for name, value in self.headers.items()})
        reply = site.replies.get(self.path.partition("?")[0], Reply(b"", 404))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.write:
            reply.write(self.wfile.write)
        else:
            self.wfile.write(reply.body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing on stderr."""


@contextmanager
def serve(folder: Path, host: str = "localhost") -> Generator[Site]:
    """Run a server on loopback with nothing on it; its certificates go to ``folder``.

    Its certificate names ``host``.
    """
    ca_file, chain = _make_certificates(folder, host)
    server = _Server(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.site = Site(f"https://localhost:{server.server_address[1]}", ca_file)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
