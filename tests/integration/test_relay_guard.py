"""Nothing passes the relay that the policy forbids, over real processes and in both eras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.chat import ACCOUNT_TOOLS
from tests.support.desk import wait_for
from tests.support.guarded_relay import LISTS, Guarded
from tests.support.wire import ERAS, MODERN, call

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.wire import Line

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}
ODD = "Nice\x1b[2J\u202ehidden\U000e0041\u2028 text"
EXTRA = (
    {"name": "twice", "description": "first"},
    {"name": "twice", "description": "second"},
    {"name": "mcp_local_sign_in", "description": "fake"},
    {"name": "odd", "description": ODD, "annotations": {"title": ODD}},
    {"name": "od\u202ed", "description": "a name that reads otherwise"},
    {"name": "drop_all", "annotations": {"readOnlyHint": True, "destructiveHint": False}},
)
USED = ("echo", "frames", "back", "need", "change", "die", "slow", "big", "mutter", "touch")
BOOK: dict[str, Any] = {
    "tools": [
        {"inputSchema": SCHEMA, **tool}
        for tool in (*({"name": name} for name in (*USED, "secret", "secret_too")), *EXTRA)
    ],
    "page": 4,
}
OPEN = {*USED, "twice", "odd"}
COMPLETION = {"argument": {"name": "x", "value": ""}}


@pytest.fixture(scope="module", params=ERAS)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Guarded]:
    """One relay for the tests of an era."""
    with Guarded(tmp_path_factory.mktemp("relay"), request.param, book=BOOK) as guarded:
        guarded.open()
        yield guarded


@pytest.fixture
def reader(shared: Guarded) -> Generator[Guarded]:
    """The relay with a reader signed in; the server may have heard of nothing hidden afterwards."""
    shared.sign_in("ada", "reader")
    before = len(shared.heard_by_server())
    yield shared
    for line in shared.heard_by_server()[before:]:
        for word in (b"secret", b"closed", b"vault", b"absent", b"drop_all"):
            assert word not in line


def reference(kind: str, name: str) -> dict[str, Any]:
    """Return the parameters of a completion."""
    key = "name" if kind == "prompt" else "uri"
    return {"ref": {"type": f"ref/{kind}", key: name}, **COMPLETION}


SAME_FOR_ALL: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("tools/call", {"name": "secret", "arguments": {}}, {"name": "absent", "arguments": {}}),
    (
        "tools/call",
        {"name": "secret", "arguments": {}, "task": {"ttl": 1000}},
        {"name": "absent", "arguments": {}, "task": {"ttl": 1000}},
    ),
    ("tools/call", {"name": "od\u202ed"}, {"name": "absent"}),
    ("resources/read", {"uri": "docs://closed"}, {"uri": "docs://absent"}),
    ("resources/read", {"uri": "vault://7"}, {"uri": "absent://7"}),
    ("prompts/get", {"name": "secret_prompt"}, {"name": "absent_prompt"}),
    ("completion/complete", reference("prompt", "secret_prompt"), reference("prompt", "absent_p")),
    (
        "completion/complete",
        reference("resource", "vault://{number}"),
        reference("resource", "absent://{number}"),
    ),
    ("resources/subscribe", {"uri": "docs://closed"}, {"uri": "docs://absent"}),
    ("resources/unsubscribe", {"uri": "docs://closed"}, {"uri": "docs://absent"}),
]


@pytest.mark.parametrize(("method", "hidden", "absent"), SAME_FOR_ALL)
def test_hidden_is_answered_as_absent(
    reader: Guarded, method: str, hidden: dict[str, Any], absent: dict[str, Any]
) -> None:
    """The same bytes for both, and the server hears of neither (M1, M2, M5)."""
    of_hidden, of_absent = (
        _without_name(reader.raw(method, params, "same"), params) for params in (hidden, absent)
    )
    assert of_hidden == of_absent
    answer = json.loads(of_hidden)
    assert "error" in answer or answer["result"]["isError"]


def _without_name(answer: bytes, params: dict[str, Any]) -> bytes:
    """Return an answer without the name that was asked for, in each of its spellings."""
    asked = params.get("ref", params)
    name = asked.get("name") or asked.get("uri")
    for spelling in (name.encode(), json.dumps(repr(name)[1:-1])[1:-1].encode()):
        answer = answer.replace(spelling, b"NAME")
    return answer


def test_lists_show_what_the_person_may_use(reader: Guarded) -> None:
    """All four are trimmed, their pages joined into one, the account tools first."""
    assert reader.names("tools/list") == OPEN
    assert reader.names("resources/list") == {"docs://open"}
    assert reader.names("resources/templates/list") == {"item://{number}"}
    assert reader.names("prompts/list") == {"ask"}
    listed = [tool["name"] for tool in reader.request("tools/list")["result"]["tools"]]
    assert set(listed[:3]) == ACCOUNT_TOOLS
    assert len(listed) == len(set(listed))


def test_lists_may_not_be_kept_for_other_people(reader: Guarded) -> None:
    """A server's public cache hints become private ones, stale at once."""
    for method in LISTS:
        result = reader.request(method)["result"]
        if reader.era == MODERN:
            assert (result["ttlMs"], result["cacheScope"]) == (0, "private")
        else:
            assert "ttlMs" not in result


