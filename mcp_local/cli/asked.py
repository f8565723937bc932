"""A server that is asked about, not served: hosted in this process, or behind the relay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mcp_local.cli.target import bring_packages, find_named
from mcp_local.errors import Unreachable
from mcp_local.guard.explained import explain_relayed, explain_relayed_use
from mcp_local.guard.relay.environment import not_set
from mcp_local.inventory import ask, remembered
from mcp_local.targets import HostedTarget, WrappedTarget
from mcp_local.wiring import choose_policy

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mcp_local.cli.context import Context
    from mcp_local.cli.target import TargetArguments
    from mcp_local.guard.explained import Explained, Relayed
    from mcp_local.identity.model import VerifiedToken
    from mcp_local.policy.model import Decides, Kind, Request
    from mcp_local.settings import Settings
    from mcp_local.targets import RemoteTarget


class Asked(Protocol):
    """What can be asked about any server."""

    async def everything(self, token: VerifiedToken) -> list[Explained]:
        """Say of every component whether the token's person sees it, and why."""
        ...

    async def use(
        self, kind: Kind, name: str, request: Request, token: VerifiedToken
    ) -> Explained | None:
        """Say what becomes of one use; ``None`` where nothing has that name or URI."""
        ...


@dataclass(frozen=True, slots=True)
class Hosted:
    """A FastMCP server, loaded into this process."""

    server: FastMCP[Any]
    policy: Decides | None

    async def everything(self, token: VerifiedToken) -> list[Explained]:
        """Run the server's own listing, with checks that let through and write down."""
        from mcp_local.guard.hosted import explain_all  # noqa: PLC0415 - start-up: brings FastMCP

        return await explain_all(self.server, policy=self.policy, token=token)

    async def use(
        self, kind: Kind, name: str, request: Request, token: VerifiedToken
    ) -> Explained | None:
        """Look the component up as a use does."""
        from mcp_local.guard.hosted import explain_use  # noqa: PLC0415 - start-up: brings FastMCP

        return await explain_use(
            self.server, name, request, policy=self.policy, token=token, kind=kind
        )


@dataclass(frozen=True, slots=True)
class BehindRelay:
    """A wrapped or remote server: what it told, now or when it was asked last."""

    server: Relayed
    policy: Decides | None

    async def everything(self, token: VerifiedToken) -> list[Explained]:
        """Decide for each component as the relay does."""
        return explain_relayed(self.server, self.policy, token)

    async def use(
        self, kind: Kind, name: str, request: Request, token: VerifiedToken
    ) -> Explained | None:
        """Decide as the relay does."""
        return explain_relayed_use(
            self.server, kind, name, request, policy=self.policy, token=token
        )


def load_target(
    arguments: TargetArguments, settings: Settings, context: Context, *, offline: bool = False
) -> Asked:
    """Load the server and its policy, to be asked about; the server's own code runs.

    A wrapped or remote one is started or reached; ``offline``, or where it can't be, what it told
    last is what it has.

    Raises:
        TargetError: there is no such server, or it can't be loaded.
        PolicyError: the policy is broken.
        Unreachable: it doesn't answer, and nothing is known of it.
    """
    target = find_named(arguments, settings)
    if isinstance(target, HostedTarget):
        bring_packages(target.file.path, context)
    folder = target.folder if isinstance(target, WrappedTarget) else None
    policy = choose_policy(settings, target.policy, folder=folder).now
    if policy.problem is not None:
        raise policy.problem
    if policy.observing:
        context.console.warn(policy.notice)
    if not isinstance(target, HostedTarget):
        told = _told(target, settings, context, offline=offline)
        _warn_without(policy.decides, "nothing of it is served", context)
        return BehindRelay(told, policy.decides)
    context.console.reserve_stdout()
    from mcp_local.guard.loading import load_server  # noqa: PLC0415 - start-up: brings FastMCP

    server = load_server(target.file)
    _warn_without(policy.decides, "only what has a check of its own is served", context)
    return Hosted(server, policy.decides)


def _warn_without(policy: Decides | None, what: str, context: Context) -> None:
    if policy is None:
        context.console.warn(f"No policy is set: {what}. --policy FILE names one.")


def _told(
    target: WrappedTarget | RemoteTarget, settings: Settings, context: Context, *, offline: bool
) -> Relayed:
    """Return what a server has: as it tells now, or told last."""
    if offline:
        known = remembered(target, settings)
        if known is None:
            raise Unreachable(
                f"Nothing is known of {target}: it was never asked.", hint="Leave --offline out."
            )
        return known
    for variable in not_set(context.environ, target.server.env):
        context.console.warn(f"There is no {variable} to hand on: {target} starts without it.")
    try:
        with context.console.waiting(str(target)):
            return ask(target, settings, context.environ)
    except Unreachable as error:
        known = remembered(target, settings)
        if known is None:
            raise
        context.console.warn(f"{error.message} What it told last is what follows.")
        return known
