"""Many servers, one sign-in: real processes, whichever of them dies when (CLIENTS.md 5)."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Phase
from tests.support.desk import Desk, desk, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk at which nobody is signed in."""
    with desk(home) as here:
        yield here


def _sign_in_process(here: Desk) -> int:
    wait_for(lambda: here.log("sign_in_started"))
    return int(str(here.log("sign_in_started")[-1]["pid"]))


@pytest.mark.parametrize("count", [4, pytest.param(16, marks=pytest.mark.heavy)])
def test_cold_starts_at_once_make_one_prompt(here: Desk, count: int) -> None:
    """O19: one tab, one sign-in process; everybody waits for it and adopts its result."""
    with ExitStack() as stack:
        servers = [stack.enter_context(here.instance()) for _ in range(count)]
        for server in servers:
            server.begin("ready", seconds=60)
        assert here.visit("writer").went_well
        for server in servers:
            assert server.result()["roles"] == ["Task.Write"]
    assert len(here.tabs()) == 1
    assert len(here.log("sign_in_started")) == 1
    assert here.machine.token_requests("authorization_code") == 1
    assert here.state().account == "writer@contoso.example"


@pytest.mark.parametrize("count", [3, pytest.param(16, marks=pytest.mark.heavy)])
def test_expired_token_is_renewed_once_for_all(home: Path, count: int) -> None:
    """O14: with strict rotation too, N servers with an expired token make one renewal."""
    with desk(home, strict_rotation=True) as here:
        here.sign_in()
        here.expire_token()
        with ExitStack() as stack:
            servers = [stack.enter_context(here.instance()) for _ in range(count)]
            for server in servers:
                server.begin("ready", seconds=60)
            assert all(server.result()["signed_in"] for server in servers)
        assert here.machine.token_requests() == 1
        assert here.tabs() == []


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_sign_in_survives_the_server_that_started_it(here: Desk) -> None:
    """The starting server killed in mid sign-in: it goes on, and the next one adopts it."""
    with here.instance() as first:
        here.tab()
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    with here.instance() as second:
        waiting = second.ask("ready")
        assert waiting["phase"] == Phase.WAITING_FOR_BROWSER
        second.begin("ready", seconds=60)
        here.visit("reader")
        assert second.result()["signed_in"]
    assert len(here.tabs()) == 1


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_sign_in_may_be_started_again(here: Desk) -> None:
    """The sign-in process killed: everybody sees *interrupted*, the next request asks again."""
    with here.instance() as server, here.instance() as other:
        here.tab()
        os.kill(_sign_in_process(here), signal.SIGKILL)
        wait_for(lambda: other.ask()["phase"] == Phase.INTERRUPTED)
        server.begin("sign_in", seconds=60)
        here.visit("reader", number=2)
        assert server.result()["signed_in"]
        wait_for(lambda: other.ask()["signed_in"])
    assert len(here.tabs()) == 2


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_interrupted_prompt_is_put_once_more_by_itself(here: Desk) -> None:
    """A list after the sign-in process was killed asks again, once, not for ever."""
    with here.instance() as server:
        for number in (1, 2):
            here.tab(number)
            wait_for(lambda number=number: len(here.log("sign_in_started")) == number)
            os.kill(_sign_in_process(here), signal.SIGKILL)
            wait_for(lambda: server.ask()["phase"] == Phase.INTERRUPTED)
            server.ask("ready", seconds=0.5)
    assert len(here.tabs()) == 2


def test_sign_out_is_adopted_everywhere(here: Desk) -> None:
    """``mcp-local logout`` in a terminal signs every server out, and none asks again by itself."""
    here.sign_in()
    with here.instance() as one, here.instance() as two:
        assert one.ask("ready")["signed_in"]
        assert two.ask("ready")["signed_in"]
        assert here.run("logout").returncode == 0
        wait_for(lambda: not one.ask("ready")["signed_in"])
        wait_for(lambda: not two.ask("ready")["signed_in"])
        assert one.ask()["phase"] == Phase.SIGNED_OUT
    assert here.tabs() == []


def test_terminal_joins_the_sign_in_that_a_server_started(here: Desk) -> None:
    """``mcp-local login`` shows where to go on, waits, and adopts the result."""
    with here.instance() as server:
        here.tab()
        with here.command("login") as login:
            assert login.stderr is not None
            while "/start/" not in login.stderr.readline():
                pass
            here.visit("reader")
            out, _ = login.communicate(timeout=30)
        assert login.returncode == 0
        assert "Rita Reader" in out
        assert server.ask("ready", seconds=20)["signed_in"]
    assert len(here.tabs()) == 1
