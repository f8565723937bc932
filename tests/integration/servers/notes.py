"""A server as its author wrote it, for tests: it knows nothing of mcp-local."""

from __future__ import annotations

import asyncio

from fastmcp import Context, FastMCP

mcp = FastMCP("notes")
NOTES = ["buy milk", "call Ada"]


@mcp.tool(tags={"read"})
def list_notes() -> list[str]:
    """List all notes."""
    return NOTES


@mcp.tool(tags={"read"})
async def count_slowly(context: Context) -> int:
    """Count the notes, telling how far it has come."""
    for number in range(1, len(NOTES) + 1):
        await context.report_progress(number, len(NOTES), f"note {number}")
        await asyncio.sleep(0)
    return len(NOTES)


@mcp.tool(tags={"write"})
def add_note(text: str) -> str:
    """Add a note."""
    NOTES.append(text)
    return f"{len(NOTES)} notes"


@mcp.tool(tags={"delete"})
def delete_notes() -> str:
    """Delete all notes."""
    NOTES.clear()
    return "deleted"


@mcp.resource("notes://all", tags={"read"})
def all_notes() -> str:
    """Read all notes."""
    return "\n".join(NOTES)


@mcp.resource("notes://by-number/{number}", tags={"write"})
def one_note(number: int) -> str:
    """Read one note."""
    return NOTES[number]


@mcp.resource("notes://deleted", tags={"delete"})
def deleted_notes() -> str:
    """Read what was deleted."""
    return ""


@mcp.prompt(tags={"read"})
def summary(style: str) -> str:
    """Ask for a summary."""
    return f"Summarise my notes, {style}."