def test_what_is_allowed_works_by_every_way(reader: Guarded) -> None:
    """Tools, resources, templates, prompts, completion and subscriptions reach the server."""
    assert reader.text("echo", {"text": "hi"}) == "hi"
    for uri in ("docs://open", "item://8"):
        read = reader.request("resources/read", {"uri": uri})["result"]["contents"][0]
        assert read["text"] == f"read {uri}"
    asked = reader.request("prompts/get", {"name": "ask"})["result"]["messages"][0]
    assert asked["content"]["text"] == "prompt ask"
    for ref in (reference("prompt", "ask"), reference("resource", "item://{number}")):
        values = reader.request("completion/complete", ref)["result"]["completion"]["values"]
        assert values == ["one", "two"]


@pytest.mark.parametrize(
    "name",
    [
        *("SECRET", "Secret", "secret ", " secret", "\u0455ecret", "secret\u200b", "\uff53ecret"),
        *("secret\0", "x/../secret", "", "ECHO", "echo\u200b", "\ud800", "s" * 1_000_000),
    ],
    ids=lambda name: ascii(name[:24]),
)
def test_names_are_compared_exactly(reader: Guarded, name: str) -> None:
    """Case, width, look-alikes, zero-width and a megabyte make an unknown tool (M3)."""
    before = len(reader.ran())
    answer = reader.request("tools/call", call(name))
    assert "error" in answer or answer["result"]["isError"]
    assert len(json.dumps(answer)) < 2000
    assert reader.ran()[before:] == []


def test_a_hint_of_the_server_grants_nothing(reader: Guarded) -> None:
    """A tool that calls itself read-only is as hidden as any other (M10)."""
    assert "drop_all" not in reader.names()
    assert reader.call("drop_all")["isError"]


def test_reserved_and_doubled_names_are_not_served_twice(reader: Guarded) -> None:
    """The account tools are ours; of a name listed twice the first counts; the log says so (M8)."""
    tools = {tool["name"]: tool for tool in reader.request("tools/list")["result"]["tools"]}
    assert tools["mcp_local_sign_in"]["description"] != "fake"
    assert tools["twice"]["description"] == "first"
    assert "Signed in as" in reader.text("mcp_local_whoami")
    refused = {line["component"] for line in reader.logged("component_refused")}
    assert refused >= {"mcp_local_sign_in", "twice", "od\u202ed"}
    assert not any("mcp_local" in line for line in reader.ran())


def test_texts_are_without_what_a_person_cannot_see(reader: Guarded) -> None:
    """Escape sequences, direction marks and invisible letters don't reach the model (M9)."""
    tools = {tool["name"]: tool for tool in reader.request("tools/list")["result"]["tools"]}
    assert tools["odd"]["description"] == "Nice[2Jhidden text"
    assert tools["odd"]["annotations"]["title"] == "Nice[2Jhidden text"
    assert "od\u202ed" not in tools


def test_without_an_identity_every_name_gets_the_same_answer(shared: Guarded) -> None:
    """Allowed, hidden and absent names alike: sign in; the lists hold account tools only."""
    shared.sign_out()
    before = shared.ran()
    for method, names in (
        ("tools/call", [{"name": name} for name in ("echo", "secret", "absent")]),
        ("resources/read", [{"uri": uri} for uri in ("docs://open", "vault://7", "absent://x")]),
        ("prompts/get", [{"name": name} for name in ("ask", "secret_prompt", "absent")]),
        (
            "completion/complete",
            [reference("prompt", "ask"), reference("resource", "vault://{number}")],
        ),
        ("resources/subscribe", [{"uri": uri} for uri in ("docs://open", "docs://absent")]),
    ):
        answers = {shared.raw(method, params, "same") for params in names}
        assert len(answers) == 1
        assert b"mcp_local_sign_in" in answers.pop()
    assert [shared.names(method) for method in LISTS] == [set(), set(), set(), set()]
    assert shared.ran() == before


