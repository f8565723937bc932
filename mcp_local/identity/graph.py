"""Microsoft Graph's tokens are for Graph alone: nobody else can verify them (J9).

They come to us when the settings ask for a scope of Graph (``User.Read``) in place of the API's.
Their header holds a ``nonce`` that is hashed before signing, so the signature never fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.identity.display import shown
from mcp_local.identity.model import Rejection, TokenRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIENCES = frozenset(
    {
        "00000003-0000-0000-c000-000000000000",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/",
        "https://graph.microsoft.us",
        "https://graph.microsoft.us/",
        "https://dod-graph.microsoft.us",
        "https://dod-graph.microsoft.us/",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://microsoftgraph.chinacloudapi.cn/",
    }
)
"""Graph's ``aud`` values in all clouds."""


def has_graph_nonce(header: Mapping[str, object]) -> bool:
    """Whether the header has the ``nonce`` that only Graph can check a signature with."""
    return "nonce" in header


def is_for_graph(claims: Mapping[str, object]) -> bool:
    """Whether Graph is the audience."""
    audience = claims.get("aud")
    return isinstance(audience, str) and audience in AUDIENCES


def rejection(claims: Mapping[str, object]) -> TokenRejected:
    """Return the refusal, whose hint names the wrong scope; unverified claims will do for it."""
    scopes = claims.get("scp")
    which = f"The scope {shown(scopes)}" if isinstance(scopes, str) else "The scope asked for"
    return TokenRejected(
        Rejection.GRAPH_TOKEN,
        "The token is for Microsoft Graph, not for your API.",
        hint=f"{which} belongs to Microsoft Graph. Set `scopes` (MCP_LOCAL_SCOPES) to one of your "
        "own API, such as api://<api's app id>/access_as_user, then run `mcp-local login`.",
    )
