"""Real, unmodified MSAL against the emulator: what works in the cloud works here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import jwt
import pytest
from requests.adapters import HTTPAdapter

from mcp_local.emulator import ConditionalAccess, Emulator, Options, default_directory
from mcp_local.emulator.visitor import visit
from tests.support.msal_client import Desktop, desktop, error_codes, msal_app, session

if TYPE_CHECKING:
    from collections.abc import Generator

    import requests

    from mcp_local.testing import SignsInAs

INTERACTIVE = """
import os, msal
app = msal.PublicClientApplication(
    os.environ["MCP_LOCAL_CLIENT_ID"],
    authority=os.environ["MCP_LOCAL_AUTHORITY"],
    instance_discovery=False,
    verify=os.environ["MCP_LOCAL_CA_FILE"],
)
result = app.acquire_token_interactive([os.environ["MCP_LOCAL_API"] + "/.default"], timeout=30)
print(result["id_token_claims"]["preferred_username"])
"""


@pytest.fixture
def pc(entra_emulator: Emulator) -> Generator[Desktop]:
    """An app at the emulator with its default directory."""
    with desktop(entra_emulator) as made:
        yield made


def claims_of(token: object) -> dict[str, object]:
    """Read a token's claims unverified."""
    return jwt.decode(str(token), options={"verify_signature": False})


def post_token(emulator: Emulator, **fields: str) -> dict[str, object]:
    """Post to the token endpoint by hand."""
    form = {"client_id": emulator.client_id} | fields
    address = f"{emulator.authority}/oauth2/v2.0/token"
    with session(emulator) as http:
        return http.post(address, data=form, timeout=10).json()


