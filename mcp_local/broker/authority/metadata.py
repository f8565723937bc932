"""What the authority says of itself: endpoints, issuers, and where its keys are.

The OpenID documents are kept, so that MSAL, which wants them before anything else, starts without
a network. They say where tokens go and whom to believe, so they are sealed like these.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from mcp_local.broker.authority.addresses import check_addresses
from mcp_local.broker.authority.problems import problem_from
from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.broker.storage.entries import Entry
from mcp_local.errors import SettingsError, StorageError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_local.broker.authority.http import Answer, Http
    from mcp_local.broker.storage.store import Store
    from mcp_local.settings.model import Settings

WELL_KNOWN = "/.well-known/openid-configuration"
MAX_AGE = 24 * 3600.0
"""Seconds after which a document is fetched anew; without a network any age serves."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANY_TENANT = "{tenantid}"
"""Stands in the issuer of an authority of many tenants (ENTRA.md 3)."""
_OK = 200


class OpenId(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of an OpenID Provider document (OpenID Connect Discovery 1.0, 3) that are used."""

    issuer: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    jwks_uri: str = ""
    device_authorization_endpoint: str = ""


class _Kept(msgspec.Struct, frozen=True):
    fetched_at: float
    """Seconds since the epoch."""
    document: OpenId


@dataclass(frozen=True, slots=True)
class Metadata:
    """What verifying a token needs to know of the authority."""

    issuer_v1: str
    """Empty: the authority has no v1.0 document, and v1.0 tokens are refused."""
    issuer_v2: str
    jwks_uri: str
    tenant_id: str
    """GUID, lower case; empty for an authority of many tenants."""


class Documents:
    """The authority's OpenID documents: from this process, the store, or the network."""

    def __init__(
        self, http: Http, authority: str, store: Store, clock: Callable[[], float]
    ) -> None:
        self._http = http
        self._authority = authority
        self._store = store
        self._clock = clock
        self._seen: dict[str, OpenId] = {}
        self.v2_url = f"{authority}/v2.0{WELL_KNOWN}"
        self.v1_url = f"{authority}{WELL_KNOWN}"

    def v2(self) -> OpenId:
        """Return the v2.0 document, whose addresses are the authority's own.

        Raises:
            SettingsError: the authority says that there is no such tenant.
            Unreachable: it doesn't answer, and nothing is kept.
        """
        return self._read(self.v2_url)

    def v1(self) -> OpenId:
        """Return the v1.0 document, of which only the issuer means something here.

        Raises:
            SettingsError: the authority has none.
            Unreachable: it doesn't answer, and nothing is kept.
        """
        return self._read(self.v1_url)

    def _read(self, url: str) -> OpenId:
        if url not in self._seen:
            self._seen[url] = self._kept_or_fetched(url)
        return self._seen[url]

    def _kept_or_fetched(self, url: str) -> OpenId:
        kept = self._load().get(url)
        now = self._clock()
        if kept is not None and 0 <= now - kept.fetched_at < MAX_AGE:
            return kept.document
        try:
            document = self._fetch(url)
        except Unreachable:
            if kept is None:
                raise
            return kept.document
        self._save(url, _Kept(now, document))
        return document

    def _fetch(self, url: str) -> OpenId:
        answer = self._http.get(url)
        if answer.status_code != _OK:
            raise _refused(answer, self._authority)
        try:
            document = msgspec.json.decode(answer.text, type=OpenId)
        except msgspec.DecodeError:
            raise AuthorityDown(
                f"{self._authority} doesn't answer as an OpenID provider.",
                hint="Is there a page to be clicked away in a browser first (a guest network)? "
                "Else check `authority`.",
            ) from None
        if url == self.v2_url:
            check_addresses(document, self._authority)
        return document

    def _load(self) -> dict[str, _Kept]:
        try:
            data = self._store.load(Entry.DISCOVERY)
            return msgspec.json.decode(data or b"{}", type=dict[str, _Kept])
        except (StorageError, msgspec.DecodeError):
            return {}  # it is fetched again

    def _save(self, url: str, kept: _Kept) -> None:
        data = msgspec.json.encode({**self._load(), url: kept})
        with suppress(StorageError):  # a full disk: the next process asks again
            self._store.save(Entry.DISCOVERY, data)


def load_metadata(settings: Settings, documents: Documents) -> Metadata:
    """Read what the v1.0 and v2.0 documents say; build no address by hand.

    Raises:
        SettingsError: the tenant doesn't exist or isn't the one that ``tenant`` names.
        Unreachable: the authority doesn't answer, and nothing is kept.
    """
    v2 = documents.v2()
    try:
        issuer_v1 = documents.v1().issuer
    except SettingsError:
        issuer_v1 = ""
    tenant = _tenant_of(v2.issuer, settings)
    if issuer_v1 and _tenant_of(issuer_v1, settings) != tenant:
        raise AuthorityDown(f"{settings.authority} names two different tenants.")
    wanted = settings.tenant.lower()
    if _GUID.fullmatch(wanted) and tenant and tenant != wanted:
        raise SettingsError(
            f"`authority` is that of the tenant {tenant}, but `tenant` is {wanted}.",
            hint="Correct one of them: `mcp-local settings show` prints where each comes from.",
        )
    return Metadata(issuer_v1, v2.issuer, v2.jwks_uri, tenant)


def _tenant_of(issuer: str, settings: Settings) -> str:
    """Return the tenant in ``https://…/<tenant>/…``; empty for the place holder of many."""
    try:
        first = urlsplit(issuer).path.lstrip("/").partition("/")[0].lower()
    except ValueError:  # brackets around no address
        first = ""
    if first == _ANY_TENANT:
        return ""
    if not _GUID.fullmatch(first):
        raise AuthorityDown(
            f"{settings.authority} isn't Entra ID: its issuer holds no tenant id.",
            hint="Check `authority`.",
        )
    return first


def _refused(answer: Answer, authority: str) -> SettingsError:
    try:
        error = msgspec.json.decode(answer.text, type=dict[str, object])
    except msgspec.DecodeError:
        error = {}
    if "error" in error:
        problem = problem_from(error)
        return SettingsError(problem.message, hint=problem.hint)
    return SettingsError(
        f"{authority} has no OpenID document (HTTP status {answer.status_code}).",
        hint="Check `tenant`, `cloud` and `authority`: `mcp-local settings show` prints them.",
    )
