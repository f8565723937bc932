"""The SDK's outermost middleware: passes only methods that are known to be guarded.

Handlers of extensions, tasks or subscriptions never reach FastMCP's hooks, so whatever isn't named
here is answered as if it didn't exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mcp.shared.exceptions import MCPError
from mcp_types import METHOD_NOT_FOUND, DiscoverResult, InitializeResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_local.guard.clean import clean
from mcp_local.guard.hosted.insides import extension_methods, sdk_server
from mcp_local.guard.hosted.user import LiveUser, install

if TYPE_CHECKING:
    from fastmcp import FastMCP
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp_types import ServerCapabilities

    from mcp_local.guard.hosted.changes import Changes
    from mcp_local.guard.hosted.middleware import GuardMiddleware
    from mcp_local.guard.hosted.tree import Tree
    from mcp_local.guard.session import Session

REQUESTS: Final = frozenset(
    {
        "initialize",
        "server/discover",
        "ping",
        "logging/setLevel",
    }
)
LISTEN: Final = "subscriptions/listen"
BY_FASTMCP: Final = frozenset(
    {
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    }
)
_PROGRAM: Final = 60
"""Characters of a client's name that a page shows."""
NOTIFICATIONS: Final = frozenset(
    {
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    }
)


def has_hook(mcp: FastMCP[Any], method: str) -> bool:
    """Whether FastMCP itself answers a method that it lets be judged.

    A handler of the author's own in place of FastMCP's would see neither hook nor policy.
    """
    entry = sdk_server(mcp).get_request_handler(method) if method in BY_FASTMCP else None
    return entry is not None and getattr(entry.handler, "__self__", None) is mcp


class RootMiddleware:
    """Sees every message first and every answer last."""

    def __init__(
        self,
        mcp: FastMCP[Any],
        guard: GuardMiddleware,
        tree: Tree,
        session: Session,
        changes: Changes,
    ) -> None:
        self._guard = guard
        self._mcp = mcp
        self._server = sdk_server(mcp)
        self._extension_methods = extension_methods(mcp)
        self._tree = tree
        self._session = session
        self._user = LiveUser(session)
        self._changes = changes

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Pass a message on with the live person installed, or answer it as unknown."""
        if ctx.request_id is None and ctx.method not in NOTIFICATIONS:
            return None
        if ctx.request_id is not None and not self._is_served(ctx.method):
            raise MCPError(METHOD_NOT_FOUND, "Method not found", ctx.method)
        install(self._user, self._session)
        self._name_client(ctx)
        self._greet(ctx)
        self._changes.seen(ctx)
        self._guard.lead()
        await self._tree.extend()
        return self._honest(await call_next(ctx))

    def _name_client(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """Tell the session which program asks, once it is known."""
        params = ctx.session.client_params
        if params is not None and not self._session.program:
            info = params.client_info
            self._session.program = clean((info.title or info.name)[:_PROGRAM])

    def _greet(self, ctx: ServerRequestContext[Any, Any]) -> None:
        """Let the guard know the client, once it may be spoken to."""
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        if modern or ctx.method == "notifications/initialized":
            self._guard.newcomers.greet(ctx.session, modern=modern)

    def _is_served(self, method: str) -> bool:
        """Whether the method is known, and answered by who is known to answer it."""
        if method == LISTEN:
            entry = self._server.get_request_handler(method)
            return entry is not None and entry.handler is self._changes.listen
        return method in REQUESTS or has_hook(self._mcp, method)

    def _honest(self, result: HandlerResult) -> HandlerResult:
        """Announce what is served, and let no answer be kept for another person."""
        if isinstance(result, InitializeResult | DiscoverResult):
            capabilities = self._served(result.capabilities)
            return result.model_copy(update={"capabilities": capabilities})
        if isinstance(result, dict) and "ttlMs" in result:
            return {**result, "ttlMs": 0, "cacheScope": "private"}
        return result

    def _served(self, capabilities: ServerCapabilities) -> ServerCapabilities:
        """Return the capabilities without what is refused, and with changes of lists."""
        update: dict[str, Any] = {}
        for lists in ("tools", "resources", "prompts"):
            capability = getattr(capabilities, lists)
            if capability is not None:
                update[lists] = capability.model_copy(update={"list_changed": True})
        if capabilities.resources is not None:
            update["resources"] = update["resources"].model_copy(update={"subscribe": None})
        if capabilities.extensions is not None:
            update["extensions"] = {
                name: settings
                for name, settings in capabilities.extensions.items()
                if not self._extension_methods.get(name)
            }
        return capabilities.model_copy(update=update)
