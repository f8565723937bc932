"""A typed argparse: each command has a namespace of its own, and mistakes are our errors.

The flags that hold everywhere may stand before the command or after it.
"""

from __future__ import annotations

import argparse
import json
import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, NoReturn, TypeVar, cast

from mcp_local.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mcp_local.cli.context import Context
    from mcp_local.errors import ExitCode

VALUED = ("--config", "--tenant", "--client-id", "--account", "--policy")
"""Flags with a value that may stand before the command."""


_LAST_PORT = 65_535


def port(text: str) -> int:
    """Read the number of a port; 0 is any free one.

    Raises:
        ValueError: it is none.
    """
    number = int(text)
    if not 0 <= number <= _LAST_PORT:
        raise ValueError
    return number


class Arguments(argparse.Namespace):
    """What every command is told."""

    config: str | None
    tenant: str | None
    client_id: str | None
    verbose: bool
    json: bool
    takes_command: ClassVar[bool] = False
    """Whether ``-- COMMAND ARG…`` may stand in the place of TARGET."""
    command: tuple[str, ...] = ()
    """What stands after ``--``."""

    def overrides(self) -> dict[str, str | None]:
        """Return what was given in place of settings, by the settings' names."""
        return {"config": self.config, "tenant": self.tenant, "client_id": self.client_id}


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Command(Generic[A]):
    """One command: what it takes and what it does."""

    name: str
    summary: str
    arguments: type[A]
    declare: Callable[[Parser], None]
    run: Callable[[A, Context], ExitCode]
    examples: str = ""

    def parse(self, words: Sequence[str]) -> A:
        """Return the words as this command's arguments.

        Raises:
            UsageError: they mean nothing to it.
            HelpWanted: they ask for help.
        """
        parser = Parser(f"mcp-local {self.name}", self.summary, self.examples)
        parser.may_wrap = self.arguments.takes_command and "--" not in words
        self.declare(parser)
        parser.declare_everywhere()
        arguments = self.arguments()
        if self.arguments.takes_command and "--" in words:
            index = words.index("--")
            words, arguments.command = words[:index], tuple(words[index + 1 :])
            if not arguments.command:
                parser.error("no command stands after --")
            if (first := arguments.command[0]).startswith("-"):
                raise UsageError(
                    f"{parser.prog}: after -- stands a command, not {first!r}.",
                    hint="Flags of mcp-local stand before it: --policy FILE -- COMMAND ARG…",
                )
        # Intermixed: NAME and TARGET may have flags between them.
        return parser.parse_intermixed_args(words, namespace=arguments)


class HelpWanted(Exception):
    """``--help`` was given; ``text`` is the answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Parser(argparse.ArgumentParser):
    """Raises instead of printing and leaving."""

    may_wrap = False
    """Whether what it doesn't know may be a command's own, which stands after ``--``."""

    def __init__(self, program: str, summary: str, examples: str = "") -> None:
        super().__init__(
            prog=program,
            description=summary,
            epilog=f"examples:\n{textwrap.indent(textwrap.dedent(examples).strip(), '  ')}"
            if examples
            else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )

    def declare_everywhere(self) -> None:
        """Add the flags that every command takes."""
        group = self.add_argument_group("everywhere")
        group.add_argument("--config", metavar="FILE", help="settings file to read")
        group.add_argument("--tenant", metavar="ID", help="tenant, instead of the settings'")
        group.add_argument("--client-id", metavar="ID", help="client app, instead of the settings'")
        group.add_argument("-v", "--verbose", action="store_true", help="tell more, on stderr")
        group.add_argument("--json", action="store_true", help="answer with one JSON document")
        group.add_argument("-h", "--help", action="help", help="show this help")

    def declare_policy(self) -> None:
        """Add the flag that names another policy."""
        self.add_argument("--policy", metavar="FILE", help="policy, instead of the settings'")

    def declare_account(self) -> None:
        """Add the flag that pins one account."""
        self.add_argument("--account", metavar="NAME", help="only this user name or object id")

    def print_help(self, file: object = None) -> NoReturn:
        """Hand the text on, since nothing but the console prints.

        Raises:
            HelpWanted: always.
        """
        del file
        raise HelpWanted(self.format_help().rstrip())

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print.

        Raises:
            UsageError: always.
        """
        hint = f"What it takes: {self.prog} --help"
        prefix = "unrecognized arguments: "
        if message.startswith(prefix):
            word = next(iter(message.removeprefix(prefix).split()), "")  # a variable may be empty
            if word.startswith("--"):
                hint = did_you_mean(word.partition("=")[0], self._long_options())
            if self.may_wrap and "?" not in hint:
                hint = "To wrap a command, write -- before it: … -- COMMAND ARG…"
            raise UsageError(f"{self.prog} doesn't know {word!r}.", hint=hint)
        raise UsageError(f"{self.prog}: {message}.", hint=hint)

    def _long_options(self) -> list[str]:
        shown = (each for each in self._actions if each.help != argparse.SUPPRESS)
        return [o for action in shown for o in action.option_strings if o.startswith("--")]


def split_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the command (empty: there is none), and all other words."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in VALUED else 1
    return "".join(words[index : index + 1]), [*words[:index], *words[index + 1 :]]


def parse_object(text: str | None) -> dict[str, object]:
    """Return the object that ``--args`` holds.

    Raises:
        UsageError: it isn't a JSON object.
    """
    hint = 'For example: --args \'{"city": "Oslo"}\''
    try:
        given: object = json.loads(
            text if text is not None else "{}", parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--args isn't JSON: {error}", hint=hint) from error
    if not isinstance(given, dict):
        raise UsageError("--args must be a JSON object.", hint=hint)
    return cast("dict[str, object]", given)


def _finite(text: str) -> float:
    """Refuse what Python takes for a number and the protocol doesn't (SECURITY.md M4)."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number that can be sent")
    return number
