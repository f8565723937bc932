"""What a server reads of the sealed store: the last verified token, verified again.

Light to import; the verifier is imported at the first read, which runs in a thread once the
protocol is being answered (CLIENTS.md consequence 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.broker.authority.msal_cache import accounts_in, forget
from mcp_local.broker.authority.refusal import problem_of
from mcp_local.broker.storage.store import Entry, open_store
from mcp_local.errors import McpLocalError
from mcp_local.identity.grace import Grace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.broker.state import Problem, Storage
    from mcp_local.broker.storage.store import Store
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.settings import Settings


@dataclass(frozen=True, slots=True)
class Kept:
    """What one read found."""

    token: VerifiedToken | None = None
    renew_at: float = 0.0
    """Seconds since the epoch."""
    renewable: bool = False
    """Somebody signed in once, and their token may be renewed without them."""
    problem: Problem | None = None
    """Why a token that is there can't be used, or why nothing can be read."""


class Reader:
    """Opens the store once and reads it as often as it changes. All but ``version`` block."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._clock = clock
        self._store: Store | None = None
        self._last = Kept()
        self.grace = Grace.of(settings)
        """How long an expired token is still read."""

    @property
    def storage(self) -> Storage | None:
        """Where the key lives; ``None`` before the first read."""
        return None if self._store is None else self._store.storage

    def store(self) -> Store:
        """Return the store, opened at the first call.

        Raises:
            StorageError: the place that the settings ask for isn't available.
        """
        if self._store is None:
            self._store = open_store(self._settings, self._environ)
        return self._store

    def version(self) -> tuple[int, ...] | None:
        """Return what changes whenever somebody signs in, out, or renews. One ``stat``."""
        return None if self._store is None else self._store.version(Entry.TOKEN)

    def read(self) -> Kept:
        """Read the record and verify it. A token that was verified before is not verified again."""
        try:
            self._last = self._read()
        except McpLocalError as error:
            self._last = Kept(problem=problem_of(error))
        return self._last

    def _read(self) -> Kept:
        # start-up: the verifier brings cryptography, 100 ms that no first answer should wait for
        from mcp_local.broker.record import load_record, verify_record  # noqa: PLC0415

        store = self.store()
        renewable = bool(accounts_in(store.load(Entry.MSAL)))
        record = load_record(store)
        if record is None:
            return Kept(renewable=renewable)
        known = self._last.token
        if known is not None and known.token == record.token:
            return Kept(known, record.renew_at, renewable)
        try:
            token = verify_record(record, self._settings, self._clock(), grace=self.grace.seconds)
        except McpLocalError as error:
            return Kept(renewable=renewable, problem=problem_of(error))
        return Kept(token, record.renew_at, renewable)

    def forget(self) -> None:
        """Remove everybody's tokens from this machine.

        Raises:
            StorageError: something can't be removed.
        """
        forget(self.store())
