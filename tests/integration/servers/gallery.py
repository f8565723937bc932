"""A FastMCP server that shows all that a FastMCP server can say; nothing in it is ours."""

from __future__ import annotations

from typing import Annotated, Any

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult
from mcp_types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    Icon,
    InputRequiredResult,
    ToolAnnotations,
)
from pydantic import BaseModel, Field

ICON = Icon(src="data:image/png;base64,iVBORw0KGgo=", mime_type="image/png", sizes=["48x48"])
mcp = FastMCP(
    "gallery",
    "Look and listen: ü 😀.",
    version="1.2.3",
    website_url="https://example.com/gallery",
    icons=[ICON],
)


class Painting(BaseModel):
    """What hangs on the wall."""

    title: str
    year: int = Field(ge=1400, description="When it was painted")
    tags: list[str] = []


@mcp.tool(
    title="Show a painting",
    icons=[ICON],
    annotations=ToolAnnotations(title="Show", read_only_hint=True, open_world_hint=False),
    meta={"example.com/room": 7, "nested": {"deep": [1, 2.0, None]}},
)
def show(title: str, year: Annotated[int, Field(ge=1400)] = 1888) -> Painting:
    """Return structured content."""
    return Painting(title=title, year=year, tags=["ü", "\u2028", "😀"])


@mcp.tool
async def walk(ctx: Context, steps: int) -> str:
    """Tell progress and log on the way."""
    for step in range(steps):
        await ctx.report_progress(step + 0.5, steps, f"room {step}")
        await ctx.info(f"in room {step}", logger_name="walk")
    return "out again"


@mcp.tool
def fail(*, plainly: bool) -> str:
    """Fail, as a tool says it or as Python does."""
    if plainly:
        raise ToolError("the lamp fell")
    raise ValueError("a hidden reason")


@mcp.tool
def mixed() -> ToolResult:
    """Return content, structured content and meta of its own."""
    return ToolResult(
        content="both", structured_content={"n": 1, "x": 1e100}, meta={"example.com/took": 5}
    )


class Name(BaseModel):
    """What is asked for."""

    name: str
    check: bool = False


@mcp.tool
async def ask_form(ctx: Context) -> str:
    """Ask the person, with the server's own request."""
    answer = await ctx.elicit("Who are you?", Name)
    return f"{answer.action}: {getattr(answer, 'data', None)}"


@mcp.tool
async def ask_url(ctx: Context) -> str:
    """Send the person to a page."""
    answer = await ctx.session.elicit_url(
        "Please go there.", "https://example.com/go?a=1&b=2", "an-elicitation"
    )
    return answer.action


@mcp.tool
async def ask_inside(ctx: Context) -> str | InputRequiredResult:
    """Ask as a stateless server does: inside the result."""
    if ctx.input_responses is None:
        form = ElicitRequestFormParams(
            message="Who are you?",
            requested_schema={"type": "object", "properties": {"name": {"type": "string"}}},
        )
        page = ElicitRequestURLParams(
            message="Go there.", url="https://example.com/go", elicitation_id="e"
        )
        return InputRequiredResult(
            input_requests={
                "form": ElicitRequest(params=form),
                "page": ElicitRequest(params=page),
            },
            request_state="so far",
        )
    return ", ".join(sorted(ctx.input_responses))


@mcp.tool
async def think(ctx: Context) -> str:
    """Ask the client's model."""
    answer = await ctx.session.create_message(  # pyright: ignore[reportDeprecated]
        messages=[], max_tokens=7, system_prompt="Be brief.", temperature=0.25
    )
    return answer.model


@mcp.tool
async def look_around(ctx: Context) -> str:
    """Ask for the client's roots."""
    found = await ctx.session.list_roots()  # pyright: ignore[reportDeprecated]
    return str([root.name for root in found.roots])


@mcp.resource(
    "gallery://wall",
    title="The wall",
    mime_type="text/markdown",
    icons=[ICON],
    annotations={"audience": ["user"], "priority": 0.5},
    meta={"example.com/height": 3},
)
def wall() -> str:
    """Read what hangs there."""
    return "# A wall\r\n\u2028end"


@mcp.resource("gallery://blob", mime_type="application/octet-stream")
def blob() -> bytes:
    """Read bytes."""
    return bytes(range(256))


@mcp.resource("gallery://room/{number}{?light}")
def room(number: int, light: str = "on") -> str:
    """Read a room."""
    return f"room {number}, light {light}"


@mcp.prompt(title="Describe", icons=[ICON], meta={"example.com/kind": "essay"})
def describe(painting: str, mood: str = "calm") -> list[str]:
    """Ask for a description."""
    return [f"Describe {painting}.", f"Be {mood}."]


@mcp.completion
def complete(ref: Any, argument: Any, context: Any) -> list[str]:
    """Complete anything."""
    del ref
    known = sorted(context.arguments or {}) if context else []
    return [f"{argument.value}{end}" for end in ("a", "b")] + known


if __name__ == "__main__":
    mcp.run(show_banner=False)
