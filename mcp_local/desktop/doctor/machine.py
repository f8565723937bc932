"""Checks of this machine: the program, its folder, a browser, the loopback port."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import stat
import sys
import tempfile
import webbrowser
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from mcp_local.broker.loopback.sockets import open_loopback
from mcp_local.broker.screen.browser import available
from mcp_local.desktop.doctor.finding import Actor, Finding, note, ok, problem, skipped
from mcp_local.desktop.program import find_program
from mcp_local.errors import McpLocalError, SettingsError
from mcp_local.settings import SignInMethod, Source, require_sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mcp_local.settings import Settings

_LEAST_FREE: Final = 32 << 20
"""Bytes; less, and the log and the cache may not be written."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def program(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at what runs, and whether a client could start it tomorrow."""
    versions = f"mcp-local {version('mcp-local')}, Python {platform.python_version()}"
    yield ok("program", f"{versions}, {platform.platform(terse=True)}.")
    try:
        found = find_program(environ)
    except McpLocalError as error:
        yield note("command", error.message, error.hint)
        return
    yield ok("command", f"Clients can start it as: {' '.join(found.line)}")


def state_folder(settings: Settings) -> Iterator[Finding]:
    """Look at the folder that all state lies in."""
    home = settings.home
    if not home.exists():
        yield _absent(home)
        return
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix="doctor-"):
            pass
        free = shutil.disk_usage(home).free
    except OSError as error:
        yield problem(
            "state folder",
            f"{home} can't be written: {error.strerror}.",
            "Give it back to yourself, or set MCP_LOCAL_HOME to another folder.",
        )
        return
    if free < _LEAST_FREE:
        yield problem("state folder", f"Only {free >> 20} MiB are free at {home}.", "Make room.")
    yield _seen_by(home)


def _absent(home: Path) -> Finding:
    """Say whether the first sign-in can make the folder."""
    above = next((each for each in home.parents if each.exists()), home)
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return note("state folder", f"{home} is not there yet; the first sign-in makes it.")
    return problem(
        "state folder",
        f"{home} is not there, and can't be made in {above}.",
        "Set MCP_LOCAL_HOME to another folder, or make this one yourself.",
    )


def _seen_by(home: Path) -> Finding:
    """Say who sees into the folder: nobody else, but every client's servers."""
    if sys.platform != "win32" and home.stat().st_mode & _OTHERS:
        return problem(
            "state folder", f"Others can look into {home}.", f"Run: chmod -R go= '{home}'"
        )
    if _is_hidden_from_clients(home):
        return problem(
            "state folder",
            f"{home} is in AppData, which packaged clients see another copy of.",
            "Leave MCP_LOCAL_HOME out: the folder is then .mcp-local in your home.",
        )
    return ok("state folder", f"{home} is yours alone, and can be written.")


def _is_hidden_from_clients(home: Path) -> bool:
    return sys.platform == "win32" and "AppData" in home.parts


def browser(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look whether a sign-in page could open."""
    if settings.signin.method is SignInMethod.NONE:
        yield skipped("browser", "Nobody signs in.")
        return
    named = environ.get("BROWSER", "")
    if named and not any(_is_browser(each) for each in named.split(os.pathsep) if each):
        yield problem(
            "browser",
            f"BROWSER={named} names no program that is here.",
            "Correct the variable, or unset it where there is a display.",
        )
    elif available(environ):
        yield ok("browser", f"A browser can be opened{_by(environ)}.")
    elif settings.signin.fallback == "device" or settings.signin.method == "device":
        yield ok("browser", "No browser can be opened; the sign-in goes by device code.")
    else:
        yield problem(
            "browser",
            "No browser can be opened here: there is no display.",
            "Sign in with `mcp-local login --device`, or `--no-browser`, or set "
            '`signin.fallback = "device"`.',
        )


def _is_browser(command: str) -> bool:
    """Whether one entry of ``BROWSER`` is a command that is there, or known to ``webbrowser``."""
    try:
        first = shlex.split(command)[0]
    except (ValueError, IndexError):
        return False
    if "%s" in command or shutil.which(first) is not None:
        return shutil.which(first) is not None
    try:
        return bool(webbrowser.get(command))
    except webbrowser.Error:
        return False


def _by(environ: Mapping[str, str]) -> str:
    return f" by BROWSER={environ['BROWSER']}" if environ.get("BROWSER") else ""


def loopback() -> Iterator[Finding]:
    """Look whether the answer of the sign-in page could arrive."""
    try:
        sockets = open_loopback([0])
    except McpLocalError as error:
        yield problem(
            "loopback port",
            error.message,
            "A security program may forbid it; else sign in with `mcp-local login --device`.",
            Actor.IT,
        )
        return
    both = len(sockets) > 1
    for each in sockets:
        each.close()
    yield ok("loopback port", f"A port can be opened on 127.0.0.1{' and ::1' if both else ''}.")


def settings_file(settings: Settings) -> Iterator[Finding]:
    """Say which settings hold."""
    where = settings.config_file
    there = "is read" if where.is_file() else "is not there; flags and environment hold"
    yield ok("settings", f"{where} {there}.")
    managed = {each.place for each in settings.provenance.values() if each.source is Source.MANAGED}
    for place in managed:
        yield ok("settings", f"{place} is read, and outranks all else: the administrator's.")
    for warning in settings.warnings:
        yield note("settings", warning)
    try:
        require_sign_in(settings)
    except SettingsError as error:
        evidence = f"{error.message.removesuffix('.')}: neither here nor in the settings file."
        yield problem("settings", evidence, "Run: mcp-local init")
    if settings.development:
        yield note(
            "settings",
            f"The authority is a local one, for development: {settings.authority}",
            "Remove `authority` for people's sign-in.",
        )


def relevant_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Name the variables that steer the program, not their values."""
    names = sorted(name for name in environ if name.startswith("MCP_LOCAL_"))
    if names:
        yield note(
            "environment",
            f"Set in this terminal: {', '.join(names)}. A client's server has what its entry and "
            "the settings file say.",
        )
    if environ.get("SSH_CONNECTION"):
        yield note("environment", "This is a terminal over SSH: a browser would open elsewhere.")
