"""The emulator's certificates hold under strict X.509 rules, and are of no use elsewhere."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from mcp_local.emulator.certificates import make_certificates

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp_local.emulator.certificates import Certificates

STRICT = ssl.VerifyFlags.VERIFY_X509_STRICT | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """A CA and a server certificate."""
    return make_certificates()


@pytest.fixture
def tls(certificates: Certificates) -> Generator[ssl.SSLContext]:
    """A client that trusts the CA and is as strict as newer Pythons are by default."""
    context = ssl.create_default_context(cadata=certificates.ca.decode())
    context.verify_flags |= STRICT
    yield context
    assert context.check_hostname


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> None:
    """Shake hands over a pair of sockets."""
    left, right = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(right, server_side=True).close()
        except (ssl.SSLError, OSError):
            right.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(left, server_hostname=host).close()
    finally:
        left.close()
        thread.join()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_verifies(tls: ssl.SSLContext, certificates: Certificates, host: str) -> None:
    """Each name of loopback verifies under strict rules."""
    handshake(tls, certificates.server, host)


def test_other_names_do_not(tls: ssl.SSLContext, certificates: Certificates) -> None:
    """The certificate is of no use for the cloud's name."""
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tls, certificates.server, "login.microsoftonline.com")


def test_ca_is_constrained(certificates: Certificates) -> None:
    """The CA may sign for loopback only, and no further CA; both are critical."""
    ca = x509.load_pem_x509_certificate(certificates.ca)

    names = ca.extensions.get_extension_for_class(x509.NameConstraints)
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
    assert names.critical
    assert basic.critical
    assert usage.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    assert names.value.permitted_subtrees == [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_network("127.0.0.1/32")),
        x509.IPAddress(ipaddress.ip_network("::1/128")),
    ]
    assert ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert ca.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
