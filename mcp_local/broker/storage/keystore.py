"""The key that seals the cache: from the system's keyring, a passphrase, or a file asked for.

Each source is a slot that holds 32 bytes; a passphrase is mixed with a salt kept in one. Which
source is used, and why not a better one, is told by ``Storage`` wherever state is shown; nothing is
ever silently weaker (SECURITY.md C13).
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from mcp_local.broker.state import Storage
from mcp_local.broker.storage.files import FileLock
from mcp_local.broker.storage.keyslot import VALUE_BYTES, FileSlot, KeyUnavailable, Slot
from mcp_local.errors import StorageError
from mcp_local.settings.model import CacheKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.settings.model import Settings

PASSPHRASE = "MCP_LOCAL_CACHE_PASSPHRASE"  # noqa: S105 - the name of a variable
PASSPHRASE_FILE = "MCP_LOCAL_CACHE_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
_PASSPHRASE_LIMIT = 4096
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 3
"""OWASP's "Password Storage" gives this as equal to n=2^17, p=1, with a quarter of the memory."""
_SCRYPT_MEMORY = 64 * 1024 * 1024
"""Bytes; scrypt takes 128 · n · r = 32 MiB."""
IN_MEMORY = "Nothing is kept on disk: a sign-in ends with the process that asked for it."
"""What a cache in memory means for a person."""
_PATIENCE = 5.0
"""Seconds that a first start waits for another one, which makes the key."""
_ALTERNATIVES = (
    f"Set cache.key to what works here: `keyring`, `passphrase` (with {PASSPHRASE} or "
    f"{PASSPHRASE_FILE}), `file` (a 0600 key file beside the cache), or `memory`."
)


@dataclass(frozen=True, slots=True)
class KeyResult:
    """The key, if there is one, and what to tell people of it."""

    key: bytes | None = field(repr=False)
    """``None``: keep everything in memory."""
    storage: Storage


def open_key(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    on_new_key: Callable[[str], int] = lambda _kind: 0,
) -> KeyResult:
    """Return the cache's key from the source that ``cache.key`` names.

    ``auto`` is the keyring, else a passphrase, else memory. ``on_new_key`` is called with the
    source's kind before a key is made where none was: what an earlier key sealed is lost; it
    returns how many files it set aside. The keyring is given 3 s in all.

    Raises:
        StorageError: the source that is asked for by name isn't available.
    """
    source = _Source(settings.home, environ, settings.passphrase_file, on_new_key)
    try:
        match settings.cache_key:
            case CacheKey.MEMORY:
                return KeyResult(None, in_memory("The settings ask for it (cache.key = memory)."))
            case CacheKey.AUTO:
                return _first_available(source)
            case CacheKey.KEYRING:
                return source.keyring()
            case CacheKey.PASSPHRASE:
                return source.passphrase()
            case CacheKey.FILE:
                return source.file()
            case _:
                assert_never(settings.cache_key)
    except StorageError as error:
        message = f"cache.key = {settings.cache_key}: {error.message.rstrip('.')}."
        raise StorageError(message, hint=error.hint or _ALTERNATIVES) from error


def in_memory(reason: str, remedy: str = "") -> Storage:
    """Return the description of a cache in memory; ``reason`` and ``remedy`` are sentences."""
    detail = f"{IN_MEMORY} {reason}"
    return Storage(kind="memory", encrypted=False, detail=detail, remedy=remedy)


def lasting_place(storage: Storage) -> str:
    """Return what lets a sign-in outlast its process, where ``storage`` is a cache in memory."""
    return storage.remedy or (
        f"Unlock or install a keyring; or keep a passphrase in a file, named by {PASSPHRASE_FILE}; "
        'or say `cache.key = "file"` in the settings. '
        "Servers that a client starts sign in for themselves, each time."
    )


def _first_available(source: _Source) -> KeyResult:
    reasons: list[str] = []
    remedy = ""
    for attempt in (source.keyring, source.passphrase):
        try:
            return attempt()
        except StorageError as error:
            reasons.append(error.message.rstrip("."))
            remedy = error.hint or remedy
    return KeyResult(None, in_memory(f"Why: {'; '.join(reasons)}.", remedy))


