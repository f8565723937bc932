"""What kinds of statements an SQL text holds, read by a real parser (POLICY.md 6).

Which database will run the text isn't known, and databases read quotes and comments differently:
a text that is one harmless statement to one of them is two to another. So it is read in several
dialects, and its kinds are those of all readings together. Where one of them can't read it, it
counts only if it has none of the signs that databases disagree about.

Kinds are judged, functions aren't: ``SELECT`` of a function that writes is a ``select``. What a
function may do is for the database's own permissions.
"""

from __future__ import annotations

import logging
import re
import threading
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from mcp_local.errors import PolicyError
from mcp_local.origin import install_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlglot import exp

KINDS: Final = (
    "select", "insert", "update", "delete", "merge", "create", "alter", "drop", "truncate",
    "describe", "show", "pragma", "transaction",
)  # fmt: skip
"""Kinds that a policy can speak of. A statement of no kind here is of none that it allows."""

_OTHER = "other"
_MAX_LENGTH = 20_000
"""Characters of a text that is read; reading holds up the server, and others behind it."""
_MAX_WORDS = 2_000
"""Words and signs of a text that is read: about 0.2 s for the slowest texts known."""
_WORD = re.compile(r"\w+|[^\w\s]")
_DIALECTS: Final = ("sqlite", "", "mysql", "tsql", "oracle", "postgres")
"""The quickest to refuse come first."""

_NEVER = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)"  # control characters; a bare CR ends some comments
    r"|/\*M?!"  # a comment that MySQL and MariaDB run
    r"|/\*(?:(?!\*/).)*/\*"  # a comment in a comment: not everywhere one
    r"|--(?![\s\-]|$)",  # a comment, but not to MySQL
    re.DOTALL,
)
_DISPUTED = re.compile(r"[\\`#$\[]|/\*|--|\bn?q'", re.IGNORECASE)
"""Signs that open a quote or a comment in some databases only."""

_STATEMENT_WORDS: Final = frozenset({
    "alter", "backup", "begin", "call", "checkpoint", "commit", "copy", "create", "dbcc",
    "deallocate", "declare", "delete", "deny", "drop", "exec", "execute", "grant", "insert", "kill",
    "merge", "print", "raiserror", "reconfigure", "restore", "return", "revert", "revoke",
    "rollback", "save", "set", "setuser", "shutdown", "throw", "truncate", "update", "use",
    "waitfor", "while",
})  # fmt: skip
"""No names for a column or table without quotes: to databases that part statements without a
semicolon, like SQL Server, they start the next one."""

_quiet = threading.local()


class _Silence(logging.Filter):
    """Keeps the parser from writing a person's SQL to the log; other users of it are let be."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return not getattr(_quiet, "reading", False)


def require_parser() -> None:
    """Make sure that the parser is there.

    Raises:
        PolicyError: the extra `sql` isn't installed.
    """
    if find_spec("sqlglot") is None:
        message = "The policy judges SQL, and the SQL parser (extra `sql`) isn't installed."
        raise PolicyError(message, hint=install_hint("sql"))
    log = logging.getLogger("sqlglot")
    if not any(isinstance(each, _Silence) for each in log.filters):
        log.addFilter(_Silence())


def sql_only(kinds: tuple[str, ...]) -> Callable[[object], bool | None]:
    """Return a test: is every statement of a text of these kinds; unknown where it's unreadable."""
    allowed = frozenset(kinds)

    def test(seen: object) -> bool | None:
        found = kinds_of(seen) if isinstance(seen, str) else None
        return None if found is None else found <= allowed

    return test


def beyond_limits(text: str) -> str:
    """Return why a text is too long to be read, as a clause; empty: it isn't."""
    if len(text) > _MAX_LENGTH:
        return f"it has more than {_MAX_LENGTH:,} characters"
    if sum(1 for _ in _WORD.finditer(text)) > _MAX_WORDS:
        return f"it has more than {_MAX_WORDS:,} words and signs"
    return ""


@lru_cache(maxsize=16)
def kinds_of(text: str) -> frozenset[str] | None:
    """Return the kinds of all statements in a text, nested ones included; ``None``: unknown.

    Kept for a moment: several conditions of a policy may ask about one text.
    """
    if beyond_limits(text) or _NEVER.search(text):
        return None
    disputed = _DISPUTED.search(text) is not None
    found: set[str] = set()
    _quiet.reading = True
    try:
        for dialect in _DIALECTS:
            kinds = _read(text, dialect)
            if kinds is None and disputed:
                return None
            found.update(kinds or ())
    finally:
        _quiet.reading = False
    return frozenset(found) or None


def _read(text: str, dialect: str) -> frozenset[str] | None:
    import sqlglot  # noqa: PLC0415 - an extra; only policies that judge SQL load it
    from sqlglot import exp  # noqa: PLC0415 - the same

    try:
        statements = [each for each in sqlglot.parse(text, dialect=dialect or None) if each]
        kinds: set[str] = set()
        for statement in statements:
            if not isinstance(statement, exp.Semicolon):  # only a comment
                kinds.update(_kinds(statement))
    except Exception:  # noqa: BLE001 - whatever a parser trips over in a hostile text is unknown
        return None
    return None if not kinds or "" in kinds else frozenset(kinds)


def _kinds(statement: exp.Expr) -> Iterator[str]:
    """Yield the kind of a statement and of those inside it; an empty one: it isn't understood."""
    from sqlglot import exp  # noqa: PLC0415 - an extra; only policies that judge SQL load it

    if not isinstance(statement, exp.Query | exp.Values):
        yield _NODES.get(type(statement).__name__, _OTHER)
    for node in statement.walk():
        name = type(node).__name__
        if name == "Command":
            yield ""
        elif name in _NODES:
            yield _NODES[name]
        elif isinstance(node, exp.TableAlias | exp.Alias):
            word = node.args.get("alias") if isinstance(node, exp.Alias) else node.this
            if isinstance(word, exp.Identifier) and not word.quoted:
                yield from [""] * (word.name.lower() in _STATEMENT_WORDS)


_NODES: Final = {
    "Select": "select",
    "Values": "select",
    "Insert": "insert",
    "Update": "update",
    "Delete": "delete",
    "Merge": "merge",
    "Create": "create",
    "Alter": "alter",
    "Drop": "drop",
    "TruncateTable": "truncate",
    "Describe": "describe",
    "Show": "show",
    "Pragma": "pragma",
    "Transaction": "transaction",
    "Commit": "transaction",
    "Rollback": "transaction",
    "Into": "create",  # SELECT … INTO makes a table, or a file
    "Lock": "update",  # SELECT … FOR UPDATE holds rows as a write does
    "Copy": _OTHER,
    "Execute": _OTHER,
    "Use": _OTHER,
    "Attach": _OTHER,
    "Detach": _OTHER,
}
