"""A call that needs a sign-in has the client open the page, where the client says it can."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.broker.state import Phase
from mcp_local.emulator.visitor import Mood, visit
from tests.support.chat import NOTES
from tests.support.desk import Desk, desk, wait_for
from tests.support.program import PAGES, Program
from tests.support.relayed import ALL, PLAIN
from tests.support.wire import ERAS, HANDSHAKE, MODERN, call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMS: dict[str, Any] = {"elicitation": {"form": {}}}
HOSTED, RELAYED = "hosted", "relayed"
TOOLS: dict[str, tuple[str, str, dict[str, str]]] = {
    HOSTED: ("list_notes", "", {}),
    RELAYED: ("echo", "said", {"text": "said"}),
}
kinds = pytest.mark.parametrize("kind", [HOSTED, RELAYED])
eras = pytest.mark.parametrize("era", ERAS)
crosswise = pytest.mark.parametrize(("kind", "era"), [(HOSTED, MODERN), (RELAYED, HANDSHAKE)])


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk at which nobody is signed in, and nobody is asked before something is used."""
    with desk(home) as here:
        here.set(SIGN_IN_WHEN="call")
        yield here


def _program(
    here: Desk, folder: Path, kind: str, era: str, capabilities: Mapping[str, Any] = PAGES
) -> Program:
    (folder / "book.json").write_text("{}", encoding="utf-8")
    (folder / "all.yaml").write_text(ALL, encoding="utf-8")
    plain = [sys.executable, PLAIN, str(folder), str(folder / "book.json")]
    wrapped = ["--policy", str(folder / "all.yaml"), "--", *plain]
    words = NOTES if kind == HOSTED else wrapped
    return Program(here, folder, words, era, capabilities, user="writer")


def _secrets(program: Program) -> bytes:
    """Return all that the program has said, but for the address that is to be opened."""
    return b"\n".join(line.raw for line in program.heard)


@kinds
@eras
def test_call_is_served_after_the_client_opened_the_page(
    kind: str, era: str, here: Desk, tmp_path: Path
) -> None:
    """One question, no tab of ours, and the call that waited has its result."""
    tool, answer, arguments = TOOLS[kind]
    with _program(here, tmp_path, kind, era) as program:
        program.open()
        assert answer in program.use(tool, arguments, progressToken="p")
        [question] = program.questions
        assert question["mode"] == "url"
        assert question["url"].startswith("http://localhost:")
        assert "Continue only if you expected this" in question["message"]
        told = program.told("notifications/progress").message["params"]
        assert told["progressToken"] == "p"
        assert "sign-in in your browser" in told["message"]
        if era == HANDSHAKE:
            over = program.told("notifications/elicitation/complete").message["params"]
            assert over == {"elicitationId": question["elicitationId"]}
        assert "Walter Writer" in program.text("mcp_local_whoami")
    assert here.tabs() == []
    assert len(here.log("sign_in_started")) == 1
    for secret in (b"code_challenge", b"state=", b"eyJ", b"login/oauth2", b"client_id="):
        assert secret not in _secrets(program)


@crosswise
def test_yes_of_a_client_signs_nobody_in(kind: str, era: str, here: Desk, tmp_path: Path) -> None:
    """Whoever answers for the person, however often: without the page nobody is signed in (M27)."""
    tool, _, arguments = TOOLS[kind]
    with _program(here, tmp_path, kind, era) as program:
        program.open()
        program.user = ""
        params = call(tool, arguments)
        first = program.post("tools/call", params)
        if era == MODERN:
            result = program.answer(first).message["result"]
            [key] = result["inputRequests"]
            reply = {key: {"action": "accept", "content": {"confirm": True}}}
            replies = {"requestState": result["requestState"], "inputResponses": reply}
            params |= replies
        else:
            program.told("elicitation/create")
        again = program.post("tools/call", params)
        assert "nobody is signed in" in program.text("mcp_local_whoami")
        program.notify("notifications/cancelled", {"requestId": again})
        program.notify("notifications/cancelled", {"requestId": first})
        assert "nobody is signed in" in program.text("mcp_local_whoami")
    assert here.tabs() == []
    assert here.state().phase is Phase.WAITING_FOR_BROWSER


def test_no_is_a_no(here: Desk, tmp_path: Path) -> None:
    """Who doesn't want to sign in gets no tab, and the model gets an address for the person."""
    tool, _, arguments = TOOLS[RELAYED]
    with _program(here, tmp_path, RELAYED, MODERN) as program:
        program.open()
        program.action = "decline"
        text = program.use(tool, arguments)
        assert "Sign-in needed" in text
        assert here.state().start_url in text
    assert here.tabs() == []


def test_question_put_aside_becomes_a_tab(here: Desk, tmp_path: Path) -> None:
    """No choice in the client: the browser shows the page, once, and the call goes on."""
    tool, answer, arguments = TOOLS[RELAYED]
    with _program(here, tmp_path, RELAYED, HANDSHAKE) as program:
        program.open()
        program.action = "cancel"
        used = program.post("tools/call", call(tool, arguments))
        here.visit("writer")
        assert answer in json.dumps(program.answer(used).message["result"])
    assert len(here.tabs()) == 1


