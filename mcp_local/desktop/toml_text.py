"""Edits TOML; tomlkit keeps everything that isn't edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable, Item, Table

from mcp_local.desktop.text import Unreadable, having, lacking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.desktop.text import Path


class TomlText:
    """A TOML document; see :class:`mcp_local.desktop.text.ConfigText`."""

    def __init__(self, text: str) -> None:
        """Take the document.

        Raises:
            Unreadable: it isn't TOML.
        """
        self.text = text
        self._document = _parse(text)

    def data(self) -> Mapping[str, object]:
        """Return the document as plain data."""
        return cast("dict[str, object]", self._document.unwrap())

    def set(self, path: Path, value: object, comment: str = "") -> None:
        """Put plain data at ``path``, with a comment behind it."""
        expected = having(self.data(), path, value)
        item = _item(value)
        self._put(path, item.comment(comment) if comment else item)
        self._written(expected)

    def remove(self, path: Path) -> None:
        """Take away what is at ``path``."""
        parent = self._find(path[:-1])
        if not isinstance(parent, Container | AbstractTable) or path[-1] not in parent:
            return
        expected = lacking(self.data(), path)
        parent.remove(path[-1])
        if path[1:] and not parent:  # a table without a header of its own ends with its last
            self.remove(path[:-1])
            return
        self._written(expected)

    def source(self, path: Path) -> str:
        """Return what is at ``path`` as it is written."""
        item = self._find(path)
        return item.as_string() if isinstance(item, Item) else ""

    def set_source(self, path: Path, source: str) -> None:
        """Put back what :meth:`source` returned."""
        key = ".".join(tomlkit.key(each).as_string() for each in path)
        table = isinstance(self._find(path), Table)
        holder = _parse(f"[{key}]\n{source}" if table else f"{key} = {source}")
        item = cast("Item", _find(holder, path))
        expected = having(self.data(), path, item.unwrap())
        self._put(path, item)
        self._written(expected)

    def _find(self, path: Path) -> object:
        return _find(self._document, path)

    def _put(self, path: Path, item: Item) -> None:
        parent: Container | AbstractTable = self._document
        for key in path[:-1]:
            if key not in parent:
                parent[key] = tomlkit.table(is_super_table=True)
            inner = parent[key]
            if not isinstance(inner, Container | AbstractTable):
                raise Unreadable(f"has no table {key}")
            parent = inner
        parent[path[-1]] = item

    def _written(self, expected: Mapping[str, object]) -> None:
        """Take over the edited text; refuse an edit that did more or less than it should."""
        self.text = tomlkit.dumps(self._document)  # pyright: ignore[reportUnknownMemberType]
        self._document = _parse(self.text)
        if self.data() != expected:
            raise Unreadable("is written in a way that this program can't edit safely")


def _find(document: tomlkit.TOMLDocument, path: Path) -> object:
    found: object = document
    for key in path:
        if not isinstance(found, Container | AbstractTable) or key not in found:
            return None
        found = found[key]
    return found


def _item(value: object) -> Item:
    """Return plain data as TOML writes it: a table's own tables as tables, not inline."""
    return tomlkit.item(value)  # pyright: ignore[reportArgumentType]


def _parse(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise Unreadable(f"is not TOML: {error}") from None
