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
    from collections.abc import Mapping
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
    "env": values.Shape(_table),
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
    if ("command" in entries) == ("url" in entries):
        raise Unfit("needs either `command` or `url`")
    _check_remote(entries)
    return Server(name=name, **cast("dict[str, Any]", entries))  # each is of its field's shape


def _check_remote(entries: Mapping[str, object]) -> None:
    """Refuse what means nothing to a command, and two claims to one header."""
    for key in ("api", "scopes", "headers", "headers_from"):
        if key in entries and "url" not in entries:
            raise Unfit("goes with `url`", key=key)
    if "scopes" in entries and "api" not in entries:
        raise Unfit("goes with `api`", key="scopes")
    named = [
        name.lower()
        for key in ("headers", "headers_from")
        for name in cast("Mapping[str, str]", entries.get(key, {}))
    ]
    if len(set(named)) < len(named):
        raise Unfit("names a header twice", key="headers_from")
    if "api" in entries and "authorization" in named:
        raise Unfit("holds `Authorization`, which is the token's with `api`", key="headers")


def _entry(key: str, value: object, folder: Path) -> object:
    if key not in _ENTRIES:
        raise Unfit("is no entry of a server", did_you_mean(key, _ENTRIES), key=key)
    shape = _ENTRIES[key]
    try:
        checked = shape.check(value)
    except Unfit as error:
        raise Unfit(error.message, error.hint, key=key) from None
    return str(absolute(str(checked), folder)) if shape.is_place(checked) else checked
