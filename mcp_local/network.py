"""Connections as the settings say: whom they trust, which proxy they take, and why there is none.

Trust comes from the system's store or from the ``ca_file`` setting, never from an environment
variable, and can't be switched off (SECURITY.md O16). The authority and remote servers are reached
by the same rules.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit
from urllib.request import getproxies, proxy_bypass

import truststore
import urllib3
from urllib3.exceptions import (
    HTTPError,
    NewConnectionError,
    SSLError,
    TimeoutError as Urllib3TimeoutError,
)

from mcp_local.errors import SettingsError, Unreachable
from mcp_local.settings.authority import is_loopback

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from mcp_local.settings.model import Settings

_PLAIN_ADDRESS = re.compile(
    r"(?ai)https?://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:[/?#][!-\[\]-~]*)?"
)
"""No user info, no backslash, nothing but printable ASCII."""
_OFFLINE_HINT = "Check the network and the `proxy` setting, then try again."
_NOBODY_HINT = "It is on this machine: see that it runs, and at that port."


class Connections:
    """Pools of connections, one for each proxy. Safe for several threads once it is made."""

    def __init__(self, settings: Settings, *, at_once: int = 1) -> None:
        """Prepare; opens no connection. ``at_once`` is how many to one host are kept open.

        Raises:
            SettingsError: ``ca_file`` can't be used.
        """
        self._proxy = settings.proxy
        self._tls = _tls_context(settings.ca_file)
        self._at_once = at_once
        self._pools: dict[str, urllib3.PoolManager] = {}

    def pool(self, url: str) -> urllib3.PoolManager:
        """Return the pool through which ``url`` is reached.

        Raises:
            SettingsError: the address or the proxy can't be used.
        """
        try:
            scheme = urlsplit(url).scheme
        except ValueError as error:  # brackets around no address
            raise SettingsError(f"The address of {shown(url)} can't be used: {error}.") from None
        # Plain http is for this machine only, and a proxy would read it, token and all.
        proxy = "" if scheme == "http" else self._proxy or proxy_of(url)
        if proxy not in self._pools:
            self._pools[proxy] = self._connect_through(proxy)
        return self._pools[proxy]

    def close(self) -> None:
        """Close what is open; the object can be used again."""
        for pool in self._pools.values():
            pool.clear()
        self._pools.clear()

    def _connect_through(self, proxy: str) -> urllib3.PoolManager:
        if not proxy:
            return urllib3.PoolManager(ssl_context=self._tls, maxsize=self._at_once)
        address = proxy if "://" in proxy else f"http://{proxy}"
        try:
            parts = urlsplit(address)
            return urllib3.ProxyManager(
                f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
                proxy_headers=_proxy_credentials(parts),
                proxy_ssl_context=self._tls,
                ssl_context=self._tls,
                maxsize=self._at_once,
            )
        except (HTTPError, ValueError):  # the latter: brackets around no address
            raise SettingsError(
                f"The proxy {proxy_host(proxy)} can't be used: "
                "only http:// and https:// proxies are.",
                hint="Correct `proxy` in the settings, or the system's proxy.",
            ) from None


def _proxy_credentials(parts: SplitResult) -> dict[str, str] | None:
    """Return the header with a proxy's user and password, if any, as the bytes they stand for.

    RFC 7617 leaves their encoding to those who chose them.
    """
    if parts.username is None:
        return None
    pair = b"%b:%b" % (unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or ""))
    return {"proxy-authorization": f"Basic {b64encode(pair).decode('ascii')}"}


def host_in(address: str) -> str:
    r"""Return an address's host, lower case, IPv6 in brackets.

    Empty unless every reader of the address finds the same host in it. Python's ``urlsplit`` sees
    ``ours`` in ``https://evil\@ours/``, where urllib3 and browsers go to ``evil``.
    """
    match = _PLAIN_ADDRESS.fullmatch(address)
    return match["host"].lower() if match else ""


def shown(url: str) -> str:
    """Return the host and port of an address, as errors name it, even of one without sense."""
    return re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]


def proxy_host(proxy: str) -> str:
    """Return a proxy's host and port, as errors name it, whatever its address looks like.

    Nothing before the last ``@`` is told, not even when a password has a ``/`` in it.
    """
    host = proxy.rpartition("://")[2].rpartition("@")[2].partition("/")[0]
    return quote(host, safe=":[]")


def proxy_of(url: str) -> str:
    """Return the proxy of the environment or the operating system for ``url``, or nothing.

    What runs on this machine can't be behind the company's proxy.
    """
    host = host_in(url)
    direct = is_loopback(host) or proxy_bypass(host)
    return "" if direct else getproxies().get(urlsplit(url).scheme, "")


def unreachable(error: HTTPError, url: str) -> Unreachable:
    """Say what failed without the address's query, the proxy's password, or library jargon."""
    host = shown(url)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SSLError | ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return Unreachable(
            f"The connection to {host} can't be trusted: its certificate or TLS is not accepted.",
            hint="If a company's gateway reads your traffic, put its CA into the system's store "
            "or name it in `ca_file`.",
        )
    if isinstance(error, Urllib3TimeoutError) and not isinstance(error, NewConnectionError):
        return Unreachable(f"{host} doesn't answer in time.", hint=_OFFLINE_HINT)
    hint = _NOBODY_HINT if is_loopback(host_in(url)) else _OFFLINE_HINT
    return Unreachable(f"{host} can't be reached.", hint=hint)


def _tls_context(ca_file: str) -> ssl.SSLContext:
    if not ca_file:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "strerror", None) or "it isn't a certificate in PEM form"
        raise SettingsError(
            f"`ca_file` {ca_file} can't be used: {reason}.",
            hint="Name a file with the CA's certificate in PEM form, or unset `ca_file`.",
        ) from error
