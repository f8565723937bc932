"""The emulator's tokens, judged by its own metadata and keys as the broker reads them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.broker.authority.http import Http
from mcp_local.broker.authority.metadata import Documents, load_metadata
from mcp_local.broker.record import expectations
from mcp_local.broker.storage.keystore import in_memory
from mcp_local.broker.storage.store import MemoryStore
from mcp_local.emulator import Emulator
from mcp_local.identity.keyset import KeySet, parse_jwks
from mcp_local.identity.model import Expectations, Identity, Rejection, TokenRejected
from mcp_local.identity.verify import verify
from mcp_local.secret import Secret
from mcp_local.settings import load

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

OTHER_TENANT = "99999999-8888-4777-8666-55555555abcd"


@dataclass
class Judge:
    """Verifies with what the authority says of itself, read over HTTPS."""

    http: Http
    jwks_uri: str
    expected: Expectations

    def keys(self) -> KeySet:
        """What the authority lists now."""
        return parse_jwks(self.http.fetch(self.jwks_uri))

    def identity(self, token: str) -> Identity:
        """Who the token speaks for."""
        return verify(Secret(token), self.keys(), self.expected, time.time()).identity

    def refusal(self, token: str) -> TokenRejected:
        """Why the token is refused."""
        with pytest.raises(TokenRejected) as caught:
            self.identity(token)
        return caught.value


@pytest.fixture(scope="module")
def entra() -> Generator[Emulator]:
    """An emulator for all tests that leave its keys alone."""
    with Emulator() as emulator:
        yield emulator


def judge_of(emulator: Emulator, folder: Path) -> Judge:
    """A judge with the settings that point at this emulator."""
    settings = load({}, emulator.environment() | {"MCP_LOCAL_HOME": str(folder)})
    http = Http(settings)
    store = MemoryStore(in_memory("A test."))
    documents = Documents(http, settings.authority, store, time.time)
    metadata = load_metadata(settings, documents)
    return Judge(http, metadata.jwks_uri, expectations(settings, metadata))


@pytest.fixture
def judge(entra: Emulator, tmp_path: Path) -> Judge:
    """A judge of the shared emulator's tokens."""
    return judge_of(entra, tmp_path)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("user", "roles"),
    [
        ("reader", {"Task.Read"}),
        ("writer", {"Task.Write"}),
        ("manager", {"Task.All"}),
        ("admin", {"Admin"}),
        ("norole", set[str]()),
    ],
)
def test_people_are_who_they_are(
    entra: Emulator, judge: Judge, user: str, roles: set[str], version: int
) -> None:
    """A token of either version says the same of a person."""
    identity = judge.identity(entra.mint(user, version=version))
    person = entra.person(user)
    assert identity.key == (entra.tenant_id, person.object_id)
    assert identity.roles == roles
    assert identity.client_id == entra.client_id
    assert identity.username == person.username
    assert identity.name == person.name
    assert not identity.guest
    assert not identity.app_only


@pytest.mark.parametrize("version", [1, 2])
def test_a_guest_is_of_this_tenant(entra: Emulator, judge: Judge, version: int) -> None:
    """A guest carries this tenant's ids, and is shown as a guest."""
    identity = judge.identity(entra.mint("guest", version=version))
    assert identity.tenant_id == entra.tenant_id
    assert identity.guest


def test_groups_are_listed_up_to_the_limit(entra: Emulator, judge: Judge) -> None:
    """Two groups are in the token; of more than 200 none is, and the token is believed."""
    assert judge.identity(entra.mint("reader")).groups == set(entra.person("reader").groups)
    many = judge.identity(entra.mint("groups"))
    assert many.groups == frozenset()
    assert many.roles == {"Task.Read"}


def test_j12_an_app_only_token_is_refused_unless_allowed(entra: Emulator, judge: Judge) -> None:
    """J12: an app's own token is nobody's."""
    token = entra.mint("reader", scp=None, idtyp="app")
    assert judge.refusal(token).reason is Rejection.APP_ONLY
    allowing = replace(judge, expected=replace(judge.expected, allow_app_only=True))
    assert allowing.identity(token).app_only


def test_j9_a_graph_token_is_refused_with_the_wrong_scope(entra: Emulator, judge: Judge) -> None:
    """J9: the hint names the scope that brought it, with the nonce and without."""
    for headers in ({}, {"nonce": "n"}):
        refused = judge.refusal(entra.mint("reader", scope="User.Read", headers=headers))
        assert refused.reason is Rejection.GRAPH_TOKEN
        assert "'User.Read'" in refused.hint


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"scp": None}, Rejection.NO_SCOPE),
        ({"aud": "another"}, Rejection.AUDIENCE),
        ({"tid": OTHER_TENANT}, Rejection.TENANT),
        ({"iss": f"https://sts.windows.net/{OTHER_TENANT}/"}, Rejection.ISSUER),
        ({"ver": "1.0"}, Rejection.VERSION),
        ({"azp": "another"}, Rejection.CLIENT),
        ({"roles": "Admin"}, Rejection.CLAIM_TYPE),
        ({"oid": None}, Rejection.CLAIM_MISSING),
    ],
    ids=lambda value: str(value)[:40],
)
def test_crooked_tokens_are_refused(
    entra: Emulator, judge: Judge, claims: dict[str, Any], reason: Rejection
) -> None:
    """The emulator signs whatever it is told to; the verifier looks at every claim."""
    assert judge.refusal(entra.mint("reader", **claims)).reason is reason


def test_an_expired_token_is_refused(entra: Emulator, judge: Judge) -> None:
    """Beyond its end and the leeway nothing is allowed."""
    assert judge.refusal(entra.mint("reader", lifetime=-61)).reason is Rejection.EXPIRED
    assert judge.identity(entra.mint("reader", lifetime=-30))


def test_o18_another_emulators_token_is_refused(entra: Emulator, tmp_path: Path) -> None:
    """O18: each emulator has a tenant of its own; none believes another's tokens."""
    with Emulator() as other:
        refused = judge_of(other, tmp_path).refusal(entra.mint("reader"))
    # Not an unknown key: the emulators of a process share keys, as the tenants of the cloud do.
    assert refused.reason is Rejection.TENANT


def test_j23_keys_roll_over(tmp_path: Path) -> None:
    """J23: a new key's tokens are believed, a retired key's no longer."""
    with Emulator() as emulator:
        judge = judge_of(emulator, tmp_path)
        before = emulator.mint("reader")
        emulator.rotate_keys()
        assert judge.identity(before)
        between = emulator.mint("reader")
        emulator.rotate_keys(retire=True)
        assert judge.identity(before)
        assert judge.identity(emulator.mint("reader"))
        assert judge.refusal(between).reason is Rejection.UNKNOWN_KEY
