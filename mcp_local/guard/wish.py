"""What one request asks for, while it is being served: known to all that runs for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import msgspec

from mcp_local.policy.model import Action, ClientInfo, Component, Decision, Request

if TYPE_CHECKING:
    from collections.abc import Generator


class Wish(msgspec.Struct, eq=False):
    """What one request asks for, while it is being served. Made for each, so quickly."""

    action: Action
    name: str = ""
    """The name or URI as the client sent it."""
    arguments: Mapping[str, object] | None = None
    client: ClientInfo | None = None
    resolving: bool = True
    """True while the component is looked up; False once the target runs."""
    granted: Component | None = None
    """What the target was let run: it needn't be judged again within this request."""
    decision: Decision | None = None
    """The last one made for it."""
    refused: tuple[Component, Decision] | None = None
    """The first component that was found and denied."""
    agreed: tuple[Component, Decision] | None = None
    """What the person said yes to: a component, and the decision that asked for it."""
    hidden: int = 0
    """How many components were left out of a list."""
    found: dict[tuple[int, str, str], object] = {}  # msgspec copies it
    """What has the name of this request, by place and version, so that it is looked up once."""
    explained: dict[Component, Decision] | None = None
    """Set by the offline commands: everything is let through, and what was decided kept here."""

    def anew(self) -> None:
        """Look it up and judge it again."""
        self.refused = None
        self.found.clear()
        self.hidden = 0

    def request(self, now: float) -> Request:
        """Return the wish as the policy reads it; lists know no arguments, client or time."""
        if self.action is Action.LIST:
            return Request(Action.LIST)
        return Request(self.action, self.arguments, self.client, now)


_wish: ContextVar[Wish | None] = ContextVar("mcp_local_wish", default=None)


def current_wish() -> Wish | None:
    """Return the wish of the request being served."""
    return _wish.get()


@contextmanager
def wishing(wish: Wish) -> Generator[Wish]:
    """Serve what runs inside as ``wish``."""
    reset = _wish.set(wish)
    try:
        yield wish
    finally:
        _wish.reset(reset)
