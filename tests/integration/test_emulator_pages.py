"""The pages people see: every step, every refusal, and how answers travel back to the app."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests

from mcp_local.emulator import ConditionalAccess, Emulator, Options, default_directory
from mcp_local.emulator.claims import policy_claims
from mcp_local.emulator.pkce import challenge_of
from mcp_local.emulator.visitor import Mood, Visitor, visit
from tests.support.msal_client import desktop, error_codes, listening, session

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp_local.emulator.visitor import Outcome
    from tests.support.msal_client import Listener

VERIFIER = "v" * 43


@dataclass
class App:
    """An app at the emulator that builds its addresses by hand."""

    emulator: Emulator
    listener: Listener

    def address(self, **fields: str) -> str:
        """Return an authorize address; an empty value leaves a parameter out."""
        parameters = {
            "client_id": self.emulator.client_id,
            "response_type": "code",
            "response_mode": "form_post",
            "redirect_uri": self.listener.url,
            "scope": f"{self.emulator.scope} openid offline_access",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            "state": "s1",
        } | fields
        kept = {name: value for name, value in parameters.items() if value}
        path = f"{self.emulator.pages}/{self.emulator.tenant_id}/oauth2/v2.0/authorize"
        return f"{path}?{urlencode(kept)}"

    def visit(self, user: str, mood: Mood = Mood.WILLING, **fields: str) -> Outcome:
        """Visit an authorize address as a new browser."""
        return visit(self.address(**fields), user, mood=mood)

    @property
    def told(self) -> dict[str, str]:
        """What the app was told; nothing else was."""
        assert len(self.listener.answers) == 1
        return self.listener.answers[0]


@pytest.fixture
def app(entra_emulator: Emulator) -> Generator[App]:
    """An app at the emulator with its default directory."""
    with listening() as listener:
        yield App(entra_emulator, listener)


class TestAnswers:
    """How answers travel."""

    def test_form_post(self, app: App) -> None:
        """By form_post the app gets code and state, and the client info it asked for."""
        outcome = app.visit("reader", client_info="1")

        assert outcome.went_well
        assert app.told.keys() == {"code", "state", "client_info"}
        assert app.told["state"] == "s1"

    @pytest.mark.parametrize("mode", ["", "query"])
    def test_query(self, app: App, mode: str) -> None:
        """By query, which is what comes without a mode, the app gets the same in a GET."""
        app.visit("reader", response_mode=mode)

        assert app.told.keys() == {"code", "state"}

    @pytest.mark.parametrize("prompt", ["none", "login"])
    def test_fragment(self, app: App, prompt: str) -> None:
        """By fragment the answer stands behind the #, for codes and for errors."""
        address = app.address(response_mode="fragment", prompt=prompt)
        with requests.Session() as browser:
            answer = browser.get(address, allow_redirects=False, timeout=10)
            if prompt == "login":
                page = urljoin(address, f"/{app.emulator.tenant_id}/login")
                query = urlsplit(address).query
                answer = browser.post(
                    f"{page}?{query}", data={"account": "reader"}, allow_redirects=False, timeout=10
                )

        fields = parse_qs(urlsplit(answer.headers["Location"]).fragment)
        assert answer.status_code == 302
        assert ("error" in fields) == (prompt == "none")
        assert fields["state"] == ["s1"]

    @pytest.mark.parametrize("mode", ["query", "form_post"])
    def test_cancel(self, app: App, mode: str) -> None:
        """Cancelling tells the app access_denied with 65004, and nothing but the known fields."""
        app.visit("reader", Mood.CANCELS, response_mode=mode)

        assert app.told.keys() == {"error", "error_description", "error_uri", "state"}
        assert app.told["error"] == "access_denied"
        assert app.told["error_description"].startswith("AADSTS65004: ")

    def test_correlation_id(self, app: App) -> None:
        """The client's request id comes back as correlation id."""
        wanted = "11111111-2222-4333-8444-555555555555"
        address = f"{app.address()}&client-request-id={wanted}"
        visit(address, "reader", mood=Mood.CANCELS)

        assert f"Correlation ID: {wanted}" in app.told["error_description"]

    @pytest.mark.parametrize(
        ("fields", "error", "code"),
        [
            ({"response_type": "token"}, "unsupported_response_type", 700054),
            ({"code_challenge": ""}, "invalid_request", 50147),
            ({"code_challenge": "short"}, "invalid_request", 50147),
            ({"code_challenge_method": "plain"}, "invalid_request", 90023),
            ({"prompt": "create"}, "invalid_request", 90023),
            ({"scope": ""}, "invalid_request", 900144),
            ({"scope": "unknown.scope"}, "invalid_scope", 70011),
            ({"claims": "{"}, "invalid_request", 9002313),
            ({"prompt": "none"}, "login_required", 50058),
        ],
    )
    def test_errors_told_to_the_app(
        self, app: App, fields: dict[str, str], error: str, code: int
    ) -> None:
        """What the app did wrong, it is told."""
        visit(app.address(**fields), "reader")

        assert app.told["error"] == error
        assert app.told["error_description"].startswith(f"AADSTS{code}: ")


