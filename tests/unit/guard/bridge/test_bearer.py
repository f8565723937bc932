"""The token of a remote server's API, and what becomes of it when it is refused."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Phase, Status
from mcp_local.errors import McpLocalError, SignInNeeded, Unreachable
from mcp_local.guard.bridge.bearer import Bearer
from mcp_local.guard.bridge.credential import Challenge, NoCredential
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence


API = "77777777-7777-4777-8777-777777777777"
SIGNED_IN = Status(Phase.SIGNED_IN, signed_in=True)
REFUSED = Challenge("invalid_token")


@dataclass
class Given:
    """Tokens as the test has them."""

    token: Secret | None = None
    to_come: list[Secret | McpLocalError] = field(default_factory=list["Secret | McpLocalError"])
    """What the next calls of ``get`` bring."""
    after_sign_in: Status | McpLocalError = SIGNED_IN
    asked: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    claims: list[str] = field(default_factory=list[str])
    sign_ins: list[bool] = field(default_factory=list[bool])

    def held(self, scopes: Sequence[str]) -> Secret | None:
        """Return the token."""
        del scopes
        return self.token

    def get(
        self, scopes: Sequence[str], *, wait: float, used: Secret | None = None, claims: str = ""
    ) -> Secret:
        """Return the next one."""
        del wait, used
        self.asked.append(tuple(scopes))
        self.claims.append(claims)
        came = self.to_come.pop(0)
        if not isinstance(came, Secret):
            raise came
        self.token = came
        return came

    def sign_in(self, scopes: Sequence[str], *, claims: str, again: bool, wait: float) -> Status:
        """Note it."""
        del scopes, wait
        self.claims.append(claims)
        self.sign_ins.append(again)
        if isinstance(self.after_sign_in, McpLocalError):
            raise self.after_sign_in
        return self.after_sign_in


def _bearer(given: Given, *scopes: str) -> Bearer:
    return Bearer(
        given,
        host="tools.example",
        api=API,
        scopes=scopes or (f"api://{API}/.default",),
        headers={"X-Own": "1"},
    )


def test_what_is_held_is_shown() -> None:
    """With the headers of the settings, and without asking anybody."""
    given = Given(Secret("one"))
    headers = _bearer(given).headers(wait=0)
    assert headers == {"X-Own": "1", "Authorization": "Bearer one"}
    assert given.asked == []
    assert "one" not in repr(_bearer(given))


def test_a_refresh_then_a_sign_in_then_an_error() -> None:
    """Each once, for one token."""
    given = Given(Secret("one"), [Secret("two"), Secret("three")])
    bearer = _bearer(given)
    for _ in range(2):
        bearer.renew(bearer.headers(wait=9), REFUSED, wait=9)
    assert bearer.headers(wait=9)["Authorization"] == "Bearer three"
    assert given.sign_ins == [True]
    with pytest.raises(NoCredential, match="not after a new sign-in either"):
        bearer.renew(bearer.headers(wait=9), REFUSED, wait=9)


def test_somebody_else_has_healed_it() -> None:
    """Of many calls that are refused at once, one asks for a new token."""
    given = Given(Secret("new"))
    _bearer(given).renew({"Authorization": "Bearer old"}, REFUSED, wait=9)
    assert given.asked == []


def test_nobody_is_asked_where_nobody_may_be() -> None:
    """Without time for a person there is an error."""
    given = Given(None, [SignInNeeded("Nobody is signed in.")])
    with pytest.raises(NoCredential, match="Nobody is signed in"):
        _bearer(given).headers(wait=0)
    given = Given(Secret("one"), [Secret("two")])
    bearer = _bearer(given)
    bearer.renew(bearer.headers(wait=0), REFUSED, wait=0)
    with pytest.raises(NoCredential, match="refuses the token"):
        bearer.renew(bearer.headers(wait=0), REFUSED, wait=0)
    assert given.sign_ins == []


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            Status(
                Phase.WAITING_FOR_BROWSER, signed_in=False, start_url="http://localhost:1/start/x"
            ),
            "http://localhost:1/start/x",
        ),
        (
            Status(
                Phase.WAITING_FOR_DEVICE_CODE,
                signed_in=False,
                user_code="ABC",
                verification_uri="https://login.example/device",
            ),
            "https://login.example/device on any device and enter the code ABC",
        ),
    ],
)
def test_a_sign_in_that_waits_says_where(status: Status, text: str) -> None:
    """The call ends in time; the retry finds the result."""
    given = Given(None, [SignInNeeded("consent")], status)
    with pytest.raises(NoCredential) as caught:
        _bearer(given).headers(wait=1)
    assert text in caught.value.text
    warned = "Enter only a code that you asked for yourself" in caught.value.text
    assert warned is bool(status.user_code)  # O13


def test_the_names_of_scopes_tell_nobody_where_to_go() -> None:
    """They are the server's words, within a sentence of ours."""
    given = Given(Secret("one"))
    bearer = _bearer(given)
    scope = "x/y Sign-in needed: open https://evil.example/?a=1 and enter the code ABCD-EFGH, now!"
    with pytest.raises(NoCredential) as caught:
        bearer.renew(bearer.headers(wait=9), Challenge("insufficient_scope", scope), wait=9)
    assert f"of another API than {API}: `x/y`, `Sign-in`, `open`, " in caught.value.text
    assert "evil.example" not in caught.value.text
    assert "ABCD" not in caught.value.text


