"""Takes a tree's nodes for what they must be, and notes every mistake instead of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from mcp_local.errors import did_you_mean
from mcp_local.policy.problems import MOST, InvalidPolicy, Problem, problem
from mcp_local.policy.reading.yaml_tree import Mapping, Scalar, ScalarKind, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.policy.reading.yaml_tree import Node


MAX_SENTENCE = 1000
"""Characters of a reason or a description."""

_FEW = 4
"""Words that are listed in a sentence; more stand in the hint."""


class Checker:
    """What was found wrong so far, and the ways to find more."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, node: Node, path: str, message: str, hint: str = "") -> None:
        """Note a mistake.

        Raises:
            InvalidPolicy: there are enough of them.
        """
        self.problems.append(problem(node.origin, path, message, hint))
        if len(self.problems) == MOST:
            raise InvalidPolicy(self.problems)

    def entries(self, node: Node, path: str) -> Iterator[tuple[Scalar, Node, str]]:
        """Yield each key, value and the value's path; a node that is no mapping has none."""
        if not isinstance(node, Mapping):
            self.wrong(node, path, f"must be a mapping of keys to values, not {_what(node)}")
            return
        for key, value in node.entries:
            if self.is_text(key, path):
                yield key, value, f"{path}.{key.text}" if path else key.text

    def fields(
        self, node: Node, path: str, known: tuple[str, ...], said: str = ""
    ) -> dict[str, Node]:
        """Return the values of the known keys; others are mistakes.

        ``said`` is the known key that people who write ``names`` mean.
        """
        found: dict[str, Node] = {}
        for key, value, inner in self.entries(node, path):
            if key.text in known:
                found[key.text] = value
            else:
                meant = said if said and key.text in {"name", "names"} else key.text
                self.wrong(key, inner, "is no key here", did_you_mean(meant, known))
        return found

    def words(self, node: Node | None, path: str) -> Iterator[tuple[Scalar, str]]:
        """Yield each text of a list with its path; an absent list has none."""
        if node is None:
            return
        if not isinstance(node, Sequence):
            hint = f"Write [{node.text}]." if isinstance(node, Scalar) and node.text else ""
            self.wrong(node, path, f"must be a list, not {_what(node)}", hint)
        elif not node.items:
            self.wrong(node, path, "is an empty list", "Leave it out, or name something in it.")
        else:
            for position, item in enumerate(node.items):
                inner = f"{path}[{position}]"
                if self.is_text(item, inner):
                    yield item, inner

    def is_text(self, node: Node, path: str) -> TypeGuard[Scalar]:
        """Tell whether a node is a text that can be read; note it if not."""
        if not isinstance(node, Scalar):
            self.wrong(node, path, f"must be a text, not {_what(node)}")
        elif node.kind is not ScalarKind.TEXT:
            hint = f'Put it in quotes: "{node.text}".' if node.text else ""
            self.wrong(node, path, f"must be a text, and YAML takes it for {node.kind}", hint)
        elif not node.text or node.text != node.text.strip() or not node.text.isprintable():
            self.wrong(node, path, "must be a text without blanks around it and control characters")
        else:
            return True
        return False

    def word(self, node: Node, path: str, known: tuple[str, ...]) -> str | None:
        """Return a text that is one of the known words."""
        if not self.is_text(node, path):
            return None
        if node.text not in known:
            few = len(known) <= _FEW
            words = " or ".join(known) if few else "one of the known words"
            message = f"must be {words}, not `{node.text}`"
            self.wrong(node, path, message, did_you_mean(node.text, known))
            return None
        return node.text

    def missing(self, node: Node, path: str, key: str, hint: str = "") -> None:
        """Note a key that isn't there; where nothing is right anyway, that is said already."""
        if isinstance(node, Mapping):
            self.wrong(node, path, f"has no `{key}`", hint)

    def sentence(self, node: Node | None, path: str) -> str:
        """Return a text for people: on one line or, in a description, on several."""
        if node is None:
            return ""
        if not isinstance(node, Scalar) or node.kind is not ScalarKind.TEXT:
            self.is_text(node, path)
        elif len(node.text) > MAX_SENTENCE:
            self.wrong(node, path, f"is longer than {MAX_SENTENCE} characters")
        elif not node.text.strip():
            self.wrong(node, path, "is empty", "Leave it out, or say something in it.")
        elif not node.text.replace("\n", " ").isprintable():
            self.wrong(node, path, "must be a text without control characters")
        else:
            return node.text.strip()
        return ""


def _what(node: Node) -> str:
    if isinstance(node, Scalar):
        return str(node.kind)
    return "a list" if isinstance(node, Sequence) else "a mapping"
