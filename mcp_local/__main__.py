"""The program: ``mcp-local`` and ``python -m mcp_local``."""

from __future__ import annotations

import os
import sys

from mcp_local.cli.swift import run_swiftly


def main() -> int:
    """Run the command line of this process; return the exit code.

    All that is imported on the way to ``run`` is the standard library's and light; every command
    brings its own weight along.
    """
    words = sys.argv[1:]
    code = run_swiftly(words)
    if code is not None:
        return code
    if "_ARGCOMPLETE" in os.environ:  # a shell asks for words: nothing is run
        from mcp_local.cli.completion import answer_shell  # noqa: PLC0415 - only at a Tab

        answer_shell()
    from mcp_local.cli.context import take_environment  # noqa: PLC0415 - start-up: for all the rest
    from mcp_local.cli.main import main as run_command  # noqa: PLC0415

    return run_command(words, take_environment())


if __name__ == "__main__":
    sys.exit(main())
