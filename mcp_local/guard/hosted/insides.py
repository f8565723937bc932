"""FastMCP's insides that the guard needs: every attribute with an underscore is read here.

The version is pinned (``fastmcp>=4.1,<5``); what a new one renames fails here, before it serves.
"""

# ruff: noqa: SLF001 - so that no other module needs it
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.fastmcp_provider import FastMCPProvider
from fastmcp.server.providers.wrapped_provider import _WrappedProvider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from fastmcp import Context, FastMCP
    from fastmcp.server.low_level import LowLevelServer
    from fastmcp.server.middleware.tool_injection import ToolInjectionMiddleware
    from fastmcp.server.providers import Provider
    from fastmcp.server.transforms import Namespace, Transform
    from fastmcp.tools import Tool


def sdk_server(mcp: FastMCP[Any]) -> LowLevelServer[Any]:
    """Return the SDK's server under a FastMCP server."""
    return mcp._mcp_server


def lifespan(mcp: FastMCP[Any]) -> AbstractAsyncContextManager[None]:
    """Return what starts and stops a server and all that is mounted in it."""
    return mcp._lifespan_manager()


def extension_methods(mcp: FastMCP[Any]) -> Mapping[str, Sequence[str]]:
    """Return the request methods that extensions add, by extension."""
    return mcp._extension_methods


def transforms(provider: Provider) -> list[Transform]:
    """Return a provider's transforms themselves, innermost first."""
    return provider._transforms


def inner(provider: Provider) -> Provider | None:
    """Return what a provider with a transform of its own wraps."""
    return provider._inner if isinstance(provider, _WrappedProvider) else None


def mounted(provider: Provider) -> FastMCP[Any] | None:
    """Return the server that a provider mounts."""
    return provider.server if isinstance(provider, FastMCPProvider) else None


def children(provider: Provider) -> list[Provider]:
    """Return the providers that a provider is made of."""
    return provider.providers if isinstance(provider, AggregateProvider) else []


def drop_reply(context: Context) -> None:
    """Take the answer of a multi-round call out of the request that is being served."""
    request = context.request_context
    params = request._srctx.params if request else None
    if isinstance(params, dict):
        params.pop("requestState", None)
        params.pop("inputResponses", None)


def prefix(namespace: Namespace) -> str:
    """Return the prefix that a namespace puts before names."""
    return namespace._prefix


def injected(middleware: ToolInjectionMiddleware) -> dict[str, Tool]:
    """Return the very dictionary of injected tools, by name."""
    return middleware._tools_to_inject_by_name