@dataclass(frozen=True, slots=True)
class _Source:
    """The sources, with what they need to know."""

    home: Path
    environ: Mapping[str, str] = field(repr=False)  # may hold the passphrase
    passphrase_file: str
    on_new_key: Callable[[str], int]

    def keyring(self) -> KeyResult:
        slot = _system_slot(self.home, self.environ)
        key, note = self._fetch_or_make(slot, slot.kind)
        return _sealed(slot.kind, key, f"The key is in {slot.place}.{note}")

    def passphrase(self) -> KeyResult:
        passphrase, where = _passphrase(self.environ, self.passphrase_file)
        salt, note = self._fetch_or_make(FileSlot(self.home / "cache.salt"), "passphrase")
        key = hashlib.scrypt(
            passphrase,
            salt=salt,
            n=_SCRYPT_N,
            r=_SCRYPT_R,
            p=_SCRYPT_P,
            maxmem=_SCRYPT_MEMORY,
            dklen=VALUE_BYTES,
        )
        return _sealed("passphrase", key, f"The key is made from the passphrase in {where}.{note}")

    def file(self) -> KeyResult:
        slot = FileSlot(self.home / "cache.key")
        key, note = self._fetch_or_make(slot, slot.kind)
        detail = (
            f"The key lies in {slot.place}, as the settings ask: whoever can read your files can "
            f"open the cache.{note}"
        )
        return KeyResult(key, Storage(kind=slot.kind, encrypted=False, detail=detail))

    def _fetch_or_make(self, slot: Slot, kind: str) -> tuple[bytes, str]:
        """Return the slot's value, making one where none is, and a note about that."""
        value = slot.fetch()
        if value is not None:
            return value, ""
        with FileLock(self.home / "key.lock", timeout=_PATIENCE):
            value = slot.fetch()  # another process may have been quicker
            if value is not None:
                return value, ""
            # Before the key exists, so that a crash in between is made good by the next start.
            lost = self.on_new_key(kind)
            value = os.urandom(VALUE_BYTES)
            slot.put(value)
            if slot.fetch() != value:
                raise KeyUnavailable(f"{slot.place} didn't keep the key")
        note = f" The key of before was gone; sealed files set aside: {lost}." if lost else ""
        return value, note


def _system_slot(home: Path, environ: Mapping[str, str]) -> Slot:
    """Return the operating system's keyring as a slot for this state folder.

    Imported here for start-up time: 75 ms that only a cache sealed by the keyring spends.
    """
    try:
        if sys.platform == "win32":
            from mcp_local.broker.storage.keystore_windows import DpapiSlot  # noqa: PLC0415

            return DpapiSlot(home)
        if sys.platform == "darwin":
            from mcp_local.broker.storage.keystore_macos import KeychainSlot  # noqa: PLC0415

            return KeychainSlot(home)
        from mcp_local.broker.storage.keystore_linux import SecretServiceSlot  # noqa: PLC0415

        return SecretServiceSlot(home, environ)
    except ImportError as error:
        raise KeyUnavailable(f"this system's keyring can't be used: {error}") from error


def _sealed(kind: str, key: bytes, detail: str) -> KeyResult:
    return KeyResult(key, Storage(kind=kind, encrypted=True, detail=detail))


def _passphrase(environ: Mapping[str, str], file: str) -> tuple[bytes, str]:
    """Return the passphrase and where it stands.

    The file is the person's own choice, and may be a link or world-readable, as mounted secrets
    of containers are.
    """
    passphrase, where = environ.get(PASSPHRASE, ""), PASSPHRASE
    if not passphrase:
        where = file or environ.get(PASSPHRASE_FILE, "")
        if not where:
            raise KeyUnavailable("no passphrase is set")
        try:
            with Path(where).expanduser().open(encoding="utf-8") as stream:
                passphrase = stream.read(_PASSPHRASE_LIMIT).rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it isn't UTF-8 text"
            raise KeyUnavailable(f"the passphrase can't be read from {where}: {reason}") from error
    if not passphrase.strip():
        raise KeyUnavailable(f"the passphrase in {where} is empty")
    try:
        return passphrase.encode(), where
    except UnicodeEncodeError:  # bytes of another encoding; the error would quote the passphrase
        raise KeyUnavailable(f"the passphrase in {where} isn't UTF-8 text") from None
