"""What the server says of itself in ``initialize`` and ``server/discover``, as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.guard.clean import clean_json
from mcp_local.guard.relay.answers import encode
from mcp_local.guard.relay.message import as_dict

if TYPE_CHECKING:
    from mcp_local.guard.relay.message import Message


def served(answer: Message, *, instructions: bool = True) -> bytes:
    """Return the server's answer: with tools, and changes of lists announced, and cleaned (M9).

    The account tools make every server one with tools, and a sign-in changes every list.
    ``instructions`` says whether the server's are shown.
    """
    result = as_dict(answer.body.get("result"))
    if not result:
        return answer.raw
    result = as_dict(clean_json(result))
    if not instructions:
        result = {key: value for key, value in result.items() if key != "instructions"}
    tools: dict[str, object] = {}
    capabilities = {"tools": tools, **as_dict(result.get("capabilities"))}
    for lists in ("tools", "resources", "prompts"):
        if lists in capabilities:
            capabilities[lists] = {**as_dict(capabilities[lists]), "listChanged": True}
    return encode({**answer.body, "result": {**result, "capabilities": capabilities}})
