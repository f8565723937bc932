"""Links that add a server to a client when they are opened."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from mcp_local.errors import UsageError

if TYPE_CHECKING:
    from mcp_local.desktop.model import DesktopClient
    from mcp_local.desktop.shapes import Table


def install_link(client: DesktopClient, name: str, entry: Table) -> str:
    """Return the link that adds ``entry`` under ``name``.

    Raises:
        UsageError: the client knows no such links.
    """
    text = json.dumps(entry)
    match client.id:
        case "cursor":
            query = urlencode({"name": name, "config": b64encode(text.encode()).decode()})
            return f"cursor://anysphere.cursor-deeplink/mcp/install?{query}"
        case "vscode":
            return f"vscode:mcp/install?{quote(json.dumps({'name': name, **entry}), safe='')}"
        case _:
            raise UsageError(
                f"{client.title} has no links that add servers.",
                hint="Cursor and Visual Studio Code have; --print shows what to add by hand.",
            )
