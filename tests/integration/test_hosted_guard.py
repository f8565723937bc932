"""Every way round a guard that FastMCP has, over a real process and real stdio, in both eras."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fastmcp.server.providers.addressing import hashed_backend_name

from tests.support.hosted import ERAS, Served

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

LISTS = ("tools/list", "resources/list", "resources/templates/list", "prompts/list")
SAVE = hashed_backend_name("crm", "secret_save")
NO_SAVE = f"{'0' * 12}_absent_save"
COMPLETION = {"argument": {"name": "x", "value": ""}}


@pytest.fixture(scope="module", params=ERAS)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Served]:
    """One server of the scenario ``full`` for the tests of an era; its lists wait for nobody."""
    folder = tmp_path_factory.mktemp("full")
    with Served("full", folder, request.param, HOLD="0") as served:
        served.open()
        yield served


@pytest.fixture
def reader(shared: Served) -> Generator[Served]:
    """The server with a reader signed in; nothing hidden may have run afterwards."""
    shared.ran.unlink(missing_ok=True)
    shared.sign_in("ada", "reader")
    yield shared
    assert shared.noted() == []


def prompt(name: str) -> dict[str, Any]:
    """Return the parameters of a completion for a prompt."""
    return {"ref": {"type": "ref/prompt", "name": name}, **COMPLETION}


def template(uri: str) -> dict[str, Any]:
    """Return the parameters of a completion for a resource template."""
    return {"ref": {"type": "ref/resource", "uri": uri}, **COMPLETION}


def of_version(name: str, version: str) -> dict[str, Any]:
    """Return the parameters of a use of one version."""
    return {"name": name, "_meta": {"fastmcp": {"version": version}}}


HIDDEN_AND_ABSENT = [
    ("tools/call", {"name": "secret"}, {"name": "absent"}),
    ("tools/call", {"name": "secret", "arguments": {"text": 5}}, {"name": "absent"}),
    ("tools/call", {"name": "kid_closed"}, {"name": "kid_absent"}),
    ("tools/call", {"name": "attic_secret"}, {"name": "attic_absent"}),
    ("tools/call", {"name": "secret_injected"}, {"name": "absent_injected"}),
    ("tools/call", {"name": SAVE}, {"name": NO_SAVE}),
    ("tools/call", {"name": "secret_save"}, {"name": "absent_save"}),
    ("tools/call", of_version("edition", "2.0"), of_version("edition", "9.0")),
    ("tools/call", {"name": "od\u202ed"}, {"name": "absent"}),
    ("prompts/get", {"name": "secret_prompt"}, {"name": "absent_prompt"}),
    ("prompts/get", {"name": "kid_closed"}, {"name": "kid_absent"}),
    ("resources/read", {"uri": "docs://closed"}, {"uri": "docs://absent"}),
    ("resources/read", {"uri": "vault://1"}, {"uri": "absent://1"}),
    ("resources/read", {"uri": "item://7"}, {"uri": "absent://7"}),
    ("resources/read", {"uri": "data://kid/closed"}, {"uri": "data://kid/absent"}),
    ("completion/complete", prompt("secret_prompt"), prompt("absent_prompt")),
    ("completion/complete", template("vault://{number}"), template("absent://{number}")),
    ("completion/complete", template("docs://closed"), template("docs://absent")),
]


@pytest.mark.parametrize(("method", "hidden", "absent"), HIDDEN_AND_ABSENT)
def test_what_is_hidden_is_answered_byte_for_byte_as_what_is_absent(
    reader: Served, method: str, hidden: dict[str, Any], absent: dict[str, Any]
) -> None:
    """Hidden and absent names get the same bytes, and the target hears of neither (M1, M2, M5)."""
    of_hidden = reader.raw(method, hidden, "same")
    of_absent = reader.raw(method, absent, "same")

    def name(params: dict[str, Any]) -> bytes:
        reference = params.get("ref", params)
        named = repr(reference.get("name") or reference.get("uri"))
        return json.dumps(named)[2:-2].encode()

    bare = [of_hidden.replace(name(hidden), b"NAME"), of_absent.replace(name(absent), b"NAME")]
    unescaped = "od\u202ed".encode()
    assert bare[0].replace(unescaped, b"NAME") == bare[1]
    assert b"Unknown" in of_hidden or b"not found" in of_hidden


def test_lists_show_what_the_person_may_use(reader: Served) -> None:
    """All four lists are trimmed, mounted servers, injected tools and searches included."""
    assert reader.names("tools/list") == {
        *("echo", "edition", "around", "odd", "me", "watch", "injected"),
        *("kid_open", "kid_inside", "attic_search_tools", "attic_call_tool"),
    }
    assert reader.names("resources/list") == {"docs://open", "data://kid/open"}
    assert reader.names("resources/templates/list") == {"item://{number}", "rows://kid/{number}"}
    assert reader.names("prompts/list") == {"ask"}


def test_what_is_allowed_works_by_every_way(reader: Served) -> None:
    """Tools, injected and mounted ones, resources, templates, prompts and completion run."""
    assert reader.text("echo", {"text": "hi"}) == "hi"
    assert reader.text("kid_open") == "opened"
    assert reader.text("injected") == "injected"
    for uri, text in (
        ("docs://open", "open"),
        ("item://8", "item 8"),
        ("data://kid/open", "open data"),
        ("rows://kid/3", "row 3"),
    ):
        result = reader.request("resources/read", {"uri": uri})["result"]
        assert result["contents"][0]["text"] == text
    message = reader.request("prompts/get", {"name": "ask"})["result"]["messages"][0]
    assert message["content"]["text"] == "asked"
    for params in (prompt("ask"), template("item://{number}"), template("docs://open")):
        values = reader.request("completion/complete", params)["result"]["completion"]["values"]
        assert values == ["one", "two"]


def test_a_hidden_version_runs_neither_by_its_number_nor_by_default(reader: Served) -> None:
    """The newest version that the person may see answers; its hidden successor isn't there."""
    tool = next(
        tool
        for tool in reader.request("tools/list")["result"]["tools"]
        if tool["name"] == "edition"
    )
    assert "2.0" not in json.dumps(tool)
    assert reader.text("edition") == "first"
    assert reader.text("edition", fastmcp={"version": "1.0"}) == "first"


