"""The composition root: Settings become connected parts.

The program and its tests are put together here and nowhere else; a test hands in a session or a
log of its own and leaves the rest as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_local.broker.session.local import DeclaredSession, LocalSession
from mcp_local.errors import PolicyError, TargetError
from mcp_local.guard.relay.child import Child
from mcp_local.guard.relay.environment import child_environment
from mcp_local.guard.relay.parts import RelayParts, Rules
from mcp_local.guard.relay.supervisor import Supervised
from mcp_local.log import Log
from mcp_local.policy.load import load_policy
from mcp_local.policy.refuse import refuse_broken
from mcp_local.settings import SignInMethod, Source
from mcp_local.targets import RemoteTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastmcp import FastMCP

    from mcp_local.guard.session import Session
    from mcp_local.guard.upstream import Upstream
    from mcp_local.policy.model import Decides
    from mcp_local.settings import Settings
    from mcp_local.targets import WrappedTarget


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy that decides, and what is wrong with it."""

    decides: Decides | None
    """``None``: there is no policy; only components with their own ``auth=`` are served."""
    path: str = ""
    problem: PolicyError | None = None
    """Why nothing is served by it."""

    @property
    def notice(self) -> str:
        """What people must be told of it, in a sentence; empty in the ordinary case."""
        if self.problem is None:
            return ""
        return f"Nothing but the account tools is served: {self.problem.message}"


def policy_path(settings: Settings, own: str) -> str:
    """Return which policy holds: of administrator, flag or environment, else ``own``, else of the
    file; empty: none.
    """
    general = settings.provenance["policy"].source is Source.FILE
    return own or settings.policy if general else settings.policy or own


def choose_policy(settings: Settings, own: str) -> PolicyInForce:
    """Load the policy of :func:`policy_path`.

    ``own`` is the path of the one that comes with the server, or empty. A broken policy refuses
    everything; it never widens access (POLICY.md 7).
    """
    path = policy_path(settings, own)
    if not path:
        return PolicyInForce(None)
    try:
        return PolicyInForce(load_policy(Path(path)), path)
    except PolicyError as error:
        return PolicyInForce(refuse_broken(error.message), path, error)


def open_log(settings: Settings, echo: Callable[[str], None] | None = None) -> Log:
    """Return the log of the settings; ``echo`` is given each line too."""
    return Log(log_file(settings), settings.log_level, settings.log_format, echo=echo)


def log_file(settings: Settings) -> Path:
    """Return where the log is."""
    return settings.home / "log" / "mcp-local.jsonl"


def open_session(settings: Settings, environ: Mapping[str, str], log: Log) -> Session:
    """Return who is signed in: the machine's person, or roles declared for trying things out."""
    if settings.signin.method is SignInMethod.NONE:
        return DeclaredSession(settings)
    return LocalSession(settings, environ, log=log)


def guard_server(
    server: FastMCP[Any], own_policy: str, settings: Settings, session: Session, log: Log
) -> None:
    """Put the guard around a server, ready to be served.

    ``session`` is that of :func:`open_session`, or a test's own. ``own_policy`` is the path of the
    policy that comes with the server, or empty.
    """
    from mcp_local.guard.hosted import protect  # noqa: PLC0415 - start-up: brings FastMCP along

    policy = choose_policy(settings, own_policy)
    if policy.problem is not None:
        log.event("policy_broken", level="error", path=policy.path, problem=policy.problem.message)
    protect(
        server,
        policy=policy.decides,
        session=session,
        log=log,
        hold=settings.list_hold,
        locked=settings.list_locked,
        notice=policy.notice,
    )


def open_upstream(
    target: WrappedTarget | RemoteTarget, environ: Mapping[str, str], log: Log
) -> Upstream:
    """Return the server behind the relay, not yet started.

    Raises:
        TargetError: it can't be reached by this version.
    """
    if isinstance(target, RemoteTarget):
        raise TargetError(f"{target} is a remote server; it can't be served yet.")
    server = target.server
    env = child_environment(environ, server.env)

    def make() -> Child:
        return Child(server.command, server.args, env, target.folder, log)

    return Supervised(make, log)


def relay_rules(target: WrappedTarget | RemoteTarget) -> Rules:
    """Return what the settings say of a server behind the relay."""
    server = target.server
    return Rules(server.name, server.requests, server.methods)


def relay_parts(
    target: WrappedTarget | RemoteTarget,
    settings: Settings,
    environ: Mapping[str, str],
    log: Log,
) -> RelayParts:
    """Load what judges in the relay."""
    policy = choose_policy(settings, target.policy)
    if policy.problem is not None:
        log.event("policy_broken", level="error", path=policy.path, problem=policy.problem.message)
    return RelayParts(
        session=open_session(settings, environ, log),
        policy=policy.decides,
        hold=settings.list_hold,
        locked=settings.list_locked,
        notice=lambda: policy.notice,
    )
