"""Finds what a name or URI stands for by FastMCP's own look-ups: guard and target agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fastmcp.server.providers.addressing import (
    parse_hashed_backend_name,
    parse_hashed_resource_uri,
)
from fastmcp.utilities.versions import VersionSpec

from mcp_local.guard.hosted.components import check_of
from mcp_local.guard.wish import Wish, wishing
from mcp_local.policy.model import Action, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastmcp import FastMCP
    from fastmcp.prompts import Prompt
    from fastmcp.resources import Resource, ResourceTemplate
    from fastmcp.tools import Tool


async def find_tool(
    mcp: FastMCP[Any], name: str, version: VersionSpec | None = None
) -> Tool | None:
    """Return the tool that a call of ``name`` runs: by name, else by an app's hashed name."""
    tool = await mcp.get_tool(name, version)
    hashed = parse_hashed_backend_name(name) if tool is None else None
    return tool if hashed is None else await mcp.get_tool_by_hash(*hashed)


async def find_resource(
    mcp: FastMCP[Any], uri: str, version: VersionSpec | None = None
) -> Resource | ResourceTemplate | Tool | None:
    """Return what a read of ``uri`` reads: a resource, a template, or the tool whose page it is."""
    if parse_hashed_resource_uri(uri) is not None:
        return await _tool_with_page(mcp, uri)
    resource = await mcp.get_resource(uri, version)
    return resource or await mcp.get_resource_template(uri, version)


async def find_prompt(
    mcp: FastMCP[Any], name: str, version: VersionSpec | None = None
) -> Prompt | None:
    """Return the prompt of that name."""
    return await mcp.get_prompt(name, version)


async def find_reference(
    mcp: FastMCP[Any], kind: Kind, name: str
) -> Prompt | Resource | ResourceTemplate | Tool | None:
    """Return what a completion is asked for: a prompt, or a template by its own text or a URI."""
    if kind is Kind.PROMPT:
        return await find_prompt(mcp, name)
    with wishing(Wish(Action.LIST)):  # the others in the list aren't asked for
        templates = await mcp.list_resource_templates(run_middleware=False)
    for template in templates:
        if template.uri_template == name:
            check = check_of(template)
            return template if check is not None and check(None) else None
    return await find_resource(mcp, name)


def tool_pages(tools: Sequence[Tool]) -> frozenset[str]:
    """Return the addresses of the pages that belong to ``tools`` (FastMCP's synthetic ones)."""
    pages: set[str] = set()
    for tool in tools:
        ui: object = (tool.meta or {}).get("ui")
        if isinstance(ui, dict):
            uri = cast("dict[str, object]", ui).get("resourceUri")
            if isinstance(uri, str) and parse_hashed_resource_uri(uri) is not None:
                pages.add(uri)
    return frozenset(pages)


async def _tool_with_page(mcp: FastMCP[Any], uri: str) -> Tool | None:
    """Return the tool that shows the page at ``uri``, if the person may see the tool."""
    with wishing(Wish(Action.LIST)):
        tools = await mcp.list_tools(run_middleware=False)
    return next((tool for tool in tools if uri in tool_pages([tool])), None)


def requested_version(meta: Mapping[str, object] | None) -> VersionSpec | None:
    """Return the version a request asks for in ``_meta.fastmcp.version``: a text, or a range."""
    own = (meta or {}).get("fastmcp")
    version = cast("Mapping[str, object]", own).get("version") if isinstance(own, dict) else None
    if isinstance(version, str) and version:
        return VersionSpec(eq=version)
    if isinstance(version, dict):
        ends = cast("Mapping[str, object]", version)
        found = {end: text for end in ("gte", "lt", "eq") if isinstance(text := ends.get(end), str)}
        return VersionSpec(**found) if found else None
    return None