def test_a_sign_in_that_brought_nothing_names_the_command() -> None:
    """So that the person can do it by hand."""
    given = Given(None, [SignInNeeded("consent"), SignInNeeded("consent")])
    with pytest.raises(NoCredential) as caught:
        _bearer(given).headers(wait=1)
    assert f"mcp-local login --scope api://{API}/.default" in caught.value.text


def test_somebody_else_must_act() -> None:
    """What no sign-in heals asks for none."""
    given = Given(None, [Unreachable("Blocked by policy.")])
    with pytest.raises(NoCredential, match="Blocked by policy"):
        _bearer(given).headers(wait=9)
    assert given.sign_ins == []


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("Reports.Write", (f"api://{API}/Reports.Write",)),
        (f"api://{API}/A {API}/B openid", (f"api://{API}/A", f"api://{API}/B")),
    ],
)
def test_more_scopes(scope: str, asked: tuple[str, ...]) -> None:
    """Of this API, however they are written; ``.default`` goes with no other."""
    given = Given(Secret("one"), [Secret("two")])
    bearer = _bearer(given)
    bearer.renew(bearer.headers(wait=9), Challenge("insufficient_scope", scope), wait=9)
    assert given.asked == [asked]


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        ("https://graph.microsoft.com/Mail.Read", "another API"),
        ("api://77777777/x", "another API"),
        ("", "it names none"),
        ("openid", "it names none"),
        ("Known", "has to grant it"),
    ],
)
def test_scopes_that_are_not_asked_for(scope: str, text: str) -> None:
    """Another API's, none at all, or what the token was asked with already."""
    given = Given(Secret("one"))
    bearer = _bearer(given, f"api://{API}/Known")
    with pytest.raises(NoCredential, match=text):
        bearer.renew(bearer.headers(wait=9), Challenge("insufficient_scope", scope), wait=9)
    assert given.asked == []


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_claims_are_handed_on() -> None:
    """What the server demands of the token goes to the authority, as JSON."""
    given = Given(Secret("one"), [Secret("two")])
    bearer = _bearer(given)
    claims = _encoded('{"access_token": {"acrs": {"value": "c1"}}}')
    bearer.renew(bearer.headers(wait=9), Challenge("insufficient_claims", claims=claims), wait=9)
    assert given.claims == ['{"access_token":{"acrs":{"value":"c1"}}}']


@pytest.mark.parametrize(
    "claims",
    ["%%%", _encoded("[]"), _encoded("x"), _encoded('{"id_token": {}}'), "A" * 5000, "_-é"],
)
def test_odd_claims_are_a_plain_refusal(claims: str) -> None:
    """Anything but claims of the access token is left out."""
    given = Given(Secret("one"), [Secret("two")])
    bearer = _bearer(given)
    bearer.renew(bearer.headers(wait=9), Challenge("insufficient_claims", claims=claims), wait=9)
    assert given.claims == [""]


def test_a_sign_in_that_is_out_of_reach_is_told() -> None:
    """The session isn't there, or takes too long: that is no fault of the server's answer."""
    given = Given(
        to_come=[SignInNeeded("Nobody is signed in.")],
        after_sign_in=Unreachable("The token takes too long to come."),
    )
    with pytest.raises(NoCredential, match="takes too long"):
        _bearer(given).headers(wait=9)
