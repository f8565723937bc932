"""What the authority says of itself, and what is kept of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.authority.http import Http
from mcp_local.broker.authority.metadata import (
    MAX_AGE,
    Documents,
    Metadata,
    load_metadata,
)
from mcp_local.broker.authority.refusal import AuthorityDown
from mcp_local.broker.state import Storage
from mcp_local.broker.storage.files import private_dir
from mcp_local.broker.storage.seal import Seal
from mcp_local.broker.storage.store import Entry, FileStore
from mcp_local.errors import SettingsError
from tests.support.site import Reply

if TYPE_CHECKING:
    from mcp_local.settings.model import Settings
    from tests.support.site import MakeSettings, Site

TENANT = "11111111-2222-3333-4444-555555555555"
V1 = f"/{TENANT}/.well-known/openid-configuration"
V2 = f"/{TENANT}/v2.0/.well-known/openid-configuration"
NOW = 1_800_000_000.0
STORAGE = Storage(kind="file", encrypted=False, detail="For a test.")


def publish(site: Site, **changes: object) -> None:
    """Put an authority's two documents on the site."""
    document = {
        "issuer": f"{site.url}/{TENANT}/v2.0",
        "authorization_endpoint": f"{site.url}/authorize",
        "token_endpoint": f"{site.url}/token",
        "jwks_uri": f"{site.url}/keys",
        "device_authorization_endpoint": f"{site.url}/devicecode",
        "more": ["than", "we", "read"],
    }
    site.replies[V2] = Reply(json.dumps(document | changes).encode())
    v1 = {"issuer": f"https://sts.windows.net/{TENANT}/", "token_endpoint": "https://else.where/"}
    site.replies[V1] = Reply(json.dumps(v1).encode())


class Reader:
    """Reads metadata as one process after the other does, at a time of the test's choice."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = NOW
        folder = private_dir(settings.home / "profiles" / "p")
        self.store = FileStore(folder, Seal(bytes(32)), STORAGE)
        self.file = self.store.path(Entry.DISCOVERY)

    def documents(self) -> Documents:
        """Return what a new process would have."""
        http = Http(self.settings)
        return Documents(http, self.settings.authority, self.store, lambda: self.now)

    def read(self) -> Metadata:
        """Read in a new process."""
        return load_metadata(self.settings, self.documents())


@pytest.fixture
def reader(site: Site, make_settings: MakeSettings) -> Reader:
    """A reader of the site's documents, which are those of a good authority."""
    publish(site)
    return Reader(make_settings())


def test_both_documents_are_read(site: Site, reader: Reader) -> None:
    """Issuers, keys and tenant come from the documents, not from string work."""
    assert reader.read() == Metadata(
        issuer_v1=f"https://sts.windows.net/{TENANT}/",
        issuer_v2=f"{site.url}/{TENANT}/v2.0",
        jwks_uri=f"{site.url}/keys",
        tenant_id=TENANT,
    )


def test_they_are_fetched_once_a_day(site: Site, reader: Reader) -> None:
    """The next process of the day needs no network; the one of the next day asks again."""
    reader.read()
    reader.now += MAX_AGE - 1
    reader.read()
    assert len(site.requests) == 2
    reader.now += 1
    reader.read()
    assert len(site.requests) == 4


def test_within_a_process_they_are_read_once(site: Site, reader: Reader) -> None:
    """One process works with one set of addresses."""
    documents = reader.documents()
    first = documents.v2()
    reader.file.unlink()
    site.replies.clear()
    assert documents.v2() is first


def test_out_of_reach_any_age_serves(site: Site, reader: Reader) -> None:
    """Without the authority the kept documents serve, however old."""
    before = reader.read()
    site.replies[V1] = site.replies[V2] = Reply(b"{}", 503)
    reader.now += 300 * MAX_AGE
    assert reader.read() == before


def test_a_date_in_the_future_is_no_excuse(site: Site, reader: Reader) -> None:
    """What was kept by a wrong clock is fetched again."""
    reader.read()
    reader.now -= 60
    reader.read()
    assert len(site.requests) == 4


def test_nothing_kept_and_nobody_there(site: Site, reader: Reader) -> None:
    """Without both there is nothing to work with."""
    site.replies[V2] = Reply(b"{}", 503)
    with pytest.raises(AuthorityDown):
        reader.read()