class TestRefusalPages:
    """What the person reads, and the app never hears of (ENTRA.md, trap 6)."""

    @pytest.mark.parametrize(
        ("user", "code"),
        [
            ("disabled", 50057),
            ("unassigned", 50105),
            ("adminconsent", 90094),
            ("blocked", 53003),
            ("device", 53000),
            ("nobody@elsewhere.example", 50034),
        ],
    )
    def test_people(self, app: App, user: str, code: int) -> None:
        """Somebody who can't sign in reads why."""
        outcome = app.visit(user)

        assert (outcome.page, outcome.code) == ("error", code)
        assert not app.listener.answers

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"client_id": ""}, 900144),
            ({"client_id": "00000000-0000-4000-8000-000000000000"}, 700016),
            ({"redirect_uri": ""}, 900144),
            ({"redirect_uri": "http://localhost:1/callback"}, 50011),
            ({"redirect_uri": "http://evil.example"}, 50011),
            ({"response_mode": "smoke"}, 90023),
            ({"scope": "api://nobody/access_as_user"}, 500011),
        ],
    )
    def test_apps(self, app: App, fields: dict[str, str], code: int) -> None:
        """An app that isn't set up right shows at the person's side."""
        outcome = visit(app.address(**fields), "reader")

        assert (outcome.page, outcome.code) == ("error", code)
        assert not app.listener.answers

    @pytest.mark.parametrize(("tenant", "code"), [("unknown.example", 90002), ("common", 50194)])
    def test_tenants(self, app: App, tenant: str, code: int) -> None:
        """Another tenant isn't there, and a single-tenant app has no business at /common."""
        address = app.address().replace(app.emulator.tenant_id, tenant)

        assert visit(address, "reader").code == code

    @pytest.mark.parametrize("tenant", ["common", "contoso.example"])
    def test_other_names_of_the_tenant(self, tenant: str) -> None:
        """A multi-tenant app may use /common, any app the tenant's domain."""
        directory = replace(default_directory(), multi_tenant=True)
        with Emulator(directory) as emulator, listening() as listener:
            app = App(emulator, listener)
            visit(app.address().replace(emulator.tenant_id, tenant), "reader")

            assert "code" in app.told

    def test_no_redirect_registered(self, app: App) -> None:
        """An app without any redirect URI is told so."""
        client = replace(app.emulator.directory.client, redirect_uris=())
        app.emulator.directory = replace(app.emulator.directory, client=client)

        assert app.visit("reader").code == 500113

    def test_text_is_escaped(self, app: App) -> None:
        """What comes from outside is shown as text, under a policy that lets no script in."""
        attack = "<script>alert(1)</script>"
        with requests.Session() as browser:
            answer = browser.get(app.address(redirect_uri=f"http://x/{attack}"), timeout=10)

        assert escape(attack) in answer.text
        assert attack not in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy

    def test_no_hsts_anywhere(self, app: App) -> None:
        """No answer speaks of HSTS: it would break every http://localhost in that browser."""
        emulator = app.emulator
        with session(emulator) as http:
            for address in (
                f"{emulator.authority}/v2.0/.well-known/openid-configuration",
                f"{emulator.authority}/discovery/v2.0/keys",
                app.address(),
                app.address().replace(emulator.pages, emulator.authority[:-37]),
            ):
                answer = http.get(address, timeout=10)
                assert answer.status_code == 200
                assert "Strict-Transport-Security" not in answer.headers

    def test_error_uri_leads_somewhere(self, app: App) -> None:
        """The help address of an error explains it; an unknown code is said to be unknown."""
        app.visit("reader", Mood.CANCELS)
        with requests.Session() as browser:
            known = browser.get(app.told["error_uri"], timeout=10)
            unknown = browser.get(f"{app.emulator.pages}/error?code=1", timeout=10)

        assert "AADSTS65004" in known.text
        assert "Unknown error" in unknown.text

    def test_start_page(self, app: App) -> None:
        """The start page names the authority and everybody who can sign in."""
        with requests.Session() as browser:
            text = browser.get(app.emulator.pages, timeout=10).text

        assert app.emulator.authority in text
        assert all(person.username in text for person in app.emulator.directory.people)

    def test_foreign_hosts_get_nothing(self, app: App) -> None:
        """A name that was made to point at loopback is turned away (DNS rebinding)."""
        with requests.Session() as browser:
            for host in ("evil.example", "localhost.evil.example", "[::1"):
                answer = browser.get(app.emulator.pages, headers={"Host": host}, timeout=10)
                assert answer.status_code == 421


