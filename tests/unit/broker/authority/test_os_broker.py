"""What the operating system's account broker says, as errors of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_local.broker.authority.os_broker import NoAccountBroker, call, options, refusal
from mcp_local.broker.authority.refusal import (
    AuthorityDown,
    Blocked,
    Declined,
    InteractionNeeded,
    problem_of,
)
from mcp_local.errors import McpLocalError, SettingsError
from mcp_local.settings import Settings, SignIn, SignInMethod

SETTINGS = Settings(Path("/home"), Path("/home/config.toml"), client_id="client")


def _error(status: str, text: str = "no") -> dict[str, object]:
    said = f"{text}. Status: Response_Status.Status_{status}, Error code: 0, Tag: 1"
    return {"error": "broker_error", "error_description": said}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("UserCanceled", Declined),
        ("ApplicationCanceled", Declined),
        ("NoNetwork", AuthorityDown),
        ("ServerTemporarilyUnavailable", AuthorityDown),
        ("InteractionRequired", InteractionNeeded),
        ("AccountUnusable", InteractionNeeded),
        ("IncorrectConfiguration", Blocked),
        ("Unexpected", Blocked),
    ],
)
def test_who_can_act(status: str, kind: type[McpLocalError]) -> None:
    """MSAL tells the status only in a text; it decides what happens next."""
    assert type(refusal(_error(status))) is kind


def test_code_of_the_catalogue_counts_most() -> None:
    """A policy that blocks is told as that, whatever the broker calls it."""
    error = refusal(_error("InteractionRequired", "AADSTS53003: blocked"))
    assert type(error) is Blocked
    assert problem_of(error).code == "AADSTS53003"


def test_authority_s_own_refusals_stay_what_they_are() -> None:
    """Through the broker or not, ``invalid_grant`` wants the person."""
    assert type(refusal({"error": "invalid_grant"})) is InteractionNeeded
    assert type(refusal({"error": "broker_error"})) is Blocked


def test_off_unless_the_settings_say_so() -> None:
    """No other method ever meets the broker."""
    for method in SignInMethod:
        settings = Settings(SETTINGS.home, SETTINGS.config_file, signin=SignIn(method=method))
        on = set(options(settings).values())
        assert on == {method is SignInMethod.BROKER}


def test_no_other_mistake_is_taken_for_the_redirect_uri() -> None:
    """An odd answer stays one; and our own word passes through MSAL unharmed."""

    def stumbles() -> None:
        raise ValueError

    def leaves() -> None:
        raise NoAccountBroker

    with pytest.raises(AuthorityDown):
        call(stumbles, SETTINGS)
    with pytest.raises(NoAccountBroker):
        call(leaves, SETTINGS)


def test_redirect_uri_that_is_missing_is_named() -> None:
    """With the app's own id, to be copied."""

    class RedirectUriError(ValueError):
        pass

    def refused() -> None:
        raise RedirectUriError

    with pytest.raises(SettingsError) as caught:
        call(refused, SETTINGS)
    assert f"BrokerPlugin/{SETTINGS.client_id}" in caught.value.hint
