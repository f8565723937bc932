"""The ``claims`` parameter: what an app asks for beyond its scopes, as JSON."""

from __future__ import annotations

import json
from typing import cast

from mcp_local.emulator.aadsts import Refused

CAPABILITIES = "xms_cc"
"""What the client can do; ``cp1`` is continuous access evaluation."""
POLICIES = "capolids"
"""Ids of the conditional access policies to be met."""


def policy_claims(policy_id: str) -> str:
    """Return the ``claims`` with which an app asks to meet a conditional access policy."""
    wanted = {"access_token": {POLICIES: {"essential": True, "values": [policy_id]}}}
    return json.dumps(wanted, separators=(",", ":"))


def values_asked_for(claims: str, name: str) -> tuple[str, ...]:
    """Return the values asked for under ``access_token.<name>``; malformed JSON is 9002313."""
    if not claims:
        return ()
    try:
        asked: object = json.loads(claims)
    except (ValueError, RecursionError):
        raise Refused(9002313) from None
    for step in ("access_token", name, "values"):
        asked = cast("dict[str, object]", asked).get(step) if isinstance(asked, dict) else None
    values = cast("list[object]", asked) if isinstance(asked, list) else []
    return tuple(value for value in values if isinstance(value, str))