def test_roles_taken_away_in_mid_session_take_the_tools_away(shared: Guarded) -> None:
    """The next list and the next call know of it, and the log has both decisions (M6)."""
    shared.sign_in("bea", "writer")
    assert "secret" in shared.names()
    assert shared.text("secret") == "ran secret"
    shared.sign_in("bea", "reader", serial=1)
    ran = shared.ran()
    assert "secret" not in shared.names()
    assert shared.call("secret")["isError"]
    assert shared.ran() == ran

    def outcomes() -> list[tuple[bool, str]]:
        return [
            (line["allowed"], line["outcome"])
            for line in shared.logged("decision")
            if (line["oid"], line["component"]) == ("bea", "secret")
        ]

    wait_for(lambda: len(outcomes()) > 1)  # a line is written once the answer is on its way
    assert outcomes() == [(True, "ok"), (False, "unknown")]


def test_somebody_who_sees_a_tool_is_told_why_it_is_refused(shared: Guarded) -> None:
    """A tool that may be listed but not called names the role; one that isn't listed doesn't."""
    shared.sign_in("lis", "lister")
    ran = shared.ran()
    assert shared.names() == {"secret"}
    answer = shared.call("secret")
    assert answer["isError"]
    assert "writer" in answer["content"][0]["text"]
    assert "writer" not in shared.text("echo")
    assert shared.ran() == ran


def test_an_expired_token_is_nobody(shared: Guarded) -> None:
    """Nothing is allowed past the token's own limit."""
    shared.sign_in("cyd", "reader", lifetime=-1)
    assert shared.names() == set()
    assert "mcp_local_sign_in" in shared.text("echo")


HIDDEN_CALL = '"params":{"name":"secret","arguments":{}}'
ENVELOPE = '{"jsonrpc":"2.0","id":"odd",'


@pytest.mark.parametrize(
    "line",
    [
        f'{ENVELOPE}"method":"ping","method":"tools/call",{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"ping","Method":"tools/call",{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo","name":"secret"}}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo","Name":"secret"}}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo"}},{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo"}},"PARAMS":{{}}}}',
        f'{ENVELOPE}"method":"tools\\/call",{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"\\u0074ools/call",{HIDDEN_CALL}}}',
        f'{ENVELOPE}"m\\u0065thod":"tools/call",{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"\\u0073ecret"}}}}',
        f'{ENVELOPE}"method":"Tools/Call",{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"tools/call ",{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"tools/call","params":["secret"]}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":["secret"]}}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo","arguments":{{"a":1,"a":2}}}}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo","arguments":{{"a":NaN}}}}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo","arguments":{{"a":-Infinity}}}}}}',
        f'{ENVELOPE}"method":"tools/call","params":{{"name":"echo","arguments":"a"}}}}',
        f'{ENVELOPE}"method":["tools/call"],{HIDDEN_CALL}}}',
        f'{ENVELOPE}"method":"tools/call",{HIDDEN_CALL}}} {{}}',
        f'{ENVELOPE}"method":"ping","result":{{}}}}',
        f'\ufeff{ENVELOPE}"method":"tools/call",{HIDDEN_CALL}}}',
        f'[{ENVELOPE}"method":"tools/call",{HIDDEN_CALL}}}]',
        "[]",
        '"tools/call"',
        "null",
        "",
        " \t",
        "garbage",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
    ids=lambda line: ascii(line.replace(ENVELOPE, "…")[:120]),
)
def test_what_could_mean_two_things_means_nothing(reader: Guarded, line: str) -> None:
    """Doubled and case-folded keys, escapes, batches, garbage: refused, and the rest goes on (M4).

    What reaches the server is what was judged, so no spelling gets a hidden tool past it.
    """
    ran, heard = reader.ran(), len(reader.heard)

    def refused(each: Line) -> bool:
        return not each.method and each.message.get("id") != "after"

    reader.send(line.encode())
    after = reader.raw("tools/call", call("echo", {"text": "still here"}), "after")
    assert b"still here" in after
    assert reader.ran()[len(ran) :] == ["tools/call echo"]
    if line.strip():
        answer = reader.wait(refused, since=heard).message
        assert "error" in answer or answer["result"]["isError"]
    assert sum(map(refused, reader.heard[heard:])) == bool(line.strip())


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":"odd","method":"tools/call","params":{"name":"echo\xff"}}',
        b'{"jsonrpc":"2.0","id":"odd","method":"tools/call","params":{"name":"\xed\xa0\x80"}}',
        b'{"jsonrpc":"2.0","id":"odd","method":"tools/call\xc0\xaf","params":{"name":"secret"}}',
        b"\x00\x01\x02\xff\xfe",
        b'{"jsonrpc":"2.0","id":{"a":1},"method":"tools/call","params":{"name":"echo"}}',
        b'{"jsonrpc":"2.0","id":[1],"method":"tools/call","params":{"name":"echo"}}',
        b'{"jsonrpc":"2.0","id":true,"method":"tools/call","params":{"name":"echo"}}',
        b'{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"echo"}}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"echo"}}',
        b'{"jsonrpc":"1.0","id":"odd","method":"tools/call","params":{"name":"echo"}}',
        b'{"id":"odd","method":"tools/call","params":{"name":"echo"}}',
    ],
    ids=ascii,
)
def test_bytes_and_ids_that_are_none_are_refused(reader: Guarded, line: bytes) -> None:
    """Bad UTF-8, ids that are no ids, no protocol: an error, and nothing runs (M18)."""
    ran, heard = reader.ran(), len(reader.heard)
    reader.send(line)
    assert reader.text("echo") == ""
    assert reader.ran()[len(ran) :] == ["tools/call echo"]
    reader.wait(lambda each: "error" in each.message, since=heard)
    assert sum("error" in each.message for each in reader.heard[heard:]) == 1


