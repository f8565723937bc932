"""The composition root: Settings become connected parts.

The program and its tests are put together here and nowhere else; a test hands in a session or a
log of its own and leaves the rest as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp_local.broker.session.local import DeclaredSession, LocalSession
from mcp_local.guard.relay.parts import RelayParts
from mcp_local.guard.relay.wrap import wrap
from mcp_local.policy.live import LivePolicy, note_policy
from mcp_local.policy.served import serve_by
from mcp_local.settings import Definitions, SignInMethod, Source
from mcp_local.targets import HostedTarget, RemoteTarget, WrappedTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastmcp import FastMCP

    from mcp_local.guard.definition_record import ServerKey
    from mcp_local.guard.definitions import ApprovedDefinitions
    from mcp_local.guard.session import Session
    from mcp_local.guard.upstream import Upstream
    from mcp_local.log import Log
    from mcp_local.policy.building.builder import Policy
    from mcp_local.settings import Settings
    from mcp_local.targets import Target


def policy_path(settings: Settings, own: str) -> str:
    """Return whose policy holds: the administrator's, of flag or environment, ``own``, the file's.

    Empty: there is none.
    """
    source = settings.provenance["policy"].source
    if source is not Source.MANAGED and _is_managed(settings, own):
        return own
    return own or settings.policy if source is Source.FILE else settings.policy or own


def _is_managed(settings: Settings, own: str) -> bool:
    """Whether the administrator gave a server that policy: no flag puts another in its place."""
    return bool(own) and any(
        server.policy == own and settings.provenance[f"servers.{name}"].source is Source.MANAGED
        for name, server in settings.servers.items()
    )


def choose_policy(
    settings: Settings, own: Policy | str, *, folder: Path | None = None
) -> LivePolicy:
    """Load the policy of :func:`policy_path`; it follows its files while it is watched.

    ``own`` is the one that comes with the server: its path, or itself if made in Python; empty:
    none. ``folder`` is where ``under`` stands: the target's working folder, by default the current
    one. A broken file refuses everything; it never widens access (POLICY.md 7).

    Raises:
        PolicyError: a policy made in Python contradicts itself.
    """
    source = settings.provenance["policy"].source
    path = policy_path(settings, own if isinstance(own, str) else "")
    if not isinstance(own, str) and (not path or source is Source.FILE):
        live = LivePolicy(folder=folder)
        live.add_policy(own)
        return live
    managed = source is Source.MANAGED or _is_managed(settings, path)
    return LivePolicy(Path(path) if path else None, folder=folder, managed=managed)


def open_session(settings: Settings, environ: Mapping[str, str], log: Log) -> Session:
    """Return who is signed in: the machine's person, or roles declared for trying things out."""
    if settings.signin.method is SignInMethod.NONE:
        return DeclaredSession(settings)

    def open_in_browser(url: str) -> bool:
        from mcp_local.broker.screen.browser import open_page  # noqa: PLC0415 - start-up: seldom

        return open_page(url, environ)

    return LocalSession(settings, environ, log=log, open_page=open_in_browser)


def guard_server(  # noqa: PLR0913, PLR0917 - the parts
    server: FastMCP[Any],
    own_policy: Policy | str,
    settings: Settings,
    session: Session,
    log: Log,
    environ: Mapping[str, str],
) -> None:
    """Put the guard around a server, ready to be served.

    ``session`` is that of :func:`open_session`, or a test's own. ``own_policy`` is the policy
    that comes with the server, or its path, or empty. ``environ`` says which browser there is.
    """
    from mcp_local.guard.hosted import protect  # noqa: PLC0415 - start-up: brings FastMCP along
    from mcp_local.guard.question_page import PageWay  # noqa: PLC0415 - start-up, as above

    policy = choose_policy(settings, own_policy)
    note_policy(policy.now, log)
    serve_by(policy, log)
    protect(
        server,
        policy=policy,
        session=session,
        log=log,
        hold=settings.list_hold,
        locked=settings.list_locked,
        page=PageWay(environ, lambda: session.program),
    )


def open_upstream(
    target: WrappedTarget | RemoteTarget,
    settings: Settings,
    environ: Mapping[str, str],
    log: Log,
    session: Session | None = None,
) -> Upstream:
    """Return the server behind the relay, not yet started.

    ``session`` is whose token a remote server is sent; a command that has none gets it itself.

    Raises:
        SettingsError: a remote server can't be reached as the settings say.
    """
    server = target.server
    if isinstance(target, RemoteTarget):
        from mcp_local.remotes import open_remote  # noqa: PLC0415 - start-up: brings HTTP along

        return open_remote(server, settings, environ, session, log)
    return wrap(
        server.command,
        server.args,
        env=server.env,
        folder=target.folder,
        environ=environ,
        log=log,
    )


def server_key(target: WrappedTarget | RemoteTarget) -> ServerKey:
    """Return under which name the record of a server's definitions is kept."""
    from mcp_local.guard.definition_record import key_of  # noqa: PLC0415 - start-up: loaded later

    return key_of(target.server, target.folder if isinstance(target, WrappedTarget) else Path())


def open_definitions(
    target: WrappedTarget | RemoteTarget, settings: Settings, log: Log
) -> ApprovedDefinitions:
    """Return what was approved of a server behind the relay."""
    from mcp_local.guard.definitions import ApprovedDefinitions  # noqa: PLC0415 - start-up, as above

    hold = target.server.definitions is Definitions.HOLD
    return ApprovedDefinitions(settings.home, server_key(target), log, hold=hold)


def log_name(target: Target) -> str:
    """Return what the log calls a server: by a name, a file, a program, a host; none is a secret.

    The digits after a command or an address tell it from others of the same program or host.
    """
    if isinstance(target, HostedTarget):
        return target.namespace or str(target.file)
    server = target.server
    if server.name:
        return server.name
    word = urlsplit(server.url).netloc if server.url else Path(server.command).name
    return f"{word.rpartition('@')[2]}#{server_key(target).file[-8:]}"


def relay_parts(
    target: WrappedTarget | RemoteTarget,
    settings: Settings,
    environ: Mapping[str, str],
    log: Log,
    session: Session | None = None,
) -> RelayParts:
    """Load what judges in the relay; ``session`` is one that was opened before."""
    from mcp_local.guard.question_page import PageWay  # noqa: PLC0415 - start-up: brings servers

    folder = target.folder if isinstance(target, WrappedTarget) else None
    policy = choose_policy(settings, target.policy, folder=folder)
    note_policy(policy.now, log)
    session = session or open_session(settings, environ, log)
    return RelayParts(
        session,
        policy,
        hold=settings.list_hold,
        locked=settings.list_locked,
        page=PageWay(environ, lambda: session.program),
        definitions=open_definitions(target, settings, log),
    )
