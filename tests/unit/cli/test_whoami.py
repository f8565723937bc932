"""What is said of the person."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_local.broker.state import Phase, Status, Storage
from mcp_local.cli.whoami import Report, TokenSource, describe, document, iso_time, people_time
from mcp_local.errors import PolicyError, SignInNeeded
from mcp_local.policy.in_force import PolicyInForce
from mcp_local.settings import Settings

SETTINGS = Settings(home=Path("/home"), config_file=Path("/home/config.toml"))
STATUS = Status(
    Phase.SIGNED_IN,
    signed_in=True,
    name="Rita Reader",
    username="reader@contoso.example",
    object_id="oid",
    tenant_id="tid",
    roles=("b", "a"),
    scopes=("access_as_user",),
    expires_at=1_800_000_000.0,
    usable_until=1_800_000_060.0,
    storage=Storage("keyring", encrypted=True, detail="In the Secret Service."),
)
REPORT = Report(STATUS, TokenSource.CACHE, SETTINGS, PolicyInForce(None))


def test_the_document_has_its_shape() -> None:
    """Nine members, always; stable."""
    assert document(REPORT) == {
        "signed_in": True,
        "account": {
            "name": "Rita Reader",
            "username": "reader@contoso.example",
            "object_id": "oid",
            "tenant_id": "tid",
        },
        "roles": ["a", "b"],
        "scopes": ["access_as_user"],
        "expires_at": "2027-01-15T08:00:00Z",
        "source": "cache",
        "storage": {"kind": "keyring", "encrypted": True, "detail": "In the Secret Service."},
        "offline": {"usable": True, "until": "2027-01-15T08:01:00Z"},
        "phase": "signed_in",
        "state": "signed in until 2027-01-15T08:00:00Z",
    }


def test_what_is_not_in_earnest_is_marked() -> None:
    """A development authority, unverified roles and a broken policy stand in both forms."""
    status = replace(STATUS, development=True, unverified=True)
    policy = PolicyInForce(None, "p.yaml", PolicyError("line 3 is wrong"))
    settings = replace(SETTINGS, authority="https://localhost:1/t", development=True)
    report = replace(REPORT, status=status, policy=policy, settings=settings)
    shape, text = document(report), describe(report)
    assert shape["development"] is True
    assert shape["unverified"] is True
    assert shape["policy_problem"] == "line 3 is wrong"
    assert "(development authority)" in text
    assert "(unverified)" in text
    assert "nothing is served by it: line 3 is wrong" in text


def test_a_policy_that_only_observes_is_marked() -> None:
    """It lets through what no rule speaks of: nobody may take it for enforced."""
    report = replace(REPORT, policy=PolicyInForce(None, "p.yaml", observing=True))
    assert document(report)["policy_mode"] == "observe"
    assert "mode      observe" in describe(report)


def test_nobody_has_a_document_too() -> None:
    """The same members, empty."""
    nobody = Report(
        Status(Phase.SIGNED_OUT, signed_in=False),
        TokenSource.CACHE,
        SETTINGS,
        PolicyInForce(None),
        SignInNeeded("The token has expired."),
    )
    assert document(nobody).keys() == document(REPORT).keys()
    assert document(nobody)["expires_at"] is None
    assert describe(nobody).startswith("The token has expired.")


@pytest.mark.parametrize(
    ("roles", "shown"),
    [(("a", "b"), "a, b"), ((), "none: ask who administers the API's roles for one")],
)
def test_roles_are_told_or_how_to_get_one(roles: tuple[str, ...], shown: str) -> None:
    """Somebody without roles is told who can help."""
    assert shown in describe(replace(REPORT, status=replace(STATUS, roles=roles)))


def test_people_see_where_things_are() -> None:
    """Storage, source, policy: each in a line of its own."""
    report = replace(REPORT, source=TokenSource.NETWORK, policy=PolicyInForce(None, "p.yaml"))
    text = describe(report)
    assert "Signed in as Rita Reader (reader@contoso.example)" in text
    assert "keyring, encrypted: In the Secret Service." in text
    assert "from the authority, just now" in text
    assert "policy    p.yaml" in text


@pytest.mark.parametrize(
    ("away", "shown"),
    [
        (30.5, "(in 30 s)"),
        (600.5, "(in 10 min)"),
        (3 * 3600 + 1, "(in 3 h)"),
        (3 * 86400 + 1, "(in 3 d)"),
        (-599.5, "(10 min ago)"),
    ],
)
def test_times_are_told_with_their_distance(away: float, shown: str) -> None:
    """A clock time alone says little."""
    assert people_time(time.time() + away).endswith(shown)


def test_no_time_is_null() -> None:
    """Zero means that there is none."""
    assert iso_time(0) is None
