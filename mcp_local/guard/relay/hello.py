"""What the server says of itself in ``initialize`` and ``server/discover``, as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.guard.clean import clean_json
from mcp_local.guard.relay.answers import encode
from mcp_local.guard.relay.message import as_dict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.relay.message import Message


_WORDS: Final = ("", "instructions"), ("serverInfo", "description")
"""What of a greeting models read, and is approved as the server's instructions (M7)."""
_SPELT: Final = {name.casefold(): name for pair in _WORDS for name in pair}


def words(result: Mapping[str, object]) -> str:
    """Return what a greeting tells a model."""
    found = (_place(result, place).get(key) for place, key in _WORDS)
    return "\n\n".join(text for text in found if isinstance(text, str) and text)


def served(answer: Message, *, instructions: bool = True) -> bytes:
    """Return the server's answer: with tools, and changes of lists announced, and cleaned (M9).

    The account tools make every server one with tools, and a sign-in changes every list.
    ``instructions`` says whether the server's :func:`words` are shown; what should be one of them
    and is no text never is.
    """
    result = as_dict(answer.body.get("result"))
    if not result:
        return answer.raw
    result = _as_spelt(as_dict(clean_json(result)))
    for place, key in _WORDS:
        within = _place(result, place)
        if key in within and not (instructions and isinstance(within[key], str)):
            rest = {other: value for other, value in within.items() if other != key}
            result = {**result, place: rest} if place else rest
    tools: dict[str, object] = {}
    capabilities = {"tools": tools, **as_dict(result.get("capabilities"))}
    for lists in ("tools", "resources", "prompts"):
        if lists in capabilities:
            capabilities[lists] = {**as_dict(capabilities[lists]), "listChanged": True}
    return encode({**answer.body, "result": {**result, "capabilities": capabilities}})


def _as_spelt(found: Mapping[str, object]) -> dict[str, object]:
    """Return an object without keys that some clients take for those of words, in any case (M4)."""
    return {
        key: _as_spelt(as_dict(value)) if key == "serverInfo" and as_dict(value) else value
        for key, value in found.items()
        if _SPELT.get(key.casefold(), key) == key
    }


def _place(result: Mapping[str, object], place: str) -> Mapping[str, object]:
    return as_dict(result.get(place)) if place else result
