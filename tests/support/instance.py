"""One server's session in a process of its own: ``python instance.py``.

Told one JSON request a line on standard input, ``{"do": NAME, ...arguments}``; answers each with
one JSON line. Ends at the end of the input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import cast

from mcp_local.broker.session.local import LocalSession
from mcp_local.log import Log
from mcp_local.settings import load


async def _answer(session: LocalSession, request: dict[str, object]) -> dict[str, object]:
    seconds = float(cast("float", request.get("seconds", 0)))
    match request["do"]:
        case "ready":
            await session.ready(hold=seconds, use=bool(request.get("use")))
        case "sign_in":
            await session.sign_in(wait=seconds)
        case "refresh":
            await session.refresh()
        case "sign_out":
            await session.sign_out()
        case _:
            pass
    return asdict(session.status())


async def _serve() -> None:
    environ = dict(os.environ)
    settings = load({}, environ)
    session = LocalSession(
        settings, environ, log=Log(Path(settings.home) / "log" / "mcp-local.jsonl")
    )
    session.program = "Claude Desktop"
    session.start()
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = await _answer(session, json.loads(line))
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
        sys.stdout.flush()
    await session.close()


if __name__ == "__main__":
    asyncio.run(_serve())
