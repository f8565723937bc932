"""First settings: what another program's ``.env`` knows, and the file that they are written to."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Final

from dotenv import dotenv_values

from mcp_local.broker.storage.files import atomic_write, private_dir
from mcp_local.desktop.toml_text import TomlText
from mcp_local.errors import SettingsError, UsageError
from mcp_local.settings.authority import CLOUDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PREFIXES: Final = ("AZURE_", "FASTMCP_SERVER_AUTH_AZURE_", "ENTRA_", "MCP_LOCAL_")
_NAMES: Final = {
    "TENANT_ID": "tenant",
    "CLIENT_ID": "client_id",
    "API": "api",
    "API_ID": "api",
    "API_CLIENT_ID": "api",
    "AUDIENCE": "api",
    "IDENTIFIER_URI": "api",
}
"""What stands behind the prefix → our setting."""
_HOSTS: Final = {host: cloud for cloud, host in CLOUDS.items() if cloud != "public"}


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What a ``.env`` file says that means something here."""

    settings: Mapping[str, str]
    unused: tuple[str, ...]
    """Names of variables that look like they belong to a sign-in, and have no use here."""


def read_env_file(path: Path) -> TakenOver:
    """Return the settings of a ``.env`` with ``AZURE_*`` names; secrets are named, never read out.

    Raises:
        UsageError: there is no such file, or it holds none of them.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path} can't be read: {reason}.") from None
    found: dict[str, str] = {}
    unused: list[str] = []
    for name, value in _pairs(text).items():
        prefix = next((each for each in _PREFIXES if name.startswith(each)), None)
        if prefix is None or not value:
            continue
        rest = name.removeprefix(prefix)
        if rest in _NAMES:
            found.setdefault(_NAMES[rest], value)
        elif rest == "AUTHORITY_HOST" and (cloud := _HOSTS.get(_host(value))):
            found["cloud"] = cloud
        else:
            unused.append(name)
    if not found:
        raise UsageError(
            f"{path} names no tenant and no client.",
            hint="AZURE_TENANT_ID and AZURE_CLIENT_ID are looked for.",
        )
    return TakenOver(found, tuple(unused))


def _pairs(text: str) -> Mapping[str, str | None]:
    return dotenv_values(stream=StringIO(text), interpolate=False)


def _host(address: str) -> str:
    return address.removeprefix("https://").partition("/")[0].lower()


def write_settings(
    path: Path, values: Mapping[str, str], comments: Mapping[str, str], *, force: bool
) -> bool:
    """Put values into the settings file; what else it says stays. Return whether it changed.

    ``comments`` stand behind the values of the same names.

    Raises:
        SettingsError: it says something else already, and ``force`` isn't given.
        StorageError: it can't be written.
    """
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    text = TomlText(before)
    for name, value in values.items():
        there = text.data().get(name)
        if there not in {None, value} and not force:
            raise SettingsError(
                f"`{name}` is set to another value in {path}.",
                hint="Keep it, edit the file, or write over it with --force.",
            )
        if there != value:
            text.set((name,), value, comments.get(name, ""))
    if text.text == before:
        return False
    private_dir(path.parent)
    atomic_write(path, text.text.encode())
    return True
