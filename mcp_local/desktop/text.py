"""A configuration file as text that is edited in place: what isn't edited stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mcp_local.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str, ...]
"""Keys from the top of the document down."""


class Unreadable(SettingsError):
    """A client's configuration doesn't parse, so it isn't touched."""

    code = "client_file"


def not_utf8(file: str) -> StorageError:
    """Return why an entry can't stand in a file: somewhere a name is of bytes that are no text."""
    return StorageError(
        f"{file} can't be written: it is UTF-8, and a path in the entry isn't.",
        hint="Rename the folder or file, and try again.",
    )


class ConfigText(Protocol):
    """One document. Each edit checks itself: what it isn't about reads the same afterwards."""

    text: str
    """The document with all edits so far."""

    def data(self) -> Mapping[str, object]:
        """Return the document as plain data."""
        ...

    def set(self, path: Path, value: object) -> None:
        """Put plain data at ``path``; tables on the way there are made."""
        ...

    def remove(self, path: Path) -> None:
        """Take away what is at ``path``, and nothing if there is nothing."""
        ...

    def source(self, path: Path) -> str:
        """Return what is at ``path`` as it is written."""
        ...

    def set_source(self, path: Path, source: str) -> None:
        """Put back what :meth:`source` returned."""
        ...


def at(data: object, path: Path) -> object:
    """Return what is at ``path`` of plain data; ``None`` if there is nothing."""
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return None
        data = data[key]  # pyright: ignore[reportUnknownVariableType]
    return data  # pyright: ignore[reportUnknownVariableType]


def having(data: object, path: Path, value: object) -> dict[str, object]:
    """Return plain data with ``value`` at ``path``."""
    table: dict[str, object] = dict(data) if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    key, *rest = path
    table[key] = having(table.get(key), tuple(rest), value) if rest else value
    return table


def lacking(data: object, path: Path) -> dict[str, object]:
    """Return plain data without what is at ``path``."""
    table: dict[str, object] = dict(data) if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    key, *rest = path
    if not rest:
        table.pop(key, None)
    elif key in table:
        table[key] = lacking(table[key], tuple(rest))
    return table
