"""The server ``plain.py`` behind a relay whose person the test chooses."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from tests.support import warm
from tests.support.log_lines import logged_in
from tests.support.relayed import PLAIN, SERVERS
from tests.support.wire import CAPABILITIES, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

POLICY: Final = """
version: 1
roles:
  reader:
    tools: [echo, frames, back, need, change, die, slow, big, mutter, touch, twice, odd, "mcp_*"]
    resources: ["docs://open", "item://*"]
    prompts: [ask]
  writer:
    includes: [reader]
    tools: ["secret*", "drop_*"]
    resources: ["docs://closed", "vault://*"]
    prompts: [secret_prompt]
  lister: {tools: [secret], actions: [list]}
"""
LISTS: Final = {
    "tools/list": ("tools", "name"),
    "resources/list": ("resources", "uri"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate"),
    "prompts/list": ("prompts", "name"),
}


class Guarded(Wire):
    """A client, the relay that it started, and the person whom the relay believes signed in."""

    def __init__(
        self,
        folder: Path,
        era: str,
        *,
        book: Mapping[str, Any] | None = None,
        capabilities: Mapping[str, Any] = CAPABILITIES,
        **environ: str,
    ) -> None:
        """Start it; ``book`` replaces parts of the server, ``environ`` goes to the relay."""
        self.who = folder / "who.json"
        (folder / "book.json").write_text(json.dumps(book or {}), encoding="utf-8")
        command = (sys.executable, PLAIN, str(folder), str(folder / "book.json"))
        super().__init__(
            (warm.python(), str(SERVERS / "guarded_relay.py"), *command),
            folder,
            era=era,
            capabilities=capabilities,
            environ={
                **os.environ,
                "WHO": str(self.who),
                "LOG": str(folder / "log.jsonl"),
                "POLICY": POLICY,
                **environ,
            },
        )

    def sign_in(self, oid: str, *roles: str, **more: Any) -> None:
        """Make somebody the signed-in person, and wait until the relay knows."""
        beside = self.who.with_suffix(".new")
        beside.write_text(json.dumps({"oid": oid, "roles": roles, **more}), encoding="utf-8")
        beside.replace(self.who)
        self._refresh()

    def sign_out(self) -> None:
        """Sign the person out, and wait until the relay knows."""
        self.who.unlink(missing_ok=True)
        self._refresh()

    def _refresh(self) -> None:
        self.call("mcp_local_whoami", {"refresh": True})

    def names(self, method: str = "tools/list") -> set[str]:
        """Return what a list names, without the account tools."""
        key, field = LISTS[method]
        result = self.request(method)["result"]
        assert "nextCursor" not in result
        return {i[field] for i in result[key] if not i["name"].startswith("mcp_local_")}

    def heard_by_server(self) -> list[bytes]:
        """Return every line that the server has read."""
        file = self.folder / "heard"
        return file.read_bytes().splitlines() if file.exists() else []

    def ran(self) -> list[str]:
        """Return what the server did for somebody."""
        file = self.folder / "ran"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one event."""
        return logged_in(self.folder / "log.jsonl", event)
