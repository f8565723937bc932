"""A wrapped server as its settings name it, ready to be started."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

from mcp_local.guard.relay.child import Child
from mcp_local.guard.relay.environment import child_environment, not_set
from mcp_local.guard.relay.supervisor import Supervised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.guard.relay.command import PathLike
    from mcp_local.guard.relay.launch import Launched
    from mcp_local.guard.relay.tail import Logs


def wrap(  # noqa: PLR0913 - what a command is, each by its name
    command: str,
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: PathLike,
    environ: Mapping[str, str],
    log: Logs,
    launched: Launched | None = None,
) -> Supervised:
    """Return the server that a command runs in ``folder``; started again when it ends by itself.

    ``env`` is what it is given beside the allowed variables of ``environ``, ours. ``launched`` is
    its first life, where it was started already.
    """
    given = child_environment(environ, env)
    for variable in not_set(environ, env):
        log.event("variable_missing", level="warning", program=command, variable=variable)
    lives = chain((launched,), repeat(None))
    return Supervised(lambda: Child(command, args, given, folder, log, launched=next(lives)), log)
