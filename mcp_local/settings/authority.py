"""Which authority may be spoken to (SECURITY.md O12, O18). Pure: no name is resolved."""

from __future__ import annotations

import re

from mcp_local.settings.values import GUID, NO_TENANT, Unfit

CLOUDS = {
    "public": "login.microsoftonline.com",
    "us-gov": "login.microsoftonline.us",
    "china": "login.partner.microsoftonline.cn",
}
"""The authority's host of each Microsoft cloud (ENTRA.md 3)."""

MICROSOFT_HOSTS = frozenset(CLOUDS.values())

_URL = (
    r"(?ai)https://(?P<host>[a-z0-9.-]+|\[::1\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[a-z0-9_~-][a-z0-9._~-]*)+)/?"
)
_LABEL = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = rf"(?a)(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.)*{_LABEL}"
_LOOPBACK_IP = r"(?a)127(?:\.(?:0|[1-9]\d{0,2})){3}"


def check_authority(text: str) -> str:
    """Return the authority's URL without a trailing slash, its host in lower case.

    Raises:
        Unfit: it isn't https, names a user, starts like a command-line option, has no path, or its
            host could be read in two ways (O12: it reaches browsers and logs).
    """
    if text.startswith("-"):
        raise Unfit("must not start with a dash")
    if not text.lower().startswith("https://"):
        raise Unfit("must start with https://")
    if "@" in text:
        raise Unfit("must not hold a user name")
    match = re.fullmatch(_URL, text)
    if match is None:
        raise Unfit(
            "must be like https://login.microsoftonline.com/<tenant>, with nothing after it"
        )
    host, port, path = match["host"].lower(), match["port"], match["path"]
    if not (re.fullmatch(_NAME, host) or is_loopback(host)):
        raise Unfit("must name its host, or be on loopback")
    if port and not 0 < int(port) < 65536:  # noqa: PLR2004 - the range of TCP ports
        raise Unfit("names a port that can't be")
    if host in MICROSOFT_HOSTS and path[1:].partition("/")[0].lower() in NO_TENANT:
        raise Unfit("must end in the id or a domain of one tenant")
    return f"https://{host}{':' + port if port else ''}{path}"


def host_of(authority: str) -> str:
    """Return the host of a checked authority, without its port."""
    match = re.fullmatch(_URL, authority)
    return match["host"].lower() if match else ""


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine: ``localhost``, 127.0.0.0/8 or ``[::1]``.

    Names below ``localhost`` are, too (RFC 6761, 6.3).
    """
    name = host in {"localhost", "[::1]"} or host.endswith(".localhost")
    return name or re.fullmatch(_LOOPBACK_IP, host) is not None


def names_other_tenant(authority: str, tenant: str) -> bool:
    """Tell whether the authority's path names by GUID another tenant than the settings do."""
    first = authority.removeprefix("https://").split("/")[1]
    both = re.fullmatch(GUID, first) and re.fullmatch(GUID, tenant)
    return bool(both) and first.lower() != tenant.lower()
