"""Signing in with real MSAL at the emulated authority."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_local.broker.authority.flows import DeviceFlow, Wishes
from mcp_local.broker.authority.refusal import (
    AuthorityDown,
    Blocked,
    Declined,
    InteractionNeeded,
    WrongAccount,
)
from mcp_local.broker.storage.store import Entry
from mcp_local.emulator import Fault, Options, default_directory
from mcp_local.emulator.visitor import Mood, visit
from mcp_local.errors import SettingsError, SignInFailed, Unreachable
from mcp_local.identity.model import Rejection, TokenRejected
from tests.support.entra import TOKEN, Machine, machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_local.broker.acquire import Broker


@pytest.fixture
def here(home: Path) -> Iterator[Machine]:
    """A machine at an authority with everybody's default behaviour."""
    with machine(home) as here:
        yield here


@pytest.mark.parametrize("version", [1, 2])
def test_a_person_signs_in(home: Path, version: int) -> None:
    """v1.0 and v2.0 tokens alike become a verified identity, kept for every process."""
    with machine(home, default_directory(token_version=version)) as here:
        verified = here.sign_in("writer")
        assert verified.identity.roles == {"Task.Write"}
        assert verified.identity.tenant_id == here.emulator.tenant_id
        assert verified.claims["ver"] == f"{version}.0"
        with here.broker() as another:
            assert another.current() == verified


