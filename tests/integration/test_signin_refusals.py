"""What the authority refuses, through real MSAL: who must act, the code, the remedy, the state."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker import transitions
from mcp_local.broker.authority.aadsts import CATALOGUE
from mcp_local.broker.authority.refusal import problem_of
from mcp_local.broker.state import Phase, SignInState, Status
from mcp_local.broker.status import state_line
from mcp_local.emulator import Fault
from mcp_local.emulator.aadsts import CATALOGUE as EMULATED
from mcp_local.emulator.directory import ConditionalAccess, Consent
from mcp_local.errors import McpLocalError
from tests.support.entra import TOKEN, Machine, machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NEEDS, _BLOCKED = Phase.NEEDS_YOU, Phase.BLOCKED
_TRANSIENT = {"authorization_pending", "slow_down"}
"""Not refusals: the device code's polling goes on."""

_CODES = [
    code
    for code in sorted(CATALOGUE)
    if code in EMULATED and EMULATED[code].error not in _TRANSIENT
]


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The same for tests that change nothing of it."""
    with machine(tmp_path_factory.mktemp("still") / "home") as made:
        made.sign_in("reader")
        yield made


@pytest.fixture
def here(home: Path) -> Iterator[Machine]:
    """A machine where a reader is signed in."""
    with machine(home) as made:
        made.sign_in("reader")
        yield made


def _refused(here: Machine) -> SignInState:
    """Renew, and return what the state file would say of the refusal."""
    with here.broker() as broker, pytest.raises(McpLocalError) as caught:
        broker.renew(force=True)
    return transitions.not_renewed(SignInState(), now=1.0, error=caught.value)


@pytest.mark.parametrize(
    ("change", "code", "phase"),
    [
        ({"enabled": False}, 50057, _NEEDS),
        ({"consent": Consent.ASK}, 65001, _NEEDS),
        ({"conditional_access": ConditionalAccess.MFA}, 50076, _NEEDS),
        ({"conditional_access": ConditionalAccess.DEVICE}, 53000, _NEEDS),
        ({"conditional_access": ConditionalAccess.BLOCK}, 53003, _BLOCKED),
    ],
    ids=["disabled", "consent", "second factor", "device", "blocked"],
)
def test_what_became_of_a_person(
    here: Machine, change: dict[str, object], code: int, phase: Phase
) -> None:
    """The emulator's own refusals of somebody whose account or policy has changed."""
    person = here.emulator.person("reader")
    here.emulator.put_person(replace(person, **change))  # pyright: ignore[reportArgumentType]
    state = _refused(here)
    assert state.problem is not None
    assert state.problem.code == f"AADSTS{code}"
    assert state.phase is phase
    assert state.refused
    for who in CATALOGUE[code].who:
        assert who in state.problem.hint


@pytest.mark.parametrize("code", _CODES)
def test_each_code_of_the_catalogue(still: Machine, code: int) -> None:
    """On the wire as the emulator writes it; told with meaning, remedy and who can act."""
    row, entry = CATALOGUE[code], EMULATED[code]
    body = {
        "error": entry.error,
        "error_description": f"AADSTS{code}: Text. Trace ID: x Correlation ID: y",
        "error_codes": [code],
        "suberror": entry.suberror,
    }
    still.emulator.faults.add(
        Fault(path=TOKEN, status=entry.status, body=json.dumps(body).encode())
    )
    state = _refused(still)
    assert state.problem is not None
    assert state.problem.code == f"AADSTS{code}"
    assert state.problem.message == f"{row.means} (AADSTS{code})"
    assert state.problem.hint.startswith(row.remedy)
    assert all(who in state.problem.hint for who in row.who)
    assert "Trace ID" not in state.problem.message
    status = Status(state.phase, signed_in=False, problem=state.problem)
    if state.phase in {_NEEDS, _BLOCKED}:
        assert row.means in state_line(status, str)


def test_wrong_account_says_which(here: Machine) -> None:
    """A pin set later: who is signed in, and whom the settings want."""
    here.environ["MCP_LOCAL_ACCOUNT"] = "writer@contoso.example"
    with here.broker() as broker, pytest.raises(McpLocalError) as caught:
        broker.renew(force=True)
    assert "writer@contoso.example" in problem_of(caught.value).message
