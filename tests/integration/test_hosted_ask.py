"""``ask`` over a real process and real stdio, in both eras, with a client that elicits (M27)."""

from __future__ import annotations

import json
import queue
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.servers.asked import POLICY
from tests.support.hosted import ERAS, HANDSHAKE, MODERN, Served

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

FORM: dict[str, Any] = {"elicitation": {"form": {}}}
YES = {"action": "accept", "content": {"confirm": True}}
NO = {"action": "decline"}


class Asking(Served):
    """A client with a person before it."""

    def __init__(self, folder: Path, era: str, **env: str) -> None:
        super().__init__("asked", folder, era, capabilities=FORM, POLICY=POLICY, **env)
        self.questions: list[str] = []
        """What the person was asked."""

    def use(
        self, method: str, params: Mapping[str, Any], answer: Mapping[str, Any] = YES
    ) -> dict[str, Any]:
        """Send a request; the person answers what is asked about it."""
        ident = self.post(method, params)
        if self.era == HANDSHAKE:
            if (question := self.question(ident)) is not None:
                self.send({"jsonrpc": "2.0", "id": question["id"], "result": dict(answer)})
            return json.loads(self.answer(ident))
        first = json.loads(self.answer(ident))
        if first.get("result", {}).get("resultType") != "input_required":
            return first
        return self.request(method, {**params, **self.reply(first["result"], answer)})

    def question(self, ident: Any) -> dict[str, Any] | None:
        """Return the next question of the handshake era, or ``None`` once ``ident`` is answered."""
        while True:
            with self._arrived:
                done = ident in self._answers
            try:
                note = self.notes.get(timeout=0.01)
            except queue.Empty:
                if done:
                    return None
                continue
            if note["method"] == "elicitation/create":
                self.questions.append(note["params"]["message"])
                return note

    def reply(self, asked: Mapping[str, Any], answer: Mapping[str, Any] = YES) -> dict[str, Any]:
        """Return what a client adds to its call as the answer to ``asked``."""
        [(key, request)] = asked["inputRequests"].items()
        self.questions.append(request["params"]["message"])
        return {"requestState": asked["requestState"], "inputResponses": {key: dict(answer)}}

    def delete(self, answer: Mapping[str, Any] = YES, **arguments: Any) -> str:
        """Call the tool that needs a yes; return what the model reads."""
        return self.use("tools/call", delete(**arguments), answer)["result"]["content"][0]["text"]


def delete(**arguments: Any) -> dict[str, Any]:
    """Return the parameters of a call that needs a yes."""
    return {"name": "delete_row", "arguments": {"table": "notes", **arguments}}


@pytest.fixture(scope="module", params=ERAS)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Asking]:
    """One server for the tests of an era."""
    with Asking(tmp_path_factory.mktemp("asked"), request.param) as served:
        served.open()
        served.sign_in("ada", "reader")
        yield served


@pytest.fixture
def reader(shared: Asking) -> Asking:
    """The server with a reader before it; nothing has run yet, nothing was asked."""
    shared.sign_in("ada", "reader")
    assert shared.delete(id=0) == "delete notes 0"  # no test inherits the noes of another
    shared.ran.unlink()
    shared.questions.clear()
    return shared


def test_what_needs_a_yes_is_listed(reader: Asking) -> None:
    """The model sees it, and may ask for it."""
    assert reader.names() == {"delete_row", "send", "book_table", "look"}
    assert reader.names("resources/templates/list") == {"rows://{number}"}
    assert reader.names("prompts/list") == {"brief"}


def test_a_call_runs_after_the_persons_yes(reader: Asking) -> None:
    """They are shown tool, arguments and reason; what is marked is not shown."""
    text = reader.delete(id=1, table="no\u202etes", password="hunter2")
    assert text == "delete no\u202etes 1 with password"
    assert reader.noted() == [text]
    [question] = reader.questions
    assert "May this tool run?" in question
    assert "    delete_row\n" in question
    assert "id: 1" in question
    assert 'table: "no\\u202etes"' in question
    assert "password: [not shown]" in question
    assert "Deleting needs a yes. (Rule: confirm-deletes)" in question
    assert "hunter2" not in json.dumps(question)


