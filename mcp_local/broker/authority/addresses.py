"""Which addresses that the authority names are used: its own, and pages for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.network import host_in
from mcp_local.settings.authority import MICROSOFT_HOSTS, host_of, is_loopback

if TYPE_CHECKING:
    from mcp_local.broker.authority.metadata import OpenId


def check_addresses(document: OpenId, authority: str) -> None:
    """Accept https addresses of the authority's own family of hosts only (SECURITY.md O12).

    A development authority may serve its pages for people on plain http://localhost.

    Raises:
        AuthorityDown: the document names other addresses, or none.
    """
    page = document.authorization_endpoint
    device = document.device_authorization_endpoint or document.token_endpoint
    endpoints = (document.token_endpoint, document.jwks_uri, device)
    if all(_is_own(address, authority) for address in endpoints) and (
        _is_own(page, authority) or _is_local_page(page, authority)
    ):
        return
    raise AuthorityDown(
        f"{authority} names addresses that aren't its own; they are not used.",
        hint="Check `authority` and the network.",
    )


def is_page(address: str, authority: str) -> bool:
    """Tell whether a person may be sent there: https, or a page of a development authority."""
    https = address.startswith("https://") and bool(host_in(address))
    return https or _is_local_page(address, authority)


def _is_own(address: str, authority: str) -> bool:
    host, own = host_in(address), host_of(authority)
    same = host == own or {host, own} <= MICROSOFT_HOSTS
    return address.startswith("https://") and bool(host) and same


def _is_local_page(address: str, authority: str) -> bool:
    local = is_loopback(host_in(address)) and is_loopback(host_of(authority))
    return address.startswith("http://") and local