@pytest.mark.heavy
@crosswise
def test_call_ends_before_clients_give_up(kind: str, era: str, here: Desk, tmp_path: Path) -> None:
    """Nobody comes for 40 s: the call says what to do, and its retry has the result."""
    tool, answer, arguments = TOOLS[kind]
    with _program(here, tmp_path, kind, era, {}) as program:
        program.open()
        began = time.monotonic()
        used = program.post("tools/call", call(tool, arguments, progressToken="p"))
        time.sleep(35)  # waits of tests have 30 s
        result = program.answer(used).message["result"]
        assert 39 < time.monotonic() - began < 50
        assert here.state().start_url in result["content"][0]["text"]
        notices = [each for each in program.heard if b"notifications/progress" in each.raw]
        assert len(notices) >= 7
        used = program.post("tools/call", call(tool, arguments))
        here.visit("writer")
        assert answer in json.dumps(program.answer(used).message["result"])
    assert len(here.tabs()) == 1


def test_without_a_browser_the_question_becomes_a_code(here: Desk, tmp_path: Path) -> None:
    """No choice in the client, and no screen: the fall-back of the settings takes its place."""
    del here.environ["BROWSER"]
    here.environ |= {"DISPLAY": "", "WAYLAND_DISPLAY": "", "XDG_RUNTIME_DIR": str(tmp_path)}
    here.set(SIGN_IN_FALLBACK="device")
    tool, answer, arguments = TOOLS[RELAYED]
    with _program(here, tmp_path, RELAYED, HANDSHAKE) as program:
        program.open()
        program.action = "cancel"
        used = program.post("tools/call", call(tool, arguments))
        text = json.dumps(program.answer(used).message["result"])  # at once: nothing else shows it
        state = here.state()
        assert state.phase is Phase.WAITING_FOR_DEVICE_CODE
        assert state.user_code in text
        assert "Enter only a code that you asked for yourself" in text
        assert state.user_code in program.text("mcp_local_whoami")
        used = program.post("tools/call", call(tool, arguments))  # this one waits
        visit(state.verification_uri, "writer", user_code=state.user_code)
        assert answer in json.dumps(program.answer(used).message["result"])
    assert len(here.log("sign_in_started")) == 2  # the page's, which was ended, and the code's


@pytest.mark.parametrize(
    ("kind", "era", "capabilities"), [(RELAYED, MODERN, FORMS), (HOSTED, HANDSHAKE, {})]
)
def test_other_clients_get_a_tab(
    kind: str, era: str, capabilities: dict[str, Any], here: Desk, tmp_path: Path
) -> None:
    """A client that opens no pages is asked nothing; its call waits for the browser."""
    tool, answer, arguments = TOOLS[kind]
    with _program(here, tmp_path, kind, era, capabilities) as program:
        program.open()
        used = program.post("tools/call", call(tool, arguments))
        here.visit("writer")
        assert answer in json.dumps(program.answer(used).message["result"])
        assert program.questions == []
    assert len(here.tabs()) == 1


@kinds
def test_question_is_taken_back_when_the_sign_in_is_over(
    kind: str, here: Desk, tmp_path: Path
) -> None:
    """The person signs in elsewhere while the client asks: the question goes, the call runs."""
    tool, answer, arguments = TOOLS[kind]
    with _program(here, tmp_path, kind, HANDSHAKE) as program:
        program.open()
        program.action = ""
        used = program.post("tools/call", call(tool, arguments))
        question = program.told("elicitation/create").message
        visit(question["params"]["url"], "writer")
        assert answer in json.dumps(program.answer(used).message["result"])
        taken = program.told("notifications/cancelled").message["params"]
        assert taken["requestId"] == question["id"]


def test_account_tool_asks_in_the_client(here: Desk, tmp_path: Path) -> None:
    """``mcp_local_sign_in`` goes the same way; after a no of theirs it begins anew."""
    with _program(here, tmp_path, RELAYED, MODERN) as program:
        program.open()
        program.user = ""
        [asked] = program.call("mcp_local_sign_in")["inputRequests"].values()
        visit(asked["params"]["url"], "writer", mood=Mood.CANCELS)
        wait_for(lambda: here.state().phase is not Phase.WAITING_FOR_BROWSER)
        program.user = "writer"
        assert "Signed in as Walter Writer" in program.use("mcp_local_sign_in")


@pytest.mark.parametrize(
    ("kind", "era", "tabs"), [(HOSTED, HANDSHAKE, 0), (RELAYED, HANDSHAKE, 0), (RELAYED, MODERN, 1)]
)
def test_at_the_start_the_client_is_asked_where_that_may_be(
    kind: str, era: str, tabs: int, here: Desk, tmp_path: Path
) -> None:
    """In the handshake era it is; in the modern one, which asks in answers only, a tab opens."""
    here.set(SIGN_IN_WHEN="start", LIST_HOLD="0")
    if not tabs:
        del here.environ["BROWSER"]  # where it is set, it opens the page
    tool, answer, arguments = TOOLS[kind]
    with _program(here, tmp_path, kind, era) as program:
        program.open()
        program.request("tools/list")
        if tabs:
            here.visit("writer")
        else:
            assert program.told("elicitation/create").message["params"]["mode"] == "url"
        assert answer in program.text(tool, arguments)
        assert len(program.questions) == 1 - tabs
    assert len(here.tabs()) == tabs
