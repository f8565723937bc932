"""Completion of commands and flags in shells: ``completion``, and the answers to a Tab."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import argcomplete
from argcomplete.shell_integration import shellcode

from mcp_local.cli.catalogue import GROUPS, MODULES, find_command
from mcp_local.cli.parser import Arguments, Command, Parser
from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from mcp_local.cli.context import Context

SHELLS: Final = ("bash", "zsh", "fish", "powershell")


class CompletionArguments(Arguments):
    """``completion``."""

    shell: str


def _declare(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def _completion(arguments: CompletionArguments, context: Context) -> ExitCode:
    script = shellcode(["mcp-local"], shell=arguments.shell)
    context.console.answer({"shell": arguments.shell, "script": script}, script.strip("\n"))
    return ExitCode.OK


def answer_shell() -> None:
    """Answer the shell that asks for words (the script sets ``_ARGCOMPLETE``); ends the process."""
    argcomplete.autocomplete(whole_parser(), always_complete_options="long")


def whole_parser() -> argparse.ArgumentParser:
    """Return one parser that knows every command; it is made for shells, not for running them."""
    parser = argparse.ArgumentParser("mcp-local", add_help=False)
    commands = parser.add_subparsers()
    groups = {
        name: commands.add_parser(name, add_help=False).add_subparsers() for name in sorted(GROUPS)
    }
    for name in MODULES:
        first, _, second = name.partition(" ")
        place = groups[first] if second else commands
        command = find_command(name)
        inner = place.add_parser(second or first, help=command.summary, add_help=False)
        _fill(inner, command)
    return parser


def _fill(parser: argparse.ArgumentParser, command: Command[Arguments]) -> None:
    """Give a parser the arguments of a command."""
    own = Parser(f"mcp-local {command.name}", command.summary)
    command.declare(own)
    own.declare_everywhere()
    parser._actions = own._actions  # noqa: SLF001 - argparse has no other way to take them over
    parser._option_string_actions = own._option_string_actions  # noqa: SLF001 - the same


COMMANDS = (
    Command(
        "completion",
        "Print the script that lets a shell complete commands and flags.",
        CompletionArguments,
        _declare,
        _completion,
        """
        mcp-local completion bash >> ~/.bashrc
        mcp-local completion zsh > ~/.zfunc/_mcp-local
        mcp-local completion fish > ~/.config/fish/completions/mcp-local.fish
        mcp-local completion powershell >> $PROFILE
        """,
    ),
)
