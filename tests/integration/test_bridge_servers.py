"""Servers behind HTTP: the TypeScript SDK's on both transports, FastMCP's in both eras."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fastmcp import Context  # noqa: TC002 - FastMCP reads the annotation
from mcp_types import EmptyResult, SubscribeRequestParams

from tests.support import sessions, site, warm
from tests.support.fidelity import Way, differences, record
from tests.support.http_server import make_server, serving
from tests.support.relayed import EVERY_REQUEST, fetched, logged, settings_folder
from tests.support.scripted import scripted
from tests.support.wire import ERAS, HANDSHAKE, Line, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from subprocess import CompletedProcess

    from fastmcp import FastMCP

    from tests.support.fidelity import Recording
    from tests.support.scripted import Exchange

EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
PATIENCE = 20.0


def remote_folder(folder: Path, url: str) -> dict[str, str]:
    """Write settings with the remote server ``it``; return the environment of role ``any``."""
    environ = settings_folder(folder, ["-"])
    config = folder / "home" / "config.toml"
    policy = folder / "home" / "policy.yaml"
    requests = ", ".join(f'"{each}"' for each in EVERY_REQUEST)
    config.write_text(
        f'[servers.it]\nurl = "{url}"\npolicy = "{policy}"\nrequests = [{requests}]\n',
        encoding="utf-8",
    )
    return environ


@contextmanager
def everything(transport: str, folder: Path) -> Generator[str]:
    """Run npm's reference server on loopback; yield its address."""
    command = (*fetched("npx", EVERYTHING), transport)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "server.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | {"PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}"
        finally:
            if sys.platform != "win32":
                os.killpg(process.pid, 9)
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.mark.node
def test_the_typescript_sdks_server(tmp_path: Path) -> None:
    """All that it does over its own pipes, it does through the bridge, over either transport."""
    command: Sequence[str] = fetched("npx", EVERYTHING)
    (tmp_path / "direct").mkdir()
    ways = [Way(command, tmp_path / "direct", dict(os.environ), ends=False)]
    with ExitStack() as servers, ThreadPoolExecutor(3) as pool:
        for transport in ("streamableHttp", "sse"):
            folder = tmp_path / transport
            folder.mkdir()
            url = servers.enter_context(everything(transport, folder))
            ways.append(Way(warm.ours("run", "it"), folder, remote_folder(folder, url), ends=True))
        playing = [pool.submit(record, sessions.everything, way, era=HANDSHAKE) for way in ways]
        direct, *bridged = (plain(each.result()) for each in playing)
    for recording in bridged:
        assert differences(direct, recording) == []


_SESSION = re.compile(rb"\s(?:for|from) session [0-9a-z-]+| - SessionId [0-9a-f-]+| (?=\"})")
"""What the server says of its own transport: a session's id, or that there is none."""
_EARLY = "notifications/tools/list_changed"
"""Over HTTP the server sends these before anybody can have opened its stream."""


def plain(recording: Recording) -> Recording:
    """Return a recording without what the server itself says otherwise over HTTP."""
    lines = (
        Line(raw, json.loads(raw))
        for raw in (_SESSION.sub(b"", line.raw) for line in recording.lines)
    )
    return replace(recording, lines=tuple(line for line in lines if line.method != _EARLY))