@pytest.mark.parametrize(
    ("method", "params", "ran"),
    [
        ("resources/read", {"uri": "rows://7"}, "row 7"),
        ("prompts/get", {"name": "brief", "arguments": {"topic": "x"}}, "brief x"),
    ],
)
def test_resources_and_prompts_are_asked_about_too(
    reader: Asking, method: str, params: dict[str, Any], ran: str
) -> None:
    """Read and fetched after a yes only; each read of a template is another one."""
    refused = reader.use(method, params, NO)
    assert "did not say yes" in refused["error"]["message"]
    assert reader.noted() == []
    others = json.loads(json.dumps(params).replace("7", "8").replace('"x"', '"y"'))
    assert "result" in reader.use(method, others)
    assert reader.noted() == [ran.replace("7", "8").replace("x", "y")]
    assert len(reader.questions) == 2
    subject = params.get("uri") or params.get("name")
    assert f"    {subject}" in reader.questions[0]


def test_a_remembered_yes_asks_once(reader: Asking) -> None:
    """For every call of that tool; the question says so."""
    for text in ("a", "b"):
        params = {"name": "send", "arguments": {"text": text}}
        assert reader.use("tools/call", params)["result"]["content"][0]["text"] == f"send {text}"
    [question] = reader.questions
    assert "every use of it until this server ends" in question


def test_a_denied_call_is_not_asked_about(reader: Asking) -> None:
    """A deny comes before the ask; nobody is bothered."""
    assert "Not the users" in reader.delete(id=3, table="users")
    assert reader.questions == []
    assert reader.noted() == []


def test_the_model_can_not_answer(reader: Asking) -> None:
    """No argument is taken for a yes; completing what needs one is refused."""
    call = delete(id=4, confirm=True, inputResponses={"confirm": YES})
    assert reader.use("tools/call", call, NO)["result"]["isError"]
    completion = {
        "ref": {"type": "ref/prompt", "name": "brief"},
        "argument": {"name": "topic", "value": ""},
    }
    assert "error" in reader.request("completion/complete", completion)
    assert reader.noted() == []


def test_the_log_tells_of_question_and_answer(reader: Asking) -> None:
    """And each call's line says how it ended."""
    reader.delete(id=5)
    reader.delete(NO, id=6)
    answers = [line["answer"] for line in reader.logged("question_answered")]
    assert answers[-2:] == ["yes", "no"]
    ended = [line["outcome"] for line in reader.logged("decision")]
    asked = ["asked"] if reader.era == MODERN else []
    told = [*asked, "ok", *asked, "declined"]
    assert ended[-len(told) :] == told


def test_a_tool_may_ask_the_client_itself(reader: Asking) -> None:
    """Our answer isn't shown to it, its own passes, and the person is asked once (modern era)."""
    call: dict[str, Any] = {"name": "book_table", "arguments": {}}
    first = reader.use("tools/call", call)
    if reader.era == HANDSHAKE:  # such tools need the modern era
        assert "error" in first
        return
    assert list(first["result"]["inputRequests"]) == ["seats"]
    more = reader.reply(first["result"], {"action": "accept", "content": {"seats": 4}})
    booked = reader.request("tools/call", {**call, **more})["result"]
    assert booked["content"][0]["text"] == "book 4"
    first_words = [question.split("?")[0] for question in reader.questions]
    assert first_words == ["May this tool run", "How many"]


def test_an_answer_is_bound_to_its_call(reader: Asking) -> None:
    """Replayed, with other arguments, for another tool, or made up, it runs nothing (M27)."""
    ident = reader.post("tools/call", delete(id=11))
    question = reader.question(ident) if reader.era == HANDSHAKE else None
    asked: dict[str, Any] = {} if question else json.loads(reader.answer(ident))["result"]
    made_up = {"requestState": "mcp-local-ask.x", "inputResponses": {"confirm": YES}}
    reply = reader.reply(asked) if asked else made_up
    for other in (delete(id=12), delete(id="11"), {"name": "book_table"}):
        assert not _ran(_at_once(reader, {**other, **reply}))
    assert not _ran(_at_once(reader, {**delete(id=11), **made_up}))
    assert reader.noted() == []
    if question:
        reader.send({"jsonrpc": "2.0", "id": question["id"], "result": YES})
        assert _ran(json.loads(reader.answer(ident)))
    else:
        assert _ran(reader.request("tools/call", {**delete(id=11), **reply}))
        again = reader.request("tools/call", {**delete(id=11), **reply})["result"]
        declined = reader.reply(again, NO)
        assert not _ran(reader.request("tools/call", {**delete(id=11), **declined}))
    assert reader.noted() == ["delete notes 11"]