@pytest.mark.parametrize(
    "body", [b"<html>Log in to the hotel's network</html>", b"[]", b'{"issuer": 1}', b"", b"{}"]
)
def test_anything_else_is_no_document(site: Site, reader: Reader, body: bytes) -> None:
    """A captive portal's page is neither believed nor kept."""
    site.replies[V2] = Reply(body)
    with pytest.raises(AuthorityDown, match="OpenID provider") as caught:
        reader.read()
    assert "guest network" in caught.value.hint
    publish(site)
    reader.read()


@pytest.mark.parametrize("damage", [b"garbage", b"\x00{", b'{"a": 1}'])
def test_damaged_documents_are_fetched_again(site: Site, reader: Reader, damage: bytes) -> None:
    """They are a convenience: whatever is wrong with them, the authority is asked."""
    reader.read()
    reader.store.save(Entry.DISCOVERY, damage)
    reader.read()
    assert len(site.requests) >= 4


def test_planted_documents_are_not_used(site: Site, reader: Reader) -> None:
    """They say where tokens go and whom to believe: what we didn't seal counts for nothing."""
    reader.read()
    planted = {
        "issuer": f"{site.url}/99999999-2222-3333-4444-555555555555/v2.0",
        "authorization_endpoint": f"{site.url}/a",
        "token_endpoint": f"{site.url}/mine",
        "jwks_uri": f"{site.url}/my/keys",
    }
    kept = {f"{site.url}{V2}": {"fetched_at": NOW, "document": planted}}
    reader.file.write_text(json.dumps(kept), encoding="utf-8")
    assert reader.documents().v2().token_endpoint == f"{site.url}/token"


def test_a_disk_that_cannot_be_written_does_not_matter(site: Site, reader: Reader) -> None:
    """Then each process asks again."""
    reader.file.mkdir()
    reader.read()
    reader.read()
    assert len(site.requests) >= 4


def test_no_such_tenant_is_a_mistake_in_the_settings(site: Site, reader: Reader) -> None:
    """AADSTS90002 names the setting to look at."""
    error = {"error": "invalid_tenant", "error_description": "AADSTS90002: … Trace ID: x"}
    site.replies[V2] = Reply(json.dumps(error).encode(), 400)
    with pytest.raises(SettingsError, match="no such tenant") as caught:
        reader.read()
    assert "`tenant`" in caught.value.hint


def test_a_server_that_is_no_authority(site: Site, reader: Reader) -> None:
    """A plain 404 names the settings to look at."""
    del site.replies[V2]
    with pytest.raises(SettingsError, match="404") as caught:
        reader.read()
    assert "`authority`" in caught.value.hint


def test_an_authority_without_v1(site: Site, reader: Reader) -> None:
    """Then v1.0 tokens are refused, by an issuer that nothing equals."""
    del site.replies[V1]
    assert reader.read().issuer_v1 == ""


def test_two_tenants_in_one_authority(site: Site, reader: Reader) -> None:
    """Documents that contradict each other aren't used."""
    publish(site, issuer=f"{site.url}/99999999-2222-3333-4444-555555555555/v2.0")
    with pytest.raises(AuthorityDown, match="two different tenants"):
        reader.read()


@pytest.mark.parametrize("issuer", ["{}/realms/x", "https://[{}/x"])
def test_an_issuer_without_a_tenant(site: Site, reader: Reader, issuer: str) -> None:
    """Other OpenID providers aren't Entra ID, and what is no address isn't either."""
    publish(site, issuer=issuer.format(site.url))
    with pytest.raises(AuthorityDown, match="isn't Entra ID"):
        reader.read()


def test_an_authority_of_many_tenants(site: Site, reader: Reader) -> None:
    """The literal place holder isn't a tenant (J13)."""
    publish(site, issuer=f"{site.url}/{{tenantid}}/v2.0")
    site.replies[V1] = Reply(b'{"issuer": "https://sts.windows.net/{tenantid}/"}')
    assert reader.read().tenant_id == ""


def test_the_tenant_of_the_settings_must_be_the_authoritys(
    site: Site, make_settings: MakeSettings
) -> None:
    """An authority written by a domain may lead to another tenant than `tenant` says."""
    publish(site)
    other = "99999999-2222-3333-4444-555555555555"
    with pytest.raises(SettingsError, match=other):
        Reader(make_settings(tenant=other)).read()
    assert Reader(make_settings(tenant="contoso.com")).read().tenant_id == TENANT
