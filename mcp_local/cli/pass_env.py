"""``--pass-env NAME``: a variable of ours that a wrapped command is handed, by its name alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.errors import UsageError
from mcp_local.guard.relay.environment import may_pass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.cli.parser import Parser


def declare_pass_env(parser: Parser) -> None:
    """Add the flag, as ``pass_env: list[str]``."""
    parser.add_argument(
        "--pass-env",
        action="append",
        default=[],
        metavar="NAME",
        help="hand this variable on to the command; may be given again",
    )


def check_pass_env(names: Sequence[str], command: Sequence[str]) -> None:
    """Return if the variables may be handed on, and there is a command that they are for.

    Raises:
        UsageError: there is none, or such a variable is handed to nobody.
    """
    if names and not command:
        raise UsageError(
            "--pass-env hands variables on to a command, and none stands after `--`.",
            hint="Put the command there; a server under [servers] has `env` for it.",
        )
    for name in names:
        if not may_pass(name):
            raise UsageError(f"--pass-env {name}: that is no variable which may be handed on.")


def pass_env_words(names: Sequence[str]) -> list[str]:
    """Return what says the same to another command of ours."""
    return [word for name in names for word in ("--pass-env", name)]
