"""A tool's own API wants more of the person: one prompt, with just what the API asked for."""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcp_local.emulator.claims import policy_claims
from mcp_local.emulator.defaults import default_directory
from mcp_local.emulator.directory import Api, ConditionalAccess, Consent
from mcp_local.emulator.visitor import browser_command
from tests.support import warm
from tests.support.chat import SERVERS
from tests.support.desk import Desk, desk
from tests.support.program import Program
from tests.support.relayed import ALL
from tests.support.wire import ERAS, HANDSHAKE, MODERN, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = Api(api_id="77777777-7777-4777-8777-777777777777", name="Reports", scopes=("Reports.Read",))


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk with a reader at it, who answers what the authority asks."""
    base = default_directory()
    with desk(home, replace(base, apis=(base.api, OTHER))) as here:
        here.environ["BROWSER"] = browser_command("reader")
        here.environ["SCOPE"] = f"{OTHER.api_id}/Reports.Read"
        here.environ["CHALLENGE"] = str(home.parent / "challenge")
        here.sign_in("reader")
        yield here


def _serve(here: Desk, folder: Path, era: str = HANDSHAKE) -> Wire:
    policy = folder / "all.yaml"
    policy.write_text(ALL, encoding="utf-8")
    command = [warm.program(), "run", str(SERVERS / "reports.py"), "--policy", str(policy)]
    return Wire(command, folder, era=era, environ=here.environ, capabilities={})


def _program(here: Desk, folder: Path, era: str) -> Program:
    policy = folder / "all.yaml"
    policy.write_text(ALL, encoding="utf-8")
    words = [str(SERVERS / "reports.py"), "--policy", str(policy)]
    return Program(here, folder, words, era, user="reader")


def _challenge(here: Desk, folder: Path) -> None:
    """Let the API want what a conditional access policy wants."""
    api = replace(OTHER, conditional_access=ConditionalAccess.CLAIMS)
    directory = here.emulator.directory
    here.emulator.directory = replace(directory, apis=(directory.api, api))
    claims = base64.b64encode(policy_claims(api.policy_id).encode()).decode()
    (folder / "challenge").write_text(claims, encoding="ascii")


@pytest.mark.parametrize("era", ERAS)
def test_challenge_of_an_api_leads_to_one_prompt(era: str, here: Desk, tmp_path: Path) -> None:
    """Silent first; then the person, once, with those claims; then the same call has its result."""
    with _serve(here, tmp_path, era) as wire:
        wire.open()
        assert wire.text("report") == f"report for {OTHER.api_id}"
        assert here.log("sign_in_started") == []
        _challenge(here, tmp_path)
        assert "make the same call again" in wire.text("report", progressToken="p")
        assert wire.text("report") == f"report for {OTHER.api_id}"
        assert len(here.log("sign_in_started")) == 1
        _challenge(here, tmp_path)
        assert "still refuses" in wire.text("report")
        assert len(here.log("sign_in_started")) == 1
        assert not any(b"eyJ" in line.raw for line in wire.heard)


@pytest.mark.parametrize("era", ERAS)
def test_client_is_asked_to_open_the_page(era: str, here: Desk, tmp_path: Path) -> None:
    """Where it can: no tab of ours, one prompt, and what it wants is in the question (M27)."""
    here.use_browser([sys.executable, "-c", "raise SystemExit('a tab of ours')"])
    with _program(here, tmp_path, era) as program:
        program.open()
        assert program.use("report") == f"report for {OTHER.api_id}"
        _challenge(here, tmp_path)
        text = program.use("report")
        if era == HANDSHAKE:  # asked within the call; in the modern era the next one goes through
            assert "make the same call again" in text
            text = program.use("report")
        assert text == f"report for {OTHER.api_id}"
        [question] = program.questions
        assert question["mode"] == "url"
        assert "asks for more than your last sign-in brought" in question["message"]
        _challenge(here, tmp_path)
        assert "still refuses" in program.use("report")
        assert len(program.questions) == 1
        assert not any(b"eyJ" in line.raw for line in program.heard)
    assert len(here.log("sign_in_started")) == 1


@pytest.mark.parametrize(
    ("action", "era"),
    [pytest.param("decline", MODERN, marks=pytest.mark.heavy), ("cancel", HANDSHAKE)],
)
def test_person_does_not_want_it_in_the_client(
    action: str, era: str, here: Desk, tmp_path: Path
) -> None:
    """A no leaves the address to the person; put aside, a tab opens; who is signed in stays."""
    with _program(here, tmp_path, era) as program:
        program.open()
        _challenge(here, tmp_path)  # of the authority itself: no token has come yet
        program.action = action
        text = program.use("report")
        if action == "cancel":
            assert "make the same call again" in text
        else:
            assert "asks for a stronger sign-in" in text
            assert here.state().start_url in text
        assert "Rita Reader" in program.text("mcp_local_whoami")
    assert len(here.log("sign_in_started")) == 1


def test_challenge_of_the_servers_own_api(here: Desk, tmp_path: Path) -> None:
    """Without scopes the claims are for the token that says who is signed in."""
    with _serve(here, tmp_path) as wire:
        wire.open()
        _challenge(here, tmp_path)
        assert "make the same call again" in wire.text("own")
        assert wire.text("own") == "content"
    assert len(here.log("sign_in_started")) == 1


def test_missing_consent_is_asked_for(here: Desk, tmp_path: Path) -> None:
    """``token_for`` of what nobody consented to: the person is asked, and the retry has it."""
    api = replace(OTHER, consent=Consent.ASK)
    directory = here.emulator.directory
    here.emulator.directory = replace(directory, apis=(directory.api, api))
    with _serve(here, tmp_path) as wire:
        wire.open()
        assert "make the same call again" in wire.text("report")
        assert wire.text("report") == f"report for {OTHER.api_id}"
    assert len(here.log("sign_in_started")) == 1
