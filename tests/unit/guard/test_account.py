"""What the account tools say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_local.broker.state import Phase, Problem, Status, Storage
from mcp_local.guard import account
from mcp_local.policy.model import Component, Decision, Effect, Kind
from tests.support.people import person, status_of


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status(Phase.SIGNED_OUT, signed_in=False), ["mcp_local_sign_in", "mcp-local login"]),
        (
            Status(
                Phase.SIGNED_OUT,
                signed_in=False,
                problem=Problem("clock_off", "The clock is off.\x1b[1m", "Set the clock."),
            ),
            ["The clock is off.", "Set the clock.", "mcp_local_sign_in"],
        ),
        (Status(Phase.INTERRUPTED, signed_in=False), ["mcp_local_sign_in"]),
        (Status(Phase.WAITING_FOR_BROWSER, signed_in=False), ["mcp_local_sign_in"]),
        (
            Status(Phase.WAITING_FOR_BROWSER, signed_in=False, start_url="http://127.0.0.1:1/s"),
            ["http://127.0.0.1:1/s", "browser", "try again"],
        ),
        (
            Status(
                Phase.WAITING_FOR_DEVICE_CODE,
                signed_in=False,
                user_code="ABCD-EFGH",
                verification_uri="https://microsoft.com/devicelogin",
            ),
            ["ABCD-EFGH", "https://microsoft.com/devicelogin"],
        ),
        (
            Status(
                Phase.BLOCKED,
                signed_in=False,
                problem=Problem("AADSTS53003", "Blocked.\x1b[1m", "Ask the administrator."),
            ),
            ["Blocked.", "Ask the administrator."],
        ),
        (Status(Phase.BLOCKED, signed_in=False), ["mcp-local login"]),
    ],
)
def test_the_sign_in_answer_names_the_next_step(status: Status, words: list[str]) -> None:
    """What to do, with the address or the code of a sign-in that waits."""
    text = account.sign_in_needed(status)
    assert all(word in text for word in ("Sign-in needed", *words))
    assert "\x1b" not in text


def test_whoami_says_who_in_words_and_as_data() -> None:
    """Name, roles and expiry; a person without names has at least an id."""
    status = status_of(person("ada", "Task.Write", "Task.Read", name="Ada\x1b[1m"))
    text = account.who(status)
    assert "Signed in as Ada[1m (ada@example.com)." in text
    assert "Roles: Task.Read, Task.Write." in text
    data = account.whoami(status)
    assert data["signed_in"] is True
    assert data["roles"] == ["Task.Read", "Task.Write"]
    assert str(data["expires_at"]).endswith("Z")
    bare = Status(Phase.SIGNED_IN, signed_in=True, object_id="some-id")
    assert "Signed in as some-id." in account.who(bare)
    assert "Roles: none." in account.who(bare)
    assert account.whoami(bare)["expires_at"] is None
    nameless = Status(Phase.SIGNED_IN, signed_in=True, username="ada@example.com")
    assert account.who(nameless).startswith("Signed in as ada@example.com.\n")


def test_a_weaker_place_for_the_sign_in_is_told() -> None:
    """Where it is kept as it should be nothing is said (C12, C13)."""
    signed_in = Status(Phase.SIGNED_IN, signed_in=True, object_id="some-id")
    for kind, told in (("memory", True), ("keyring", False)):
        storage = Storage(kind, encrypted=not told, detail="In memory: the disk is full.")
        assert ("the disk is full" in account.who(replace(signed_in, storage=storage))) is told


def test_why_the_person_is_wanted_again_is_told() -> None:
    """As the authority said it; of other states that are no more it isn't."""
    problem = Problem("AADSTS50173", "The session was revoked.", "Sign in again.")
    for phase, told in ((Phase.NEEDS_YOU, True), (Phase.INTERRUPTED, False)):
        text = account.who(Status(phase, signed_in=False, problem=problem))
        assert "Sign-in needed" in text
        assert ("revoked" in text.partition("\n")[2]) is told


def test_what_is_not_verified_or_not_the_cloud_says_so() -> None:
    """Declared roles and a development authority are marked wherever state is shown."""
    status = Status(Phase.SIGNED_IN, signed_in=True, unverified=True, development=True)
    text = account.who(status)
    assert "not verified" in text
    assert "development" in text


def test_the_sign_in_tool_tells_how_it_ended() -> None:
    """Done, still waiting, or failed with the reason."""
    done = status_of(person("ada"))
    assert "restart" not in account.signed_in(done, rereads=True)
    assert "only once: restart" in account.signed_in(done, rereads=False)
    assert "if it doesn't show here, restart" in account.signed_in(done, rereads=None)
    waiting = Status(Phase.WAITING_FOR_BROWSER, signed_in=False, start_url="http://127.0.0.1:1/s")
    assert "http://127.0.0.1:1/s" in account.signed_in(waiting, rereads=None)
    failed = Status(
        Phase.NEEDS_YOU, signed_in=False, problem=Problem("access_denied", "You declined.")
    )
    assert account.signed_in(failed, rereads=None).startswith("You declined.\n")
    hinted = replace(failed, problem=Problem("no_browser", "No browser.", "Run it elsewhere."))
    assert account.signed_in(hinted, rereads=None) == "No browser. Run it elsewhere."


def test_a_sign_out_that_did_not_go_through_says_so() -> None:
    """Nobody is told that they are signed out while they are not."""
    assert "Signed out" in account.signed_out(Status(Phase.SIGNED_OUT, signed_in=False))
    assert "mcp-local logout" in account.signed_out(status_of(person("ada")))


def test_a_denial_names_the_role_and_what_to_do_then() -> None:
    """The reason, the roles of which one would do, and the way to have them seen."""
    component = Component(Kind.TOOL, "drop")
    needs = Decision(Effect.DENY, "default", "No rule allows it.", needs_roles=("A", "B"))
    text = account.denied(component, needs)
    assert "drop" in text
    assert "No rule allows it." in text
    assert "A or B" in text
    assert "refresh=true" in text
    assert "role" not in account.denied(component, Decision(Effect.DENY, "default", ""))
    assert account.locked(needs) == "[Locked: needs the role A or B]"


@pytest.mark.parametrize(
    ("name", "reserved"),
    [
        ("mcp_local_whoami", True),
        (" MCP_Local_Sign_Out", True),
        ("mcp_local_login", True),
        ("m\u0441p_local_whoami", True),
        ("\u043c\u0441\u0440_\u04cfoc\u0430\u04cf_x", True),
        ("mcp\u200b_local_whoami", True),
        ("mcp_local", False),
        ("mcp_locale_x", False),
        ("my_mcp_local_x", False),
        ("\u5de5\u5177" * 8, False),
    ],
    ids=ascii,
)
def test_names_like_ours_are_ours(name: str, *, reserved: bool) -> None:
    """In letters of other scripts that look alike, and with what can't be seen in them (M8)."""
    assert account.is_reserved(name) is reserved


def test_three_names_are_reserved_and_all_are_listed() -> None:
    """What is listed is what is reserved."""
    assert {tool.name for tool in account.TOOLS} == account.RESERVED
    assert all(map(account.is_reserved, account.RESERVED))
