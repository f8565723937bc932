"""Remote servers, put together: the address, how it is reached, and what is sent there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mcp_local.broker.session.local import LocalSession
from mcp_local.errors import SettingsError
from mcp_local.guard.bridge.bearer import Bearer
from mcp_local.guard.bridge.credential import FixedHeaders
from mcp_local.guard.bridge.remote import Remote
from mcp_local.network import Connections, shown
from mcp_local.settings.values import GUID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.guard.bridge.credential import Credential
    from mcp_local.guard.bridge.link import Logs
    from mcp_local.guard.session import Session
    from mcp_local.settings import Server, Settings

_AT_ONCE = 64
"""Calls whose connections are kept."""


def open_remote(
    server: Server, settings: Settings, environ: Mapping[str, str], session: Session, log: Logs
) -> Remote:
    """Return a remote server; nothing is sent before a client speaks.

    Raises:
        SettingsError: a header's variable isn't set, or ``ca_file`` or the proxy can't be used.
    """
    credential = _credential(server, settings, _headers(server, environ), session)
    connections = Connections(settings, at_once=_AT_ONCE)
    connections.pool(server.url)
    return Remote(server.url, connections=connections, credential=credential, log=log)


def _headers(server: Server, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of the settings; values may stand in the environment."""
    headers = dict(server.headers)
    for name, variable in server.headers_from.items():
        value = environ.get(variable, "")
        if not value or not value.isprintable() or not value.isascii():
            raise SettingsError(
                f"servers.{server.name}: the variable {variable}, which holds the header {name}, "
                f"{'is not set' if not value else 'holds what no header can'}.",
                hint="Set it where the client starts mcp-local.",
            )
        headers[name] = value.strip()
    return headers


def _credential(
    server: Server, settings: Settings, headers: Mapping[str, str], session: Session
) -> Credential:
    host = shown(server.url)
    if not server.api:
        what = "these headers" if headers else "a request without a token"
        return FixedHeaders(
            headers,
            f"{host} doesn't accept {what}. If it wants a token of Entra ID, say of which API: "
            "`api` of the server in the settings, or --api.",
        )
    if not isinstance(session, LocalSession):
        return FixedHeaders(headers, f"{host} wants a token, and nobody signs in here.")
    own = _same_app(server.api, settings.api) and not server.scopes
    return Bearer(
        session.tokens if own else session.resources,
        host=host,
        api=server.api,
        scopes=settings.scopes if own else _scopes(server, settings),
        headers=headers,
    )


def _same_app(one: str, other: str) -> bool:
    """Tell whether two names of apps are one: a GUID, or an App ID URI with the GUID in it."""
    return one.casefold().removeprefix("api://") == other.casefold().removeprefix("api://")


def _scopes(server: Server, settings: Settings) -> tuple[str, ...]:
    """Return the scopes to ask for, with their API in full.

    An app that asks a token for itself names itself by GUID (AADSTS90009).
    """
    guid = re.search(GUID, server.api)
    itself = guid is not None and guid[0].lower() == settings.client_id
    prefix = settings.client_id if itself else server.api
    return tuple(
        scope if "/" in scope else f"{prefix}/{scope}" for scope in server.scopes or (".default",)
    )
