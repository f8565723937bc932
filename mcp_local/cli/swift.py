"""The shortest way of ``run`` to a wrapped server: it starts first, what guards it comes after.

What takes long here is felt at every start of a client, and nearly all of it is imports. So this
knows the plain forms only, ``run [FLAG VALUE]… NAME`` and ``run [FLAG VALUE]… -- COMMAND ARG…``;
whatever else is said is left to the ordinary way.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_local.guard.relay.environment import may_pass, passed
from mcp_local.guard.relay.late_log import LateLog
from mcp_local.guard.relay.wrap import wrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.errors import ExitCode
    from mcp_local.guard.relay.supervisor import Supervised

_FLAGS: Final = {
    "--config": "config",
    "--tenant": "tenant",
    "--client-id": "client_id",
    "--account": "account",
    "--policy": "policy",
}
"""Flags with a value, and the settings that they stand for."""


class Plain(NamedTuple):
    """What a plain command line says."""

    name: str
    """Of a server under ``[servers]``; empty where there is a command."""
    command: tuple[str, ...]
    flags: Mapping[str, str]
    """By the settings' names."""
    env: Mapping[str, str]
    """What ``--pass-env`` hands on, as ``[servers.NAME] env`` would say it."""


def run_swiftly(words: Sequence[str]) -> ExitCode | None:
    """Serve a wrapped server, if that is what the words plainly ask for; ``None``: they don't."""
    said = read_plain(words)
    if said is None or _is_terminal():
        return None
    late = LateLog()
    # What is needed next is imported when its time has come, mostly while the server starts.
    if said.command:
        server = _start(said.command, said.env, Path.cwd(), late)
        from mcp_local.cli.relayed import serve_command  # noqa: PLC0415

        return serve_command(server, said, late)
    from mcp_local.cli.swift_settings import find_named  # noqa: PLC0415

    found = find_named(said)
    if found is None:
        return None
    target, settings, environ = found
    command = (target.server.command, *target.server.args)
    server = _start(command, target.server.env, target.folder, late)
    from mcp_local.cli.relayed import serve_relayed  # noqa: PLC0415
    from mcp_local.log.place import open_log  # noqa: PLC0415

    log = open_log(settings)
    late.open(log)
    return serve_relayed(server, target, settings, environ, log)


def _is_terminal() -> bool:
    """Whether a person sits at standard input, who is to be told what it waits for."""
    return sys.stdin is None or sys.stdin.isatty()


def _start(
    command: Sequence[str], env: Mapping[str, str], folder: Path, log: LateLog
) -> Supervised:
    program, *args = command
    server = wrap(program, args, env=env, folder=folder, environ=os.environ, log=log)
    server.start()
    return server


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
    if len(names) + bool(command) != 1:
        return None
    return Plain("".join(names), command, flags, env)


def _may_be_name(word: str) -> bool:
    return not word.startswith("-") and word.replace("-", "").replace("_", "").isalnum()
