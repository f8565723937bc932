"""What a wrapped server finds in its environment: an allow-list, and what the settings name (M14).

On the list is what a program needs to find itself, its person, its language and its network. Not
on it is whatever may be a secret of somebody else's: tokens, cloud credentials, agents' sockets,
our own variables.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

_OURS: Final = ("MCP_LOCAL_", "_MCP_LOCAL_")
_EVERYWHERE: Final = frozenset(
    {
        *("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),  # what desktop clients hand on
        *("LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"),
    }
)
_ON_WINDOWS: Final = _EVERYWHERE | {
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "OS"),
    *("USERNAME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "TEMP", "TMP"),
    *("APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PUBLIC", "COMPUTERNAME"),
    *("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432"),
    *("NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
}
_PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})


def child_environment(environ: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a wrapped server.

    ``named`` is what ``[servers.NAME] env`` gives; a value that is ``${NAME}`` and nothing else
    stands for that variable of our own environment, and for none where there is none. Variables
    of ours are handed on by neither way. A proxy's address with a password in it is handed on
    only when it is named.
    """
    handed_on = {name: value for name, value in environ.items() if _is_plain(name, value)}
    given = {name: _value(text, environ) for name, text in named.items() if not _is_ours(name)}
    return handed_on | {name: value for name, value in given.items() if value is not None}


def not_set(environ: Mapping[str, str], named: Mapping[str, str]) -> list[str]:
    """Return the variables that ``named`` hands on and that aren't there, or must not be."""
    return [text[2:-1] for text in named.values() if _value(text, environ) is None]


def passed(names: Iterable[str]) -> dict[str, str]:
    """Return what hands these variables of ours on, as ``[servers.NAME] env`` would say it."""
    return {name: f"${{{name}}}" for name in names}


def may_pass(name: str) -> bool:
    """Whether a variable may be handed on by ``--pass-env``: it is none of ours, nor a flag."""
    return bool(name) and "=" not in name and not name.startswith("-") and not _is_ours(name)


def _is_plain(name: str, value: str) -> bool:
    upper = name.upper()
    if sys.platform == "win32":
        known = upper in _ON_WINDOWS
    else:  # proxies stand in small letters too, nothing else does
        known = name in _EVERYWHERE or (name.islower() and upper in _PROXIES | {"NO_PROXY"})
    if upper in _PROXIES and "@" in value:
        return False
    return known or name.startswith("LC_")


def _value(text: str, environ: Mapping[str, str]) -> str | None:
    if not (text.startswith("${") and text.endswith("}")):
        return text
    name = text[2:-1]
    return None if _is_ours(name) else environ.get(name)


def _is_ours(name: str) -> bool:
    return name.upper().startswith(_OURS)
