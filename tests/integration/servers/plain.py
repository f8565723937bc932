"""An MCP server of both eras on the standard library, with tools that misbehave when told to.

``plain.py FOLDER [BOOK.json]``: every line that it hears is kept in ``FOLDER/heard``, and whatever
it does for somebody is noted in ``FOLDER/ran``. A book replaces parts of what it has.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(sys.argv[1])
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
TOOLS = ("echo", "frames", "back", "need", "change", "die", "slow", "big", "mutter", "touch")
HIDDEN = ("secret", "secret_too")
TEMPLATES = ("item://{number}", "vault://{number}")
PROMPTS = ("ask", "secret_prompt")
URIS = ("docs://open", "docs://closed")
BOOK: dict[str, Any] = {
    "hello": {},
    "capabilities": {
        "tools": {},
        "resources": {"subscribe": True},
        "prompts": {},
        "completions": {},
        "logging": {},
        "tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}},
    },
    "tools": [
        {"name": name, "title": name.title(), "inputSchema": TEXT, "_meta": {"of": name}}
        for name in (*TOOLS, *HIDDEN)
    ],
    "resources": [{"uri": uri, "name": uri} for uri in URIS],
    "resourceTemplates": [{"uriTemplate": uri, "name": uri} for uri in TEMPLATES],
    "prompts": [{"name": name} for name in PROMPTS],
    "page": 1000,
    "raw": {},
}
if len(sys.argv) > 2:
    BOOK.update(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
LISTS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
OUT = os.fdopen(os.dup(1), "wb", buffering=0)
WRITING = threading.Lock()


class Server:
    """What it remembers."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        """Calls that wait for the client's answer, by the id of the request to it."""
        self.tasks: dict[str, dict[str, Any]] = {}
        self.listening: dict[Any, dict[str, Any]] = {}
        self.subscribed: set[str] = set()
        self.modern = False
        """Whether the client speaks the stateless era: then all is told in streams."""

    def serve(self) -> None:
        """Answer every line until the input ends."""
        with (FOLDER / "heard").open("ab", buffering=0) as heard:
            for line in sys.stdin.buffer:
                heard.write(line)
                self.take(json.loads(line))

    def take(self, message: dict[str, Any]) -> None:
        """Answer one message."""
        method, ident = message.get("method"), message.get("id")
        params: dict[str, Any] = message.get("params") or {}
        if method is None:
            call = self.asked.pop(str(ident), None)
            if call is not None:
                answered = {key: message[key] for key in ("result", "error") if key in message}
                say({"id": call, "result": text(json.dumps(answered))})
            return
        if ident is None:
            note(f"notified {method}")
            return
        self.modern = "io.modelcontextprotocol/protocolVersion" in params.get("_meta", {})
        body = self.reply(method, params, ident)
        if body is not None:
            if self.modern and "result" in body:
                body["result"] = {"resultType": "complete", **body["result"]}
            say({"id": ident, **body})

    def reply(self, method: str, params: dict[str, Any], ident: Any) -> dict[str, Any] | None:
        """Return ``result`` or ``error``; nothing where the answer comes later."""
        if method in BOOK["raw"]:  # an answer as a hostile server words it
            write(BOOK["raw"][method].replace("IDENT", json.dumps(ident)).encode() + b"\n")
            return None
        if method in ANSWERED:
            return {"result": ANSWERED[method](method, params)}
        if method == "subscriptions/listen":
            return self.listen(params, ident)
        note(f"{method} {params.get('name') or params.get('uri') or json.dumps(params.get('ref'))}")
        own = getattr(self, method.replace("/", "_"), None)
        if own is None:
            return {"error": {"code": -32601, "message": "Method not found"}}
        return own(params, ident)

    def tools_call(self, params: dict[str, Any], ident: Any) -> dict[str, Any] | None:
        """Run one tool."""
        if "task" in params:
            task: dict[str, Any] = {
                "taskId": f"task-{len(self.tasks) + 1}",
                "status": "working",
                "ttl": 60000,
            }
            self.tasks[task["taskId"]] = task
            return {"result": {"task": task}}
        own = getattr(self, f"run_{params['name']}", None)
        if own is None:
            return {"result": text(f"ran {params['name']}")}
        return own(params, params.get("arguments") or {}, ident)

    def resources_read(self, params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Read anything."""
        return {"result": {"contents": [{"uri": params["uri"], "text": f"read {params['uri']}"}]}}

    def resources_subscribe(self, params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Remember it."""
        self.subscribed.add(params["uri"])
        return {"result": {}}

    def resources_unsubscribe(self, params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Forget it."""
        self.subscribed.discard(params["uri"])
        return {"result": {}}

    def prompts_get(self, params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Return a prompt of any name."""
        content = {"type": "text", "text": f"prompt {params['name']}"}
        return {"result": {"messages": [{"role": "user", "content": content}]}}

    def completion_complete(self, _params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Return the same values for everything."""
        return {"result": {"completion": {"values": ["one", "two"]}}}

    def tasks_get(self, params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Return a task."""
        task = self.tasks.get(params.get("taskId", ""))
        if task is None:
            return {"error": {"code": -32602, "message": "No such task"}}
        return {"result": task}

    def tasks_result(self, params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Return what a task came to."""
        return {"result": text(f"result of {params['taskId']}")}

    def tasks_cancel(self, params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Cancel a task."""
        return {"result": {**self.tasks[params["taskId"]], "status": "cancelled"}}

    def tasks_list(self, _params: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Return all tasks."""
        return {"result": {"tasks": list(self.tasks.values())}}

    def listen(self, params: dict[str, Any], ident: Any) -> None:
        """Acknowledge, and keep it open."""
        self.listening[ident] = params["notifications"]
        tell(
            "notifications/subscriptions/acknowledged",
            {
                "notifications": params["notifications"],
                "_meta": {"io.modelcontextprotocol/subscriptionId": ident},
            },
        )

    def changed(self, kind: str) -> None:
        """Tell clients of both eras that a list changed."""
        if not self.modern:
            tell(f"notifications/{kind}/list_changed", {})
        for ident, wanted in self.listening.items():
            if wanted.get(f"{kind}ListChanged"):
                meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": ident}}
                tell(f"notifications/{kind}/list_changed", meta)

    def run_echo(self, _params: Any, arguments: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Return the text."""
        return {"result": text(str(arguments.get("text", "")))}

    def run_frames(self, _params: Any, arguments: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Write raw lines (base64) before the answer."""
        for frame in arguments["frames"]:
            write(base64.b64decode(frame) + b"\n")
        return {"result": text("said")}

    def run_back(self, _params: Any, arguments: dict[str, Any], ident: Any) -> None:
        """Ask the client something; its answer is the text."""
        own = f"back-{ident}"
        self.asked[own] = ident
        body = {"id": own, "method": arguments["method"], "params": arguments.get("params", {})}
        if arguments.get("escaped"):  # the same method, spelt with an escape
            line = json.dumps({"jsonrpc": "2.0", **body})
            write(line.replace(arguments["method"], arguments["escaped"]).encode() + b"\n")
        else:
            say(body)

    def run_need(
        self, params: dict[str, Any], arguments: dict[str, Any], _ident: Any
    ) -> dict[str, Any]:
        """Ask the client inside the result; once it answered return what it said."""
        if "inputResponses" in params:
            return {"result": text(json.dumps(params["inputResponses"]))}
        return {
            "result": {
                "resultType": "input_required",
                "inputRequests": arguments["requests"],
                "requestState": "state",
            }
        }

    def run_change(self, _params: Any, arguments: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Replace the tools."""
        BOOK.update({key: value for key, value in arguments.items() if key in BOOK})
        self.changed("tools")
        return {"result": text("changed")}

    def run_touch(self, _params: Any, arguments: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Say that a resource changed, to everybody who listens."""
        uri = arguments["uri"]
        if not self.modern:
            tell("notifications/resources/updated", {"uri": uri})
        for ident, wanted in self.listening.items():
            if uri in wanted.get("resourceSubscriptions", ()):
                meta = {"io.modelcontextprotocol/subscriptionId": ident}
                tell("notifications/resources/updated", {"uri": uri, "_meta": meta})
        return {"result": text("touched")}

    def run_die(self, _params: Any, arguments: dict[str, Any], _ident: Any) -> None:
        """End at once, after a last word."""
        sys.stderr.write(f"last words: {arguments.get('text', '')}\n")
        sys.stderr.flush()
        os._exit(arguments.get("code", 3))

    def run_slow(self, params: dict[str, Any], arguments: dict[str, Any], ident: Any) -> None:
        """Answer later, with progress."""
        token = params.get("_meta", {}).get("progressToken")

        def later() -> None:
            for step in range(1, 4):
                time.sleep(arguments.get("seconds", 0.03) / 3)
                if token is not None:
                    tell(
                        "notifications/progress",
                        {"progressToken": token, "progress": step, "total": 3.0},
                    )
            say({"id": ident, "result": text("slow")})

        threading.Thread(target=later, daemon=True).start()

    def run_big(self, _params: Any, arguments: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Return a long text."""
        return {"result": text("x" * arguments["size"])}

    def run_mutter(self, _params: Any, arguments: dict[str, Any], _ident: Any) -> dict[str, Any]:
        """Write to standard error."""
        sys.stderr.write(f"{arguments['text']}\n")
        sys.stderr.flush()
        return {"result": text("muttered")}


def hello(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return what it says of itself."""
    said = {
        "capabilities": BOOK["capabilities"],
        "serverInfo": {"name": "plain", "version": "1"},
        "instructions": "For everybody.",
        **BOOK["hello"],
    }
    if method == "initialize":
        return {"protocolVersion": params["protocolVersion"], **said}
    return {"supportedVersions": ["2026-07-28"], "ttlMs": 60000, "cacheScope": "public", **said}


def page(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return one page of a list, with public hints as a careless server gives them."""
    key = LISTS[method]
    start, size = int(params.get("cursor", 0)), BOOK["page"]
    result: dict[str, Any] = {key: BOOK[key][start : start + size]}
    if start + size < len(BOOK[key]):
        result["nextCursor"] = str(start + size)
    if "_meta" in params:
        result |= {"ttlMs": 60000, "cacheScope": "public"}
    return result


def text(words: str) -> dict[str, Any]:
    """Return a tool's result."""
    return {"content": [{"type": "text", "text": words}]}


def tell(method: str, params: dict[str, Any]) -> None:
    """Send a notification."""
    say({"method": method, "params": params})


def say(body: dict[str, Any]) -> None:
    """Send one message."""
    write(json.dumps({"jsonrpc": "2.0", **body}).encode() + b"\n")


def write(line: bytes) -> None:
    """Write one line, whatever it is."""
    with WRITING:
        OUT.write(line)


def note(what: str) -> None:
    """Keep what was done."""
    with (FOLDER / "ran").open("a", encoding="utf-8") as file:
        file.write(f"{what}\n")


ANSWERED: dict[str, Callable[[str, dict[str, Any]], dict[str, Any]]] = {
    **dict.fromkeys(LISTS, page),
    **dict.fromkeys(("initialize", "server/discover"), hello),
    **dict.fromkeys(("ping", "logging/setLevel"), lambda _method, _params: {}),
}
"""What is answered at once, for nobody in particular."""

Server().serve()
