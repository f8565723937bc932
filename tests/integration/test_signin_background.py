"""The sign-in process as servers start it: it asks a person only when nothing else is left."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from mcp_local.broker.signin.process import Way, run_sign_in
from mcp_local.broker.state import Phase, Problem
from mcp_local.broker.state_file import StateFile
from mcp_local.emulator.visitor import browser_command
from mcp_local.errors import SettingsError, SignInNeeded, Unreachable
from mcp_local.log import Log
from tests.support.desk import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_local.broker.state import SignInState
    from mcp_local.identity.model import VerifiedToken


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk with somebody at the browser."""
    with desk(home) as here:
        here.environ["BROWSER"] = browser_command("writer")
        yield here


def _run(here: Desk) -> VerifiedToken:
    """Do what ``login --background`` does."""
    settings = here.settings()
    return run_sign_in(
        settings,
        here.environ,
        Way(background=True),
        log=Log(settings.home / "log" / "mcp-local.jsonl"),
        announce=lambda _: None,
    )


def test_what_is_there_is_adopted(here: Desk) -> None:
    """Another instance was quicker: its token is taken, and nobody is asked anything."""
    here.sign_in("reader")
    here.emulator.requests.clear()
    assert _run(here).identity.roles == {"Task.Read"}
    assert len(here.emulator.requests) == 0
    assert here.state().phase is Phase.SIGNED_IN
    assert here.log("sign_in_started") == []


def test_renewal_comes_before_a_prompt(here: Desk) -> None:
    """An expired token with a good refresh token costs the person nothing."""
    here.sign_in("reader")
    here.expire_token()
    assert _run(here).identity.roles == {"Task.Read"}
    assert here.machine.token_requests() == 1
    assert here.log("sign_in_started") == []


def test_refused_renewal_ends_in_one_prompt_with_the_same_name(here: Desk) -> None:
    """The authority wants the person: they are asked, and their name is filled in."""
    here.sign_in("writer")
    here.expire_token("writer")
    here.emulator.revoke_sessions("writer")
    assert _run(here).identity.roles == {"Task.Write"}
    assert len(here.log("sign_in_started")) == 1


def test_authority_out_of_reach_is_no_reason_for_a_prompt(here: Desk) -> None:
    """The state says when to try again, and what it said before stays."""
    here.sign_in("reader")
    here.expire_token()
    with here.emulator.switched_off(), pytest.raises(Unreachable):
        _run(here)
    state = here.state()
    assert state.retry_after > time.time()
    assert here.log("sign_in_started") == []


def test_account_that_is_not_the_pinned_one_is_not_adopted(here: Desk) -> None:
    """The settings name somebody else than who is signed in: that person is asked for."""
    here.sign_in("reader")
    here.set(ACCOUNT="writer@contoso.example")
    assert _run(here).identity.roles == {"Task.Write"}
    assert len(here.log("sign_in_started")) == 1


@pytest.mark.parametrize("problem", [None, Problem("timed_out", "Nobody finished it.")])
def test_limit_on_prompts_holds_in_the_process_too(here: Desk, problem: Problem | None) -> None:
    """Sixteen processes start, one prompt goes unanswered: the other fifteen don't ask again."""

    def unanswered(state: SignInState) -> SignInState:
        return replace(state, last_prompt=time.time() - 60, problem=problem)

    StateFile(here.profile).update(unanswered)
    with pytest.raises(SignInNeeded, match=r"Nobody finished it\.|was not finished"):
        _run(here)
    assert here.log("sign_in_started") == []


def test_method_whose_package_is_missing_is_said(here: Desk) -> None:
    """``signin.method = broker`` isn't silently something else."""
    here.set(SIGN_IN="broker")
    with pytest.raises(SettingsError, match="broker"):
        _run(here)
    problem = here.state().problem
    assert problem is not None
    assert problem.code == "settings"


def test_signs_in_from_any_thread(here: Desk) -> None:
    """Only the main thread may take care of signals; the sign-in itself needs none."""
    results: list[VerifiedToken] = []
    thread = threading.Thread(target=lambda: results.append(_run(here)))
    thread.start()
    thread.join(30)
    assert [token.identity.roles for token in results] == [{"Task.Write"}]
