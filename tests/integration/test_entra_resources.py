"""Tokens for other APIs, with real MSAL at the emulated authority."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.authority.flows import Wishes
from mcp_local.broker.authority.refusal import InteractionNeeded
from mcp_local.broker.resources import key_of, load_resources
from mcp_local.emulator import Consent
from mcp_local.emulator.visitor import visit
from tests.support.entra import Machine, Receiver, machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_local.emulator import Api


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose person has signed in."""
    with machine(tmp_path / "home") as here:
        here.sign_in("reader")
        yield here


def test_another_apis_token_is_kept_until_somebody_else_signs_in(here: Machine) -> None:
    """Servers read it; a sign-out and a sign-in drop it; a failure keeps what is still good."""
    reports = here.emulator.directory.apis[1]
    scopes = [f"{reports.api_id}/.default"]
    with here.broker() as broker:
        token = broker.token_for(scopes).token
        kept = load_resources(here.store())[key_of(scopes)]
        assert (kept.token, kept.problem) == (token, None)
        assert kept.renew_at < kept.expires_at
        here.emulator.directory = replace(
            here.emulator.directory, apis=(here.emulator.directory.api, asking(reports))
        )
        with pytest.raises(InteractionNeeded):
            broker.token_for(scopes, force=True)
        kept = load_resources(here.store())[key_of(scopes)]
        assert kept.token == token
        assert kept.person_helps
        assert kept.problem is not None
        here.sign_in()
        assert load_resources(here.store()) == {}
        broker.sign_out()
        assert load_resources(here.store()) == {}
        with pytest.raises(InteractionNeeded):
            broker.token_for(scopes)
        assert load_resources(here.store())[key_of(scopes)].token is None


def asking(api: Api) -> Api:
    """Return an API that everybody has to consent to."""
    return replace(api, consent=Consent.ASK)


def test_a_sign_in_for_another_api_brings_both_tokens(here: Machine) -> None:
    """The person consents to that API, and the token of our own is verified as ever."""
    directory = here.emulator.directory
    reports = asking(directory.apis[1])
    here.emulator.directory = replace(directory, apis=(directory.api, reports))
    scopes = [f"{reports.api_id}/{reports.scopes[0]}"]
    with here.broker() as broker, Receiver() as receiver:
        flow = broker.entra.begin_browser(receiver.redirect_uri, Wishes(scopes=scopes))
        thread = threading.Thread(target=receiver.handle_request)
        thread.start()
        visit(flow.auth_uri, "reader")
        thread.join()
        verified = broker.complete(broker.entra.finish_browser(flow, receiver.form), other=True)
        assert verified.identity.roles == {"Task.Read"}
        assert broker.token_for(scopes).token != verified.token
