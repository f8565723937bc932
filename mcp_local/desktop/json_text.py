"""Edits JSON, with or without comments, at the one place that is meant."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias, cast

import json5

from mcp_local.desktop.json_tree import read_tree
from mcp_local.desktop.text import Unreadable, having, lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.desktop.json_tree import Node
    from mcp_local.desktop.text import Path

_REST_OF_LINE = re.compile(r"[ \t]*(?:/\*[^\n]*?\*/[ \t]*)*(?://[^\n]*?(?=\r?$))?", re.MULTILINE)
"""Blanks and comments up to the line's end: they belong to what stands before them."""


_Write: TypeAlias = "Callable[[str], str]"
"""Makes the text of a value from the indent of the line it begins on."""


class JsonText:
    """A JSON document; see :class:`mcp_local.desktop.text.ConfigText`."""

    def __init__(self, text: str) -> None:
        """Take the document; an empty file is an empty object.

        Raises:
            Unreadable: it isn't JSON, or no object.
        """
        self.text = text if text.strip("\ufeff \t\r\n") else "{}\n"
        self._tree = read_tree(self.text)
        self._newline = "\r\n" if "\r\n" in text else "\n"
        indented = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
        self._unit = indented[1] if indented else "  "

    def data(self) -> Mapping[str, object]:
        """Return the document as plain data."""
        return cast("dict[str, object]", _plain(self.text.removeprefix("\ufeff")))

    def set(self, path: Path, value: object) -> None:
        """Put plain data at ``path``."""
        before = self.data()
        self._put(path, lambda indent: self._dump(value, indent))
        self._check(having(before, path, value))

    def set_source(self, path: Path, source: str) -> None:
        """Put back what :meth:`source` returned."""
        expected = having(self.data(), path, _plain(source))
        self._put(path, lambda _indent: source)
        self._check(expected)

    def source(self, path: Path) -> str:
        """Return what is at ``path`` as it is written."""
        node = self._find(path)
        return "" if node is None else self.text[node.start : node.end]

    def remove(self, path: Path) -> None:
        """Take away what is at ``path``."""
        node = self._find(path[:-1])
        if node is None or node.members is None or node.member(path[-1]) is None:
            return
        before = self.data()
        self._cut(node, path[-1])
        emptied = self._find(path[:-1])
        if emptied and not emptied.members:
            inside = self.text[emptied.start + 1 : emptied.end - 1]
            if not inside.strip():
                self._replace(emptied.start, emptied.end, "{}")
        self._check(lacking(before, path))

    def _find(self, path: Path) -> Node | None:
        node: Node | None = self._tree
        for key in path:
            member = None if node is None else node.member(key)
            node = None if member is None else member.value
        return node

    def _put(self, path: Path, write: _Write) -> None:
        node = self._tree
        for depth, key in enumerate(path):
            if node.members is None:
                raise Unreadable(f"has no object under {'.'.join(path[:depth])}")
            member = node.member(key)
            if member is None:
                self._insert(node, path[depth:], write)
                return
            node = member.value
        self._replace(node.start, node.end, write(self._indent_at(node.start)))

    def _insert(self, node: Node, keys: Path, write: _Write) -> None:
        """Add a member after the last one; ``keys`` beyond its own become objects around it."""
        outer = self._indent_at(node.start)
        inner = outer + self._unit
        if node.members:
            own = self._indent_at(node.members[-1].start)
            inner = own if own != outer else inner
        text = self._nested(keys, inner, write)
        if not node.members:
            after = self.text[node.start + 1 : node.end - 1]
            close = "" if "\n" in after else self._newline + outer
            opened = node.start + 1
            self._replace(opened, opened, f"{self._newline}{inner}{text}{close}")
            return
        last = node.members[-1].value.end
        before, comma = (node.trailing_comma, ",") if node.trailing_comma else (last, "")
        trivia = _REST_OF_LINE.match(self.text, before)
        place = trivia.end() if trivia else before
        rest = self.text[place : node.end - 1]
        if not rest or ("\n" not in rest and not rest.isspace()):
            place = before  # a comment that runs on, or the closing brace right behind
        close = "" if "\n" in self.text[place : node.end] else self._newline + outer
        added = f"{self._newline}{inner}{text}{comma}{close}"
        separator = "" if node.trailing_comma else ","
        self._replace(last, place, separator + self.text[last:place] + added)

    def _nested(self, keys: Path, indent: str, write: _Write) -> str:
        name = json.dumps(keys[0], ensure_ascii=False)
        if len(keys) == 1:
            return f"{name}: {write(indent)}"
        inner = indent + self._unit
        body = self._nested(keys[1:], inner, write)
        return f"{name}: {{{self._newline}{inner}{body}{self._newline}{indent}}}"

    def _cut(self, node: Node, key: str) -> None:
        members = node.members or ()
        index = max(i for i, each in enumerate(members) if each.key == key)
        start, end = members[index].start, members[index].value.end
        if index + 1 < len(members):
            end = self._after_comma(end)
        elif node.trailing_comma is not None:
            end = node.trailing_comma
        elif index:
            before = members[index - 1].value.end  # with the comma that is now too much
            comma = self._after_comma(before)
            kept = self.text[before : comma - 1] + self.text[comma:start]
            self._replace(before, end, kept.rstrip() if kept.strip() else "")
            return
        trivia = _REST_OF_LINE.match(self.text, end)
        end = trivia.end() if trivia else end
        start = self._line_start(start)
        rest = self.text[end:]
        if start and self.text[start - 1] == "\n" and rest.startswith(("\n", "\r\n")):
            end += 2 if rest.startswith("\r\n") else 1
        self._replace(start, end, "")

    def _after_comma(self, end: int) -> int:
        """Return where the comma ends that follows a member; comments may stand before it."""
        comment = re.compile(r"(?:\s|/\*.*?\*/|//[^\n]*)*,", re.DOTALL)
        found = comment.match(self.text, end)
        return found.end() if found else end

    def _line_start(self, position: int) -> int:
        start = self.text.rfind("\n", 0, position) + 1
        return start if not self.text[start:position].strip() else position

    def _indent_at(self, position: int) -> str:
        start = self.text.rfind("\n", 0, position) + 1
        line = self.text[start:position].removeprefix("\ufeff")
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _dump(self, value: object, indent: str) -> str:
        text = json.dumps(value, indent=self._unit, ensure_ascii=False)
        return text.replace("\n", self._newline + indent)

    def _replace(self, start: int, end: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[end:]
        self._tree = read_tree(self.text)

    def _check(self, expected: Mapping[str, object]) -> None:
        """Refuse an edit that did more or less than it should."""
        if self.data() != expected:
            raise Unreadable("is written in a way that this program can't edit safely")


def _plain(text: str) -> object:
    try:
        return json.loads(text)  # most have no comments
    except ValueError:
        return json5.loads(text)
