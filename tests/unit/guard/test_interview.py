"""Asking a server for all that it has, over a real child."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mcp_local.errors import Unreachable
from mcp_local.guard.interview import Told, interview
from mcp_local.guard.relay.child import Child
from mcp_local.guard.relay.supervisor import Supervised
from tests.support.notes import Notes

SERVER = """
import json, sys
book = json.loads(sys.argv[1])
def say(message): print(json.dumps(message), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    method, ident = request["method"], request.get("id")
    if ident is None:
        continue
    if method == "tools/list" and "asks" in book:
        print("not json {", flush=True)
        say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        for number, asked in enumerate(("ping", "sampling/createMessage")):
            say({"jsonrpc": "2.0", "id": f"s{number}", "method": asked})
            print(sys.stdin.readline().strip(), file=sys.stderr, flush=True)
        say({"jsonrpc": "2.0", "id": 77, "result": {}})
    answers = book.get(method)
    page = (request.get("params") or {}).get("cursor", "")
    answer = answers.get(page) if isinstance(answers, dict) and "" in answers else answers
    if answer is None:
        say({"jsonrpc": "2.0", "id": ident, "error": {"code": -32601, "message": "No such"}})
    elif "code" in answer:
        say({"jsonrpc": "2.0", "id": ident, "error": answer})
    elif "_meta" in book and "_meta" not in request["params"]:
        say({"jsonrpc": "2.0", "id": ident, "error": {"code": -32602, "message": "No envelope"}})
    else:
        say({"jsonrpc": "2.0", "id": ident, "result": answer})
"""
HELLO: dict[str, object] = {
    "capabilities": {"tools": {}, "resources": {}},
    "instructions": "Be kind.",
}
TOOLS: dict[str, object] = {"tools": [{"name": "a"}]}


def ask(log: Notes | None = None, **book: object) -> Told:
    """Interview a server that answers as the book says: `a_b` is what it says to `a/b`."""
    replies = {
        name.replace("_", "/", 1) if "_" in name[1:] else name: v for name, v in book.items()
    }
    words = ["-I", "-S", "-c", SERVER, json.dumps(replies)]
    notes = log or Notes()
    server = Supervised(lambda: Child(sys.executable, words, {}, Path.cwd(), notes), notes)
    return interview(server)


def test_everything_is_asked_for() -> None:
    """All lists that the server declares, and its instructions; what it lacks is empty."""
    told = ask(
        initialize=HELLO,
        tools_list=TOOLS,
        resources_list={"resources": [{"uri": "a://b"}]},
        prompts_list={"prompts": [{"name": "undeclared"}]},
    )
    assert told == Told(
        {
            "tools": ({"name": "a"},),
            "resources": ({"uri": "a://b"},),
            "resourceTemplates": (),
        },
        "Be kind.",
    )


def test_every_page_is_read() -> None:
    """Pages follow their cursors; one that leads back to itself ends."""
    pages = {
        "": {"tools": [{"name": "a"}], "nextCursor": "2"},
        "2": {"tools": [{"name": "b"}], "nextCursor": "2"},
    }
    told = ask(initialize={"capabilities": {"tools": {}}}, tools_list=pages)
    assert [tool["name"] for tool in told.lists["tools"]] == ["a", "b"]


def test_a_server_of_the_stateless_era_is_asked_in_its_envelope() -> None:
    """Where the handshake is refused, each request carries who asks."""
    told = ask(_meta=True, server_discover={"capabilities": {"tools": {}}}, tools_list=TOOLS)
    assert told.lists == {"tools": ({"name": "a"},)}


def test_a_server_that_asks_back_gets_nothing() -> None:
    """Its ping is answered, anything else refused; noise and answers to nobody are passed over."""
    log = Notes()
    told = ask(log, initialize={"capabilities": {"tools": {}}}, tools_list=TOOLS, asks=True)
    assert told.lists == {"tools": ({"name": "a"},)}
    ping, sampling = (json.loads(str(fields["line"])) for fields in log.of("server_stderr"))
    assert ping == {"jsonrpc": "2.0", "id": "s0", "result": {}}
    assert sampling["error"]["code"] == -32601


def test_a_refusal_is_told() -> None:
    """What the server says is the error, at the greeting and later."""
    with pytest.raises(Unreachable, match="No such"):
        ask()
    with pytest.raises(Unreachable, match="Locked"):
        ask(initialize=HELLO, tools_list={"code": -32000, "message": "Locked"})


def test_one_that_knows_neither_greeting_says_why_with_the_first() -> None:
    """What a remote server's address answers is told then, not that it has no `server/discover`."""
    with pytest.raises(Unreachable, match="There is no MCP server at"):
        ask(initialize={"code": -32603, "message": "There is no MCP server at http://a/b"})


def test_one_that_never_answers_is_given_up() -> None:
    """After the time limit the server is ended."""
    server = Child(
        "sh", ["-c", "exec cat >/dev/null"], {"PATH": "/bin:/usr/bin"}, Path("/"), Notes()
    )
    with pytest.raises(Unreachable, match=r"no answer within 0\.2 seconds"):
        interview(server, patience=0.2)


def test_the_last_lines_of_one_that_ends_are_shown() -> None:
    """The person whose server it is reads why."""
    script = "for i in $(seq 14); do echo line $i >&2; done; exit 2"
    log = Notes()
    env = {"PATH": "/bin:/usr/bin"}
    server = Supervised(lambda: Child("sh", ["-c", script], env, Path("/"), log), log)
    with pytest.raises(Unreachable) as caught:
        interview(server)
    assert caught.value.message == "sh ended with exit code 2."
    assert caught.value.hint.split("\n  ") == [f"line {number}" for number in range(3, 15)]


@pytest.mark.parametrize("script", ["exit 0", "exec cat", "exec sleep 60"])
def test_what_to_do_is_told_where_it_is_no_mcp_server(script: str) -> None:
    """It ends at once, says what it hears, or nothing at all."""
    log, env = Notes(), {"PATH": "/bin:/usr/bin"}
    server = Supervised(lambda: Child("sh", ["-c", script], env, Path("/"), log), log)
    with pytest.raises(Unreachable) as caught:
        interview(server, patience=1.0)
    assert "must speak MCP" in caught.value.hint


def test_what_to_do_is_told_where_there_is_no_such_program() -> None:
    """It wrote no lines that would say it."""
    log = Notes()
    server = Supervised(lambda: Child("no-such", [], {"PATH": "/bin"}, Path("/"), log), log)
    with pytest.raises(Unreachable, match="'no-such' is not on the PATH") as caught:
        interview(server)
    assert caught.value.hint == "Install it first, or give its whole path."