def test_what_the_browser_is_sent_to(here: Machine) -> None:
    """Form post, PKCE with S256, nonce and state, the account picker, no CP1 capability."""
    with here.broker() as broker:
        flow = broker.entra.begin_browser("http://localhost:1")
        query = parse_qs(urlsplit(flow.auth_uri).query)
    assert query["response_mode"] == ["form_post"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["prompt"] == ["select_account"]
    assert query["redirect_uri"] == ["http://localhost:1"]
    assert here.emulator.scope in query["scope"][0].split()
    assert query["nonce"]
    assert query["state"]
    assert "claims" not in query
    assert flow.accepts(query["state"][0])
    assert not flow.accepts(query["state"][0] + "x")
    assert not flow.accepts("")


def test_a_known_person_is_not_asked_to_pick(here: Machine) -> None:
    """With a login hint the picker is left out; the claims challenge is handed on."""
    with here.broker() as broker:
        flow = broker.entra.begin_browser(
            "http://localhost:1", Wishes("ada@x", '{"access_token":{}}')
        )
        other = broker.entra.begin_browser("http://localhost:1", Wishes("a", prompt="login"))
    query = parse_qs(urlsplit(flow.auth_uri).query)
    assert query["login_hint"] == ["ada@x"]
    assert query["claims"] == ['{"access_token":{}}']
    assert "prompt" not in query
    assert parse_qs(urlsplit(other.auth_uri).query)["prompt"] == ["login"]


def test_a_flow_shows_none_of_its_secrets(here: Machine) -> None:
    """Neither state nor verifier nor device code stands in a repr."""
    with here.broker() as broker:
        flow = broker.entra.begin_browser("http://localhost:1")
        device = broker.entra.begin_device()
    for secret in (flow.msal_flow["state"], flow.msal_flow["code_verifier"]):
        assert str(secret) not in repr(flow)
    assert str(device.msal_flow["device_code"]) not in repr(device)


def test_an_answer_of_another_sign_in(here: Machine) -> None:
    """A wrong or missing state redeems nothing, and its text holds neither (O1)."""
    with here.broker() as broker:
        flow, form = here.answer(broker, "reader")
        for wrong in (form | {"state": "canary"}, {"code": form["code"]}):
            with pytest.raises(SignInFailed, match="of no use") as caught:
                broker.entra.finish_browser(flow, wrong)
            assert "canary" not in str(caught.value)
        assert here.token_requests("authorization_code") == 0
        broker.complete(broker.entra.finish_browser(flow, form))


def test_a_code_of_another_verifier(here: Machine) -> None:
    """A stolen code is worth nothing without the verifier of the flow that asked for it (PKCE)."""
    with here.broker() as broker:
        flow, form = here.answer(broker, "reader")
        flow.msal_flow["code_verifier"] = "x" * 43
        with pytest.raises((Blocked, InteractionNeeded), match="AADSTS501481"):
            broker.entra.finish_browser(flow, form)


def test_a_nonce_that_is_not_ours(here: Machine) -> None:
    """An id token of another sign-in isn't taken, and MSAL's text with both nonces is dropped."""
    with here.broker() as broker:
        flow, form = here.answer(broker, "reader")
        flow.msal_flow["nonce"] = "canary"
        with pytest.raises(SignInFailed, match="of no use") as caught:
            broker.entra.finish_browser(flow, form)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("damage", [{"client_info": "!"}, {"code": ""}, {"code": "", "error": ""}])
def test_a_damaged_form(here: Machine, damage: dict[str, str]) -> None:
    """Whatever is posted with the right state, there is one plain refusal."""
    with here.broker() as broker:
        flow, form = here.answer(broker, "reader")
        with pytest.raises(SignInFailed, match="of no use"):
            broker.entra.finish_browser(flow, form | damage)


def test_a_person_declines(here: Machine) -> None:
    """The redirect's error is told in plain words."""
    with here.broker() as broker:
        flow, form = here.answer(broker, "consent", mood=Mood.DECLINES)
        with pytest.raises(Declined, match="AADSTS65004"):
            broker.entra.finish_browser(flow, form)


def test_a_graph_token_is_refused_with_its_cause(here: Machine) -> None:
    """The wrong scope brings a token that nobody but Graph can verify; nothing is kept (J9)."""
    here.environ["MCP_LOCAL_SCOPES"] = "https://graph.microsoft.com/User.Read"
    with pytest.raises(TokenRejected) as caught:
        here.sign_in()
    assert caught.value.reason is Rejection.GRAPH_TOKEN
    assert "scope" in caught.value.hint
    assert here.store().load(Entry.MSAL) is None


def test_a_token_of_another_api_is_refused(here: Machine) -> None:
    """The audience is what the settings say (J10)."""
    here.environ["MCP_LOCAL_AUDIENCES"] = "33333333-3333-4333-8333-333333333333"
    with pytest.raises(TokenRejected) as caught:
        here.sign_in()
    assert caught.value.reason is Rejection.AUDIENCE
    assert here.store().load(Entry.TOKEN) is None


@pytest.mark.parametrize("pin", ["reader@contoso.example", "READER@contoso.example", "id"])
def test_the_pinned_account_signs_in(here: Machine, pin: str) -> None:
    """By user name or object id."""
    person = here.emulator.person("reader")
    here.environ["MCP_LOCAL_ACCOUNT"] = person.object_id if pin == "id" else pin
    assert here.sign_in("reader").identity.object_id == person.object_id


def test_another_than_the_pinned_account(here: Machine) -> None:
    """It is refused in plain words, nothing of it is kept, and the one before stays."""
    before = here.sign_in("reader")
    here.environ["MCP_LOCAL_ACCOUNT"] = "reader@contoso.example"
    with pytest.raises(WrongAccount, match=r"admin@contoso\.example has signed in"):
        here.sign_in("admin")
    with here.broker() as broker:
        assert broker.current() == before
        assert broker.renew(force=True).identity.key == before.identity.key


def test_the_pin_holds_for_what_was_kept_before(here: Machine) -> None:
    """A pin set later refuses the record of somebody else, and their refresh token."""
    here.sign_in("admin")
    here.environ["MCP_LOCAL_ACCOUNT"] = "reader@contoso.example"
    with here.broker() as broker:
        assert broker.current() is None
        with pytest.raises(InteractionNeeded, match="isn't signed in"):
            broker.renew()


def test_the_next_person_takes_the_place_of_the_last(here: Machine) -> None:
    """One profile holds one person: nobody's tokens lie about to be picked by mistake."""
    here.sign_in("reader")
    here.sign_in("admin")
    with here.broker() as broker:
        assert broker.renew(force=True).identity.roles == {"Admin"}
        assert [account.username for account in broker.sign_out()] == ["admin@contoso.example"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(path=TOKEN, status=503, body=b"{}"), AuthorityDown),
        (Fault(path=TOKEN, body=b'"just a string"'), AuthorityDown),
        (Fault(path=TOKEN, body=b'{"access_token": '), AuthorityDown),
        (Fault(path=TOKEN, body=b'{"access_token": 5, "expires_in": "x"}'), SignInFailed),
        (Fault(path=TOKEN, body=b'{"access_token": {}, "expires_in": 60}'), SignInFailed),
        (Fault(path=TOKEN, body=b'{"id_token": "x"}'), SignInFailed),
        (Fault(path=TOKEN, body=b"{}"), AuthorityDown),
        (Fault(path=TOKEN, hang=True), Unreachable),
    ],
)
def test_odd_answers_to_the_code(here: Machine, fault: Fault, kind: type[Exception]) -> None:
    """None of them is a traceback, and none signs anybody in."""
    with here.broker() as broker:
        flow, form = here.answer(broker, "reader")
        here.emulator.faults.add(fault)
        with pytest.raises((kind, AuthorityDown)):
            broker.complete(broker.entra.finish_browser(flow, form))
    assert here.store().load(Entry.MSAL) is None


