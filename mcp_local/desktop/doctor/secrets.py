"""What must not leave this machine in a report, known by its value and taken out wherever it is.

Redaction by shape (``log.redact``) finds tokens; the password of a proxy or a server's own key may
look like any word, and a server that crashes may print it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote, unquote, urlsplit

from mcp_local.desktop.config_file import ConfigFile
from mcp_local.desktop.doctor.clients import present
from mcp_local.errors import McpLocalError
from mcp_local.log.redact import REDACTED, redact
from mcp_local.settings.keys import KEYS, PASSPHRASE_VARIABLE, PROXY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mcp_local.settings import Settings

_SHORTEST: Final = 6
"""Characters; shorter values stand in every text."""
_PASSPHRASE_FILE: Final = f"{PASSPHRASE_VARIABLE}_FILE"
_SECRET_NAME: Final = re.compile(
    r"(?i)secret|token|passw|passphrase|api_?key|private_?key|credential|authorization|cookie"
)
_SETTINGS: Final = {key.variable for key in KEYS} - {PROXY.variable}
"""Settings of ours in a client's file: whoever mends them must see them."""
_PROXY_NAME: Final = re.compile(r"(?i)(?:https?|all)_proxy")
_PLAIN: Final = re.compile(r"(?i)true|false|[0-9.]+|(?:[a-z]:)?[\\/~][^=@]*")
"""Values that are no secret under whichever name: switches, numbers, paths."""


class Secrets:
    """The values that are known to be secrets."""

    def __init__(self, values: Iterable[str]) -> None:
        kept = {value for value in values if len(value) >= _SHORTEST}
        written = {
            form for value in kept for form in (value, json.dumps(value)[1:-1], quote(value))
        }
        longest_first = sorted(written, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def hide(self, text: str) -> str:
        """Return the text without them, and without anything that looks like a secret."""
        return redact(self._pattern.sub(REDACTED, text))


def known_secrets(
    environ: Mapping[str, str], folder: Path, settings: Settings | None = None
) -> Secrets:
    """Return what is secret on this machine, as far as this program is told of it."""
    values = [*_of_environment(environ), *_of_clients(environ, folder)]
    if settings is not None:
        values += _of_settings(settings, environ)
    return Secrets(values)


def _of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if _PROXY_NAME.fullmatch(name):
            yield from _password(value)
        elif _SECRET_NAME.search(name) and not _PLAIN.fullmatch(value):
            yield value
    yield from _content(environ.get(_PASSPHRASE_FILE, ""))


def _of_settings(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    yield from _password(settings.proxy)
    yield from _content(settings.passphrase_file)
    for server in settings.servers.values():
        for value in (*server.env.values(), *server.headers.values()):
            reference = value.removeprefix("${").removesuffix("}")
            yield from _given(environ.get(reference, "") if value.startswith("${") else value)
        for variable in server.headers_from.values():
            yield from _given(environ.get(variable, ""))


def _of_clients(environ: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Yield what stands in entries' environments and headers, whatever the client calls them."""
    for _, place in present(environ, folder):
        try:
            entries = ConfigFile(place).servers().values()
        except McpLocalError:
            continue
        for entry in entries:
            tables = cast("dict[str, object]", entry).values() if isinstance(entry, dict) else ()
            for table in tables:
                if isinstance(table, dict):
                    inner = cast("dict[str, object]", table)
                    yield from (
                        form
                        for name, value in inner.items()
                        if name not in _SETTINGS
                        for form in _given(value)
                    )


def _given(value: object) -> Iterator[str]:
    """Yield a value that somebody put there, and what stands behind a scheme in it."""
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        yield value
        yield value.partition(" ")[2]


def _password(address: str) -> Iterator[str]:
    try:
        password = urlsplit(address if "://" in address else f"http://{address}").password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


def _content(path: str) -> Iterator[str]:
    try:
        text = Path(path).expanduser().read_text("utf-8")[:4096].strip() if path else ""
    except (OSError, ValueError, RuntimeError):
        return
    yield text
