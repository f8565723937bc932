"""The shortest way of ``run`` to a wrapped server: it starts first, what guards it comes after.

What takes long here is felt at every start of a client, and nearly all of it is imports: see
``guard/relay/launch``. So this knows the plain forms only, ``run [FLAG VALUE]… NAME`` and
``run [FLAG VALUE]… -- COMMAND ARG…``; whatever else is said is left to the ordinary way.
"""

from __future__ import annotations

import os
import sys

from mcp_local.guard.relay.environment import child_environment, may_pass, passed
from mcp_local.guard.relay.launch import launch
from mcp_local.guard.relay.rules import Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from mcp_local.errors import ExitCode

_FLAGS: Final = {
    "--config": "config",
    "--tenant": "tenant",
    "--client-id": "client_id",
    "--account": "account",
    "--policy": "policy",
}
"""Flags with a value, and the settings that they stand for."""


class Plain:
    """A wrapped server, as far as plain words and a first look at the settings tell of it."""

    __slots__ = ("command", "env", "flags", "folder", "rules")

    def __init__(
        self,
        command: tuple[str, ...],
        flags: Mapping[str, str],
        env: Mapping[str, str],
        *,
        folder: str = os.curdir,
        rules: Rules | None = None,
    ) -> None:
        self.command = command
        """Empty while no more than its name is known, which is that of ``rules``."""
        self.flags = flags
        """By the settings' names."""
        self.env = env
        """What it is handed, as ``[servers.NAME] env`` says it."""
        self.folder = folder
        """Where it runs, from the working folder."""
        self.rules = rules or Rules()


def run_swiftly(words: Sequence[str]) -> ExitCode | None:
    """Serve a wrapped server, if that is what the words plainly ask for; ``None``: they don't.

    It is started first. What is needed next is imported when its time has come, mostly while the
    server starts.
    """
    said = read_plain(words)
    if said is None or _is_terminal() or not _has_folder():
        return None
    if not said.command:
        from mcp_local.cli.swift_named import look_up  # noqa: PLC0415

        said = look_up(said, os.environ)
        if said is None:
            return None
    program, *args = said.command
    launched = launch(program, args, child_environment(os.environ, said.env), said.folder)
    from mcp_local.cli.relayed import serve_swiftly  # noqa: PLC0415

    return serve_swiftly(said, launched)


def _is_terminal() -> bool:
    """Whether a person sits at standard input, who is to be told what it waits for."""
    return sys.stdin is None or sys.stdin.isatty()


def _has_folder() -> bool:
    """Whether there is a working folder; the ordinary way says that it is gone."""
    try:
        os.getcwd()  # noqa: PTH109 - start-up: pathlib comes later
    except OSError:
        return False
    return True


def read_plain(words: Sequence[str]) -> Plain | None:
    """Return what the words say; ``None`` where they aren't plain."""
    if not words or words[0] != "run":
        return None
    end = words.index("--") if "--" in words else len(words)
    own, command = list(words[1:end]), tuple(words[end + 1 :])
    flags: dict[str, str] = {}
    env: dict[str, str] = {}
    names: list[str] = []
    while own:
        word = own.pop(0)
        if word == "--pass-env" and own and command and may_pass(own[0]):
            env |= passed([own.pop(0)])
        elif word in _FLAGS and own and not own[0].startswith("-"):
            flags[_FLAGS[word]] = own.pop(0)
        elif _may_be_name(word):
            names.append(word)
        else:
            return None
    if len(names) + bool(command) != 1 or "".join(command[:1]).startswith("-"):
        return None
    return Plain(command, flags, env, rules=Rules("".join(names)))


def _may_be_name(word: str) -> bool:
    return not word.startswith("-") and word.replace("-", "").replace("_", "").isalnum()
