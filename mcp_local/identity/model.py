"""What is known of a person once their token is verified."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mcp_local.errors import ExitCode, McpLocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.secret import Secret


@dataclass(frozen=True, slots=True)
class Identity:
    """A person (or, where allowed, an app), made from verified claims only.

    Authorise on ``tenant_id`` with ``object_id``, ``roles``, ``scopes``, ``groups`` and
    ``client_id``. ``name`` and ``username`` can change at any time: they are for display.
    """

    tenant_id: str
    object_id: str
    roles: frozenset[str]
    scopes: frozenset[str]
    groups: frozenset[str]
    client_id: str
    """The app that asked for the token (``azp``, v1.0: ``appid``)."""
    issued_at: int
    """Seconds since the epoch."""
    expires_at: int
    """Seconds since the epoch; without leeway."""
    name: str = ""
    username: str = ""
    app_only: bool = False
    guest: bool = False
    claims: Mapping[str, object] = field(
        default_factory=dict[str, object], repr=False, compare=False
    )
    """All verified claims as they stand in the token, read-only; for conditions on
    ``user.claims.…``."""

    @property
    def key(self) -> tuple[str, str]:
        """Who this is, whatever they are called: tenant and object id."""
        return (self.tenant_id, self.object_id)


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token whose signature and claims were checked, with what it says."""

    token: Secret
    identity: Identity
    claims: Mapping[str, object]
    """All claims as they stand in the token; read-only."""
    valid_until: float
    """Seconds since the epoch: ``exp`` plus leeway; nothing is allowed after it, but for what
    ``only_tags`` says."""
    only_tags: frozenset[str] | None = None
    """Past its end, and served while the authority can't be reached (``offline.grace``): only for
    components with one of these tags. ``None``: within its time, and for all."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a token must say to be believed. Values are compared exactly."""

    audiences: frozenset[str]
    tenants: frozenset[str]
    """Lower-case GUIDs of the tenants whose tokens are accepted."""
    issuer_v2: str
    """From the authority's v2.0 metadata; may hold the literal ``{tenantid}``."""
    issuer_v1: str
    """From the authority's v1.0 metadata; may hold ``{tenantid}``; empty: v1.0 is refused."""
    clients: frozenset[str]
    """Apps whose tokens are accepted (``azp``/``appid``); our own client id."""
    leeway: int = 60
    """Seconds of clock skew that are forgiven."""
    grace: float = 0.0
    """Seconds beyond ``exp`` and leeway in which a token is still read (``offline.grace``); its
    ``valid_until`` is without them."""
    allow_app_only: bool = False


class Rejection(StrEnum):
    """Why a token was refused; one name for each check, so that tests can tell them apart."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    DUPLICATE_KEY = "duplicate_key"
    HEADER = "header"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE = "signature"
    CLAIM_MISSING = "claim_missing"
    CLAIM_TYPE = "claim_type"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    AUDIENCE = "audience"
    ISSUER = "issuer"
    TENANT = "tenant"
    VERSION = "version"
    CLIENT = "client"
    NO_SCOPE = "no_scope"
    APP_ONLY = "app_only"
    GRAPH_TOKEN = "graph_token"  # noqa: S105 - a reason, not a secret


class TokenRejected(McpLocalError):
    """A token is not believed; ``reason`` names the check that failed."""

    code = "token_rejected"
    exit_code = ExitCode.SIGN_IN_NEEDED

    def __init__(self, reason: Rejection, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