def test_tools_that_call_tools_reach_only_what_the_person_may_use(reader: Served) -> None:
    """With and without middleware, in the served server and in a mounted one (run_middleware)."""
    for run_middleware in (True, False):
        for name in ("secret", "secret_injected", "absent", SAVE):
            arguments = {"name": name, "run_middleware": run_middleware}
            assert reader.text("around", arguments).startswith("refused")
        assert reader.text("around", {"name": "kid_open", "run_middleware": run_middleware}) == (
            "opened"
        )
    assert reader.text("kid_inside", {"name": "closed"}) == "refused: NotFoundError"
    assert reader.text("kid_inside", {"name": "open"}) == "opened"


def test_a_search_in_a_mounted_server_finds_and_calls_only_what_the_person_may_use(
    reader: Served,
) -> None:
    """Its search and its call tool run beneath the served server, and are judged all the same."""
    found = reader.text("attic_search_tools", {"pattern": ".*"})
    assert "lamp" in found
    assert "secret" not in found
    assert reader.text("attic_call_tool", {"name": "lamp"}) == "a lamp"
    hidden = reader.text("attic_call_tool", {"name": "secret"})
    assert hidden == reader.text("attic_call_tool", {"name": "absent"}).replace("absent", "secret")


def test_methods_that_are_not_known_to_be_guarded_do_not_exist(reader: Served) -> None:
    """Extensions, tasks, subscriptions and handlers of the author's own get -32601 (M5)."""
    absent = reader.raw("nothing/here", {}, "same")
    for method in ("com.example/leak", "custom/leak", "tasks/get"):
        assert reader.raw(method, {}, "same") == absent.replace(b"nothing/here", method.encode())
    for method in ("resources/subscribe", "resources/unsubscribe"):
        assert reader.request(method, {"uri": "docs://closed"})["error"]["code"] == -32601
    reader.notify("notifications/custom")
    reader.notify("custom/leak")
    assert reader.text("echo", {"text": "still here"}) == "still here"


def test_capabilities_announce_what_is_served_and_nothing_else(shared: Served) -> None:
    """Lists change; there are no subscriptions to resources and no extension with methods."""
    capabilities = shared.hello["capabilities"]
    assert all(capabilities[kind]["listChanged"] for kind in ("tools", "resources", "prompts"))
    assert not capabilities["resources"].get("subscribe")
    assert "com.example/leak" not in json.dumps(capabilities)
    assert "completions" in capabilities


