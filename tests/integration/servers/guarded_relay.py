"""Serves a command behind the relay: ``guarded_relay.py COMMAND ARG…``.

The environment says who is signed in (``WHO``: a file), where the log goes (``LOG``), the policy
(``POLICY``), and what ``[servers.NAME]`` would say of it (``REQUESTS``, ``METHODS``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp_local.guard.relay.child import Child
from mcp_local.guard.relay.late_log import LateLog
from mcp_local.guard.relay.parts import RelayParts
from mcp_local.guard.relay.rules import Rules
from mcp_local.guard.relay.serve import serve_relay
from mcp_local.guard.relay.supervisor import Supervised
from mcp_local.guard.stdio import claim_wire
from mcp_local.log import Log

sys.path.insert(0, str(Path(__file__).parents[3]))


def parts() -> RelayParts:
    """Return what a wiring would load."""
    from mcp_local.policy.deciding.compile import compile_policy  # noqa: PLC0415 - loaded in the background
    from mcp_local.policy.reading.parse import parse_policy  # noqa: PLC0415
    from tests.support.people import FileSession  # noqa: PLC0415

    policy = compile_policy([parse_policy(os.environ["POLICY"], "policy.yaml")])
    return RelayParts(FileSession(Path(os.environ["WHO"])), policy, hold=0.0)


def words(name: str) -> tuple[str, ...]:
    """Return a list in the environment."""
    return tuple(os.environ[name].split()) if name in os.environ else getattr(Rules(), name.lower())


command, *arguments = sys.argv[1:]
log = Log(Path(os.environ["LOG"]))
server = Supervised(lambda: Child(command, arguments, os.environ, Path.cwd(), log), log)
server.start()
rules = Rules(requests=words("REQUESTS"), methods=words("METHODS"))
late = LateLog()
late.open(log)
sys.exit(serve_relay(server, claim_wire(), parts, log=late, rules=rules))
