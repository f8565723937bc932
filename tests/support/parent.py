"""Somebody who wraps a server: `parent.py COMMAND ARG…` starts it, tells when it spoke, and waits.

It is there to be killed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp_local.guard.relay.child import Child
from mcp_local.guard.relay.environment import child_environment


class Nowhere:
    """A log that keeps nothing."""

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """Forget it."""


def main() -> None:
    """Start the server and wait for it."""
    command, *arguments = sys.argv[1:]
    environ = child_environment(os.environ, {})
    child = Child(command, arguments, environ, Path.cwd(), Nowhere())
    child.start()
    while (message := child.receive()) is not None:
        sys.stdout.buffer.write(message + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
