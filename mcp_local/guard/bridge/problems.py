"""What can be wrong with a remote server, in words for people."""

from __future__ import annotations

from urllib.parse import urlsplit

from urllib3.exceptions import (
    ConnectTimeoutError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    SSLError,
)

from mcp_local.network import shown

INTERNAL_ERROR = -32603
METHOD_NOT_FOUND = -32601
_OUT_OF_ORDER = 500


class RemoteProblem(Exception):
    """The server can't be used as it should; ``text`` goes to the client and the log."""

    def __init__(self, text: str, *, code: int = INTERNAL_ERROR) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class NotSent(RemoteProblem):
    """No connection came about: nothing has reached the server."""


class Broken(RemoteProblem):
    """The connection broke while something was under way."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The connection to {host} broke before the answer came; "
            "whether it was done there isn't known."
        )


class SessionLost(RemoteProblem):
    """The server doesn't know our session any more; it has done nothing."""


def failed(error: Exception, host: str, message: str, hint: str) -> RemoteProblem:
    """Return the problem for a request that got no answer."""
    if isinstance(error, ProtocolError) and isinstance(error.args[-1], ConnectionError):
        return RemoteProblem(Broken(host).text)  # it was sent, or at least begun
    never_connected = isinstance(error, NewConnectionError | ConnectTimeoutError | SSLError)
    text = f"{message} {hint}"
    return (
        NotSent(text) if never_connected or isinstance(error, ProxyError) else RemoteProblem(text)
    )


def redirected(url: str, target: str) -> RemoteProblem:
    """Return the problem for a redirect that isn't followed."""
    place = _place(target) if target else "no address"
    return RemoteProblem(
        f"{shown(url)} redirects to {place}, where nothing is sent. "
        "If that is the server you mean, give its address."
    )


def fault(host: str) -> RemoteProblem:
    """Return the problem for a fault of our own: an answer of the server that nobody thought of."""
    return RemoteProblem(f"mcp-local can't deal with what {host} answers; its log has the cause.")


def no_answer(host: str) -> RemoteProblem:
    """Return the problem for a message in the place of the answer."""
    return RemoteProblem(f"{host} says something else where its answer is due.")


def too_large(url: str) -> RemoteProblem:
    """Return the problem for an answer without an end."""
    return RemoteProblem(f"An answer of {shown(url)} is too large.")


def not_mcp(url: str, found: str) -> RemoteProblem:
    """Return the problem for an address where something else is."""
    return RemoteProblem(
        f"There is no MCP server at {_place(url)}: {found}. "
        "Check the address; often it ends in /mcp."
    )


def refused(url: str, status: int) -> RemoteProblem:
    """Return the problem for a status that says no."""
    host = shown(url)
    match status:
        case 401:
            return RemoteProblem(f"{host} doesn't accept the token that it was sent.")
        case 403:
            return RemoteProblem(
                f"{host} refuses this person (HTTP status 403): they lack a right there."
            )
        case 404 | 405 | 406 | 415:
            return not_mcp(url, f"it answers with HTTP status {status}")
        case 429:
            return RemoteProblem(f"{host} is busy (HTTP status 429). Try again in a minute.")
        case _ if status >= _OUT_OF_ORDER:
            return RemoteProblem(f"{host} is out of order (HTTP status {status}).")
        case _:
            return RemoteProblem(f"{host} doesn't accept the request (HTTP status {status}).")


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{shown(url)}{parts.path}"
