"""The authority's signing keys: published as a JWKS, rolled over on demand."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping

_BITS = 2048
_EXPONENT = 65537
_VALID = dt.timedelta(days=365)
_making = threading.Lock()


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key with its self-signed certificate."""

    private: rsa.RSAPrivateKey
    kid: str
    """Also ``x5t``: the certificate's SHA-1 thumbprint, as in the cloud."""
    certificate: bytes
    """DER."""

    def jwk(self, issuer: str) -> dict[str, object]:
        """Return the public half as the cloud publishes it: with ``issuer``, without ``alg``."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
            "x5c": [base64.b64encode(self.certificate).decode()],
            "issuer": issuer,
        }


@functools.cache
def _pooled(_index: int) -> SigningKey:
    # RSA keys are slow to make, and in the cloud, too, all tenants share them.
    private = rsa.generate_private_key(public_exponent=_EXPONENT, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mcp-local emulator signing")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID)
        .not_valid_after(now + _VALID)
        .sign(private, hashes.SHA256())
    )
    thumbprint = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - x5t is SHA-1 (RFC 7517)
    der = certificate.public_bytes(serialization.Encoding.DER)
    return SigningKey(private, base64url(thumbprint), der)


def make_key(index: int) -> SigningKey:
    """Return the process's key number ``index``, making it at the first call (about 50 ms)."""
    with _making:
        return _pooled(index)


class KeyRing:
    """The keys an authority publishes, oldest first; one of them signs."""

    def __init__(self, count: int = 2) -> None:
        self._next = count
        self._published = tuple(make_key(index) for index in range(count))
        self._active = self._published[0]

    @property
    def active(self) -> SigningKey:
        """The key that signs."""
        return self._active

    def rotate(self, *, retire: bool = False) -> str:
        """Publish a new key and sign with it from now on; return its kid.

        With ``retire`` the key that signed until now is no longer published, so that tokens it
        signed can't be verified any more.
        """
        new = make_key(self._next)
        self._next += 1
        kept = tuple(key for key in self._published if not (retire and key is self._active))
        self._published = (*kept, new)
        self._active = new
        return new.kid

    def jwks(self, issuer: str) -> dict[str, object]:
        """Return the published keys, each marked with ``issuer``."""
        return {"keys": [key.jwk(issuer) for key in self._published]}

    def sign(
        self, claims: Mapping[str, object], *, x5t: bool, headers: Mapping[str, str] | None = None
    ) -> str:
        """Return ``claims`` as a signed JWT; v1.0 tokens carry ``x5t`` beside ``kid``."""
        key = self._active
        own = {"kid": key.kid} | ({"x5t": key.kid} if x5t else {}) | dict(headers or {})
        return jwt.encode(dict(claims), key.private, algorithm="RS256", headers=own)