class TestMetadata:
    """The documents with which a client finds its way."""

    def get(self, emulator: Emulator, path: str) -> dict[str, object]:
        """Fetch a JSON document."""
        origin = emulator.authority.removesuffix(f"/{emulator.tenant_id}")
        with session(emulator) as http:
            return http.get(f"{origin}/{path}", timeout=10).json()

    @pytest.mark.parametrize(
        ("version", "issuer", "keys"),
        [("", "/", "/discovery/keys"), ("/v2.0", "/v2.0", "/discovery/v2.0/keys")],
    )
    def test_both_versions(
        self, entra_emulator: Emulator, version: str, issuer: str, keys: str
    ) -> None:
        """Each version names its issuer, and keys that are marked with it."""
        tenant = entra_emulator.tenant_id
        document = self.get(entra_emulator, f"{tenant}{version}/.well-known/openid-configuration")

        assert document["issuer"] == f"{entra_emulator.authority}{issuer}"
        assert document["jwks_uri"] == f"{entra_emulator.authority}{keys}"
        assert str(document["authorization_endpoint"]).startswith("http://localhost:")
        assert str(document["token_endpoint"]).startswith("https://localhost:")
        published = self.get(entra_emulator, f"{tenant}{keys}")["keys"]
        assert isinstance(published, list)
        for key in cast("list[dict[str, object]]", published):
            assert key["issuer"] == document["issuer"]

    def test_domain_for_tenant(self, entra_emulator: Emulator) -> None:
        """Under the tenant's domain the documents name the tenant's id all the same."""
        path = "v2.0/.well-known/openid-configuration"
        by_id = self.get(entra_emulator, f"{entra_emulator.tenant_id}/{path}")

        assert self.get(entra_emulator, f"contoso.example/{path}") == by_id

    def test_shared_tenants(self, entra_emulator: Emulator) -> None:
        """The document of /common has the literal ``{tenantid}`` in its issuer, its keys too."""
        document = self.get(entra_emulator, "common/v2.0/.well-known/openid-configuration")
        issuer = entra_emulator.authority.replace(entra_emulator.tenant_id, "{tenantid}") + "/v2.0"

        assert document["issuer"] == issuer
        assert "/common/" in str(document["token_endpoint"])
        published = self.get(entra_emulator, "common/discovery/v2.0/keys")["keys"]
        assert cast("list[dict[str, object]]", published)[0]["issuer"] == issuer


