"""Which redirect URIs are allowed, and how an answer travels to one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.responses import RedirectResponse

from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.pages import form_post_page
from mcp_local.emulator.wire import NO_STORE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from starlette.responses import Response

    from mcp_local.emulator.directory import ClientApp

RESPONSE_MODES = frozenset({"query", "fragment", "form_post"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _same(asked: SplitResult, registered: SplitResult) -> bool:
    if (asked.scheme, asked.hostname) != (registered.scheme, registered.hostname):
        return False
    if (asked.path or "/", asked.query) != (registered.path or "/", registered.query):
        return False
    # RFC 8252, section 7.3: a loopback redirect may use any port. The path still counts.
    loopback = registered.scheme == "http" and registered.hostname in _LOOPBACK
    return loopback or asked.port == registered.port


def is_registered(uri: str, registered: tuple[str, ...]) -> bool:
    """Tell whether ``uri`` is one of the ``registered`` redirect URIs."""
    try:
        asked = urlsplit(uri)
        if asked.fragment or asked.username is not None or asked.port == 0:
            return False
    except ValueError:
        return False
    return any(_same(asked, urlsplit(one)) for one in registered)


def check_redirect(uri: str | None, client: ClientApp) -> str:
    """Return ``uri`` when it may be answered to; none registered is 500113, another 50011."""
    if not client.redirect_uris:
        raise Refused(500113, app=client.name)
    if not uri:
        raise Refused(900144, name="redirect_uri")
    if not is_registered(uri, client.redirect_uris):
        raise Refused(50011, uri=uri, app=client.name)
    return uri


def deliver(uri: str, mode: str, fields: Mapping[str, str]) -> Response:
    """Return the answer that carries ``fields`` to ``uri`` in one of the response modes."""
    if mode == "form_post":
        return form_post_page(uri, fields)
    parts = urlsplit(uri)
    path = parts.path or "/"
    if mode == "fragment":
        target = parts._replace(path=path, fragment=urlencode(fields))
    else:
        query = [*parse_qsl(parts.query), *fields.items()]
        target = parts._replace(path=path, query=urlencode(query))
    return RedirectResponse(urlunsplit(target), 302, headers=NO_STORE)