class TestSignIn:
    """Interactive sign-in."""

    def test_interactive_by_visitor(self, entra_as: SignsInAs) -> None:
        """MSAL's own interactive sign-in opens BROWSER, and the visitor signs the person in."""
        environment = entra_as("writer")
        # With these set, requests would not look at verify= (ENTRA.md, trap 2).
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            environment.pop(name, None)

        done = subprocess.run(
            [sys.executable, "-c", INTERACTIVE],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert (done.stdout, done.returncode) == ("writer@contoso.example\n", 0), done.stderr

    def test_account_and_scope(self, pc: Desktop) -> None:
        """A sign-in gives an account of tenant and object id, and the scope in full form."""
        result = pc.sign_in("reader")

        person = pc.emulator.person("reader")
        account = pc.app.get_accounts()[0]
        assert account["home_account_id"] == f"{person.object_id}.{pc.emulator.tenant_id}"
        assert account["username"] == "reader@contoso.example"
        assert result["scope"] == pc.emulator.scope

    def test_nonce_is_echoed(self, pc: Desktop) -> None:
        """The id token carries the nonce as it came, so that MSAL accepts it."""
        result = pc.sign_in("reader")

        assert claims_of(result["id_token"])["nonce"]
        assert pc.outcome
        assert pc.outcome.went_well

    def test_code_works_once(self, pc: Desktop) -> None:
        """A code that was redeemed is refused with 54005."""
        pc.sign_in("reader")

        again = post_token(
            pc.emulator,
            grant_type="authorization_code",
            code=pc.listener.answers[-1]["code"],
            redirect_uri=pc.listener.url,
            code_verifier="x" * 43,
        )

        assert error_codes(again) == [54005]


class TestSilent:
    """Tokens without the person."""

    def test_cache_needs_no_request(self, pc: Desktop) -> None:
        """A cached token is found again by its scope, without a request."""
        pc.sign_in("reader")
        before = len(pc.emulator.requests)

        assert pc.silent()["token_source"] == "cache"
        assert len(pc.emulator.requests) == before

    @pytest.mark.parametrize("form", ["guid", "uri"])
    def test_default_scope_is_cached(self, pc: Desktop, form: str) -> None:
        """``.default`` is echoed, so that it is found in the cache too (ENTRA.md, trap 9)."""
        api = pc.emulator.directory.api
        scopes = [f"{api.api_id if form == 'guid' else api.identifier_uri}/.default"]
        result = pc.sign_in("reader", scopes)

        assert str(result["scope"]).split()[-1] == scopes[0]
        assert pc.silent(scopes)["token_source"] == "cache"

    def test_renewal_shows_new_roles(self, pc: Desktop) -> None:
        """A role granted a moment ago stands in the next token."""
        pc.sign_in("reader")
        pc.emulator.assign("reader", "Task.Read", "Admin")

        assert claims_of(pc.renew()["access_token"])["roles"] == ["Task.Read", "Admin"]

    def test_refresh_token_is_multi_resource(self, pc: Desktop) -> None:
        """One sign-in is enough for a token of another API, which carries no roles of the first."""
        pc.sign_in("reader")
        reports = pc.emulator.directory.apis[1]

        claims = claims_of(pc.silent([f"{reports.api_id}/Reports.Read"])["access_token"])

        assert (claims["aud"], claims["scp"]) == (reports.api_id, "Reports.Read")
        assert "roles" not in claims

    def test_two_resources_are_refused(self, pc: Desktop) -> None:
        """A token request for two resources is refused."""
        pc.sign_in("reader")

        result = pc.silent([pc.emulator.scope, "User.Read"])

        assert error_codes(result) == [700022]

    def test_short_lifetime(self) -> None:
        """A token of 2 s says so, and MSAL renews it at every call."""
        with Emulator(options=Options(lifetime=2)) as emulator, desktop(emulator) as pc:
            result = pc.sign_in("reader")
            claims = claims_of(result["access_token"])

            assert result["expires_in"] == 2
            assert claims["exp"] == int(str(claims["iat"])) + 302
            assert pc.silent()["token_source"] == "identity_provider"

    def test_refresh_in(self) -> None:
        """A token that is to be renewed early is renewed though it still holds."""
        with Emulator(options=Options(refresh_in=0)) as emulator, desktop(emulator) as pc:
            pc.sign_in("reader")

            assert pc.silent()["token_source"] == "identity_provider"

    def test_a_signature_verifies_by_jwks(self, pc: Desktop) -> None:
        """A token verifies with the published key of its kid, before and after a roll-over."""
        first = pc.sign_in("reader")["access_token"]
        pc.emulator.rotate_keys()
        second = pc.renew()["access_token"]

        with session(pc.emulator) as http:
            metadata = http.get(
                f"{pc.emulator.authority}/v2.0/.well-known/openid-configuration", timeout=10
            ).json()
            keys = jwt.PyJWKSet.from_dict(http.get(metadata["jwks_uri"], timeout=10).json())
        kids = [jwt.get_unverified_header(str(token))["kid"] for token in (first, second)]
        assert len(set(kids)) == 2
        for token, kid in zip((first, second), kids, strict=True):
            jwt.decode(
                str(token),
                keys[kid].key,
                algorithms=["RS256"],
                audience=pc.emulator.api_id,
                issuer=metadata["issuer"],
            )


class TestRotation:
    """Refresh tokens."""

    def refresh(self, emulator: Emulator, token: object) -> dict[str, object]:
        """Use a refresh token by hand."""
        return post_token(
            emulator,
            grant_type="refresh_token",
            refresh_token=str(token),
            scope=f"{emulator.scope} openid offline_access",
        )

    def test_old_tokens_live_on(self, pc: Desktop) -> None:
        """As in the cloud, a refresh token still works after it was replaced."""
        token = pc.sign_in("reader")["refresh_token"]
        replaced = self.refresh(pc.emulator, token)["refresh_token"]

        assert replaced != token
        assert "access_token" in self.refresh(pc.emulator, token)

    def test_strict_rotation(self) -> None:
        """Where rotation is strict, a refresh token works once, and MSAL keeps up with it."""
        strict = Options(strict_rotation=True)
        with Emulator(options=strict) as emulator, desktop(emulator) as pc:
            token = pc.sign_in("reader")["refresh_token"]
            assert "access_token" in pc.renew()
            assert "access_token" in pc.renew()

            assert error_codes(self.refresh(emulator, token)) == [70000]

    def test_a_refresh_token_expires_by_inactivity(self) -> None:
        """After 90 days without use a refresh token has expired."""
        now = [1_800_000_000.0]
        with Emulator(options=Options(clock=lambda: now[0])) as emulator:
            with desktop(emulator) as pc:
                token = pc.sign_in("reader")["refresh_token"]
            now[0] += 91 * 86400

            assert error_codes(self.refresh(emulator, token)) == [700082]

    def test_a_code_expires(self) -> None:
        """A code that waited for more than ten minutes is refused with 70008."""
        now = [1_800_000_000.0]
        with Emulator(options=Options(clock=lambda: now[0])) as emulator:
            with desktop(emulator) as pc:
                flow = pc.app.initiate_auth_code_flow(
                    [emulator.scope], redirect_uri=pc.listener.url, response_mode="form_post"
                )
                visit(str(flow["auth_uri"]), "reader")
                now[0] += 601
                result = pc.app.acquire_token_by_auth_code_flow(flow, pc.listener.answers[-1])

            assert error_codes(result) == [70008]


class TestTokenVersions:
    """v1.0 and v2.0."""

    def test_the_api_decides(self) -> None:
        """An API of version 1 gets v1.0 tokens, with the audience as it was asked for."""
        directory = default_directory(token_version=1)
        with Emulator(directory) as emulator, desktop(emulator) as pc:
            api = emulator.directory.api
            token = pc.sign_in("guest", [f"{api.identifier_uri}/access_as_user"])["access_token"]
            claims, header = claims_of(token), jwt.get_unverified_header(str(token))

        assert (claims["ver"], claims["aud"]) == ("1.0", api.identifier_uri)
        assert claims["iss"] == f"{emulator.authority}/"
        assert header["x5t"] == header["kid"]

    def test_graph_tokens_verify_for_nobody(self, pc: Desktop) -> None:
        """A Microsoft Graph token has a nonce in its header and no signature to check (J9)."""
        token = str(pc.sign_in("reader", ["User.Read"])["access_token"])

        kid = jwt.get_unverified_header(token)["kid"]
        with session(pc.emulator) as http:
            document = http.get(f"{pc.emulator.authority}/discovery/v2.0/keys", timeout=10).json()
        key = jwt.PyJWKSet.from_dict(document)[kid].key
        assert jwt.get_unverified_header(token)["nonce"]
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})

    def test_capabilities_are_echoed(self, entra_emulator: Emulator) -> None:
        """What the client says it can do stands in ``xms_cc``."""
        with desktop(entra_emulator, client_capabilities=["cp1"]) as pc:
            assert claims_of(pc.sign_in("reader")["access_token"])["xms_cc"] == ["cp1"]


