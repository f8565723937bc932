"""``[servers.NAME]``: other servers that are run by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from mcp_local.errors import did_you_mean
from mcp_local.settings import values
from mcp_local.settings.model import Definitions, Server
from mcp_local.settings.paths import absolute
from mcp_local.settings.values import Unfit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_NAME = r"(?a)[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_HEADER = r"(?a)[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}"
_VARIABLE = r"(?a)[A-Za-z_][A-Za-z0-9_]{0,127}"
_PROTOCOLS = (
    r"(?ai)(?:mcp-.*|host|content-(?:length|type)|transfer-encoding|connection|accept|te|trailer"
    r"|upgrade|last-event-id|proxy-authorization|user-agent|expect)"
)
_HTTPS = r"https://[a-z0-9.:\[\]-]+"
_LOOPBACK = r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?"
_URL = rf"(?ai)(?:{_HTTPS}|{_LOOPBACK})(?:/[!-~]*)?"


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list as they are: arguments may repeat and be empty."""
    if not isinstance(value, list):
        raise Unfit('must be a list like ["--db-path", "test.db"]')
    items = cast("list[object]", value)
    if not all(isinstance(item, str) and "\0" not in item for item in items):
        raise Unfit("must hold texts only")
    return tuple(cast("list[str]", items))


def _table(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise Unfit('must be a table like {NAME = "value"}')
    table = cast("dict[str, object]", value)
    if not all(isinstance(text, str) and "\0" not in text for text in table.values()):
        raise Unfit("must hold texts only")
    return cast("dict[str, str]", table)


def _environment(value: object) -> Mapping[str, str]:
    """Return variables by names that a system takes."""
    table = _table(value)
    for name in table:
        if not name or "=" in name or "\0" in name:
            raise Unfit("holds a name that no variable can have")
    return table


def _headers(value: object) -> Mapping[str, str]:
    """Return headers that may be sent beside those of the protocol."""
    table = _table(value)
    for name, text in table.items():
        if not re.fullmatch(_HEADER, name) or _is_protocols(name):
            raise Unfit(f"can't set the header {name}")
        if not (text.isascii() and text.isprintable()):
            raise Unfit(f"holds a value for {name} that no header can have")
    return table


def _variables(value: object) -> Mapping[str, str]:
    """Return the environment variables by the header whose value they hold."""
    table = _table(value)
    for name, variable in table.items():
        if not re.fullmatch(_HEADER, name) or _is_protocols(name):
            raise Unfit(f"can't set the header {name}")
        if not re.fullmatch(_VARIABLE, variable):
            raise Unfit(f"must name an environment variable for {name}")
    return table


def _is_protocols(name: str) -> bool:
    """Tell whether a header is HTTP's or MCP's own business."""
    return re.fullmatch(_PROTOCOLS, name) is not None


def check_url(value: object) -> str:
    """Return the address of a remote server: https, or http on loopback."""
    text = values.check_text(value)
    if re.fullmatch(_URL, text) and values.has_host(text):
        return text
    host = text.partition("://")[2].partition("/")[0]
    if "@" in host:  # such a password would be seen in lists of processes, logs and errors
        raise Unfit("must hold no user name or password; `headers_from` takes one from a variable")
    if text.lower().startswith("https://"):
        raise Unfit("holds what no address can have")
    raise Unfit("must start with https:// (http:// only on loopback)")


_ENTRIES: Mapping[str, values.Shape[object]] = {
    "command": values.TEXT,
    "args": values.Shape(_texts),
    "env": values.Shape(_environment),
    "cwd": values.PATH,
    "url": values.Shape(check_url),
    "api": values.API,
    "scopes": values.WORDS,
    "headers": values.Shape(_headers),
    "headers_from": values.Shape(_variables),
    "policy": values.POLICY,
    "tenant": values.TENANT,
    "account": values.TEXT,
    "definitions": values.one_of(Definitions),
    "requests": values.WORDS,
    "methods": values.WORDS,
}
_OF_REMOTE = ("api", "scopes", "headers", "headers_from")
_OF_COMMANDS = ("args", "env", "cwd")
_OF_OTHER_PROCESSES = ("env", "definitions", "requests", "methods")


def read_server(name: str, value: object, folder: Path) -> Server:
    """Return the server that one table describes; its paths are relative to ``folder``.

    Raises:
        Unfit: the name or an entry can't be taken; ``key`` names the entry.
    """
    if not re.fullmatch(_NAME, name):
        raise Unfit("is no name for a server: letters, digits, - and _ only")
    if not isinstance(value, dict):
        raise Unfit(f'must be a table: [servers.{name}] with `command = "…"` or `url = "…"`')
    entries = {
        key: _entry(key, entry, folder) for key, entry in cast("dict[str, object]", value).items()
    }
    if [bool(entries[key]) for key in ("command", "url") if key in entries] != [True]:
        raise Unfit("needs either `command` or `url`")
    server = Server(name=name, **cast("dict[str, Any]", entries))  # each is of its field's shape
    _check_together(server, entries)
    _check_headers(server)
    return server


def _check_together(server: Server, given: Collection[str]) -> None:
    """Refuse what would mean nothing: somebody believes it to be in force."""
    useless = _OF_COMMANDS if server.url else _OF_REMOTE
    for key in useless:
        if key in given:
            raise Unfit(f"goes with `{'command' if server.url else 'url'}`", key=key)
    if "scopes" in given and not server.api:
        raise Unfit("goes with `api`", key="scopes")
    for key in _OF_OTHER_PROCESSES if server.is_file else ():
        if key in given:
            raise Unfit(
                "has no effect on a Python file, which is served by this very process",
                'To have it run by itself: `command = "python"`, `args = ["server.py"]`.',
                key=key,
            )


def _check_headers(server: Server) -> None:
    """Refuse two claims to one header."""
    own, others = (
        {name.lower() for name in each} for each in (server.headers, server.headers_from)
    )
    if len(own) < len(server.headers) or len(others) < len(server.headers_from) or own & others:
        raise Unfit(
            "names a header twice", key="headers_from" if server.headers_from else "headers"
        )
    for key, names in (("headers", own), ("headers_from", others)):
        if server.api and "authorization" in names:
            raise Unfit("holds `Authorization`, which is the token's with `api`", key=key)


def _entry(key: str, value: object, folder: Path) -> object:
    if key not in _ENTRIES:
        raise Unfit("is no entry of a server", did_you_mean(key, _ENTRIES), key=key)
    shape = _ENTRIES[key]
    try:
        checked = shape.check(value)
    except Unfit as error:
        raise Unfit(error.message, error.hint, key=key) from None
    return str(absolute(str(checked), folder)) if shape.is_place(checked) else checked
