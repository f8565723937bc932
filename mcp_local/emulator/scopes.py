"""What a ``scope`` parameter asks for: one resource and some of its permissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.directory import Api

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp_local.emulator.directory import Directory

OPENID = frozenset({"openid", "profile", "email", "offline_access"})
GRAPH = Api(
    api_id="00000003-0000-0000-c000-000000000000",
    name="Microsoft Graph",
    identifier_uri="https://graph.microsoft.com",
    scopes=("openid", "profile", "email", "User.Read", "User.ReadBasic.All", "Mail.Read"),
    token_version=1,
)
"""Owner of scopes without a resource; nobody but Graph can verify its tokens (J9)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The permissions on one resource."""

    resource: Api
    prefix: str
    """How the request wrote the resource: App ID URI or GUID; empty for Graph's short names."""
    names: tuple[str, ...]
    default: bool = False
    """``.default``: all permissions consented to."""

    @property
    def by_guid(self) -> bool:
        """Whether the resource was written as a GUID."""
        return self.prefix.casefold() == self.resource.api_id.casefold()

    @property
    def scope(self) -> str:
        """The ``scope`` of the answer: full names, as MSAL's cache needs them (ENTRA.md 1)."""
        names = (*self.names, ".default") if self.default else self.names
        return " ".join(f"{self.prefix}/{name}" if self.prefix else name for name in names)


def _resource(prefix: str, directory: Directory) -> Api:
    wanted = prefix.casefold().rstrip("/")
    for api in (*directory.apis, GRAPH):
        if wanted in {api.api_id.casefold(), api.identifier_uri.casefold().rstrip("/")}:
            return api
    raise Refused(500011, resource=prefix, tenant=directory.name)


def _one(prefix: str, names: Iterable[str], directory: Directory) -> Wanted:
    resource = _resource(prefix, directory) if prefix else GRAPH
    asked = tuple(dict.fromkeys(names))
    if ".default" in asked:
        if len(asked) > 1:
            raise Refused(70011, scope=" ".join(f"{prefix}/{name}" for name in asked))
        return Wanted(resource, prefix, resource.scopes, default=True)
    for name in asked:
        if name not in resource.scopes:
            raise Refused(70011, scope=f"{prefix}/{name}" if prefix else name)
    return Wanted(resource, prefix, asked)


def parse_scopes(text: str, directory: Directory) -> tuple[Wanted, ...]:
    """Return what ``text`` asks for, resource by resource, in the order of first mention.

    Only OpenID scopes means Graph, as in the cloud. Raises ``Refused``: 900144 when empty, 70011
    for a scope nobody exposes, 500011 for an unknown resource.
    """
    entries = text.split()
    if not entries:
        raise Refused(900144, name="scope")
    by_prefix: dict[str, list[str]] = {}
    for entry in entries:
        prefix, _, name = entry.rpartition("/")
        if prefix or name not in OPENID:
            by_prefix.setdefault(prefix, []).append(name)
    if not by_prefix:
        names = [entry for entry in entries if entry != "offline_access"]
        by_prefix[""] = names or ["openid"]
    return tuple(_one(prefix, names, directory) for prefix, names in by_prefix.items())


def parse_one_resource(text: str, directory: Directory) -> Wanted:
    """Like :func:`parse_scopes`, for the token endpoint: two resources are refused (700022)."""
    wanted = parse_scopes(text, directory)
    if len({one.resource.api_id for one in wanted}) > 1:
        raise Refused(700022)
    return wanted[0]
