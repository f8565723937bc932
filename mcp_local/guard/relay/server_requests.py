"""What a server may ask of the client: the settings say it (M12).

``requests`` names methods; ``elicitation/create`` is the form, ``elicitation/create:url`` the page
that a server wants opened. What isn't named is refused, as a request and inside a result alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from mcp_local.guard.relay.message import as_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.guard.relay.message import Message

PING: Final = "ping"
_ELICIT: Final = "elicitation/create"
_URL: Final = f"{_ELICIT}:url"
_URL_REQUIRED: Final = -32042
"""The error by which servers of the handshake era ask for a page to be opened."""
_DIGITS: Final = str(-_URL_REQUIRED)
_SPELLING: Final = {name.casefold(): name for name in ("inputRequests", "method", "mode", "params")}
_LOGGED: Final = 100
"""Characters of a method in the log and in texts."""


@final
class ServerRequests:
    """Says which requests of a server pass."""

    def __init__(self, named: Sequence[str]) -> None:
        self._named = frozenset(named)

    def passes(self, method: object, params: Mapping[str, object]) -> bool:
        """Whether a request passes to the client."""
        if method == PING:
            return True
        return not odd_spelling(params, "mode") and self._name(method, params) in self._named

    def denied(self, answer: Message) -> str:
        """Return what an answer asks for that doesn't pass; empty: nothing of that kind."""
        if "error" in answer.body:  # then there is no result
            return self._denied_by(answer.body["error"])
        return self.denied_in(as_dict(answer.body["result"]))

    def denied_in(self, told: Mapping[str, object]) -> str:
        """Return what a result, or a task in a notification, asks for that doesn't pass."""
        denied = self._denied_inputs(told)
        if not denied and "taskId" in told:  # a task that has ended holds its answer
            ended = as_dict(told.get("result"))
            return self._denied_inputs(ended) or self._denied_by(told.get("error"))
        return denied

    def _denied_by(self, error: object) -> str:
        """Return what an error asks for; some clients read a text as its code, or ``Code``."""
        codes = (value for key, value in as_dict(error).items() if key.casefold() == "code")
        wants = any(
            code == _URL_REQUIRED or (isinstance(code, str) and _DIGITS in code) for code in codes
        )
        return _URL if wants and _URL not in self._named else ""

    def _denied_inputs(self, result: Mapping[str, object]) -> str:
        if odd := odd_spelling(result, "inputRequests"):
            return odd[:_LOGGED]
        wanted = as_dict(result.get("inputRequests"))
        if not wanted and result.get("inputRequests"):  # no map, which some clients may read
            return "inputRequests"
        for asked in wanted.values():
            request = as_dict(asked)
            method = request.get("method")
            odd = odd_spelling(request, "method", "params")
            if odd or not self.passes(method, as_dict(request.get("params"))):
                return self.spoken(method, as_dict(request.get("params")))
        return ""

    def spoken(self, method: object, params: Mapping[str, object]) -> str:
        """Return how the settings and the log call a request."""
        return self._name(method, params)[:_LOGGED]

    @staticmethod
    def _name(method: object, params: Mapping[str, object]) -> str:
        if method != _ELICIT:
            return str(method)
        # Without a mode some clients read whatever names a page as its opening.
        mode = params.get("mode", "url" if "url" in params else "form")
        return _ELICIT if mode == "form" else f"{_ELICIT}:{mode}"


def odd_spelling(found: Mapping[str, object], *names: str) -> str:
    """Return a key that some clients take for one of ``names``, though its case is another (M4)."""
    for key in found:
        meant = _SPELLING.get(key.casefold())
        if meant in names and meant != key:
            return key
    return ""


def not_passed_on(name: str) -> str:
    """Return why a use failed that wanted more of the client than the settings allow."""
    return (
        f"The server asked for {name}, which mcp-local doesn't pass on to this program. Whoever "
        f"trusts the server with it names it under `requests` in its [servers.NAME]."
    )
