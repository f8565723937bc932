"""What the guard is handed by the wiring: who is signed in, and what can be asked for.

The guard knows no more of the broker than this interface and the words of ``broker.state``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mcp_local.broker.state import Status, Wanted

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from mcp_local.identity.model import VerifiedToken
    from mcp_local.secret import Secret

    Invite = Callable[[Wanted | None], Awaitable[object]]
    """Has the client ask whether it may open the page of a sign-in, and waits for what comes."""

__all__ = ["Session", "Status", "Wanted"]


class Session(Protocol):
    """Who is signed in, live. All methods are safe to call from the event loop."""

    program: str
    """What the client calls itself: the guard sets it when it knows, for the last page of a
    sign-in, which says where to go back to. Empty until then."""

    def start(self, client: asyncio.Future[Invite | None] | None = None) -> None:
        """Begin, on the running event loop, once the wire is up. Returns at once.

        Reads the store, watches it, and starts the one sign-in that ``signin.when = start`` allows.
        ``client`` comes to be how the client is asked to open that sign-in's page, ``None`` for
        one that can't be asked outside of a call; it is waited for a moment.
        """
        ...

    async def close(self) -> None:
        """Stop watching. A sign-in under way goes on in its own process."""
        ...

    def current(self) -> VerifiedToken | None:
        """Return the verified, unexpired token; ``None`` when there is none. No I/O, ≤ 2 µs."""
        ...

    def status(self) -> Status:
        """Return what is known right now; no network."""
        ...

    async def ready(self, *, hold: float = 0.0, use: bool = False) -> None:
        """Wait until :meth:`current` is as good as it gets by itself.

        ``use`` says that something is to be used, not listed: with ``signin.when = call`` that
        starts a sign-in, once, when nobody is signed in.

        Waits for the first read of the store, then, when no valid token is there, for a silent
        renewal (5 s at most), then for a sign-in under way until ``hold`` seconds have passed.
        Returns early, never raises: what isn't there then isn't there.
        """
        ...

    async def sign_in(self, *, wait: float) -> Status:
        """Start (or join) the machine's one sign-in on the person's behalf; wait ``wait`` seconds.

        Returns the status when it ended or the time is up.
        """
        ...

    async def invite(self, *, by_person: bool, wanted: Wanted | None = None) -> str:
        """Begin a sign-in whose page the client is to open; return the page's address.

        ``by_person`` says that a person asked for it, else the limit on prompts holds. ``wanted``
        is what is missing where somebody is signed in. Empty where there is nothing for the
        client to open: nothing is missing, no prompt is allowed, or the page was opened already.
        Unless :meth:`opened` or :meth:`open_page` follows, nobody opens it.
        """
        ...

    def opened(self) -> None:
        """Take note that the client has opened that page."""
        ...

    async def open_page(self) -> None:
        """Open that page in the person's browser: the client didn't."""
        ...

    async def finished(self, *, wait: float) -> None:
        """Wait until no sign-in is under way any more, at most ``wait`` seconds."""
        ...

    async def resource_token(self, scopes: Sequence[str], *, claims: str = "") -> Secret:
        """Return a token for another API that meets ``claims`` (JSON), without the person.

        Raises:
            SignInNeeded: only the person can help.
            Unreachable: the authority doesn't answer, or somebody else must act.
        """
        ...

    async def consent(self, wanted: Wanted, *, wait: float) -> Status:
        """Start (or join) a sign-in for another API, where one may start; wait ``wait`` seconds."""
        ...

    async def sign_out(self) -> Status:
        """Remove the account everywhere on this machine."""
        ...

    async def refresh(self) -> Status:
        """Fetch a new token now, so that roles granted a minute ago are seen."""
        ...

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` on the event loop each time the signed-in person or roles change."""
        ...