class TestRefusals:
    """The errors of the token endpoint, as MSAL hands them on."""

    def test_revoked_sessions(self, pc: Desktop) -> None:
        """After a changed password the refresh token is refused, and a sign-in heals it."""
        pc.sign_in("reader")
        pc.emulator.revoke_sessions("reader")

        result = pc.renew()
        assert (result["error"], error_codes(result)) == ("invalid_grant", [50173])
        assert "access_token" in pc.sign_in("reader")

    def test_consent_withdrawn(self, pc: Desktop) -> None:
        """Without consent a renewal says so by its suberror; consenting on the page heals it."""
        pc.sign_in("reader")
        pc.emulator.withdraw_consent("reader")

        result = pc.renew()
        assert (result["error"], error_codes(result)) == ("invalid_grant", [65001])
        assert (result["suberror"], result["classification"]) == (
            "consent_required",
            "consent_required",
        )
        assert "access_token" in pc.sign_in("reader")

    def test_disabled_in_the_meantime(self, pc: Desktop) -> None:
        """A person who was disabled gets no new token."""
        pc.sign_in("reader")
        pc.emulator.put_person(replace(pc.emulator.person("reader"), enabled=False))

        assert error_codes(pc.renew()) == [50057]

    def test_gone_in_the_meantime(self, pc: Desktop) -> None:
        """A person who was deleted gets no new token."""
        pc.sign_in("reader")
        everybody = pc.emulator.directory.people
        pc.emulator.directory = replace(pc.emulator.directory, people=everybody[1:])

        assert error_codes(pc.renew()) == [50034]

    def test_unassigned_in_the_meantime(self, pc: Desktop) -> None:
        """A person whose assignment was taken away gets no new token."""
        pc.sign_in("norole")
        pc.emulator.put_person(replace(pc.emulator.person("norole"), assigned=False))

        assert error_codes(pc.renew()) == [50105]

    @pytest.mark.parametrize(
        ("access", "error", "code", "suberror"),
        [
            (ConditionalAccess.MFA, "invalid_grant", 50076, "basic_action"),
            (ConditionalAccess.CLAIMS, "interaction_required", 50076, "basic_action"),
            (ConditionalAccess.DEVICE, "invalid_grant", 53000, "additional_action"),
            (ConditionalAccess.BLOCK, "invalid_grant", 53003, "message_only"),
        ],
    )
    def test_conditional_access(
        self, pc: Desktop, access: ConditionalAccess, error: str, code: int, suberror: str
    ) -> None:
        """A new policy stops renewals, with the claims to be sent."""
        pc.sign_in("reader")
        person = replace(pc.emulator.person("reader"), conditional_access=access)
        pc.emulator.put_person(person)

        result = pc.renew()

        assert (result["error"], error_codes(result), result["suberror"]) == (
            error,
            [code],
            suberror,
        )
        claims = json.loads(str(result["claims"]))
        assert claims["access_token"]["capolids"]["values"] == [person.policy_id]

    def test_claims_heal(self, pc: Desktop) -> None:
        """A step-up is refused again and again, until the claims are sent with the sign-in."""
        first = pc.sign_in("stepup")
        second = pc.sign_in("stepup")
        healed = pc.sign_in("stepup", claims_challenge=first["claims"])

        assert error_codes(first) == error_codes(second) == [50076]
        assert "access_token" in healed
        assert "access_token" in pc.renew()

    def test_mfa_is_met_on_the_page(self, pc: Desktop) -> None:
        """A person under MFA approves in the browser, and renewals go on without it."""
        assert "access_token" in pc.sign_in("mfa")
        assert "access_token" in pc.renew()

    def test_wrong_client(self, entra_emulator: Emulator) -> None:
        """An unknown client id is told so at the token endpoint."""
        stranger = "00000000-0000-4000-8000-000000000000"

        result = post_token(entra_emulator, client_id=stranger, grant_type="refresh_token")

        assert (result["error"], error_codes(result)) == ("unauthorized_client", [700016])

    def test_wrong_tenant(self, entra_emulator: Emulator) -> None:
        """An unknown tenant has no metadata: MSAL can't be made, and the body says why."""
        tenant = "00000000-0000-4000-8000-000000000000"
        address = entra_emulator.authority.replace(entra_emulator.tenant_id, tenant)

        with pytest.raises(ValueError, match="authority configuration"):
            msal_app(entra_emulator, authority=address)
        with session(entra_emulator) as http:
            answer = http.get(f"{address}/v2.0/.well-known/openid-configuration", timeout=10)
        body = answer.json()
        assert (answer.status_code, body["error"]) == (400, "invalid_tenant")
        assert error_codes(body) == [90002]

    def test_one_app_for_both(self) -> None:
        """An app that is its own API signs in by URI, but renews by GUID only (90009)."""
        directory = default_directory(one_app=True)
        with Emulator(directory) as emulator, desktop(emulator) as pc:
            by_uri = [f"api://{emulator.client_id}/access_as_user"]
            assert "access_token" in pc.sign_in("reader", by_uri)

            result = pc.silent(by_uri, force_refresh=True)
            assert (result["error"], error_codes(result)) == ("invalid_request", [90009])
            assert "access_token" in pc.renew()

    @pytest.mark.parametrize(
        ("fields", "error", "code"),
        [
            ({}, "invalid_request", 900144),
            ({"grant_type": "password"}, "unsupported_grant_type", 70003),
            ({"grant_type": "refresh_token"}, "invalid_request", 900144),
            ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", 70000),
            ({"grant_type": "refresh_token", "client_secret": "s"}, "invalid_client", 700025),
            ({"grant_type": "refresh_token", "client_id": ""}, "invalid_request", 900144),
            (
                {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x"},
                "invalid_grant",
                70000,
            ),
        ],
    )
    def test_odd_requests(
        self, entra_emulator: Emulator, fields: dict[str, str], error: str, code: int
    ) -> None:
        """Each odd request is told what is odd about it."""
        result = post_token(entra_emulator, **fields)

        assert (result["error"], error_codes(result)) == (error, [code])

    @pytest.mark.parametrize(
        ("scope", "error", "code"),
        [
            ("unknown.scope", "invalid_scope", 70011),
            ("{api}/unknown", "invalid_scope", 70011),
            ("{api}/.default {api}/access_as_user", "invalid_scope", 70011),
            ("api://nobody/access_as_user", "invalid_resource", 500011),
        ],
    )
    def test_odd_scopes(self, pc: Desktop, scope: str, error: str, code: int) -> None:
        """A scope that means nothing is refused when it is used for a renewal."""
        token = str(pc.sign_in("reader")["refresh_token"])
        scope = scope.replace("{api}", pc.emulator.api_id)

        result = post_token(
            pc.emulator, grant_type="refresh_token", refresh_token=token, scope=scope
        )

        assert (result["error"], error_codes(result)) == (error, [code])

    def test_disabled_app(self, pc: Desktop) -> None:
        """A disabled app gets no token."""
        pc.sign_in("reader")
        client = replace(pc.emulator.directory.client, enabled=False)
        pc.emulator.directory = replace(pc.emulator.directory, client=client)

        assert error_codes(pc.renew()) == [7000112]

    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [("code_verifier", "y" * 43, 501481), ("redirect_uri", "http://localhost:1", 500112)],
    )
    def test_codes_are_bound(self, pc: Desktop, field: str, value: str, code: int) -> None:
        """A code is bound to the verifier (PKCE) and to the redirect URI."""
        flow = pc.app.initiate_auth_code_flow(
            [pc.emulator.scope], redirect_uri=pc.listener.url, response_mode="form_post"
        )
        flow[field] = value
        visit(str(flow["auth_uri"]), "reader")

        result = pc.app.acquire_token_by_auth_code_flow(flow, pc.listener.answers[-1])

        assert error_codes(result) == [code]

    def test_malformed_requests(self, entra_emulator: Emulator) -> None:
        """What is no form, no UTF-8, too long, or has broken claims is malformed (9002313)."""
        address = f"{entra_emulator.authority}/oauth2/v2.0/token"
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        with session(entra_emulator) as http:
            for body, headers in (
                (b"{}", {"Content-Type": "application/json"}),
                (b"grant_type=%ff", form),
                (b"a=" + b"x" * 70_000, form),
            ):
                answer = http.post(address, data=body, headers=headers, timeout=10)
                assert error_codes(answer.json()) == [9002313]


