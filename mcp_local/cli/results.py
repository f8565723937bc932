"""What came of a use: as it came over the wire for scripts, for people what can be read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.cli.console import visible

if TYPE_CHECKING:
    from mcp_types import BlobResourceContents, ContentBlock, TextResourceContents
    from pydantic import BaseModel

    from mcp_local.cli.context import Context


def answer(context: Context, result: BaseModel, text: str) -> None:
    """Answer with what came over the wire, or with what people can read of it."""
    if context.console.as_json:
        context.console.json(result.model_dump(mode="json", by_alias=True, exclude_none=True))
    else:
        context.console.data(visible(text))


def block_text(block: ContentBlock) -> str:
    """Return what people can read of a block of content."""
    match block.type:
        case "text":
            return block.text
        case "resource_link":
            return block.uri
        case "resource":
            return contents_text(block.resource)
        case "image" | "audio":
            return f"[{block.mime_type}, {len(block.data)} characters of base64]"


def contents_text(contents: TextResourceContents | BlobResourceContents) -> str:
    """Return the text of a resource, or what it is where it has none."""
    text = getattr(contents, "text", None)
    return text if isinstance(text, str) else f"[{contents.mime_type or 'bytes'}]"
