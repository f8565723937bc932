"""A list as one person sees it: trimmed, one page, and not to be kept for anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mcp_local.guard import account
from mcp_local.guard.relay.answers import encode
from mcp_local.guard.relay.list_kinds import TOOLS
from mcp_local.policy.model import Action, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_local.guard.judge import Judge
    from mcp_local.guard.relay.catalog import Listing
    from mcp_local.guard.relay.list_kinds import ListKind
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.log import Log
    from mcp_local.policy.model import ClientInfo

NOT_TO_BE_KEPT: Final[Mapping[str, object]] = {"ttlMs": 0, "cacheScope": "private"}
"""What an answer says that is no longer true once somebody else is signed in."""


@final
class Lists:
    """Makes the results of lists; the last ones are kept, as long as nothing has changed."""

    def __init__(
        self,
        judge: Judge,
        log: Log,
        generation: Callable[[], object],
        is_held: Callable[[ListKind, str], bool],
    ) -> None:
        self._judge = judge
        self._log = log
        self._generation = generation
        """Is another one after each change of the policy or of what is held back."""
        self._is_held = is_held
        self._kept: dict[ListKind, tuple[tuple[object, ...], bytes, int]] = {}

    def nobodys(self, which: ListKind, *, modern: bool) -> bytes:
        """Return the list without an identity: the account tools (POLICY.md 0)."""
        return self._result(which, {}, [], modern=modern)

    def shown(
        self,
        which: ListKind,
        listing: Listing,
        token: VerifiedToken,
        client: ClientInfo,
        *,
        modern: bool,
    ) -> bytes:
        """Return the list without what the person may not see, as JSON."""
        known = (listing, token, self._generation(), modern)
        kept = self._kept.get(which)
        if kept is None or any(a is not b and a != b for a, b in zip(kept[0], known, strict=True)):
            items = self._visible(which, listing, token)
            rest = listing.pages[0].rest
            kept = (known, self._result(which, rest, items, modern=modern), len(items))
            self._kept[which] = kept
        self._log.event(
            "list",
            oid=token.identity.object_id,
            client=client.name,
            kind=which.logged,
            listed=kept[2],
            hidden=len(listing.items) - kept[2],
        )
        return kept[1]

    def _visible(
        self, which: ListKind, listing: Listing, token: VerifiedToken
    ) -> list[Mapping[str, object]]:
        shown: list[Mapping[str, object]] = []
        request = Request(Action.LIST)
        for item, component in zip(listing.items, listing.components, strict=True):
            if self._is_held(which, component.name):
                continue
            decision = self._judge.decide(token, request, component, own_auth=False)
            if self._judge.is_locked(decision):
                text = f"{account.locked(decision)} {item.get('description') or ''}".rstrip()
                shown.append({**item, "description": text})
            elif self._judge.shows(decision):
                shown.append(item)
        return shown

    def _result(
        self,
        which: ListKind,
        rest: Mapping[str, object],
        items: list[Mapping[str, object]],
        *,
        modern: bool,
    ) -> bytes:
        own = ACCOUNT_TOOLS if which is TOOLS else ()
        result: dict[str, object] = {**rest, which.key: [*own, *items]}
        if modern:
            result.update(NOT_TO_BE_KEPT, resultType="complete")
        elif "ttlMs" in rest or "cacheScope" in rest:
            result.update(NOT_TO_BE_KEPT)
        return encode(result)


ACCOUNT_TOOLS: Final[tuple[Mapping[str, object], ...]] = tuple(
    {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.parameters,
        "annotations": {
            "readOnlyHint": tool.read_only,
            "destructiveHint": False,
            "openWorldHint": True,
        },
    }
    for tool in account.TOOLS
)
