"""The program: ``mcp-local`` and ``python -m mcp_local``."""

from __future__ import annotations

import os
import sys

from mcp_local.cli.context import take_environment
from mcp_local.cli.main import main as run_command


def main() -> int:
    """Run the command line of this process; return the exit code.

    All that is imported on the way to ``run`` is the standard library's and light; every command
    brings its own weight along.
    """
    if "_ARGCOMPLETE" in os.environ:
        from mcp_local.cli.completion import answer_shell  # noqa: PLC0415 - only for a shell's Tab

        answer_shell()
    return run_command(sys.argv[1:], take_environment())


if __name__ == "__main__":
    sys.exit(main())
