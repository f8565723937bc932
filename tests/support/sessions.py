"""Sessions with real servers, each touching all that the server can do."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any, Final

from tests.support.wire import HANDSHAKE, call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.wire import Wire

_LISTS: Final = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
_SOON: Final = 0.3
"""Seconds in which a message that must not come would come."""


def _use(wire: Wire, *calls: tuple[str, Mapping[str, Any]]) -> None:
    for number, (name, arguments) in enumerate(calls):
        wire.raw("tools/call", call(name, arguments, progressToken=f"progress-{number}"))


def _lists(wire: Wire) -> None:
    for method in _LISTS:
        wire.raw(method)


def fall_back(wire: Wire) -> None:
    """Session with a server of the handshake era by a client that tries the modern one first."""
    assert "error" in wire.open()
    wire.era = HANDSHAKE
    wire.open()
    wire.wait(lambda line: b"Roots updated" in line.raw)
    _lists(wire)
    _use(wire, ("echo", {"message": "hello"}))


def everything(wire: Wire) -> None:
    """Session with npm's ``server-everything``."""
    wire.open()
    wire.wait(lambda line: b"Roots updated" in line.raw)
    _lists(wire)
    since = len(wire.heard)
    slow = wire.post("tools/call", call("simulate-research-query", _ASK) | {"task": {"ttl": 60000}})
    task = wire.answer(slow).message["result"]["task"]["taskId"]
    wire.raw("tasks/get", {"taskId": task})
    pending = wire.post("tasks/result", {"taskId": task})
    _everything_at_once(wire)
    _use(wire, *_EVERYTHING)
    _everything_cancelled(wire)
    wire.answer(pending)
    assert any(line.method == "elicitation/create" for line in wire.heard[since:])
    wire.raw("tasks/list", {})
    wire.raw("tasks/get", {"taskId": task})


_ASK: Final = {"topic": "python", "ambiguous": True}
_URL: Final = {"url": "https://example.com/go?a=1", "elicitationId": "an-id"}
_EVERYTHING: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("echo", {"message": "ü \u2028 \U0001f600"}),
    ("echo", {}),
    ("get-annotated-message", {"messageType": "error", "includeImage": True}),
    ("get-resource-links", {"count": 3}),
    ("get-resource-reference", {"resourceType": "Blob", "resourceId": 2}),
    ("get-structured-content", {"location": "Chicago"}),
    ("get-sum", {"a": 1e100, "b": -0.5}),
    ("get-tiny-image", {}),
    ("get-roots-list", {}),
    ("gzip-file-as-resource", {"data": "data:text/plain,hello", "outputType": "resource"}),
    ("toggle-simulated-logging", {}),
    ("toggle-simulated-logging", {}),
    ("toggle-subscriber-updates", {}),
    ("toggle-subscriber-updates", {}),
    ("trigger-long-running-operation", {"duration": 0.05, "steps": 3}),
    ("trigger-elicitation-request", {}),
    ("trigger-sampling-request", {"prompt": "haiku", "maxTokens": 9}),
    ("trigger-sampling-request-async", {"prompt": "haiku"}),
    ("trigger-elicitation-request-async", {}),
    ("trigger-url-elicitation", _URL),
    ("trigger-url-elicitation", _URL | {"errorPath": True}),
    ("trigger-url-elicitation", _URL | {"errorPath": True}),
)


def _everything_at_once(wire: Wire) -> None:
    wire.raw("logging/setLevel", {"level": "debug"})
    for uri in ("demo://resource/dynamic/text/1", "demo://resource/dynamic/blob/2"):
        wire.raw("resources/read", {"uri": uri})
    wire.raw("resources/read", {"uri": "demo://resource/static/document/architecture.md"})
    wire.raw("resources/subscribe", {"uri": "demo://resource/dynamic/text/1"})
    for name, arguments in (
        ("simple-prompt", {}),
        ("args-prompt", {"city": "Paris", "state": "TX"}),
        ("completable-prompt", {"department": "Sales", "name": "Eve"}),
        ("resource-prompt", {"resourceType": "Text", "resourceId": "1"}),
    ):
        wire.raw("prompts/get", {"name": name, "arguments": arguments})
    prompt = {"type": "ref/prompt", "name": "completable-prompt"}
    template = {"type": "ref/resource", "uri": "demo://resource/dynamic/text/{resourceId}"}
    for ref, name, value in ((prompt, "department", "S"), (template, "resourceId", "7")):
        wire.raw("completion/complete", {"ref": ref, "argument": {"name": name, "value": value}})
    wire.raw("ping")
    since = len(wire.heard)
    wire.notify("notifications/roots/list_changed")
    wire.wait(lambda line: line.method == "roots/list", since=since)


