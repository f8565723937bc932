"""A client with a person before it, who answers what the client asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_local.emulator.visitor import visit
from tests.support import warm
from tests.support.wire import Wire, call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.desk import Desk

PAGES: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}}
"""What a client says that opens pages."""


class Program(Wire):
    """A client with a person before it, who answers what they are asked as the test says."""

    def __init__(  # noqa: PLR0913 - what a client is, and who sits before it
        self,
        here: Desk,
        folder: Path,
        words: Sequence[str],
        era: str,
        capabilities: Mapping[str, Any] = PAGES,
        *,
        user: str,
    ) -> None:
        super().__init__(
            warm.ours("run", *words),
            folder,
            era=era,
            environ=here.environ,
            capabilities=capabilities,
            answers={"elicitation/create": self._asked},
        )
        self.action = "accept"
        """What the person chooses; empty: nothing, ever."""
        self.user = user
        """Who signs in on the page; empty: nobody."""
        self.questions: list[Mapping[str, Any]] = []

    def _asked(self, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self._open(message["params"])
        return {"action": self.action} if self.action else None

    def _open(self, params: Mapping[str, Any]) -> None:
        self.questions.append(params)
        if self.action == "accept" and self.user:
            visit(params["url"], self.user)

    def use(self, name: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> str:
        """Call a tool as clients do: what is asked back is put to the person, and goes along."""
        params = call(name, arguments or {}, **meta)
        result = self.request("tools/call", params)["result"]
        if result.get("resultType") == "input_required":
            [(key, asked)] = result["inputRequests"].items()
            self._open(asked["params"])
            reply = {key: {"action": self.action}}
            more = {"requestState": result["requestState"], "inputResponses": reply}
            result = self.request("tools/call", params | more)["result"]
        return result["content"][0]["text"] if result["content"] else ""