def _at_once(reader: Asking, params: Mapping[str, Any]) -> dict[str, Any]:
    """Send a call; whatever is asked about it is declined."""
    ident = reader.post("tools/call", params)
    if reader.era == HANDSHAKE and (question := reader.question(ident)) is not None:
        reader.send({"jsonrpc": "2.0", "id": question["id"], "result": NO})
    return json.loads(reader.answer(ident))


def _ran(answer: Mapping[str, Any]) -> bool:
    result = answer.get("result", {})
    return "content" in result and not result["isError"]


@pytest.mark.parametrize("somebody", [("bob", "reader"), ("ada", "guest")], ids=" ".join)
def test_who_is_signed_in_may_change_while_asked(reader: Asking, somebody: tuple[str, str]) -> None:
    """A yes of somebody who is signed out, or has lost the role, runs nothing."""
    call = delete(id=20, table=somebody[0])
    ident = reader.post("tools/call", call)
    question = reader.question(ident) if reader.era == HANDSHAKE else None
    first: dict[str, Any] = {} if question else json.loads(reader.answer(ident))["result"]
    reader.sign_in(*somebody)
    if question:
        reader.send({"jsonrpc": "2.0", "id": question["id"], "result": YES})
        answer = json.loads(reader.answer(ident))
    else:
        answer = reader.request("tools/call", {**call, **reader.reply(first)})
    assert not _ran(answer)
    assert reader.noted() == []
    reader.sign_in("ada", "reader")
    if not question:  # the person's question is still theirs to answer
        reader.request("tools/call", {**call, **reader.reply(first)})


def test_a_flood_of_calls_opens_one_question(reader: Asking) -> None:
    """Fifty calls at once: one question, forty-nine answers that say so, and one run (M27)."""
    calls = [reader.post("tools/call", delete(id=30 + number)) for number in range(50)]
    question = reader.question(calls[0]) if reader.era == HANDSHAKE else None
    for ident in calls[1:]:
        assert b"Waiting for your yes to another call" in reader.answer(ident)
    if question:
        reader.send({"jsonrpc": "2.0", "id": question["id"], "result": YES})
        assert b"delete notes 30" in reader.answer(calls[0])
        assert not [note for note in reader.notes.queue if note["method"] == "elicitation/create"]
    else:
        asked = json.loads(reader.answer(calls[0]))["result"]
        assert _ran(reader.request("tools/call", {**delete(id=30), **reader.reply(asked)}))
    assert reader.noted() == ["delete notes 30"]


@pytest.mark.parametrize("era", ERAS)
def test_without_a_way_to_ask_it_is_a_no(era: str, tmp_path: Path) -> None:
    """A client without forms, and no browser: the model is told where the person can do it."""
    with Served("asked", tmp_path, era, POLICY=POLICY, PAGE="1", BROWSER="false %s") as served:
        served.open()
        served.sign_in("ada", "reader")
        text = served.text("delete_row", {"table": "notes"})
        assert "no way to ask" in text
        assert "mcp-local call" in text
        assert "http" not in text
        assert served.noted() == []
        assert served.logged("decision")[-1]["outcome"] == "no_way_to_ask"


def test_forms_that_fail_are_no_way_to_ask(tmp_path: Path) -> None:
    """A client that can't do what it said of itself; another way would be tried next."""
    with Asking(tmp_path, HANDSHAKE) as served:
        served.open()
        served.sign_in("ada", "reader")
        ident = served.post("tools/call", delete())
        question = served.question(ident)
        assert question is not None
        error = {"code": -32601, "message": "Method not found"}
        served.send({"jsonrpc": "2.0", "id": question["id"], "error": error})
        assert b"no way to ask" in served.answer(ident)
        assert served.noted() == []
