"""A small stdio server on the standard library: one tool that reads, one that writes."""

from __future__ import annotations

import json
import os
import sys

TOOLS = [
    {
        "name": "show_environment",
        "inputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True},
    },
    {"name": "write_file", "inputSchema": {"type": "object"}},
]


def answer(method: str) -> dict[str, object] | None:
    """Return a request's result; ``None`` where there is no such method."""
    match method:
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "files", "version": "1"},
            }
        case "tools/list":
            return {"tools": TOOLS}
        case "tools/call":
            return {"content": [{"type": "text", "text": json.dumps(dict(os.environ))}]}
        case _:
            return None


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = answer(asked["method"])
        none = {"code": -32601, "message": "Method not found"}
        body = {"error": none} if result is None else {"result": result}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **body}) + "\n")
        sys.stdout.flush()