def test_uses_without_an_id_go_nowhere(reader: Guarded) -> None:
    """A call that asks for no answer would run unseen; unknown notifications stop here, too."""
    ran = reader.ran()
    for method in ("tools/call", "resources/read", "prompts/get", "custom/leak"):
        reader.notify(method, {"name": "echo", "uri": "docs://open"})
    reader.notify("notifications/of/nobody", {})
    assert reader.text("echo") == ""
    assert reader.ran()[len(ran) :] == ["tools/call echo"]


def test_methods_that_are_not_known_do_not_exist(reader: Guarded) -> None:
    """They are answered here, alike, and named in the log."""
    absent = reader.raw("nothing/here", {}, "same")
    for method in ("com.example/leak", "tools/secret", "sampling/createMessage"):
        answer = reader.raw(method, {}, "same")
        assert answer.replace(method.encode(), b"M") == absent.replace(b"nothing/here", b"M")
    assert json.loads(absent)["error"]["code"] == -32601
    assert not any(b"nothing/here" in line for line in reader.heard_by_server())


def test_the_same_id_twice_gets_no_two_answers_mixed_up(reader: Guarded) -> None:
    """A second request under an open id is refused; the first is answered as it was asked."""
    line = '{{"jsonrpc":"2.0","id":"again","method":"tools/call","params":{}}}'
    heard = len(reader.heard)
    slow = {"name": "slow", "arguments": {"seconds": 0.2}, **_meta(reader)}
    echo = {"name": "echo", "arguments": {"text": "second"}, **_meta(reader)}
    for params in (slow, echo):
        reader.send(line.format(json.dumps(params)).encode())
    reader.wait(lambda each: b'"slow"' in each.raw, since=heard)
    answers = [each.message for each in reader.heard[heard:] if not each.method]
    assert sum("error" in answer for answer in answers) == 1
    assert not any("second" in json.dumps(answer) for answer in answers)


def _meta(reader: Guarded) -> dict[str, Any]:
    return {"_meta": reader.params()["_meta"]} if reader.era == MODERN else {}


def test_very_long_lines_are_refused_and_forgotten(reader: Guarded) -> None:
    """Over 4 MiB a line is refused; what follows it is served, and memory stays bounded (M16)."""
    before = _memory(reader)
    for size in (4 * 1024 * 1024 + 1, 64_000_000):
        heard = len(reader.heard)
        reader.send(b'{"jsonrpc":"2.0","id":5,"method":"ping","params":{"a":"' + b"x" * size)
        refused = reader.wait(lambda each: "error" in each.message, since=heard)
        assert refused.message["error"]["code"] in {-32600, -32700}
        assert reader.text("echo", {"text": "after"}) == "after"
    assert _memory(reader) < before + 32


def test_answers_may_be_long(reader: Guarded) -> None:
    """An answer that needs no judging goes through, far above the client's limit."""
    size = 20_000_000
    assert len(reader.text("big", {"size": size})) == size


def _memory(wire: Guarded) -> float:
    """Return the relay's resident memory in MiB."""
    status = Path(f"/proc/{wire.process.pid}/status").read_text("ascii")
    return next(int(li.split()[1]) for li in status.splitlines() if li.startswith("VmRSS")) / 1024


def test_many_pings_are_all_answered(reader: Guarded) -> None:
    """Ten thousand at once (M17)."""
    heard = len(reader.heard)
    idents = [f"ping-{number}" for number in range(10_000)]
    lines = [f'{{"jsonrpc":"2.0","id":"{ident}","method":"ping"}}' for ident in idents]
    reader.send("\n".join(lines).encode())
    reader.wait(lambda each: each.message.get("id") == idents[-1], since=heard)
    answered = [each.message["id"] for each in reader.heard[heard:] if "result" in each.message]
    assert sorted(answered) == sorted(idents)
