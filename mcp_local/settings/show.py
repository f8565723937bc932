"""Every setting as text with its place, for ``settings show``. No secret is among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mcp_local.settings.keys import KEYS

if TYPE_CHECKING:
    from mcp_local.settings.model import Provenance, Server, Settings


def show(settings: Settings) -> list[tuple[str, str, Provenance]]:
    """Return (setting, value as text, where it comes from), in the order of the documentation.

    Values that follow from others (authority, API, audiences, scopes) are shown as in force.
    """
    texts = {"home": str(settings.home), "config_file": str(settings.config_file)}
    texts |= {key.name: _text(_value(settings, key.name)) for key in KEYS}
    texts["proxy"] = re.sub(r"//[^/]*@", "//…@", settings.proxy)
    texts |= {f"servers.{name}": _server(server) for name, server in settings.servers.items()}
    return [(name, text, settings.provenance[name]) for name, text in texts.items()]


def _value(settings: Settings, name: str) -> object:
    """Return what is in force for a setting, which most often is the field of its name."""
    special = {
        "signin.method": settings.signin.method,
        "signin.fallback": settings.signin.fallback,
        "signin.when": settings.signin.when,
        "signin.timeout": settings.signin.timeout,
        "token.leeway": float(settings.token_leeway),
        "signin.roles": settings.signin.roles,
        "list.hold": "auto" if settings.list_hold is None else settings.list_hold,
        "list.locked": "show" if settings.list_locked else "hide",
        "offline.grace": settings.offline_grace,
        "offline.tags": settings.offline_tags,
        "token.allow_app_only": settings.allow_app_only,
        "cache.passphrase_file": settings.passphrase_file,
    }
    return special[name] if name in special else getattr(settings, name.replace(".", "_"))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g} s" if isinstance(value, float) else str(value)


def _server(server: Server) -> str:
    """Return what a server is, without its environment and arguments: both may hold secrets."""
    return server.url or server.command
