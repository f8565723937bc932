"""The authority: its directory, keys and grants, and the rules all endpoints share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_local.emulator.aadsts import Refused
from mcp_local.emulator.claims import policy_claims
from mcp_local.emulator.directory import ConditionalAccess, Consent, Directory, Person
from mcp_local.emulator.grants import Grants
from mcp_local.emulator.keys import KeyRing
from mcp_local.emulator.sessions import Sessions
from mcp_local.emulator.tokens import Issuers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mcp_local.emulator.directory import Api, ClientApp
    from mcp_local.emulator.sessions import SignedIn

SHARED_TENANTS = frozenset({"common", "organizations"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the authority behaves. All times are seconds."""

    lifetime: float = 3600.0
    """Of access tokens. MSAL renews those with less than 300 s left at every call."""
    refresh_in: float | None = None
    """When given, access tokens say to be renewed this early (``refresh_in``)."""
    strict_rotation: bool = False
    """A refresh token works once only; the cloud lets old ones live."""
    device_lifetime: float = 900.0
    """Of device codes."""
    device_interval: int = 5
    """Least time between two polls in the device code flow."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""


@dataclass(slots=True)
class Authority:
    """What the endpoints work on."""

    directory: Directory
    options: Options
    keys: KeyRing = field(default_factory=KeyRing)
    origin: str = ""
    """Of the machine's endpoints: ``https://localhost:PORT``."""
    pages: str = ""
    """Origin of the pages for people: ``http://localhost:PORT``."""
    grants: Grants = field(init=False)
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.options.clock)
        self.grants = Grants(
            self.options.clock, self.options.device_lifetime, self.options.strict_rotation
        )

    @property
    def issuers(self) -> Issuers:
        """The ``iss`` values of this tenant's tokens."""
        return Issuers.of(self.origin, self.directory.tenant_id)

    def now(self) -> float:
        """Return the time; seconds since the epoch."""
        return self.options.clock()

    def is_tenant(self, name: str) -> bool:
        """Tell whether ``name`` in a path is this tenant: by id or by domain."""
        own = {self.directory.tenant_id.casefold(), self.directory.domain.casefold()}
        return name.casefold() in own

    def check_tenant(self, name: str) -> None:
        """Refuse a path's tenant: unknown (90002), or shared though the app isn't (50194)."""
        if self.is_tenant(name):
            return
        if name.casefold() not in SHARED_TENANTS:
            raise Refused(90002, tenant=name)
        if not self.directory.multi_tenant:
            raise Refused(50194, app=self.directory.client.name)

    def check_client(self, client_id: str | None) -> ClientApp:
        """Return the app, or refuse: no id (900144), unknown (700016), disabled (7000112)."""
        if not client_id:
            raise Refused(900144, name="client_id")
        client = self.directory.client
        if client_id.casefold() != client.client_id.casefold():
            raise Refused(700016, app=client_id, tenant=self.directory.name)
        if not client.enabled:
            raise Refused(7000112, app=client.name)
        return client

    def person(self, object_id: str) -> Person:
        """Return the person behind a grant; one who is gone is refused (50034)."""
        for person in self.directory.people:
            if person.object_id == object_id:
                return person
        raise Refused(50034, who=object_id, tenant=self.directory.name)

    def needs_consent(self, person: Person, apis: Iterable[Api] = ()) -> bool:
        """Tell whether the person still has to consent, to the app or for one of the APIs."""
        done, who = self.sessions.has_consented, person.object_id
        return (person.consent is Consent.ASK and not done(who)) or any(
            api.consent is Consent.ASK and not done(who, api.api_id) for api in apis
        )

    @staticmethod
    def policies(person: Person, apis: Iterable[Api]) -> dict[str, ConditionalAccess]:
        """Return the conditional access policies that can be met, by their ids."""
        return {
            one.policy_id: one.conditional_access
            for one in (person, *apis)
            if one.conditional_access in {ConditionalAccess.MFA, ConditionalAccess.CLAIMS}
        }

    def check_person(self, person: Person, *, device_code: bool = False) -> None:
        """Refuse a person who gets no token whatever they do: on the page or at the endpoint."""
        api = self.directory.api
        if not person.enabled:
            raise Refused(50057, who=person.username)
        if api.assignment_required and not person.assigned:
            raise Refused(50105, who=person.username, app=api.name)
        if person.consent is Consent.ADMIN:
            raise Refused(90094, app=self.directory.client.name)
        self._check_blocked(person, device_code=device_code)

    def _check_blocked(self, person: Person, *, device_code: bool) -> None:
        access = person.conditional_access
        claims = policy_claims(person.policy_id)
        if access is ConditionalAccess.DEVICE:
            raise Refused(53000, claims=claims, resource=self.directory.api.name)
        blocked = access is ConditionalAccess.BLOCK
        if blocked or (device_code and access is ConditionalAccess.NO_DEVICE_CODE):
            raise Refused(53003, claims=claims)

    def check_grant(self, signed_in: SignedIn, api: Api, *, device_code: bool = False) -> Person:
        """Return the person a grant belongs to, when a token for the API may be issued now."""
        person = self.person(signed_in.object_id)
        self.check_person(person, device_code=device_code)
        since = self.sessions.valid_from(person.object_id)
        if signed_in.at < since:
            raise Refused(50173, since=f"{since:.0f}")
        if self.needs_consent(person, (api,)):
            raise Refused(65001, who=person.username, app=self.directory.client.name)
        for policy_id, access in self.policies(person, (api,)).items():
            if policy_id not in signed_in.met:
                # Both words are seen in the cloud: the v1.0 endpoint's and the v2.0 endpoint's.
                error = "interaction_required" if access is ConditionalAccess.CLAIMS else ""
                raise self.unmet_policy(policy_id, error=error)
        return person

    def unmet_policy(self, policy_id: str, *, error: str = "") -> Refused:
        """Return the refusal that says which policy has to be met, with its ``claims``."""
        claims = policy_claims(policy_id)
        return Refused(50076, error=error, claims=claims, resource=self.directory.api.name)