class TestSteps:
    """Consent, approval, single sign-on."""

    def test_consent_is_asked_once(self, app: App) -> None:
        """A person who consented isn't asked again."""
        first = app.visit("consent")
        app.visit("consent")

        assert first.went_well
        pages = app.emulator.requests.matching("*/login")
        assert len(pages) == 3  # account, consent, account

    @pytest.mark.parametrize("user", ["consent", "mfa"])
    def test_declining(self, app: App, user: str) -> None:
        """Who declines to consent or to approve doesn't sign in."""
        app.visit(user, Mood.DECLINES)

        assert app.told["error"] == "access_denied"

    def test_prompt_consent(self, app: App) -> None:
        """With prompt=consent even a person who consented is asked."""
        app.visit("reader", Mood.DECLINES, prompt="consent")

        assert app.told["error"] == "access_denied"

    def test_prompt_none_and_consent(self, app: App) -> None:
        """With prompt=none a consent that is missing is an error for the app."""
        person = Visitor("reader")
        person.visit(app.address())
        app.listener.answers.clear()
        app.emulator.withdraw_consent("reader")

        person.visit(app.address(prompt="none"))

        assert app.told["error"] == "interaction_required"
        assert app.told["error_description"].startswith("AADSTS65001: ")

    def test_prompt_none_and_approval(self, app: App) -> None:
        """With prompt=none an approval that is missing is an error for the app."""
        person = Visitor("reader")
        person.visit(app.address())
        app.listener.answers.clear()
        reader = app.emulator.person("reader")
        app.emulator.put_person(replace(reader, conditional_access=ConditionalAccess.MFA))

        person.visit(app.address(prompt="none"))

        assert app.told["error"] == "interaction_required"
        assert app.told["error_description"].startswith("AADSTS50076: ")

    def test_single_sign_on(self, app: App) -> None:
        """A browser where one person signed in isn't asked who it is, until told to."""
        person = Visitor("reader")
        person.visit(app.address())
        asked = len(app.emulator.requests.matching("*/login"))

        assert person.visit(app.address()).went_well
        assert person.visit(app.address(prompt="none")).went_well
        assert person.visit(app.address(login_hint="reader@contoso.example")).went_well
        assert len(app.emulator.requests.matching("*/login")) == asked
        for options in ({"prompt": "login"}, {"prompt": "select_account"}, {"login_hint": "admin"}):
            person.visit(app.address(**options))
            asked += 1
            assert len(app.emulator.requests.matching("*/login")) == asked

    def test_two_people_in_one_browser(self, app: App) -> None:
        """Where two people signed in, the browser asks which one, unless the app hints."""
        person = Visitor("reader")
        person.visit(app.address())
        other = Visitor("writer")
        other._cookies = person._cookies  # pyright: ignore[reportPrivateUsage]
        other.visit(app.address(prompt="login"))
        asked = len(app.emulator.requests.matching("*/login"))

        person.visit(app.address(login_hint="writer"))
        assert len(app.emulator.requests.matching("*/login")) == asked
        person.visit(app.address())
        assert len(app.emulator.requests.matching("*/login")) == asked + 1

    def test_revoked_sessions_ask_again(self, app: App) -> None:
        """After a revocation the browser has forgotten the person."""
        person = Visitor("reader")
        person.visit(app.address())
        app.emulator.revoke_sessions("reader")
        app.listener.answers.clear()

        person.visit(app.address(prompt="none"))

        assert app.told["error"] == "login_required"

    def test_log_out(self, app: App) -> None:
        """Logging out forgets the browser, and goes back to an app that may be gone back to."""
        person = Visitor("reader")
        person.visit(app.address())
        leave = f"{app.emulator.pages}/{app.emulator.tenant_id}/oauth2/v2.0/logout"
        app.listener.answers.clear()

        back = urlencode({"post_logout_redirect_uri": app.listener.url, "state": "bye"})
        person.visit(f"{leave}?{back}")
        assert app.told == {"state": "bye"}
        assert person.visit(leave).page == "done"
        assert person.visit(f"{leave}?post_logout_redirect_uri=http://evil.example").page == "done"
        app.listener.answers.clear()
        person.visit(app.address(prompt="none"))
        assert app.told["error"] == "login_required"

    def test_login_hint_comes_first(self, app: App) -> None:
        """The account the app hints at stands first in the picker, with the focus on it."""
        with requests.Session() as browser:
            page = browser.get(app.address(login_hint="admin@contoso.example"), timeout=10).text

        first = page.index('value="admin@contoso.example" autofocus')
        assert first < page.index('value="reader@contoso.example"')

    def test_step_up_is_approved_when_claims_ask(self, app: App) -> None:
        """With the claims of a policy the page asks for an approval."""
        policy = app.emulator.person("stepup").policy_id
        app.visit("stepup", Mood.DECLINES, claims=policy_claims(policy))

        assert app.told["error"] == "access_denied"

    def test_secure_pages_post_to_loopback(self, app: App) -> None:
        """The same pages come over HTTPS, and lead to the app's plain listener all the same."""
        origin = app.emulator.authority.removesuffix(f"/{app.emulator.tenant_id}")
        address = app.address().replace(app.emulator.pages, origin)
        query = urlsplit(address).query
        with session(app.emulator) as browser:
            page = browser.post(
                f"{app.emulator.authority}/login?{query}", data={"account": "reader"}, timeout=10
            )

        assert f'action="{app.listener.url}"' in page.text
        assert app.listener.url in page.headers["Content-Security-Policy"]


