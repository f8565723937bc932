"""The four lists of the protocol."""

from __future__ import annotations

from typing import Final, NamedTuple

from mcp_local.policy.model import Kind


class ListKind(NamedTuple):
    """One of the four lists."""

    method: str
    key: str
    """Where the items stand in the result."""
    name: str
    """Which field of an item names it."""
    kind: Kind
    logged: str
    """What the log calls what is listed."""


TOOLS: Final = ListKind("tools/list", "tools", "name", Kind.TOOL, "tool")
PROMPTS: Final = ListKind("prompts/list", "prompts", "name", Kind.PROMPT, "prompt")
RESOURCES: Final = ListKind("resources/list", "resources", "uri", Kind.RESOURCE, "resource")
TEMPLATES: Final = ListKind(
    "resources/templates/list", "resourceTemplates", "uriTemplate", Kind.RESOURCE, "template"
)
LISTS: Final = {each.method: each for each in (TOOLS, PROMPTS, RESOURCES, TEMPLATES)}
OF_KIND: Final = {
    Kind.TOOL: (TOOLS,),
    Kind.PROMPT: (PROMPTS,),
    Kind.RESOURCE: (RESOURCES, TEMPLATES),
}
"""The lists in which a use of that kind is looked up."""
