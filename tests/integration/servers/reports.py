"""A server whose tools call an API of another kind with the person's own token.

The API is played by a file: what stands in ``CHALLENGE`` it demands, once.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from fastmcp import FastMCP

import mcp_local

SCOPE = os.environ["SCOPE"]
mcp = FastMCP("reports")


def _challenge() -> str:
    challenge = Path(os.environ["CHALLENGE"])
    if not challenge.exists():
        return ""
    demanded = challenge.read_text(encoding="ascii")
    challenge.unlink()
    return demanded


@mcp.tool
async def report() -> str:
    """Say for which API the token is that this was handed."""
    token = await mcp_local.token_for(SCOPE)
    if demanded := _challenge():
        raise mcp_local.ClaimsNeeded(demanded, SCOPE)
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"report for {claims['aud']}"


@mcp.tool
def own() -> str:
    """Call the API that the server's own token is for."""
    if demanded := _challenge():
        raise mcp_local.ClaimsNeeded(demanded)
    return "content"