def _everything_cancelled(wire: Wire) -> None:
    operation = call("trigger-long-running-operation", {"duration": 0.1, "steps": 1})
    cancelled = wire.post("tools/call", operation)
    wire.notify("notifications/cancelled", {"requestId": cancelled, "reason": "enough"})
    time.sleep(_SOON)
    assert not any(line.message.get("id") == cancelled for line in wire.heard if not line.method)


def filesystem(wire: Wire) -> None:
    """Session with npm's ``server-filesystem`` in a folder with ``files`` in it."""
    files = wire.folder / "files"
    wire.answers = {**wire.answers, "roots/list": {"roots": [{"uri": files.as_uri()}]}}
    wire.open()
    wire.told("roots/list")
    _lists(wire)
    notes = str(files / "notes.txt")
    _use(
        wire,
        ("list_allowed_directories", {}),
        ("write_file", {"path": notes, "content": "one\ntwo\n"}),
        ("read_text_file", {"path": notes, "head": 1}),
        ("edit_file", {"path": notes, "edits": [{"oldText": "two", "newText": "zwei ü"}]}),
        ("read_multiple_files", {"paths": [notes, str(files / "absent")]}),
        ("list_directory_with_sizes", {"path": str(files)}),
        ("directory_tree", {"path": str(files)}),
        ("search_files", {"path": str(files), "pattern": "*.txt"}),
        ("read_text_file", {"path": "/etc/passwd"}),
        ("move_file", {"source": notes, "destination": f"{notes}.old"}),
        ("read_text_file", {"nonsense": 1}),
    )


def git(wire: Wire) -> None:
    """Session with PyPI's ``mcp-server-git`` in a folder with a repository ``repo`` in it."""
    repository = str(wire.folder / "repo")
    wire.open()
    _lists(wire)
    where = {"repo_path": repository}
    _use(
        wire,
        ("git_status", where),
        ("git_log", where | {"max_count": 2}),
        ("git_diff_unstaged", where),
        ("git_add", where | {"files": ["b.txt"]}),
        ("git_diff_staged", where),
        ("git_create_branch", where | {"branch_name": "side"}),
        ("git_branch", where | {"branch_type": "local"}),
        ("git_show", where | {"revision": "HEAD"}),
        ("git_show", where | {"revision": "absent"}),
        ("git_log", {}),
        ("git_status", {"repo_path": "/"}),
    )


def make_repository(folder: Path) -> None:
    """Make the repository of :func:`git`, the same each time."""
    repository = folder / "repo"
    repository.mkdir(parents=True)
    (repository / "a.txt").write_text("a\n", encoding="utf-8")
    fixed = {
        "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
        "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
    }
    for words in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "Ada"],
        ["config", "user.email", "ada@example.com"],
        ["add", "a.txt"],
        ["commit", "-q", "-m", "First"],
    ):
        subprocess.run(["git", *words], cwd=repository, check=True, env={**os.environ, **fixed})
    (repository / "b.txt").write_text("b\n", encoding="utf-8")


def clock(wire: Wire) -> None:
    """Session with PyPI's ``mcp-server-time``."""
    wire.open()
    _lists(wire)
    conversion = {"source_timezone": "Europe/Paris", "target_timezone": "Asia/Tokyo"}
    _use(
        wire,
        ("get_current_time", {"timezone": "Europe/Paris"}),
        ("convert_time", conversion | {"time": "12:30"}),
        ("convert_time", conversion | {"time": "noon"}),
        ("get_current_time", {}),
    )


def sqlite(wire: Wire) -> None:
    """Session with PyPI's ``mcp-server-sqlite``."""
    wire.open()
    _lists(wire)
    _use(
        wire,
        ("create_table", {"query": "CREATE TABLE t (a INTEGER, b TEXT)"}),
        ("write_query", {"query": "INSERT INTO t VALUES (1, 'ü'), (2, NULL)"}),
        ("read_query", {"query": "SELECT * FROM t"}),
        ("read_query", {"query": "DROP TABLE t"}),
        ("list_tables", {}),
        ("describe_table", {"table_name": "t"}),
        ("append_insight", {"insight": "Rows are few."}),
        ("read_query", {}),
    )
    wire.raw("resources/read", {"uri": "memo://insights"})
    wire.raw("prompts/get", {"name": "mcp-demo", "arguments": {"topic": "tea"}})


