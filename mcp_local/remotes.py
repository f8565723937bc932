"""Remote servers, put together: the address, how it is reached, and what is sent there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, final

from mcp_local.broker.session.local import LocalSession
from mcp_local.broker.state import Phase, Status
from mcp_local.errors import SettingsError
from mcp_local.guard.bridge.bearer import Bearer
from mcp_local.guard.bridge.credential import FixedHeaders
from mcp_local.guard.bridge.remote import Remote
from mcp_local.network import Connections, shown
from mcp_local.settings.model import SignInMethod
from mcp_local.settings.values import GUID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.guard.bridge.credential import Credential
    from mcp_local.guard.bridge.link import Logs
    from mcp_local.guard.session import Session
    from mcp_local.secret import Secret
    from mcp_local.settings import Server, Settings

_AT_ONCE = 64
"""Calls whose connections are kept."""


def open_remote(
    server: Server,
    settings: Settings,
    environ: Mapping[str, str],
    session: Session | None,
    log: Logs,
) -> Remote:
    """Return a remote server; nothing is sent before a client speaks.

    ``session`` is whose token it is sent; a command that has none gets the token itself.

    Raises:
        SettingsError: a header's variable isn't set, or ``ca_file`` or the proxy can't be used.
    """
    headers = _headers(server, environ)
    if server.api:
        credential = _bearer(server, settings, environ, headers, session)
    else:
        credential = FixedHeaders(headers, _unwanted(server, headers))
    connections = Connections(settings, at_once=_AT_ONCE)
    connections.pool(server.url)
    return Remote(
        server.url,
        connections=connections,
        credential=credential,
        log=log,
        whose=lambda: _person(session),
    )


def _person(session: Session | None) -> object:
    token = None if session is None else session.current()
    return None if token is None else token.identity.key


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


def _unwanted(server: Server, headers: Mapping[str, str]) -> str:
    """Return what to say when a server refuses us that is bound to no API."""
    what = "these headers" if headers else "a request without a token"
    return (
        f"{shown(server.url)} doesn't accept {what}. If it wants a token of Entra ID, say of which "
        "API: `api` of the server in the settings, or --api."
    )


def _bearer(
    server: Server,
    settings: Settings,
    environ: Mapping[str, str],
    headers: Mapping[str, str],
    session: Session | None,
) -> Credential:
    host = shown(server.url)
    own = _same_app(server.api, settings.api) and not server.scopes
    if settings.signin.method is SignInMethod.NONE:
        return FixedHeaders(headers, f"{host} wants a token, and nobody signs in here.")
    if isinstance(session, LocalSession):
        tokens = session.tokens if own else session.resources
    else:
        tokens = CommandTokens(settings, environ, own=own)
    scopes = settings.scopes if own else _scopes(server, settings)
    return Bearer(tokens, host=host, api=server.api, scopes=scopes, headers=headers)


@final
class CommandTokens:
    """Tokens for one command, which needs no process beside it to get them."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, own: bool) -> None:
        """Prepare; ``own`` says that it is the token of the settings' API that is wanted."""
        self._settings = settings
        self._environ = environ
        self._own = own
        self._held: dict[tuple[str, ...], Secret] = {}

    def held(self, scopes: Sequence[str]) -> Secret | None:
        """Return the token that was got before."""
        return self._held.get(tuple(scopes))

    def get(
        self, scopes: Sequence[str], *, wait: float, used: Secret | None = None, claims: str = ""
    ) -> Secret:
        """Return a token; another than ``used``, which was refused.

        Raises:
            McpLocalError: as ``Broker`` does.
        """
        from mcp_local.broker.acquire import Broker  # noqa: PLC0415 - start-up: not in servers
        from mcp_local.broker.storage.store import open_store  # noqa: PLC0415 - as above

        del wait
        with Broker(self._settings, open_store(self._settings, self._environ)) as broker:
            if not self._own or claims:
                token = broker.token_for(scopes, force=used is not None, claims=claims).token
            else:
                token = (broker.acquire() if used is None else broker.renew(force=True)).token
        self._held[tuple(scopes)] = token
        return token

    def sign_in(self, scopes: Sequence[str], *, claims: str, again: bool, wait: float) -> Status:
        """Ask nobody: the error names the command that does."""
        del scopes, claims, again, wait
        return Status(Phase.SIGNED_OUT, signed_in=False)


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
