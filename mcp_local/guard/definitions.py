"""Approved definitions: what a server said of its tools at first use is what it may go on saying.

A server that is harmless when it is looked at can describe its tools otherwise later (M7). At first
use all is recorded as approved; what differs later is logged with a diff and told by whoami until
``mcp-local pin approve``, and with ``definitions = hold`` it is held back as long.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, final

from mcp_local.errors import StorageError
from mcp_local.guard.definition_changes import How, changes
from mcp_local.guard.definition_record import Definitions, Record, define, digest
from mcp_local.guard.record_file import RecordFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mcp_local.guard.definition_changes import Change
    from mcp_local.guard.definition_record import ServerKey
    from mcp_local.guard.relay.tail import Logs

_LOOK: Final = 1.0
"""Seconds between two looks at whether something was approved elsewhere."""
_LOGGED_LINES: Final = 40
_LOGGED_WIDTH: Final = 400
"""Characters of one line of a diff in the log."""


@final
class ApprovedDefinitions:
    """The definitions of one server, compared with those approved. Callable from any thread."""

    def __init__(self, home: Path, key: ServerKey, log: Logs, *, hold: bool) -> None:
        self._file = RecordFile(home, key)
        named = key.file.startswith("server-")
        self._title = key.title if named else "this server"  # a command line may hold secrets
        self._words = key.title if named else "-- COMMAND …"
        self._log = log
        self._hold = hold
        self._lock = threading.Lock()
        self._told: set[tuple[str, str, str]] = set()
        self.problem = ""
        """Why it isn't known what was approved; read only."""
        self._changes: list[Change] = []
        self._held: frozenset[tuple[str, str]] = frozenset()
        self._was_known = True
        """Whether it was known at the last look what was approved."""
        self.record = Record()
        """What is known of the server; read only."""
        self._said = Definitions()
        """What the server told this process; others may have been told something else."""
        self._kept = ""
        """The same as it was written to the record last."""
        self._stamp: tuple[int, int] | None = None
        self._looked = 0.0
        self._approved_elsewhere = False
        self.generation = 0
        """Grows each time that something else is held back."""
        self._load()

    def see(self, which: str, items: Iterable[Mapping[str, object]]) -> None:
        """Take note of a whole list as the server gave it; ``which`` is its key in the result.

        What is seen for the first time of this server is approved. Never raises: where nothing
        can be kept, what this process saw first counts.
        """
        found = define(which, items)
        with self._lock:
            self._said = self._said.with_list(which, found)
            self._update()

    def see_instructions(self, text: str) -> None:
        """Take note of the server's instructions; as :meth:`see`."""
        with self._lock:
            self._said = replace(self._said, instructions=text)
            self._update()

    def is_held(self, which: str, name: str = "") -> bool:
        """Whether a component, or the instructions, must not reach a client."""
        if not self._hold:
            return False
        self._refresh()
        return bool(self.problem) or (which, name) in self._held

    @property
    def at_rest(self) -> bool:
        """Whether the record's file is as it was read last. One ``stat``."""
        return self._file.stamp() == self._stamp

    def look(self) -> bool:
        """See whether something was approved elsewhere; True once for each time that it was."""
        self._refresh()
        approved, self._approved_elsewhere = self._approved_elsewhere, False
        return approved

    def _refresh(self) -> None:
        """Read the record again where its file has changed; looks at it once a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        if self.at_rest:
            return
        before = self.generation
        with self._lock:
            self._load()
        self._approved_elsewhere |= self.generation != before

    def notice(self) -> str:
        """Return what whoami must tell, in a sentence; empty while all is as approved.

        It names no component: a model reads it, to which some may be hidden.
        """
        self._refresh()
        if self.problem:
            held = " All that it has is held back." if self._hold else ""
            return f"What was approved of {self._title} isn't known: {self.problem}{held}"
        count = sum(change.how is not How.GONE for change in self._changes)
        if not count:
            return ""
        what = "definition is" if count == 1 else "definitions are"
        held = ", and held back" if self._hold else ""
        return (
            f"Of {self._title} {count} {what} not as approved{held}. "
            f"In a terminal: mcp-local pin show {self._words}"
        )

    def _load(self) -> None:
        self._stamp = self._file.stamp()
        try:
            found = self._file.load()
        except StorageError as error:
            self._fail(error)
        else:
            self.problem = ""
            self.record = found or Record()
            if found is None:  # forgotten: what was said last is what is said next
                self._kept = ""
                self._update()
        self._compare()

    def _update(self) -> None:
        said = self._said
        text = json.dumps([said.lists, said.instructions])
        if self.problem or self._kept == text or said == Definitions():
            return
        self._kept = text
        try:
            self.record = self._file.update(lambda record: _with(record, said))
        except StorageError as error:
            self.record = _with(self.record, said)
            self._log.event("definitions_not_kept", level="warning", why=error.message)
        self._stamp = self._file.stamp()
        self._compare()

    def _fail(self, error: StorageError) -> None:
        self.problem = error.message
        self._log.event("definitions_unknown", level="error", why=error.message)

    def _compare(self) -> None:
        self._changes = changes(self.record.approved, self._said.over(self.record.seen))
        differ = self._changes if self._hold else []
        held = frozenset((each.which, each.name) for each in differ)
        if held != self._held or self.problem or not self._was_known:
            self._held, self._was_known = held, not self.problem
            self.generation += 1
        for change in self._changes:
            self._tell(change)

    def _tell(self, change: Change) -> None:
        """Log a change once."""
        told = (change.which, change.name, digest(change.after))
        if told in self._told:
            return
        self._told.add(told)
        lines = change.lines()
        self._log.event(
            "definition_changed",
            level="info" if change.how is How.GONE else "warning",
            server=self._title,
            list=change.which,
            component=change.name,
            how=change.how.value,
            held=self._hold,
            approved_sha256=digest(change.before) if change.before is not None else "",
            sha256=digest(change.after) if change.after is not None else "",
            diff=[line[:_LOGGED_WIDTH] for line in lines[:_LOGGED_LINES]],
            lines=len(lines),
        )


def _with(record: Record, said: Definitions) -> Record:
    """Return the record with what was said; approved too where nothing of its kind was before.

    A list that was empty at first doesn't count: some servers fill theirs a moment later. One of
    which everything was approved to be gone does.
    """
    before = record.approved
    first = {key: list_ for key, list_ in said.lists.items() if list_ and key not in before.lists}
    approved = replace(before, lists=first).over(before).over(Definitions({}, said.instructions))
    return replace(record, seen=said.over(record.seen), approved=approved)
