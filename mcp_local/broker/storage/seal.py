"""Sealed bytes: AES-256-GCM under one key, bound to what they are for.

The format, on every system:

    magic "MCPL" (4) · version (1) · key id (8) · nonce (12) · ciphertext and tag

The whole header and the purpose are associated data (SECURITY.md C8): a bit flipped anywhere, a
cut tag, or a file put in another's place is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from typing import Final, final

from mcp_local.errors import StorageError

KEY_BYTES: Final = 32
_MAGIC: Final = b"MCPL"
_VERSION: Final = 1
_HEADER: Final = struct.Struct(">4sB8s12s")
_NONCE_BYTES: Final = 12  # NIST SP 800-38D, 8.2.2: random, for far fewer than 2^32 seals a key


class SealBroken(StorageError):
    """The bytes aren't what was sealed, or were sealed for something else."""


class SealedByOther(StorageError):
    """The bytes name another key than the one at hand; they may be in good order."""


@final
class Seal:
    """Seals and opens bytes with one key, which neither ``repr`` nor an error shows."""

    __slots__ = ("_cipher", "key_id")

    def __init__(self, key: bytes) -> None:
        # Imported here for start-up time: 45 ms that a server with an empty cache never spends.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(key)
        self.key_id = hmac.digest(key, b"mcp-local key id", hashlib.sha256)[:8]
        """Names the key without telling anything of it."""

    def seal(self, purpose: str, plaintext: bytes) -> bytes:
        """Return the sealed bytes; only :meth:`open` with the same purpose gives them back."""
        nonce = os.urandom(_NONCE_BYTES)
        header = _HEADER.pack(_MAGIC, _VERSION, self.key_id, nonce)
        return header + self._cipher.encrypt(nonce, plaintext, header + purpose.encode())

    def open(self, purpose: str, data: bytes) -> bytes:
        """Return what was sealed for ``purpose``.

        Raises:
            SealedByOther: another key sealed it.
            SealBroken: anything else is wrong with it.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - loaded with the cipher

        header = data[: _HEADER.size]
        if len(header) < _HEADER.size or header[:5] != bytes((*_MAGIC, _VERSION)):
            raise SealBroken("This is no sealed file of this version.")
        _, _, key_id, nonce = _HEADER.unpack(header)
        if key_id != self.key_id:
            raise SealedByOther("This was sealed with another key.")
        try:
            return self._cipher.decrypt(nonce, data[_HEADER.size :], header + purpose.encode())
        except InvalidTag as error:
            raise SealBroken("This was changed since it was sealed, or is not for here.") from error

    def __repr__(self) -> str:
        return f"Seal(key_id={self.key_id.hex()})"
