"""Where the authority's keys come from: fetched seldom, shared by the machine, kept when it fails.

The only module of this room that reaches outside, and only through the two things it is handed:
``fetch`` and a storage with a machine-wide lock. The rules are J21 to J24 of SECURITY.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from mcp_local.errors import StorageError, Unreachable
from mcp_local.identity.keyset import BadKeySet, KeySet, parse_jwks

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

MAX_AGE = 24 * 3600.0
"""Seconds after which a set is due for a new fetch; it is never refused for its age (J23)."""

UNKNOWN_KEY_PAUSE = 300.0
"""Seconds without a fetch for unknown keys after an answer that lacked the one asked for (J21)."""

LONGEST_BACK_OFF = 60.0
"""Seconds; after a fault of the network the pause doubles from 1 s up to this (J21)."""

_CLOCK_SLACK = 60.0


class KeyStorage(Protocol):
    """Keeps one document for all processes of the machine, sealed against edits (J24)."""

    def load(self) -> bytes | None:
        """Return what was saved, ``None`` when there is nothing that can be trusted."""
        ...

    def save(self, data: bytes) -> None:
        """Replace the document as a whole.

        Raises:
            StorageError: it can't be written.
        """
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Return the machine-wide lock, held while a fetch is under way.

        Raises:
            StorageError: on entering, when the lock can't be had in a bounded time.
        """
        ...


class _Record(msgspec.Struct, frozen=True):
    """The kept document. All times are seconds since the epoch; 0 means never."""

    issuer: str
    jwks_uri: str
    keys: msgspec.Raw = msgspec.Raw(b'{"keys":[]}')
    fetched_at: float = 0.0
    lacked_at: float = 0.0
    """When the authority last answered without the key it was asked for."""
    failed_at: float = 0.0
    failures: int = 0
    """Faults of the network since the last answer."""


class KeySource:
    """The keys of one issuer. Made for short-lived processes; one instance isn't thread-safe."""

    def __init__(
        self,
        *,
        fetch: Callable[[str], bytes],
        storage: KeyStorage,
        jwks_uri: str,
        issuer: str,
        clock: Callable[[], float],
    ) -> None:
        """``fetch`` gets an URL and raises ``Unreachable``; ``clock`` tells epoch seconds.

        What is kept for another ``issuer`` or ``jwks_uri`` is ignored (J24).
        """
        self._fetch = fetch
        self._storage = storage
        self._clock = clock
        self._nothing = _Record(issuer, jwks_uri)
        self._unsaved: _Record | None = None
        self._fault: Unreachable | None = None
        self._parsed_from = b""
        self._parsed = KeySet({})

    def get(self, key_id: str, *, at_sign_in: bool = False) -> KeySet:
        """Return the keys, fetched anew when that is due; ``key_id`` may be missing from them.

        ``at_sign_in``: a person is there, so no pause stands in the way of a fetch that is due.

        Raises:
            Unreachable: ``key_id`` isn't known, and the authority couldn't be asked.
            StorageError: ``key_id`` isn't known, and the machine-wide lock can't be had.
        """
        record = self._load()
        if not self._due(record, key_id, at_sign_in=at_sign_in):
            return self._answer(record, key_id)
        try:
            with self._storage.lock():
                # Another process may have fetched while this one waited.
                record = self._load()
                if self._due(record, key_id, at_sign_in=at_sign_in):
                    record = self._renew(record, key_id)
        except StorageError:
            if not self._knows(record, key_id):
                raise
        return self._answer(record, key_id)

    def _answer(self, record: _Record, key_id: str) -> KeySet:
        """Return the record's keys, unless they lack ``key_id`` for want of an answer."""
        if not self._knows(record, key_id) and record.failures:
            raise self._fault or Unreachable(
                "The authority's keys could not be fetched a moment ago.",
                hint="Check the network, `proxy` and `ca_file`, then run `mcp-local login`.",
            )
        return self._keys(record)

    def _due(self, record: _Record, key_id: str, *, at_sign_in: bool) -> bool:
        """Whether to ask the authority now (J21, J23)."""
        now = self._clock()
        known = self._knows(record, key_id)
        if known and _within(record.fetched_at, MAX_AGE, now):
            return False
        if at_sign_in:
            return True
        if _within(record.failed_at, _back_off(record.failures), now):
            return False
        return known or not _within(record.lacked_at, UNKNOWN_KEY_PAUSE, now)

    def _renew(self, record: _Record, key_id: str) -> _Record:
        """Ask the authority once, and keep its answer or, when there is none, what we have."""
        try:
            data = self._fetch(record.jwks_uri)
            keys = parse_jwks(data)
            if not keys.keys:
                raise BadKeySet("The authority's key set holds no usable key.")
        except Unreachable as fault:  # J22: the last known good is kept
            self._fault = fault
            renewed = msgspec.structs.replace(
                record, failed_at=self._clock(), failures=record.failures + 1
            )
        else:
            now = self._clock()
            renewed = msgspec.structs.replace(
                self._nothing,
                keys=msgspec.Raw(keys.to_bytes()),
                fetched_at=now,
                lacked_at=record.lacked_at if keys.find(key_id) else now,
            )
        self._save(renewed)
        return renewed

    def _load(self) -> _Record:
        """Return what is kept for this issuer; anything else counts as nothing (J24)."""
        if self._unsaved is not None:
            return self._unsaved
        data = self._storage.load()
        try:
            record = msgspec.json.decode(data or b"", type=_Record)
        except msgspec.DecodeError:
            return self._nothing
        bound = (record.issuer, record.jwks_uri)
        return record if bound == (self._nothing.issuer, self._nothing.jwks_uri) else self._nothing

    def _save(self, record: _Record) -> None:
        try:
            self._storage.save(msgspec.json.encode(record))
            self._unsaved = None
        except StorageError:
            self._unsaved = record  # it serves this process, and so do its pauses

    def _knows(self, record: _Record, key_id: str) -> bool:
        return self._keys(record).find(key_id) is not None

    def _keys(self, record: _Record) -> KeySet:
        """Return the record's keys, parsed once for as long as they stay the same."""
        raw = bytes(record.keys)
        if raw != self._parsed_from:
            self._parsed_from = raw
            try:
                self._parsed = parse_jwks(raw)
            except BadKeySet:
                self._parsed = KeySet({})
        return self._parsed


def _within(since: float, seconds: float, now: float) -> bool:
    """Whether ``since`` lies less than ``seconds`` back; a time in the future counts as never."""
    return -_CLOCK_SLACK <= now - since < seconds


def _back_off(failures: int) -> float:
    return min(LONGEST_BACK_OFF, 2.0 ** (failures - 1)) if failures else 0.0
