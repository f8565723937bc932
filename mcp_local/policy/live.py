"""The policy in force while a server runs: it follows its files, and what Python code adds.

A good change takes effect; a bad one is told of and leaves the last good policy in force, so that
nothing is ever widened by a mistake (POLICY.md 7, SECURITY.md M24).
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, final

from mcp_local.errors import PolicyError
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.document import Document
from mcp_local.policy.files_seen import FilesSeen
from mcp_local.policy.in_force import PolicyInForce
from mcp_local.policy.load import read_documents
from mcp_local.policy.refuse import REFUSE_ALL, refuse_broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.identity.model import Identity
    from mcp_local.log import Log
    from mcp_local.policy.model import Component, Decides, Decision, Request

LOOK: Final = 1.0
"""Seconds between two looks at the files."""
SETTLE: Final = 0.25
"""Seconds that a change must have stood: editors and copies write in pieces."""


class HasDocument(Protocol):
    """A policy made in Python (:class:`mcp_local.policy.building.builder.Policy`)."""

    @property
    def document(self) -> Document:
        """What it says."""
        ...


@final
class LivePolicy:
    """A :class:`Decides` whose rules can change.

    Everything but :meth:`watch` is safe to use from any thread.
    """

    def __init__(
        self, path: Path | None = None, *, folder: Path | None = None, managed: bool = False
    ) -> None:
        """Load the policy at ``path`` (file or folder); ``None``: there is none yet.

        ``folder`` is where ``under`` stands. ``managed`` is the administrator's: nothing can be
        added to it. Raises nothing; :attr:`problem` says what is wrong.
        """
        self._path = path
        self._folder = folder or Path.cwd()
        self._managed = managed
        self._seen = None if path is None else FilesSeen(path)
        self._documents: tuple[Document, ...] | None = None if path else ()
        """What the files said when they were last good; ``None``: they never were."""
        self._added: dict[str, tuple[Document, ...]] = {}
        self._changing = threading.RLock()
        self._now = PolicyInForce(None, str(path or ""))
        self.look()

    @classmethod
    def fixed(cls, decides: Decides | None) -> LivePolicy:
        """Return one that has no files: a policy made elsewhere, or none."""
        live = cls()
        live._now = PolicyInForce(decides)
        return live

    @property
    def now(self) -> PolicyInForce:
        """All of it at this moment; the very same object until something changes."""
        return self._now

    @property
    def generation(self) -> int:
        """Grows with every change of what decides."""
        return self._now.generation

    @property
    def problem(self) -> PolicyError | None:
        """What is wrong with the files as they are now."""
        return self._now.problem

    @property
    def observing(self) -> bool:
        """Whether ``mode: observe`` lets through what only the default refuses."""
        return self._now.observing

    def notice(self) -> str:
        """Return what people must be told of it, in sentences; empty in the ordinary case."""
        return self._now.notice

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Answer one request by what is in force; without a policy nothing is allowed."""
        return (self._now.decides or REFUSE_ALL).decide(identity, request, component)

    def look(self, *, settle: float = 0.0) -> bool:
        """Look whether the files changed and take what is good; tell whether what decides changed.

        ``settle`` is how many seconds a change must have stood before it is read.
        """
        with self._changing:
            if self._seen is None or not self._seen.changed(settle):
                return False
            before = self._now.generation
            self._read()
            return self._now.generation != before

    def add_policy(self, policy: Path | str | Document | HasDocument) -> str:
        """Add the rules of a file, a folder, or a policy made in Python; return its name.

        The name is the policy's own, else its path. One that has the same name is replaced.

        Raises:
            PolicyError: it is broken, or contradicts what is in force, or the administrator's
                policy holds; nothing has changed.
        """
        if self._managed:
            raise PolicyError("The administrator's policy holds: nothing can be added to it.")
        documents = _documents_of(policy)
        with self._changing:
            name = next((each.name for each in documents if each.name), "") or _path_of(policy)
            name = name or next(
                free for number in count(1) if (free := f"added-{number}") not in self._added
            )
            self._take(self._documents, self._added | {name: documents})
            return name

    def take_over(self, early: LivePolicy) -> list[str]:
        """Add what was added to another one; return what the administrator's policy leaves out.

        Raises:
            PolicyError: it contradicts what is in force.
        """
        if self._managed:
            return sorted(early._added)
        with self._changing:
            self._take(self._documents, self._added | early._added)
        return []

    def remove_policy(self, name: str) -> bool:
        """Take away what :meth:`add_policy` added; tell whether it was there.

        Raises:
            PolicyError: what is left means nothing without it; nothing has changed.
        """
        with self._changing:
            if name not in self._added:
                return False
            rest = {each: said for each, said in self._added.items() if each != name}
            self._take(self._documents, rest)
            return True

    def reload_policies(self) -> bool:
        """Read the files anew, changed or not; tell whether what decides changed.

        Raises:
            PolicyError: they are broken; the last good policy stays in force.
        """
        with self._changing:
            before = self._now.generation
            if self._seen is not None:
                self._seen.changed(settle=0.0)
                self._read()
            if self._now.problem is not None:
                raise self._now.problem
            return self._now.generation != before

    async def watch(self, on_change: Callable[[], None], log: Log | None = None) -> None:
        """Look once a second, for ever; call ``on_change`` after each change of what decides.

        ``log`` is told of good and bad changes.
        """
        told, loop = self._now, asyncio.get_running_loop()
        while True:
            seen = self._seen
            pause = SETTLE if seen is not None and seen.unsettled else LOOK
            await asyncio.sleep(pause - loop.time() % pause)  # with whoever else looks
            if seen is not None and not seen.at_rest:  # a thread costs more than a hundred looks
                await asyncio.to_thread(self.look, settle=SETTLE)
            before, told = told, self._now
            if told is before:
                continue
            if log is not None:
                note_policy(told, log, before)
            if told.generation != before.generation:
                on_change()

    def _read(self) -> None:
        """Take what the files say, or note what is wrong with them."""
        if self._path is None:
            return
        try:
            self._take(tuple(read_documents(self._path)), self._added)
        except PolicyError as error:
            good = self._documents is not None
            decides = self._now.decides if good else refuse_broken(error.message)
            self._now = replace(self._now, decides=decides, problem=error, kept=good)

    def _take(
        self,
        documents: tuple[Document, ...] | None,
        added: dict[str, tuple[Document, ...]],
    ) -> None:
        """Put documents into force, all together or not at all.

        Raises:
            PolicyError: they mean nothing together.
        """
        everything = [*(documents or ()), *(each for said in added.values() for each in said)]
        compiled = compile_policy(everything, folder=self._folder) if everything else None
        unread = self._path is not None and documents is None
        same = everything == self._everything() and self._now.decides is not None
        self._added = added
        if unread:  # what was added counts once the files are good
            return
        problem = self._now.problem if documents is self._documents else None
        self._documents = documents
        if same:
            self._now = replace(self._now, problem=problem, kept=problem is not None)
            return
        self._now = PolicyInForce(
            compiled,
            self._now.path,
            problem,
            generation=self._now.generation + 1,
            kept=problem is not None,
            observing=compiled is not None and compiled.observing,
        )

    def _everything(self) -> list[Document]:
        """Return what is in force now."""
        added = (each for said in self._added.values() for each in said)
        return [*(self._documents or ()), *added]


def note_policy(now: PolicyInForce, log: Log, before: PolicyInForce | None = None) -> None:
    """Log what people must be told of the policy; ``before`` is what was last told of."""
    if before is not None and now.generation != before.generation:
        log.event("policy_changed", path=now.path, generation=now.generation)
    if now.problem is not None:
        problem = now.problem.message
        log.event("policy_broken", level="error", path=now.path, problem=problem, kept=now.kept)
    elif before is not None and before.problem is not None:
        log.event("policy_mended", path=now.path)
    if now.observing and not (before and before.observing):
        log.event("policy_observes", level="warning", path=now.path)


def _documents_of(policy: Path | str | Document | HasDocument) -> tuple[Document, ...]:
    if isinstance(policy, Document):
        return (policy,)
    if isinstance(policy, str | Path):
        return tuple(read_documents(Path(policy)))
    return (policy.document,)


def _path_of(policy: object) -> str:
    return str(policy) if isinstance(policy, str | Path) else ""
