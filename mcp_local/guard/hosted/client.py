"""What the client of a request says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mcp_local.policy.model import ClientInfo

if TYPE_CHECKING:
    from fastmcp.server.middleware import MiddlewareContext

_LONGEST: Final = 200
"""Characters kept of each text."""


def client_of(context: MiddlewareContext[Any]) -> ClientInfo:
    """Return the client's name and version; empty where it gave none."""
    request = context.fastmcp_context and context.fastmcp_context.request_context
    params = request.session.client_params if request else None
    if params is None:
        return ClientInfo()
    info = params.client_info
    return ClientInfo(info.name[:_LONGEST], info.version[:_LONGEST])
