"""What TARGET means: a server of one's own, a command that is wrapped, a remote server.

Light: nothing of the target is imported, started or asked yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.errors import TargetError, did_you_mean
from mcp_local.guard.target import FileTarget, parse_target
from mcp_local.settings.model import Server
from mcp_local.settings.servers import check_url
from mcp_local.settings.values import API, Unfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.settings.model import Settings

SAMPLES = Path(__file__).parent / "samples"
_ADDRESS = r"(?i)(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d{1,5}(?:/.*)?|/.*)"
"""What a person writes of an address who leaves out how it is reached."""
_APP = "It is the Application ID URI, or the id, of the app that stands for the server's API."
_HOW = "Name a FastMCP server's file, a command to wrap, or an address: mcp-local run server.py"


@dataclass(frozen=True, slots=True)
class HostedTarget:
    """A FastMCP server in a Python file, and the policy that comes with it."""

    file: FileTarget
    policy: str = ""
    """Absolute path; empty: it brings none."""
    namespace: str = ""
    """Its name under ``[servers]``."""


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """A server that isn't hosted in this process."""

    server: Server
    """Its ``[servers.NAME]``; without a name where it was given on the command line."""

    @property
    def policy(self) -> str:
        """Absolute path; empty: it brings none."""
        return self.server.policy

    @property
    def namespace(self) -> str:
        """Its name under ``[servers]``; empty where it has none."""
        return self.server.name


@dataclass(frozen=True, slots=True)
class WrappedTarget(_Elsewhere):
    """A command that speaks MCP on its standard input and output."""

    folder: Path
    """Where it runs."""

    def __str__(self) -> str:
        return self.server.name or self.server.command


@dataclass(frozen=True, slots=True)
class RemoteTarget(_Elsewhere):
    """A server behind an address."""

    def __str__(self) -> str:
        return self.server.name or self.server.url


Target = HostedTarget | WrappedTarget | RemoteTarget

SAMPLE = HostedTarget(FileTarget(SAMPLES / "weather.py"), str(SAMPLES / "weather_policy.yaml"))
"""What is served when nothing is named."""


def find_target(
    text: str | None,
    settings: Settings,
    folder: Path,
    command: Sequence[str] = (),
    *,
    api: str = "",
) -> Target:
    """Return what ``TARGET`` or ``-- COMMAND ARG…`` means; nothing given is the sample server.

    ``api`` is that of ``--api``, for an address.

    Raises:
        TargetError: it means nothing that can be served.
    """
    if command and text is not None:
        raise TargetError(
            f"Both a TARGET, {text!r}, and a command after `--` were given.",
            hint="Leave one of them out.",
        )
    target = _find(text, settings, folder, command)
    if not api:
        return target
    if not isinstance(target, RemoteTarget):
        raise TargetError(
            "--api names the app of a remote server; the target isn't one.", hint="Leave it out."
        )
    try:
        return RemoteTarget(replace(target.server, api=API.check(api)))
    except Unfit as error:
        raise TargetError(f"--api {error.message}.", hint=_APP) from None


def _find(text: str | None, settings: Settings, folder: Path, command: Sequence[str]) -> Target:
    if command:
        return WrappedTarget(Server("", command=command[0], args=tuple(command[1:])), folder)
    if text is None:
        return SAMPLE
    server = settings.servers.get(text)
    if server is not None:
        return _configured(server, settings.config_file.parent, folder)
    if "://" in text:
        return RemoteTarget(Server("", url=_address(text)))
    if ".py" not in text and re.fullmatch(_ADDRESS, text):
        raise TargetError(
            f"{text!r} is neither a Python file nor an address.",
            hint=f"An address says how it is reached: https://{text}, or http:// on this machine.",
        )
    if not text.partition(":")[0].endswith(".py") and not _looks_like_path(text):
        raise TargetError(
            f"There is no server {text!r} under [servers] in {settings.config_file}.",
            hint=_what_else(text, settings),
        )
    return HostedTarget(parse_target(text, folder))


def _what_else(text: str, settings: Settings) -> str:
    """Return what may have been meant by a name that no server has."""
    from shutil import which  # noqa: PLC0415 - start-up: only a mistake pays for it

    near = did_you_mean(text, settings.servers) if settings.servers else _HOW
    program = text.split(" ", maxsplit=1)[0]
    if "?" not in near and which(program):
        return f"To wrap a command, write -- before it: mcp-local run -- {text}"
    return near


def _looks_like_path(text: str) -> bool:
    return any(mark in text for mark in "./\\:")


def _address(text: str) -> str:
    try:
        return check_url(text)
    except Unfit as error:
        scheme, _, rest = text.partition("://")
        shown = f"{scheme}://{rest.rpartition('@')[2]}"  # nobody's password in an error
        raise TargetError(f"The address {shown!r} {error.message}.", hint=error.hint) from None


def _configured(server: Server, beside: Path, folder: Path) -> Target:
    """Return the target of a ``[servers.NAME]``.

    A Python file stands in its ``cwd`` or beside the settings file; a command runs in its ``cwd``
    or where it is asked for.
    """
    if server.url:
        return RemoteTarget(server)
    if server.is_file:
        file = parse_target(server.command, beside / server.cwd)
        return HostedTarget(file, policy=server.policy, namespace=server.name)
    return WrappedTarget(server, folder / server.cwd)