@pytest.mark.parametrize(
    "name",
    [
        *("SECRET", "Secret", "secret ", " secret", "\u0455ecret", "secret\u200b", "\uff53ecret"),
        *("secret\0", "kid_kid_closed", "KID_closed", "x/../secret", "tool:secret@", ""),
        *(f"{SAVE}@", f"{SAVE[:12].upper()}{SAVE[12:]}", "s" * 1_000_000),
    ],
    ids=lambda name: repr(name[:24]),
)
def test_names_are_compared_exactly(reader: Served, name: str) -> None:
    """Case, width, look-alikes, zero-width and a megabyte make an unknown tool (M3)."""
    assert reader.text(name).startswith("Unknown tool")


def test_without_an_identity_every_name_gets_the_same_answer(shared: Served) -> None:
    """Allowed, hidden and absent names alike: sign in; and the lists hold account tools only."""
    shared.ran.unlink(missing_ok=True)
    shared.sign_out()
    answers = {shared.raw("tools/call", {"name": n}, "same") for n in ("echo", "secret", "absent")}
    assert len(answers) == 1
    assert b"mcp_local_sign_in" in answers.pop()
    uris = ("docs://open", "docs://closed", "item://7", "item://8", "absent://x")
    assert len({shared.raw("resources/read", {"uri": uri}, "same") for uri in uris}) == 1
    names = ("ask", "secret_prompt", "absent")
    assert len({shared.raw("prompts/get", {"name": name}, "same") for name in names}) == 1
    refs = (prompt("ask"), prompt("secret_prompt"), template("vault://{number}"), template("x://"))
    assert len({shared.raw("completion/complete", ref, "same") for ref in refs}) == 1
    assert [shared.names(method) for method in LISTS] == [set(), set(), set(), set()]
    tools = {tool["name"] for tool in shared.request("tools/list")["result"]["tools"]}
    assert tools == {"mcp_local_sign_in", "mcp_local_sign_out", "mcp_local_whoami"}
    assert shared.noted() == []


def test_roles_taken_away_in_mid_session_take_the_tools_away(shared: Served) -> None:
    """The next list and the next call know of it, and the log has both decisions (M6)."""
    shared.sign_in("bea", "writer")
    assert "secret" in shared.names()
    assert shared.text("secret") == "secret"
    assert shared.text("kid_closed") == "kid closed"
    assert shared.text(SAVE).startswith("Unknown tool")
    shared.sign_in("bea", "reader", serial=1)
    shared.ran.unlink()
    assert "secret" not in shared.names()
    assert shared.text("secret").startswith("Unknown tool")
    lines = [
        line
        for line in shared.logged("decision")
        if line["oid"] == "bea" and line["component"] == "secret"
    ]
    assert [(line["allowed"], line["outcome"]) for line in lines] == [
        (True, "ok"),
        (False, "unknown"),
    ]
    assert lines[0]["rule"] == "roles.writer"
    assert shared.noted() == []


def test_somebody_who_sees_a_tool_is_told_why_it_is_refused(shared: Served) -> None:
    """A tool that may be listed but not called names the role; one that isn't listed doesn't."""
    shared.sign_in("lis", "lister")
    shared.ran.unlink(missing_ok=True)
    assert shared.names() == {"secret"}
    answer = shared.call("secret")
    assert answer["isError"]
    assert "writer" in answer["content"][0]["text"]
    assert shared.text("echo") == "Unknown tool: 'echo'"
    assert shared.noted() == []


def test_an_expired_token_is_nobody(shared: Served) -> None:
    """Nothing is allowed past the token's own limit."""
    shared.sign_in("cyd", "reader", lifetime=-1)
    assert shared.names() == set()
    assert "Sign-in needed" in shared.text("echo")