def nobody(_folder: Path) -> AbstractContextManager[str]:
    """Return an address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return nullcontext(f"http://127.0.0.1:{taken.getsockname()[1]}/mcp")


@contextmanager
def homepage(_folder: Path) -> Generator[str]:
    """Serve a page that is no MCP server; yield its address."""

    def answer(exchange: Exchange) -> None:
        exchange.answer(200, b"<html>Welcome!</html>", Content_Type="text/html")

    with scripted(answer) as server:
        yield server.url


@contextmanager
def untrusted(folder: Path) -> Generator[str]:
    """Serve with a certificate that nobody trusts; yield the address."""
    with site.serve(folder) as secure:
        yield f"{secure.url}/mcp"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (nobody, "can't be reached"),
        (homepage, "There is no MCP server"),
        (untrusted, "can't be trusted"),
    ],
)
def test_an_address_that_serves_nothing_is_an_error(
    place: Callable[[Path], AbstractContextManager[str]], why: str, tmp_path: Path
) -> None:
    """The client is answered with why, commands end with exit code 5, and the log has it."""
    with place(tmp_path) as url:
        environ = remote_folder(tmp_path, url)
        with Wire(warm.ours("run", "it"), tmp_path, era=HANDSHAKE, environ=environ) as wire:
            assert why in wire.open()["error"]["message"]
            assert "error" in wire.request("tools/list")
            assert "Signed in" in wire.text("mcp_local_whoami")
        done = command("tools", "it", environ=environ, folder=tmp_path)
    assert done.returncode == 5, done.stderr
    assert why in done.stderr
    assert why in str(logged(tmp_path, "remote_problem")[0]["why"])


def test_plain_http_is_for_this_machine_only(tmp_path: Path) -> None:
    """Nothing is sent there: it is a mistake in the words or the settings, and is named so."""
    environ = remote_folder(tmp_path, "http://127.0.0.1:1/mcp")
    done = command("run", "http://example.com/mcp", environ=environ, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "https://" in done.stderr
    assert "https://" in str(logged(tmp_path, "not_served")[0]["why"])
    environ = remote_folder(tmp_path, "http://example.com/mcp")
    done = command("tools", "it", environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert "must start with https://" in done.stderr


def command(*words: str, environ: dict[str, str], folder: Path) -> CompletedProcess[str]:
    """Run one of our commands."""
    return subprocess.run(
        warm.ours(*words),
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("era", ERAS)
def test_fastmcps_server_in_both_eras(tmp_path: Path, era: str) -> None:
    """Lists, calls, resources, a person's answer, and a large result."""
    with serving(make_server()) as served:
        environ = remote_folder(tmp_path, served.url)
        with Wire(warm.ours("run", "it"), tmp_path, era=era, environ=environ) as wire:
            assert "error" not in wire.open()
            tools = wire.request("tools/list")["result"]["tools"]
            assert {"echo", "large", "ask"} <= {tool["name"] for tool in tools}
            assert wire.text("echo", {"text": "hello"}) == "hello"
            assert len(wire.text("large", {"size": 5_000_000})) == 5_000_000
            note = wire.request("resources/read", {"uri": "note://one"})["result"]
            assert note["contents"][0]["text"] == "a note"
            if era == HANDSHAKE:
                assert wire.text("ask") == "Ada"
                odds: list[Any] = [[], "odd", {"progressToken": [1]}]
                for odd in odds:  # for the server to answer
                    params = {"name": "echo", "arguments": {"text": "hello"}, "_meta": odd}
                    assert wire.request("tools/call", params)["error"]["code"] == -32602
    assert not any("authorization" in headers for headers in served.headers)


def chatty(subscribed: list[str]) -> FastMCP[Any]:
    """Return a server that logs, and notes what it was subscribed to."""
    server = make_server()

    @server.tool(annotations={"readOnlyHint": True})
    async def chat(context: Context) -> str:
        """Log something of little and something of great weight."""
        await context.info("by the way")
        await context.error("look here")
        return "said"

    async def subscribe(_context: object, params: SubscribeRequestParams) -> EmptyResult:
        subscribed.append(str(params.uri))
        return EmptyResult()

    inside = server._mcp_server  # pyright: ignore[reportPrivateUsage] - FastMCP has no hook for it
    inside.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    return server


@pytest.mark.filterwarnings("ignore:The logging capability is deprecated")
def test_a_server_that_comes_back_does_what_it_was_told_before(tmp_path: Path) -> None:
    """The client's log level and its subscriptions hold in the new session, too."""
    before: list[str] = []
    after: list[str] = []
    with serving(chatty(before)) as served:
        port = int(served.url.split(":")[2].partition("/")[0])
        environ = remote_folder(tmp_path, served.url)
        wire = Wire(warm.ours("run", "it"), tmp_path, era=HANDSHAKE, environ=environ)
        wire.open()
        assert "result" in wire.request("logging/setLevel", {"level": "error"})
        assert "result" in wire.request("resources/subscribe", {"uri": "note://one"})
        assert wire.text("chat") == "said"
    with serving(chatty(after), port=port), wire:
        assert wire.text("chat") == "said"
        said = [line for line in wire.heard if line.method == "notifications/message"]
    assert (before, after) == (["note://one"], ["note://one"])
    assert [line.message["params"]["level"] for line in said] == ["error", "error"]


def test_a_server_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    """Its new self knows nothing of our session: another is begun, and the client sees nothing."""
    with serving(make_server()) as served:
        port = int(served.url.split(":")[2].partition("/")[0])
        environ = remote_folder(tmp_path, served.url)
        wire = Wire(warm.ours("run", "it"), tmp_path, era=HANDSHAKE, environ=environ)
        wire.open()
        assert wire.text("echo", {"text": "one"}) == "one"
    with serving(make_server(), port=port), wire:
        assert wire.text("echo", {"text": "two"}) == "two"
