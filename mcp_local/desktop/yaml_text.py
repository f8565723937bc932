"""Edits YAML in place: PyYAML tells where a value stands, the rest of the text isn't touched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import yaml

from mcp_local.desktop.text import Unreadable, having, lacking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.desktop.text import Path

_UNIT = "  "


class YamlText:
    """A YAML document in block style; see :class:`mcp_local.desktop.text.ConfigText`."""

    def __init__(self, text: str) -> None:
        """Take the document; an empty file is an empty table.

        Raises:
            Unreadable: it isn't YAML, or no table of keys to values.
        """
        self.text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self.data()

    def data(self) -> Mapping[str, object]:
        """Return the document as plain data."""
        try:
            data: object = yaml.safe_load(self.text) or {}
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise Unreadable(f"is not YAML: {reason}") from None
        if not isinstance(data, dict):
            raise Unreadable("holds no table of keys to values")
        return cast("dict[str, object]", data)

    def set(self, path: Path, value: object) -> None:
        """Put plain data at ``path``."""
        expected = having(self.data(), path, value)
        self._put(path, value)
        self._check(expected)

    def set_source(self, path: Path, source: str) -> None:
        """Put back what :meth:`source` returned."""
        pair = self._find(path)
        if pair is None:
            self.set(path, yaml.safe_load(source))
            return
        others = lacking(self.data(), path)
        start, end = pair[0].end_mark.index, _end(self.text, pair[1])
        self.text = self.text[:start] + source + self.text[end:]
        if lacking(self.data(), path) != others:
            raise Unreadable("is written in a way that this program can't edit safely")

    def source(self, path: Path) -> str:
        """Return what is at ``path`` as it is written, from behind its key."""
        pair = self._find(path)
        return self.text[pair[0].end_mark.index : _end(self.text, pair[1])] if pair else ""

    def remove(self, path: Path) -> None:
        """Take away what is at ``path``."""
        pair = self._find(path)
        if pair is None:
            return
        expected = lacking(self.data(), path)
        start = self.text.rfind("\n", 0, pair[0].start_mark.index) + 1
        end = self.text.find("\n", _end(self.text, pair[1]))
        self.text = self.text[:start] + (self.text[end + 1 :] if end >= 0 else "")
        if path[1:] and self._is_empty(path[:-1]):
            key = cast("tuple[yaml.Node, yaml.Node]", self._find(path[:-1]))[0]
            self.text = f"{self.text[: key.end_mark.index]}: {{}}{self._behind(key)}"
        self._check(expected)

    def _is_empty(self, path: Path) -> bool:
        pair = self._find(path)
        return pair is not None and isinstance(pair[1], yaml.ScalarNode) and not pair[1].value

    def _behind(self, key: yaml.Node) -> str:
        return self.text[key.end_mark.index :].removeprefix(":")

    def _put(self, path: Path, value: object) -> None:
        pair = self._find(path)
        if pair is not None:
            start, end = pair[0].end_mark.index, _end(self.text, pair[1])
            self.text = f"{self.text[:start]}: {_flow(value)}{self.text[end:]}"
            return
        depth = next(n for n in range(len(path) - 1, -1, -1) if not n or self._find(path[:n]))
        parent = self._find(path[:depth]) if depth else None
        node = parent[1] if parent else self._compose()
        pairs = _pairs(node)
        if parent and not pairs:  # `key: {}` or `key:` becomes a block
            indent = _UNIT * depth
            start, end = parent[0].end_mark.index, _end(self.text, parent[1])
            body = self._block(path[depth:], value, indent)
            self.text = f"{self.text[:start]}:{self._newline}{body.rstrip()}{self.text[end:]}"
            return
        if isinstance(node, yaml.MappingNode) and node.flow_style:
            raise Unreadable(f"has {'.'.join(path[:depth])} in one line, in braces")
        indent = " " * pairs[0][0].start_mark.column if pairs else ""
        self._append(pairs, self._block(path[depth:], value, indent))

    def _append(self, pairs: list[tuple[yaml.Node, yaml.Node]], block: str) -> None:
        """Add lines after the last of the pairs."""
        if not pairs:
            self.text += block
            return
        last = _end(self.text, pairs[-1][1])
        end = self.text.find("\n", last)
        if end < 0:
            self.text += self._newline
            end = len(self.text) - 1
        self.text = self.text[: end + 1] + block + self.text[end + 1 :]

    def _block(self, keys: Path, value: object, indent: str) -> str:
        key = _flow(keys[0]) if not re.fullmatch(r"[A-Za-z_][\w-]*", keys[0]) else keys[0]
        if keys[1:]:
            return f"{indent}{key}:{self._newline}{self._block(keys[1:], value, indent + _UNIT)}"
        if not value or not isinstance(value, dict):
            return f"{indent}{key}: {_flow(value)}{self._newline}"
        table = cast("dict[str, object]", value)
        lines = [self._block((name,), inner, indent + _UNIT) for name, inner in table.items()]
        return f"{indent}{key}:{self._newline}{''.join(lines)}"

    def _find(self, path: Path) -> tuple[yaml.Node, yaml.Node] | None:
        node: yaml.Node | None = self._compose()
        pair: tuple[yaml.Node, yaml.Node] | None = None
        for key in path:
            pair = next((p for p in _pairs(node) if p[0].value == key), None)
            if pair is None:
                return None
            node = pair[1]
        return pair

    def _compose(self) -> yaml.Node | None:
        return yaml.compose(self.text, Loader=yaml.SafeLoader)

    def _check(self, expected: Mapping[str, object]) -> None:
        """Refuse an edit that did more or less than it should."""
        if self.data() != expected:
            raise Unreadable("is written in a way that this program can't edit safely")


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return cast("list[tuple[yaml.Node, yaml.Node]]", node.value)


def _end(text: str, node: yaml.Node) -> int:
    """Return where a value's last visible character ends; a block's own mark is further down."""
    while True:
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode) and not node.flow_style:
            inner = [value for _, value in _pairs(node)]
        elif isinstance(node, yaml.SequenceNode) and not node.flow_style:
            inner = cast("list[yaml.Node]", node.value)
        if not inner:
            break
        node = inner[-1]
    end = node.end_mark.index
    return len(text[:end].rstrip()) if end > node.start_mark.index else end


def _flow(value: object) -> str:
    """Return plain data in one line; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