def gallery(wire: Wire) -> None:
    """Session with the FastMCP server ``gallery.py``, in either era."""
    wire.open()
    _lists(wire)
    _use(
        wire,
        ("show", {"title": "Sunflowers"}),
        ("show", {"title": "Sunflowers", "year": 7}),
        ("walk", {"steps": 3}),
        ("fail", {"plainly": True}),
        ("fail", {"plainly": False}),
        ("mixed", {}),
        ("ask_form", {}),
        ("ask_url", {}),
        ("think", {}),
        ("look_around", {}),
    )
    for uri in ("gallery://wall", "gallery://blob", "gallery://room/3?light=off"):
        wire.raw("resources/read", {"uri": uri})
    wire.raw("prompts/get", {"name": "describe", "arguments": {"painting": "Sunflowers"}})
    wire.raw("prompts/get", {"name": "describe"})
    for ref in (
        {"type": "ref/prompt", "name": "describe"},
        {"type": "ref/resource", "uri": "gallery://room/{number}{?light}"},
    ):
        asked = {"ref": ref, "argument": {"name": "mood", "value": "c"}}
        wire.raw("completion/complete", asked | {"context": {"arguments": {"painting": "x"}}})
    if wire.era == HANDSHAKE:
        wire.raw("logging/setLevel", {"level": "warning"})
        wire.raw("ping")
        return
    asked = wire.call("ask_inside")
    answers = {name: {"action": "cancel"} for name in asked["inputRequests"]}
    again: dict[str, Any] = {"inputResponses": answers, "requestState": asked["requestState"]}
    wire.raw("tools/call", call("ask_inside") | again)


_MESSAGE: Final = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":'
FRAMES: Final = (
    b'{"jsonrpc":"2.0","method":"notifications/of/the/future","params":{"a":[1,2]}}',
    b'{"jsonrpc": "2.0" , "method": "notifications/message", "params":{"level":"x","data":1.0}}',
    b'{"params":{"progress":1,"progressToken":"p"},"method":"notifications/progress","jsonrpc":"2.0"}',
    b'{"method":"notifications/progress","params":{"progress":1.50,"total":1e2,"progressToken":7}}',
    _MESSAGE + b'"\\u00fc\\ud83d\\ude00 \xc3\xbc"}}',
    _MESSAGE + b'"\\ud800 alone"}}',
    _MESSAGE + b'"\xe2\x80\xa8 \xe2\x80\xa9"}}',
    _MESSAGE + b"123456789012345678901234567890}}",
    _MESSAGE + b"[NaN,-Infinity]}}",
    _MESSAGE + b'null},"extra":{"kept":true}}',
    b'{"jsonrpc":"2.0","method":"notifications\\/message","params":{"data":"\\/"},"id ":1}',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
    b'{"jsonrpc":"2.0","method":"x","params":{"":null},"_":0}',
    b'{"jsonrpc":"2.0","method":"notifications/message"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345,"reason":"r"}}',
    b'{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}',
    b'{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"t"}}',
    _MESSAGE + b'"' + b"y" * 70_000 + b'"}}',
    b'{"method":"notifications/message","params":{"data":"no version"}}',
    _MESSAGE + b"-0.0}}\t ",
)
"""Twenty odd frames that a server may send, of which the relay must change no byte."""


def odd_frames(wire: Wire) -> None:
    """Session with ``plain.py``: what it says by itself comes as it was said."""
    wire.open()
    frames = [base64.b64encode(frame).decode() for frame in FRAMES]
    wire.raw("tools/call", call("frames", {"frames": frames}))
    _use(wire, ("slow", {}), ("need", {"requests": {}}), ("big", {"size": 200_000}))
    wire.raw("resources/subscribe", {"uri": "docs://open"})
    _use(wire, ("touch", {"uri": "docs://open"}))
    wire.raw("resources/unsubscribe", {"uri": "docs://open"})
    for params in ({"_meta": {"progressToken": 7}}, {"cursor": None}):
        wire.raw("resources/read", {"uri": "docs://open", **params})
    for ident in ("a string", 2**53 + 1, "", "\u00fc"):
        wire.raw("tools/call", call("echo", {"text": "ids are kept"}), ident)
