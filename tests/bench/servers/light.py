"""A server on the standard library that is as quick as one can be, so that the way shows."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "default": 3, "description": "How many."},
    },
    "required": ["city"],
}
NAMES = ["echo", "big", *(f"tool_{n:04}" for n in range(int(os.environ["BENCH_TOOLS"]) - 1))]
TOOLS = [
    {"name": name, "description": "Return the arguments as one line.", "inputSchema": SCHEMA}
    for name in NAMES
]


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a request."""
    if method == "tools/list":
        return {"tools": TOOLS, "ttlMs": 0, "cacheScope": "private"}
    if method == "tools/call":
        size = params["arguments"].get("size")
        return {"content": [{"type": "text", "text": "x" * size if size else "x"}]}
    return {
        "protocolVersion": params.get("protocolVersion"),
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "light", "version": "1"},
        "ttlMs": 0,
        "cacheScope": "private",
    }


for line in sys.stdin.buffer:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = {"resultType": "complete", **answer(message["method"], message.get("params", {}))}
    body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
    sys.stdout.buffer.write(json.dumps(body, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()
