"""``run NAME`` of a wrapped server: a first look at the settings, which name the command.

All of the settings are read and checked while the server starts (see ``swift_settings``); there
what was seen here is compared with what they say. So this may leave whatever isn't plain to the
ordinary way, and must never see anything else than they do.
"""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, cast

from mcp_local import places
from mcp_local.cli.swift import Plain
from mcp_local.errors import SettingsError
from mcp_local.guard.relay.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOLDS = {"report": False, "hold": True}


class _NotPlain(Exception):
    """The ordinary way has more to say."""


def look_up(said: Plain, environ: Mapping[str, str]) -> Plain | None:
    """Return the same with all that its start takes; ``None``: the ordinary way has more to say."""
    given = said.flags.get("config") or places.config_file(environ)[0]
    try:
        managed = places.managed_file()
        own = os.path.join(os.getcwd(), os.path.expanduser(given))
        return _found_in(managed, places.read_managed(managed), said) or _found_in(
            own, places.read_text(own), said
        )
    except (SettingsError, OSError, ValueError, RecursionError, _NotPlain):
        return None


def _found_in(file: str, text: str | None, said: Plain) -> Plain | None:
    """Return what a settings file says of the server; ``None``: it doesn't name it."""
    servers = _table(tomllib.loads(text or "").get("servers", {}))
    server = servers.get(said.rules.namespace)
    return None if server is None else _described(said, _table(server), os.path.dirname(file))


def _described(said: Plain, server: Mapping[str, object], folder: str) -> Plain:
    command, args = _text(server.get("command")), _texts(server.get("args", []))
    if not command or (".py" in command and not args):
        raise _NotPlain  # a remote server, or one that may be hosted
    cwd = _text(server.get("cwd", ""))
    given = Rules()
    rules = Rules(
        said.rules.namespace,
        _words(server.get("requests", list(given.requests))),
        _words(server.get("methods", [])),
        hold=_HOLDS.get(_text(server.get("definitions", "report")), False),
    )
    env = {_name(name): _argument(text) for name, text in _table(server.get("env", {})).items()}
    cwd = os.path.join(folder, os.path.expanduser(cwd)) if cwd else os.curdir
    return Plain((command, *args), said.flags, env, folder=cwd, rules=rules)


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _NotPlain
    return cast("Mapping[str, object]", value)


def _text(value: object) -> str:
    text = _argument(value)
    if not text.isprintable():
        raise _NotPlain
    return text.strip()


def _argument(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise _NotPlain
    return value


def _name(name: str) -> str:
    if not name or "=" in name or "\0" in name:
        raise _NotPlain  # no variable's: no program could be started with it
    return name


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise _NotPlain
    return [_argument(each) for each in cast("list[object]", value)]


def _words(value: object) -> tuple[str, ...]:
    words = [_text(each) for each in _texts(value)]
    return tuple(dict.fromkeys(word for word in words if word))
