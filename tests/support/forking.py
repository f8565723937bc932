"""Runs our commands in forks of one process that has imported FastMCP: ``python -P forking.py``.

Told one command a line on standard input, as JSON; answers each with its exit code. A fork ends as
any process of ours does. Linux only.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time

import mcp_local.client
import mcp_local.guard.hosted
import mcp_local.guard.loading
from mcp_local.__main__ import main
from mcp_local.cli.catalogue import MODULES, find_command

SHARED = (mcp_local.client, mcp_local.guard.hosted, mcp_local.guard.loading)
"""What brings FastMCP along."""


def become(command: dict[str, str]) -> None:
    """Take over the environment, folder, output and words of a command."""
    os.environ.clear()
    os.environ.update(json.loads(command["environ"]))
    time.tzset()
    os.chdir(command["folder"])
    for stream, place in enumerate((os.devnull, command["out"], command["err"])):
        file = os.open(place, os.O_RDWR)
        os.dup2(file, stream)
        os.close(file)
    sys.argv[1:] = json.loads(command["words"])


def serve() -> int:
    """Run every command that is told of; return the exit code of this process, or of a fork."""
    for name in MODULES:
        find_command(name)
    gc.freeze()  # what was imported stays
    while line := sys.stdin.readline():
        pid = os.fork()
        if not pid:
            become(json.loads(line))
            return main()
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer
    return 0


if __name__ == "__main__":
    sys.exit(serve())
