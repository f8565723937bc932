"""The key in the Secret Service (GNOME Keyring, KWallet, KeePassXC), over D-Bus, in pure Python.

Never a prompt: a locked keyring counts as out of reach. Everything together has 3 s (SECURITY.md
C13): a bus that takes connections and never answers is a usual fault of broken sessions.
"""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from jeepney import DBusErrorResponse, HeaderFields, Message
from jeepney.bus import get_bus
from jeepney.io.blocking import DBusConnection, prep_socket
from secretstorage import (
    Collection,
    ItemNotFoundException,
    LockedException,
    SecretServiceNotAvailableException,
    SecretStorageException,
    search_items,
)

from mcp_local.broker.storage.keyslot import KeyUnavailable, decode, encode

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator, Mapping

LIMIT: Final = 3.0
"""Seconds for all dealings with the bus."""
_LABEL = "mcp-local: key of the sign-in cache"
_TRIES: Final = 3
"""Looks for an item that goes away while it is read."""


@final
class SecretServiceSlot:
    """An item of the default collection, found by the state folder it belongs to."""

    kind = "keyring"
    place = "the Secret Service (keyring)"

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._attributes = {"application": "mcp-local", "folder": str(home.resolve())}
        self._environ = environ
        self._deadline = time.monotonic() + LIMIT

    def fetch(self) -> bytes | None:
        """Return the item's secret; ``None`` when no collection has the item, and none is locked.

        Raises:
            KeyUnavailable: the service is missing, locked, refuses, or doesn't answer.
        """
        with self._connection() as connection:
            for _ in range(_TRIES):
                with suppress(ItemNotFoundException):  # another process is about to replace it
                    for item in search_items(connection, self._attributes):
                        return decode(item.get_secret(), self.place)
                    break
            # A locked collection may hide its items: then the key isn't known to be missing.
            Collection(connection).ensure_not_locked()
        return None

    def put(self, value: bytes) -> None:
        """Make or replace the item.

        Raises:
            KeyUnavailable: as :meth:`fetch`.
        """
        with self._connection() as connection:
            collection = Collection(connection)
            collection.create_item(_LABEL, self._attributes, encode(value), replace=True)

    @contextmanager
    def _connection(self) -> Generator[DBusConnection]:
        try:
            with closing(connect(find_bus(self._environ), self._deadline)) as connection:
                yield connection
        except LockedException as error:
            raise KeyUnavailable("the keyring is locked") from error
        except ItemNotFoundException as error:
            raise KeyUnavailable("the keyring has no default collection yet") from error
        except SecretServiceNotAvailableException as error:
            raise KeyUnavailable("no Secret Service runs on the session bus") from error
        except TimeoutError as error:
            raise KeyUnavailable(f"the keyring didn't answer within {LIMIT:g} s") from error
        except DBusErrorResponse as error:
            raise KeyUnavailable(f"the keyring refused: {error.name}") from error
        except (SecretStorageException, OSError, ValueError, RuntimeError, LookupError) as error:
            kind = type(error).__name__
            raise KeyUnavailable(f"the session bus can't be used ({kind})") from error


def find_bus(environ: Mapping[str, str]) -> str:
    """Return the session bus's address.

    Desktop clients start servers without DBUS_SESSION_BUS_ADDRESS; then it is where systemd puts
    it.

    Raises:
        KeyUnavailable: there is no session bus.
    """
    address = environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if address:
        return address
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    path = Path(runtime) / "bus"
    if not path.is_socket():
        raise KeyUnavailable("there is no session bus, so no keyring")
    return f"unix:path={path}"


@final
class _BoundedConnection(DBusConnection):
    """A connection whose every wait ends at one deadline, and which lets nothing prompt."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._deadline = deadline
        sock.settimeout(LIMIT)  # for a bus that doesn't read
        super().__init__(sock)

    def receive(self, *, timeout: float | None = None) -> Message:
        """Return the next message, within the deadline whatever ``timeout`` says."""
        del timeout
        return super().receive(timeout=max(self._deadline - time.monotonic(), 0.0))

    def send(self, message: Message, serial: int | None = None) -> None:
        """Send a message, unless it asks the service to open a prompt.

        Raises:
            LockedException: it does: the keyring was locked a moment ago.
        """
        if message.header.fields.get(HeaderFields.member) == "Prompt":
            raise LockedException("a prompt would be needed")
        super().send(message, serial)

    send_message = send


def connect(address: str, deadline: float) -> DBusConnection:
    """Return a connection to the bus that is done with at ``deadline`` (monotonic seconds)."""
    remaining = max(deadline - time.monotonic(), 0.001)  # 0 would mean not to wait at all
    sock = prep_socket(get_bus(address), timeout=remaining)
    try:
        return _BoundedConnection(sock, deadline)
    except BaseException:
        sock.close()
        raise