def test_no_such_tenant(here: Machine) -> None:
    """The authority says so, and the text names the setting."""
    unknown = "99999999-9999-4999-8999-999999999999"
    here.environ["MCP_LOCAL_TENANT_ID"] = unknown
    here.environ["MCP_LOCAL_AUTHORITY"] = here.emulator.authority.replace(
        here.emulator.tenant_id, unknown
    )
    with here.broker() as broker, pytest.raises(SettingsError, match="AADSTS90002"):
        broker.entra.begin_browser("http://localhost:1")


def test_an_authority_written_by_domain(here: Machine) -> None:
    """The tenant's id comes from its documents."""
    here.environ["MCP_LOCAL_TENANT_ID"] = "contoso.example"
    here.environ["MCP_LOCAL_AUTHORITY"] = here.emulator.authority.replace(
        here.emulator.tenant_id, "contoso.example"
    )
    assert here.sign_in().identity.tenant_id == here.emulator.tenant_id


# Device code


def enter_code(broker: Broker, user: str, mood: Mood = Mood.WILLING) -> dict[str, object]:
    """Start a device flow and let somebody enter its code; return what to finish it with."""
    flow = broker.entra.begin_device()
    assert flow.user_code in flow.message
    assert flow.verification_uri in flow.message
    visit(flow.verification_uri, user, user_code=flow.user_code, mood=mood)
    return {"flow": flow, "stop": lambda: False}


@pytest.fixture
def at_once(home: Path) -> Iterator[Machine]:
    """A machine whose authority may be asked all the time."""
    with machine(home, device_interval=0) as here:
        yield here


def test_a_device_code_signs_in(home: Path) -> None:
    """From the code to a verified identity, after the interval, not before (O13)."""
    with machine(home, device_interval=1) as here, here.broker() as broker:
        began = time.monotonic()
        tokens = broker.entra.finish_device(**enter_code(broker, "reader"))  # pyright: ignore[reportArgumentType]
        assert time.monotonic() - began >= 1
        assert broker.complete(tokens).identity.roles == {"Task.Read"}
        assert len(here.emulator.requests.matching(TOKEN)) == 1


