"""The server of ``many.py`` behind HTTP, with a tool for big results: ``many_http.py PORT``."""

from __future__ import annotations

import sys

from many import mcp


@mcp.tool(tags={"read"}, output_schema=None)
def big(size: int) -> str:
    """Return so many characters."""
    return "x" * size


if __name__ == "__main__":
    quiet = {"log_level": "error", "access_log": False, "timeout_keep_alive": 600}
    mcp.run("http", port=int(sys.argv[1]), show_banner=False, uvicorn_config=quiet)