class TestRealHost:
    """MSAL with the cloud's own host name, rerouted to the emulator."""

    def test_instance_discovery(self, entra_emulator: Emulator) -> None:
        """With instance discovery on, MSAL finds the tenant and signs the person in."""
        origin = entra_emulator.authority.removesuffix(f"/{entra_emulator.tenant_id}")

        class Reroute(HTTPAdapter):
            def send(
                self, request: requests.PreparedRequest, *args: object, **options: object
            ) -> requests.Response:
                request.url = str(request.url).replace("https://login.microsoftonline.com", origin)
                return super().send(request, *args, **options)  # pyright: ignore[reportArgumentType]

        http = session(entra_emulator)
        http.mount("https://", Reroute())
        cloud = f"https://login.microsoftonline.com/{entra_emulator.tenant_id}"

        with desktop(
            entra_emulator, authority=cloud, http_client=http, instance_discovery=True
        ) as pc:
            assert pc.app.get_accounts() == []
            pc.sign_in("reader")
            assert pc.silent()["token_source"] == "cache"
        assert entra_emulator.requests.matching("/common/discovery/instance")

    def test_unknown_instance(self, entra_emulator: Emulator) -> None:
        """A host that nobody knows is told so."""
        origin = entra_emulator.authority.removesuffix(f"/{entra_emulator.tenant_id}")
        with session(entra_emulator) as http:
            answer = http.get(
                f"{origin}/common/discovery/instance",
                params={"authorization_endpoint": "https://evil.example/common/oauth2/authorize"},
                timeout=10,
            )

        assert answer.json()["error"] == "invalid_instance"
        assert error_codes(answer.json()) == [50049]