class TestDeviceCode:
    """The device code flow, by MSAL and the visitor."""

    def poll_once(self, _flow: object) -> bool:
        """Stop MSAL's polling after the first answer."""
        return True

    def test_sign_in(self, entra_emulator: Emulator) -> None:
        """A person enters the code, signs in, and the app has its tokens."""
        with desktop(entra_emulator) as pc:
            flow = pc.app.initiate_device_flow([entra_emulator.scope])
            outcome = visit(
                str(flow["verification_uri"]), "admin", user_code=str(flow["user_code"])
            )
            result = pc.app.acquire_token_by_device_flow(flow)

        assert (outcome.page, flow["interval"], flow["expires_in"]) == ("done", 5, 900)
        assert str(flow["user_code"]) in str(flow["message"])
        assert "refresh_token" in result

    def test_pending_then_slow_down(self, entra_emulator: Emulator) -> None:
        """Until the person is done the answer is to wait, and to slow down when it is hasty."""
        with desktop(entra_emulator) as pc:
            flow = pc.app.initiate_device_flow([entra_emulator.scope])
            # A copy each time: MSAL notes in it when it polled last.
            errors = [
                pc.app.acquire_token_by_device_flow(dict(flow), exit_condition=self.poll_once)[
                    "error"
                ]
                for _ in range(2)
            ]

        assert errors == ["authorization_pending", "slow_down"]

    def test_declined(self, entra_emulator: Emulator) -> None:
        """Who cancels on the page declines; the code is of no use after that."""
        with desktop(entra_emulator) as pc:
            flow = pc.app.initiate_device_flow([entra_emulator.scope])
            page, code = str(flow["verification_uri"]), str(flow["user_code"])
            first = visit(page, "reader", mood=Mood.CANCELS, user_code=code)
            again = visit(page, "reader", user_code=code)
            result = pc.app.acquire_token_by_device_flow(flow)

        assert (first.page, again.page, again.code) == ("done", "code", 70018)
        assert result["error"] == "authorization_declined"

    def test_expired(self) -> None:
        """A code that was not entered in time is of no use to anybody."""
        now = [1_800_000_000.0]
        options = Options(clock=lambda: now[0])
        with Emulator(options=options) as emulator, desktop(emulator) as pc:
            flow = pc.app.initiate_device_flow([emulator.scope])
            now[0] += 901
            page = visit(str(flow["verification_uri"]), "reader", user_code=str(flow["user_code"]))
            result = pc.app.acquire_token_by_device_flow(flow)

        assert page.code == 70019
        assert (result["error"], error_codes(result)) == ("expired_token", [70020])

    def test_wrong_codes(self, entra_emulator: Emulator) -> None:
        """A code nobody gave out is refused on the page and at the token endpoint."""
        with desktop(entra_emulator) as pc:
            flow = pc.app.initiate_device_flow([entra_emulator.scope])
            page = visit(str(flow["verification_uri"]), "reader", user_code="WRONG")
            result = pc.app.acquire_token_by_device_flow(flow | {"device_code": "x"})

        assert (page.page, page.code) == ("code", 70018)
        assert result["error"] == "bad_verification_code"

    def test_public_client_flows_off(self, entra_emulator: Emulator) -> None:
        """An app without public client flows is treated as confidential: 401, 7000218."""
        directory = entra_emulator.directory
        client = replace(directory.client, public_client_flows=False)
        entra_emulator.directory = replace(directory, client=client)
        with desktop(entra_emulator) as pc:
            result = pc.app.acquire_token_by_device_flow(
                pc.app.initiate_device_flow([entra_emulator.scope])
            )
            assert "access_token" in pc.sign_in("reader")

        assert (result["error"], error_codes(result)) == ("invalid_client", [7000218])
        assert entra_emulator.requests.matching("*/token")[0].status == 401

    def test_blocked_by_policy(self, entra_emulator: Emulator) -> None:
        """A policy may block the device code flow alone; the app goes on waiting."""
        with desktop(entra_emulator) as pc:
            flow = pc.app.initiate_device_flow([entra_emulator.scope])
            page = visit(
                str(flow["verification_uri"]), "nodevicecode", user_code=str(flow["user_code"])
            )
            result = pc.app.acquire_token_by_device_flow(flow, exit_condition=self.poll_once)
            assert "access_token" in pc.sign_in("nodevicecode")

        assert (page.page, page.code) == ("error", 53003)
        assert result["error"] == "authorization_pending"

    def test_code_in_the_address(self, entra_emulator: Emulator) -> None:
        """A code in the address stands in the field, escaped."""
        with requests.Session() as browser:
            page = browser.get(f'{entra_emulator.pages}/devicelogin?otc="AB', timeout=10).text

        assert 'value="&quot;AB"' in page

    def test_wrong_scope(self, entra_emulator: Emulator) -> None:
        """A scope that means nothing is refused before a code is given out."""
        with desktop(entra_emulator) as pc:
            flow = pc.app.initiate_device_flow(["api://nobody/x"])

        assert error_codes(flow) == [500011]
