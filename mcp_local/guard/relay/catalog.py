"""What the server has: its lists, fetched by the relay itself, each as one page (M5, M8, M9)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, cast, final

from mcp_local.guard.account import is_reserved
from mcp_local.guard.clean import bare, clean_json, is_clean_name
from mcp_local.guard.relay.list_kinds import OF_KIND, RESOURCES, TEMPLATES
from mcp_local.guard.relay.message import as_dict
from mcp_local.guard.relay.pages import MAX_LIST, read_page, too_long
from mcp_local.guard.relay.uri_templates import template_covers
from mcp_local.policy.model import Component, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp_local.guard.definitions import ApprovedDefinitions
    from mcp_local.guard.relay.asked import Known
    from mcp_local.guard.relay.list_kinds import ListKind
    from mcp_local.guard.relay.message import Message
    from mcp_local.guard.relay.pages import Page
    from mcp_local.log import Log

_MOST_PAGES: Final = 1000
_LONGEST_NAME: Final = 4096
"""Characters."""


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """One list: what it shows, and what the policy sees of it. In the same order."""

    pages: tuple[Page, ...] = ()
    items: tuple[dict[str, object], ...] = ()
    components: tuple[Component, ...] = ()
    by_name: Mapping[str, Component] = field(default_factory=dict[str, Component])


@final
class Catalog:
    """The four lists. Fetched on the event loop; looked at from any thread."""

    def __init__(
        self,
        fetch: Callable[[str, Mapping[str, object], Known | None], Awaitable[Message]],
        namespace: str,
        definitions: ApprovedDefinitions | None,
        log: Log,
    ) -> None:
        self._fetch = fetch
        self._namespace = namespace
        self._definitions = definitions
        self._log = log
        self._listings: dict[ListKind, Listing] = {}
        self._fresh: set[ListKind] = set()
        self._version = object()
        """Another one after each change that the server tells of."""
        self._changing = threading.Lock()
        self._pages: dict[tuple[ListKind, str | None], tuple[bytes, bytes, Page]] = {}
        self._named: set[str] = set()

    def changed(self, kind: Kind) -> None:
        """Fetch anew before the next use: the server said that a list changed."""
        with self._changing:
            self._version = object()
            self._fresh.difference_update(OF_KIND[kind])

    def forget(self) -> None:
        """Fetch everything anew: it will be another server process."""
        with self._changing:
            self._version = object()
            self._fresh.clear()

    def knows(self, kind: Kind) -> bool:
        """Whether the lists that a use of this kind is looked up in are there."""
        return self._fresh.issuperset(OF_KIND[kind])

    def has_known(self, kind: Kind) -> bool:
        """Whether they were there once, as :meth:`find` needs it; they may have changed since."""
        return self._listings.keys() >= set(OF_KIND[kind])

    async def learn(self, kind: Kind, envelope: Mapping[str, object]) -> None:
        """Fetch the lists that a use of this kind is looked up in, where they aren't there.

        Raises:
            ListFailed: the server doesn't give them.
        """
        for which in OF_KIND[kind]:
            if which not in self._fresh:
                await self.fetch(which, envelope)

    def find(self, kind: Kind, name: str) -> tuple[Component, ...]:
        """Return what a name or URI may stand for: the server decides, so all must be allowed.

        A URI in the list of resources is that resource; any other stands for the templates that it
        can be made from.
        """
        if kind is not Kind.RESOURCE:
            which = OF_KIND[kind][0]
            found = self._listings[which].by_name.get(name)
            return () if found is None or self.is_held(which, name) else (found,)
        resource = self._listings[RESOURCES].by_name.get(name)
        if resource is not None:
            return () if self.is_held(RESOURCES, name) else (resource,)
        templates = self._listings[TEMPLATES].components
        covering = [each for each in templates if template_covers(each.name, name)]
        if any(self.is_held(TEMPLATES, each.name) for each in covering):
            return ()
        return tuple(replace(each, uri=name) for each in covering)

    def find_reference(self, kind: Kind, name: str) -> tuple[Component, ...]:
        """Return what a completion is asked for: a prompt, or a template by its text or a URI."""
        if kind is Kind.RESOURCE:
            template = self._listings[TEMPLATES].by_name.get(name)
            if template is not None:
                return () if self.is_held(TEMPLATES, name) else (template,)
        return self.find(kind, name)

    def is_held(self, which: ListKind, name: str) -> bool:
        """Whether a component is held back until it is approved (M7)."""
        return self._definitions is not None and self._definitions.is_held(which.key, name)

    async def fetch(self, which: ListKind, envelope: Mapping[str, object]) -> Listing:
        """Fetch a list, all pages of it; the very same object where nothing has changed.

        Raises:
            ListFailed: the server doesn't give it.
        """
        version = self._version
        pages = await self._all_pages(which, envelope)
        before = self._listings.get(which)
        if before is None or len(before.pages) != len(pages) or before.pages != pages:
            # First what is held back: uses are judged by the listing while the record is written.
            if self._definitions is not None and pages[0].absent is None:
                self._definitions.see(which.key, (item for page in pages for item in page.items))
            self._listings[which] = self._listing(which, pages)
        with self._changing:
            if version is self._version:
                self._fresh.add(which)
        return self._listings[which]

    async def _all_pages(self, which: ListKind, envelope: Mapping[str, object]) -> tuple[Page, ...]:
        pages: list[Page] = []
        cursor: str | None = None
        seen: set[str] = set()
        while True:
            page = await self._page(which, cursor, envelope)
            pages.append(page)
            cursor = page.next
            if cursor is None or cursor in seen or len(pages) == _MOST_PAGES:
                self._keep_only(which, {None, *seen})
                return tuple(pages)
            if sum(each.size for each in pages) > MAX_LIST:
                raise too_long()
            seen.add(cursor)

    async def _page(
        self, which: ListKind, cursor: str | None, envelope: Mapping[str, object]
    ) -> Page:
        params = {**envelope, "cursor": cursor} if cursor is not None else dict(envelope)
        kept = self._pages.get((which, cursor))
        answer = await self._fetch(which.method, params, kept and kept[:2])
        if kept is not None and not answer.body:  # recognised as the same where it was heard
            return kept[2]
        # The id is all in which two answers with the same list differ.
        head, _, tail = answer.raw.partition(str(answer.ident).encode())
        if kept is not None and kept[0] == head and kept[1] == tail:
            return kept[2]
        page = read_page(which, answer)
        self._pages[which, cursor] = (head, tail, page)
        return page

    def _keep_only(self, which: ListKind, cursors: set[str | None]) -> None:
        """Drop the pages of before: a server may name others each time (M16)."""
        self._pages = {
            key: each for key, each in self._pages.items() if key[0] != which or key[1] in cursors
        }

    def _listing(self, which: ListKind, pages: tuple[Page, ...]) -> Listing:
        items: list[dict[str, object]] = []
        by_name: dict[str, Component] = {}
        taken: set[str] = set()
        for item in (item for page in pages for item in page.items):
            name = item.get(which.name)
            if not isinstance(name, str) or self._refuses(which, name, taken):
                continue
            taken.add(bare(name))
            items.append(cast("dict[str, object]", clean_json(item)))
            by_name[name] = Component(
                which.kind,
                name,
                namespace=self._namespace,
                version=version_in(as_dict(item.get("_meta"))) or "",
                template=which is TEMPLATES,
                annotations=as_dict(item.get("annotations")),
            )
        return Listing(pages, tuple(items), tuple(by_name.values()), by_name)

    def _refuses(self, which: ListKind, name: str, taken: set[str]) -> bool:
        """Whether a component can't be served under its name; logged once (M8, M9)."""
        why = unfit(which.kind, name) or ("listed twice" if bare(name) in taken else "")
        if not why:
            return False
        if name not in self._named and len(self._named) < _MOST_PAGES:
            self._named.add(name)
            self._log.event(
                "component_refused", level="warning", component=name[:_LONGEST_NAME], reason=why
            )
        return True


def version_in(meta: Mapping[str, object]) -> str | None:
    """Return the version that FastMCP names in ``_meta``: listed is one, others can be asked for.

    ``None`` where it names none.
    """
    version = as_dict(meta.get("fastmcp")).get("version")
    return version if isinstance(version, str) else None


def unfit(kind: Kind, name: str) -> str:
    """Return why nothing can be served under a name; empty where it can (M8, M9)."""
    if len(name) > _LONGEST_NAME:  # first: to compare names, some letters become eighteen (M17)
        return "too long"
    if kind is Kind.TOOL and is_reserved(name):
        return "reserved"
    return "" if is_clean_name(name) else "hidden characters"
