"""A FastMCP server with as many tools as the environment says; run plain or through the guard."""

from __future__ import annotations

import os

from fastmcp import FastMCP

mcp = FastMCP("many")


@mcp.tool(tags={"read"})
def echo(text: str) -> str:
    """Return the text."""
    return text


def _add(number: int) -> None:
    @mcp.tool(name=f"tool_{number:04}", tags={"read"})
    def _tool(city: str, days: int = 3) -> str:
        """Return the arguments as one line."""
        return f"{city} {days}"


for _number in range(int(os.environ.get("BENCH_TOOLS", "9"))):
    _add(_number)

if __name__ == "__main__":
    mcp.run(show_banner=False)