def test_a_device_code_is_waited_for(at_once: Machine) -> None:
    """Pending is not an answer."""
    with at_once.broker() as broker:
        flow = broker.entra.begin_device()
        wanted = (flow.verification_uri, "reader")
        later = threading.Timer(0.3, visit, wanted, {"user_code": flow.user_code})
        later.start()
        tokens = broker.entra.finish_device(flow, lambda: False)
        later.join()
        assert broker.complete(tokens)
    statuses = [entry.status for entry in at_once.emulator.requests.matching(TOKEN)]
    assert statuses[0] == 400
    assert statuses[-1] == 200


def test_a_fault_of_the_network_is_waited_out(home: Path) -> None:
    """The code stays good; the polling slows down (RFC 8628, 3.5)."""
    with machine(home, device_interval=1) as here, here.broker() as broker:
        here.emulator.faults.add(Fault(path=TOKEN, status=503, body=b"{}"))
        waiting = enter_code(broker, "reader")
        assert broker.complete(broker.entra.finish_device(**waiting))  # pyright: ignore[reportArgumentType]
        flow = waiting["flow"]
        assert isinstance(flow, DeviceFlow)
        assert flow.msal_flow["interval"] == 2


def test_a_device_code_is_declined(at_once: Machine) -> None:
    """The person said no."""
    with at_once.broker() as broker, pytest.raises(Declined, match="declined"):
        broker.entra.finish_device(**enter_code(broker, "consent", Mood.DECLINES))  # pyright: ignore[reportArgumentType]


def test_waiting_for_a_device_code_can_be_stopped(here: Machine) -> None:
    """At once, whatever the interval is."""
    with here.broker() as broker:
        flow = broker.entra.begin_device()
        with pytest.raises(Declined, match="stopped"):
            broker.entra.finish_device(flow, lambda: True)
    assert here.emulator.requests.matching(TOKEN) == []


def test_a_device_code_expires(home: Path) -> None:
    """The wait ends with the code."""
    with machine(home, device_interval=1, device_lifetime=1) as here, here.broker() as broker:
        flow = broker.entra.begin_device()
        with pytest.raises(Declined, match="time for the sign-in is up"):
            broker.entra.finish_device(flow, lambda: False)


def test_no_device_code_for_a_confidential_app(home: Path) -> None:
    """AADSTS7000218 names the switch in the registration, once the code is redeemed."""
    directory = default_directory()
    directory = replace(directory, client=replace(directory.client, public_client_flows=False))
    with machine(home, directory, device_interval=0) as here, here.broker() as broker:
        flow = broker.entra.begin_device()
        with pytest.raises(Blocked, match="AADSTS7000218") as caught:
            broker.entra.finish_device(flow, lambda: False)
    assert "Allow public client flows" in caught.value.hint


def test_no_device_code_for_an_unknown_app(here: Machine) -> None:
    """The start may be refused as well."""
    here.environ["MCP_LOCAL_CLIENT_ID"] = "33333333-3333-4333-8333-333333333333"
    with here.broker() as broker, pytest.raises(Blocked, match="AADSTS700016"):
        broker.entra.begin_device()


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_code": "<b>", "verification_uri": "https://x.example/", "device_code": "d"}',
        b'{"user_code": "ABC", "verification_uri": "javascript:alert(1)", "device_code": "d"}',
        b'{"user_code": "ABCD", "verification_uri": "http://x.example/", "device_code": "d"}',
        b'{"user_code": 1}',
        b"[]",
    ],
)
def test_a_device_code_that_cannot_be_shown(here: Machine, body: bytes) -> None:
    """A person is shown a plain code and sent to https only."""
    here.emulator.faults.add(Fault(path="*/devicecode", body=body))
    with here.broker() as broker, pytest.raises(AuthorityDown):
        broker.entra.begin_device()


def test_options_are_the_emulators() -> None:
    """The helper passes options on by name; a misspelt one would be a test that tests nothing."""
    with pytest.raises(TypeError):
        Options(device_intervall=1)  # pyright: ignore[reportCallIssue]