def test_fastmcp_knows_the_caller_as_over_http(shared: Served) -> None:
    """The real token and claims, by every way; state is kept by person."""
    shared.sign_in("dee", "reader")
    first = shared.call("me")["structuredContent"]
    assert first == {
        "oid": "dee",
        "token": "token-of-dee-0",
        "direct": "token-of-dee-0",
        "roles": ["reader"],
        "user": "dee",
        "count": first["count"],
    }
    assert shared.call("me")["structuredContent"]["count"] == first["count"] + 1
    shared.sign_in("eve", "reader")
    other = shared.call("me")["structuredContent"]
    assert (other["oid"], other["count"]) == ("eve", 1) if first["count"] == 1 else True


def test_a_call_never_goes_on_with_the_token_of_somebody_else(
    shared: Served, tmp_path: Any
) -> None:
    """Somebody else signs in while a call runs: the call has no token any more."""
    shared.sign_in("fay", "reader")
    until = tmp_path / "changed"
    watching = shared.post("tools/call", {"name": "watch", "arguments": {"until": str(until)}})
    assert shared.text("echo", {"text": "the call has begun"})
    shared.sign_in("gus", "reader")
    until.touch()
    result = json.loads(shared.answer(watching))["result"]["structuredContent"]["result"]
    assert result == ["token-of-fay-0", None, None]


def test_a_new_token_of_the_same_person_is_seen_within_a_call(
    shared: Served, tmp_path: Any
) -> None:
    """A renewal in mid-call goes on with the new token."""
    shared.sign_in("hal", "reader")
    until = tmp_path / "changed"
    watching = shared.post("tools/call", {"name": "watch", "arguments": {"until": str(until)}})
    assert shared.text("echo", {"text": "the call has begun"})
    shared.sign_in("hal", "reader", serial=1)
    until.touch()
    result = json.loads(shared.answer(watching))["result"]["structuredContent"]["result"]
    assert result == ["token-of-hal-0", "token-of-hal-1", "hal"]


def test_reserved_names_stay_with_the_account_tools(reader: Served) -> None:
    """A component that takes one is neither listed nor called, and the log says so (M8)."""
    tools = reader.request("tools/list")["result"]["tools"]
    names = [tool["name"] for tool in tools]
    assert names.count("mcp_local_sign_in") == names.count("mcp_local_whoami") == 1
    assert "Signed in as" in reader.text("mcp_local_whoami")
    assert {line["component"] for line in reader.logged("component_refused")} >= {
        "mcp_local_sign_in",
        "mcp_local_whoami",
    }


def test_texts_are_without_what_a_person_cannot_see(reader: Served) -> None:
    """Escape sequences, direction marks and invisible letters don't reach the model (M9)."""
    tools = {tool["name"]: tool for tool in reader.request("tools/list")["result"]["tools"]}
    assert tools["odd"]["description"] == "Nice[2Jhidden text"
    assert "od\u202ed" not in tools


def test_lists_may_not_be_kept_for_other_people(reader: Served) -> None:
    """Results that carry cache hints are private and stale at once; nothing else says otherwise."""
    for method in LISTS:
        result = reader.request(method)["result"]
        assert result.get("cacheScope", "private") == "private"
        assert result.get("ttlMs", 0) == 0


def test_a_refused_use_has_one_line_in_the_log(reader: Served) -> None:
    """Time, person, client, component, action, rule, duration, outcome; no megabyte of name."""
    reader.text("n" * 5000)
    line = reader.logged("decision")[-1]
    assert line["component"] == "n" * 256
    assert line["kind"] == "tool"
    assert line["action"] == "call"
    assert line["client"] == "test"
    assert line["oid"] == "ada"
    assert line["outcome"] == "unknown"
    assert line["allowed"] is False
    assert isinstance(line["duration_us"], int)


def test_a_completion_tells_of_nothing_but_what_it_was_asked_for(tmp_path: Path) -> None:
    """Templates that are listed but not completed aren't named in answers about other ones."""
    policy = "version: 1\nroles:\n  reader: {resources: ['item://1']}\n"
    with Served("full", tmp_path, POLICY=policy) as served:
        served.open()
        served.sign_in("ada", "reader")
        assert served.names("resources/templates/list") == {"item://{number}"}
        asked = served.request("completion/complete", template("item://{number}"))
        assert "Not allowed: item://{number}" in asked["error"]["message"]
        for uri in ("vault://{number}", "absent://{number}"):
            asked = served.request("completion/complete", template(uri))
            assert asked["error"]["message"] == f"Unknown reference: '{uri}'"
