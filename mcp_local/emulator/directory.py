"""The emulated directory as frozen data: one tenant, its people, its apps.

A change is a new directory (``dataclasses.replace``), so a request never sees half of one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import StrEnum

from mcp_local.errors import SettingsError

DOMAIN = "contoso.example"
"""Stands in for a verified domain; ``.example`` is reserved (RFC 2606)."""
GROUP_LIMIT = 200
"""More groups than this are not put into a token (ENTRA.md, section 3)."""


class Consent(StrEnum):
    """Whether the app may act for a person."""

    GRANTED = "granted"
    ASK = "ask"
    """The person is asked once; until then silent requests end with AADSTS65001."""
    ADMIN = "admin"
    """Only an administrator may consent: AADSTS90094 on the page."""


class ConditionalAccess(StrEnum):
    """A policy that stands between a person and a token."""

    NONE = "none"
    MFA = "mfa"
    """A sign-in asks for an approval; a session without it gets AADSTS50076 and ``claims``."""
    CLAIMS = "claims"
    """Like ``MFA``, but asked for only when the app sends the ``claims`` it was handed."""
    DEVICE = "device"
    """A compliant device is needed: AADSTS53000."""
    BLOCK = "block"
    """Blocked everywhere: AADSTS53003."""
    NO_DEVICE_CODE = "no-device-code"
    """Blocked in the device code flow only: AADSTS53003."""


def derived_guid(*names: str) -> str:
    """Return a GUID that is always the same for the same names."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, "/".join(names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can sign in."""

    username: str
    """User principal name, as ``reader@contoso.example``."""
    name: str
    """Display name."""
    roles: tuple[str, ...] = ()
    """App roles on the first API."""
    object_id: str = ""
    """GUID; made from the user name when left out."""
    groups: tuple[str, ...] = ()
    """Object ids of the groups the person is in."""
    home_tenant: str = ""
    """GUID of the tenant a guest comes from; empty for members."""
    enabled: bool = True
    assigned: bool = True
    """Assigned to the API (with or without a role); matters where assignment is required."""
    consent: Consent = Consent.GRANTED
    conditional_access: ConditionalAccess = ConditionalAccess.NONE

    def __post_init__(self) -> None:
        if not self.object_id:
            object.__setattr__(self, "object_id", derived_guid("person", self.username))

    @property
    def short_name(self) -> str:
        """The user name up to the ``@``: what tests and commands call the person."""
        return self.username.partition("@")[0]

    @property
    def policy_id(self) -> str:
        """GUID of the person's conditional access policy, as it stands in ``claims``."""
        return derived_guid("policy", self.conditional_access)

    def answers_to(self, who: str) -> bool:
        """Tell whether ``who`` is the user name (short or full), the name, or the object id."""
        wanted = who.casefold()
        names = (self.username, self.short_name, self.name, self.object_id)
        return wanted in {name.casefold() for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientApp:
    """The desktop program as it is registered."""

    client_id: str
    name: str = "mcp-local"
    redirect_uris: tuple[str, ...] = ("http://localhost",)
    public_client_flows: bool = True
    """"Allow public client flows"; the device code flow needs it (else AADSTS7000218)."""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A protected API as it is registered."""

    api_id: str
    """The app's client id, a GUID."""
    name: str = "Weather"
    identifier_uri: str = ""
    """App ID URI; ``api://`` and the id when left out."""
    scopes: tuple[str, ...] = ("access_as_user",)
    token_version: int = 2
    """``requestedAccessTokenVersion``: 1 or 2; it decides, not the endpoint."""
    assignment_required: bool = False
    consent: Consent = Consent.GRANTED
    """``ask``: everybody is asked once, and gets AADSTS65001 for this API until then."""
    conditional_access: ConditionalAccess = ConditionalAccess.NONE
    """``mfa`` or ``claims``: everybody has to meet a policy of this API's own."""

    @property
    def policy_id(self) -> str:
        """GUID of the API's conditional access policy, as it stands in ``claims``."""
        return derived_guid("policy", self.conditional_access, self.api_id)

    def __post_init__(self) -> None:
        if not self.identifier_uri:
            object.__setattr__(self, "identifier_uri", f"api://{self.api_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One tenant."""

    people: tuple[Person, ...]
    client: ClientApp
    apis: tuple[Api, ...]
    """The first is the one whose app roles people have."""
    tenant_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """GUID, lower case; random, so that two emulators never share a cached token."""
    name: str = "Contoso"
    domain: str = DOMAIN
    """May stand in the authority's path instead of the tenant id."""
    multi_tenant: bool = False
    """Whether ``/organizations`` and ``/common`` sign in too (else AADSTS50194)."""

    def __post_init__(self) -> None:
        if not self.apis:
            raise SettingsError("the emulator's directory needs an API")
        seen: set[str] = set()
        for person in self.people:
            for name in (person.username, person.object_id):
                if name.casefold() in seen:
                    raise SettingsError(f"the emulator's directory has {name} twice")
                seen.add(name.casefold())

    @property
    def api(self) -> Api:
        """The API whose app roles people have."""
        return self.apis[0]

    def find(self, who: str) -> Person | None:
        """Return the person called ``who`` (see :meth:`Person.answers_to`), or ``None``."""
        return next((person for person in self.people if person.answers_to(who)), None)
