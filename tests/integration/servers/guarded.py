"""Serves one of the servers in ``scenarios.py`` behind the guard: ``guarded.py NAME``.

The environment says who is signed in (``WHO``: a file), where the log goes (``LOG``), and the rest
of what a wiring would know (``HOLD``, ``LOCKED``, ``POLICY=none``, ``POLICY_FILE``, ``PAGE``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.guard.stdio import claim_wire

sys.path.insert(0, str(Path(__file__).parents[3]))
wire = claim_wire()  # before anything of the server is imported, as `run` does


from mcp_local.guard.hosted import protect, serve_stdio  # noqa: E402
from mcp_local.guard.question_page import PageWay  # noqa: E402
from mcp_local.log import Log  # noqa: E402
from mcp_local.policy.deciding.compile import compile_policy  # noqa: E402
from mcp_local.policy.live import LivePolicy  # noqa: E402
from mcp_local.policy.reading.parse import parse_policy  # noqa: E402
from tests.integration.servers import asked, scenarios  # noqa: E402
from tests.support.people import FileSession  # noqa: E402

if TYPE_CHECKING:
    from mcp_local.policy.model import Decides


def policy() -> Decides | None:
    """Return the policy that the environment asks for."""
    if "POLICY_FILE" in os.environ:
        return LivePolicy(Path(os.environ["POLICY_FILE"]))
    match os.environ.get("POLICY", scenarios.POLICY):
        case "none":
            return None
        case "broken":
            return scenarios.Broken()
        case text:
            return compile_policy([parse_policy(text, "policy.yaml")])


server = asked.asked() if sys.argv[1] == "asked" else getattr(scenarios, sys.argv[1])()
session = FileSession(Path(os.environ["WHO"]))
protect(
    server,
    policy=policy(),
    session=session,
    log=Log(Path(os.environ["LOG"])),
    hold=float(os.environ["HOLD"]) if "HOLD" in os.environ else None,
    locked="LOCKED" in os.environ,
    page=PageWay(os.environ, lambda: session.program) if "PAGE" in os.environ else None,
)
sys.exit(serve_stdio(server, session=session, wire=wire))
