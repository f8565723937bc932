"""A place that holds the 32 bytes from which the cache's key comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

from mcp_local.broker.storage.files import atomic_write, read_private
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

VALUE_BYTES: Final = 32


class KeyUnavailable(StorageError):
    """A source can't give a key; the message is a clause that says why."""


class Slot(Protocol):
    """Holds one value of 32 bytes."""

    @property
    def kind(self) -> str:
        """Return the name for ``Storage.kind``."""
        ...

    @property
    def place(self) -> str:
        """Return where that is, in words."""
        ...

    def fetch(self) -> bytes | None:
        """Return the value; ``None`` only where it is certain that there is none.

        Raises:
            StorageError: the place can't be looked into.
        """
        ...

    def put(self, value: bytes) -> None:
        """Keep the value.

        Raises:
            StorageError: it can't be kept.
        """
        ...


@final
class FileSlot:
    """A 0600 file with the value in hexadecimal."""

    kind = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = str(path)

    def fetch(self) -> bytes | None:
        """Return the value; a file that isn't ours or holds anything else is refused."""
        text = read_private(self._path)
        try:
            return None if text is None else decode(text, self.place)
        except KeyUnavailable as error:
            hint = f"Delete {self.place} and sign in again: what it sealed can't be opened anyway."
            raise KeyUnavailable(error.message, hint=hint) from None

    def put(self, value: bytes) -> None:
        """Write the file in one step."""
        atomic_write(self._path, encode(value))


def encode(value: bytes) -> bytes:
    """Return the value as text, which every keyring can hold."""
    return value.hex().encode("ascii")


def decode(text: bytes, place: str) -> bytes:
    """Return the value that :func:`encode` made into ``text``.

    Raises:
        KeyUnavailable: it is something else.
    """
    try:
        value = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        value = b""
    if len(value) != VALUE_BYTES:
        raise KeyUnavailable(f"what is in {place} is no key of mcp-local")
    return value
