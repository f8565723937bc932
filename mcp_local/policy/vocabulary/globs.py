"""Shell globs with one meaning on every system (POLICY.md 4).

Case-sensitive; ``*`` crosses ``/``; ``?`` is one character; ``[abc]``, ``[a-z]`` and ``[!abc]`` are
one character of a set. A sign stands for itself in brackets: ``[*]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias


class GlobError(Exception):
    """A glob that means nothing; caught where its place is known."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """One character of a set, or of all others."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def accepts(self, char: str) -> bool:
        """Tell whether the character is one of these."""
        return any(low <= char <= high for low, high in self.ranges) is not self.negated

    def regex(self) -> str:
        """Return the same as a regular expression."""
        if not self.ranges:
            return "."
        spans = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in self.ranges)
        return f"[{'^' if self.negated else ''}{spans}]"


Token: TypeAlias = OneOf | None
"""``None`` is the star: any run of characters, the empty one too."""

_ANY = OneOf((), negated=True)


class Glob:
    """One glob, or a plain text, which matches itself; :meth:`check` first."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.prefix = re.split(r"[*?\[]", text, maxsplit=1)[0]
        """What every match starts with."""
        self.wild = self.prefix != text
        """Whether the text holds a glob's signs."""

    def check(self) -> None:
        """Refuse a glob that means nothing.

        Raises:
            GlobError: says what is wrong with it.
        """
        _tokens(self.text)

    def matches(self, name: str) -> bool:
        """Tell whether the whole name matches, in time linear in it."""
        return name.startswith(self.prefix) and self._regex.fullmatch(name) is not None

    def may_match(self, template: str) -> bool:
        """Tell whether some URI made from a URI template would match."""
        return _meet(self._tokens, _template_tokens(template), whole=False)

    def covers(self, template: str) -> bool:
        """Tell whether every URI made from a URI template matches; in doubt it doesn't."""
        return _meet(self._tokens, _template_tokens(template), whole=True)

    @cached_property
    def _tokens(self) -> tuple[Token, ...]:
        return _tokens(self.text)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        """Made at the first need: in a large policy most prefixes never match.

        Every piece between two stars is taken at its first place and never reconsidered
        (``(?>…)``), which for globs loses nothing and bars exponential searching.
        """
        pieces = [""]
        for token in self._tokens:
            if token is None:
                pieces.append("")
            else:
                pieces[-1] += token.regex()
        first, *rest = pieces
        middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
        last = f".*{rest[-1]}" if rest else ""
        return re.compile(first + middle + last, re.DOTALL)


def _tokens(text: str) -> tuple[Token, ...]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "[":
            token, at = _set(text, at)
            tokens.append(token)
        elif char == "*":
            tokens.append(None)
        else:
            tokens.append(_ANY if char == "?" else OneOf(((char, char),)))
    return tuple(tokens)


def _set(text: str, at: int) -> tuple[OneOf, int]:
    """Read a set from behind its bracket; return it and the place behind it."""
    negated = text.startswith("!", at)
    at += negated
    end = text.find("]", at + 1)  # a `]` right at the start is one of the set
    if end < 0:
        raise GlobError("has a `[` without its `]`; the sign itself is written `[[]`")
    ranges: list[tuple[str, str]] = []
    while at < end:
        low = high = text[at]
        if at + 2 < end and text[at + 1] == "-":
            high = text[at + 2]
            at += 2
        if low > high:
            raise GlobError(f"has a range that runs backwards: `{low}-{high}`")
        ranges.append((low, high))
        at += 1
    return OneOf(tuple(ranges), negated), end + 1


def _template_tokens(template: str) -> tuple[Token, ...]:
    """Return a URI template as tokens: each ``{…}`` (RFC 6570) stands for any text."""
    tokens: list[Token] = []
    for piece in re.split(r"(\{[^{}]*\})", template):
        if piece.startswith("{") and piece.endswith("}"):
            tokens.append(None)
        else:
            tokens.extend(OneOf(((char, char),)) for char in piece)
    return tuple(tokens)


def _meet(glob: tuple[Token, ...], template: tuple[Token, ...], *, whole: bool) -> bool:
    """Tell whether some text fits both, or, if ``whole``, whether all texts of the template fit.

    The template has stars and single characters only. All of it fits when each of its stars is
    swallowed by one of the glob's.
    """
    seen: set[tuple[int, int]] = set()
    states = [(0, 0)]
    while states:
        state = states.pop()
        if state in seen:
            continue
        seen.add(state)
        i, j = state
        if i == len(glob) and j == len(template):
            return True
        more_glob, more_template = i < len(glob), j < len(template)
        open_glob = more_glob and glob[i] is None
        open_template = more_template and template[j] is None and not whole
        if open_glob or open_template:  # a star ends, or swallows one token of the other side
            states += [(i + 1, j)] * more_glob + [(i, j + 1)] * more_template
        elif more_glob and more_template and _same(glob[i], template[j]):
            states.append((i + 1, j + 1))
    return False


def _same(one: Token, other: Token) -> bool:
    """Tell whether a set takes the one character of another."""
    return one is not None and other is not None and one.accepts(other.ranges[0][0])
