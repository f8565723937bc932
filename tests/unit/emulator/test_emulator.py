"""The emulator's own interface: what it tells, and the tokens it makes."""

from __future__ import annotations

import jwt
import pytest

from mcp_local import emulator as package
from mcp_local.emulator import Api, Directory, Emulator, Options, Person, default_directory
from mcp_local.emulator.directory import ClientApp
from mcp_local.errors import SettingsError, UsageError


def read(token: str) -> dict[str, object]:
    """Read a token unverified."""
    return jwt.decode(token, options={"verify_signature": False})


def test_environment(entra_emulator: Emulator) -> None:
    """The environment points mcp-local at the emulator, with a browser for a person."""
    plain, personal = entra_emulator.environment(), entra_emulator.environment("Rita Reader")

    assert plain["MCP_LOCAL_AUTHORITY"].endswith(plain["MCP_LOCAL_TENANT_ID"])
    assert plain["MCP_LOCAL_API"] == entra_emulator.api_id
    assert personal.keys() - plain.keys() == {"BROWSER"}
    assert "--user reader@contoso.example " in personal["BROWSER"]


def test_ca_file_lives_as_long_as_it_runs() -> None:
    """The CA file is there while the emulator runs, and gone after it."""
    emulator = Emulator()
    with pytest.raises(UsageError, match="doesn't run"):
        _ = emulator.ca_file
    with emulator:
        path = emulator.ca_file
        assert path.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
        assert b"PRIVATE" not in path.read_bytes()
    assert not path.parent.exists()


def test_starting_twice(entra_emulator: Emulator) -> None:
    """A running emulator can't be started again, and isn't harmed by the attempt."""
    with pytest.raises(UsageError, match="in use"):
        entra_emulator.start()

    assert entra_emulator.ca_file.exists()


def test_stop_and_start_again() -> None:
    """A stopped emulator starts again at the same ports."""
    emulator = Emulator()
    with emulator:
        authority = emulator.authority
    with emulator:
        assert emulator.authority == authority


@pytest.mark.parametrize("who", ["reader", "READER@contoso.example", "Rita Reader"])
def test_people_have_names(entra_emulator: Emulator, who: str) -> None:
    """A person is found by short and full user name, name and object id."""
    person = entra_emulator.person(who)

    assert entra_emulator.person(person.object_id) is person


def test_unknown_people(entra_emulator: Emulator) -> None:
    """Somebody who isn't there is an error that names who is."""
    with pytest.raises(UsageError) as caught:
        entra_emulator.person("nobody")

    assert "reader, writer" in caught.value.hint


def test_put_person(entra_emulator: Emulator) -> None:
    """A new person is added, a known one replaced."""
    count = len(entra_emulator.directory.people)
    entra_emulator.put_person(Person(username="ada@contoso.example", name="Ada"))
    entra_emulator.assign("ada", "Admin")

    assert entra_emulator.person("ada").roles == ("Admin",)
    assert len(entra_emulator.directory.people) == count + 1


class TestMint:
    """Tokens without a sign-in."""

    def test_like_a_real_one(self, entra_emulator: Emulator) -> None:
        """A minted token verifies like one that was signed in for."""
        token = entra_emulator.mint("writer")

        assert read(token)["roles"] == ["Task.Write"]
        assert "x5t" not in jwt.get_unverified_header(token)

    def test_claims_can_be_bent(self, entra_emulator: Emulator) -> None:
        """Claims are replaced, added, and taken out by None; headers are added."""
        token = entra_emulator.mint(
            "writer", headers={"typ": "at+jwt"}, roles="Admin", scp=None, extra=1
        )

        claims = read(token)
        assert (claims["roles"], claims["extra"]) == ("Admin", 1)
        assert "scp" not in claims
        assert jwt.get_unverified_header(token)["typ"] == "at+jwt"

    def test_version_and_lifetime(self) -> None:
        """Version and lifetime can be chosen; an expired token can be made."""
        with Emulator(options=Options(clock=lambda: 1_800_000_000.0)) as emulator:
            token = emulator.mint("writer", version=1, lifetime=-10)

        assert (read(token)["ver"], read(token)["exp"]) == ("1.0", 1_799_999_990)
        assert "x5t" in jwt.get_unverified_header(token)

    def test_other_scopes(self, entra_emulator: Emulator) -> None:
        """Another API's scope gets that API's token; an unknown one is an error."""
        reports = entra_emulator.directory.apis[1]

        assert (
            read(entra_emulator.mint("reader", scope=f"{reports.api_id}/Reports.Read"))["aud"]
            == reports.api_id
        )
        with pytest.raises(UsageError, match="AADSTS500011"):
            entra_emulator.mint("reader", scope="api://nobody/x")


class TestDirectory:
    """Directories that make no sense."""

    def test_one_name_twice(self) -> None:
        """Two people of one user name can't be told apart."""
        people = (Person(username="a@x", name="A"), Person(username="A@x", name="B"))
        client, api = ClientApp(client_id="c"), Api(api_id="a")

        with pytest.raises(SettingsError, match="twice"):
            Directory(people=people, client=client, apis=(api,))

    def test_one_id_twice(self) -> None:
        """Who signs in as the second would become the first."""
        people = (
            Person(username="a@x", name="A", object_id="i"),
            Person(username="b@x", name="B", object_id="i"),
        )
        client, api = ClientApp(client_id="c"), Api(api_id="a")

        with pytest.raises(SettingsError, match="has i twice"):
            Directory(people=people, client=client, apis=(api,))

    def test_no_api(self) -> None:
        """Without an API there is nothing to have roles on."""
        with pytest.raises(SettingsError, match="needs an API"):
            Directory(people=(), client=ClientApp(client_id="c"), apis=())

    def test_ids_are_derived(self) -> None:
        """With one tenant id, everything else is the same each time."""
        tenant = "11111111-2222-4333-8444-555555555555"

        assert default_directory(tenant_id=tenant) == default_directory(tenant_id=tenant)


def test_package_names() -> None:
    """Everything the package promises is there, and nothing else."""
    for name in package.__all__:
        assert getattr(package, name)
    with pytest.raises(AttributeError, match="missing"):
        _ = package.missing
