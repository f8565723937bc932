"""The guard's parts on FastMCP servers in this process; real stdio is in ``tests/integration``."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import AuthorizationError, ToolError
from fastmcp.server.providers.addressing import hash_tool
from fastmcp.server.transforms import Namespace, Transform
from fastmcp.utilities.versions import VersionSpec
from mcp.shared.exceptions import MCPError
from mcp_types import EmptyResult, Implementation, PaginatedRequestParams

from mcp_local.errors import McpLocalError
from mcp_local.guard.hosted import explain_all, explain_use, inventory, protect, serve_stdio
from mcp_local.guard.hosted.insides import sdk_server
from mcp_local.guard.hosted.lookup import requested_version
from mcp_local.guard.hosted.user import LiveUser
from mcp_local.log import Log
from mcp_local.policy.model import Action, Component, Decision, Effect, Kind, Request
from tests.support.people import MemorySession, person

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Sequence

    from fastmcp.tools import Tool

    from mcp_local.identity.model import Identity


@dataclass
class Names:
    """Allows what is named, and keeps every component it was shown."""

    allowed: set[str]
    seen: set[Component] = field(default_factory=set[Component])

    def decide(self, identity: Identity | None, request: Request, component: Component) -> Decision:
        """Allow by name or by the URI that is read."""
        del request
        self.seen.add(component)
        allow = identity is not None and bool({component.name, component.uri} & self.allowed)
        return Decision(Effect.ALLOW if allow else Effect.DENY, "names", "")


@dataclass
class Guarded:
    """A protected server with somebody signed in."""

    mcp: FastMCP[Any]
    policy: Names
    session: MemorySession
    log: Path


def guard(mcp: FastMCP[Any], folder: Path, *allowed: str, **options: Any) -> Guarded:
    """Protect a server for somebody who may use what is named."""
    log = folder / "log.jsonl"
    policy, session = Names(set(allowed)), MemorySession(person("ada", "reader"))
    protect(mcp, policy=policy, session=session, log=Log(log), **options)
    return Guarded(mcp, policy, session, log)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a test's coroutine."""
    return asyncio.run(work)


async def tools(client: Client[Any]) -> set[str]:
    """Return what is listed beside the account tools."""
    listed = {tool.name for tool in await client.list_tools()}
    return {name for name in listed if not name.startswith("mcp_local_")}


async def called(client: Client[Any], name: str, **arguments: Any) -> str:
    """Call a tool; return its text."""
    result = await client.call_tool(name, arguments, raise_on_error=False)
    return getattr(result.content[0], "text", "")


def child(name: str = "kid") -> FastMCP[Any]:
    """Return a server to be mounted."""
    mcp = FastMCP(name)
    mcp.tool(lambda: "one", name="one", tags={"t"}, version="1.0")
    mcp.resource("data://x", tags={"t"})(lambda: "x")

    @mcp.resource("rows://{number}")
    def row(number: str) -> str:
        return number

    mcp.prompt(lambda: "asked", name="ask")
    return mcp


def test_the_policy_sees_components_as_clients_do(tmp_path: Path) -> None:
    """Names and URIs carry the mounts' prefixes; the namespace is the outermost of them."""
    middle = FastMCP("middle")
    middle.mount(child(), namespace="b")
    mcp = FastMCP("root")
    mcp.mount(middle, namespace="a")
    mcp.tool(lambda: "", name="plain", annotations={"readOnlyHint": True}, tags={"x"})
    guarded = guard(mcp, tmp_path, "a_b_one", "rows://a/b/7")

    async def look() -> None:
        async with Client(mcp) as client:
            assert await tools(client) == {"a_b_one"}
            assert await called(client, "a_b_one") == "one"
            assert (await client.read_resource("rows://a/b/7"))[0].text == "7"  # type: ignore[union-attr]
            with pytest.raises(MCPError):
                await client.read_resource("rows://a/b/8")
            await client.list_prompts()
            await client.list_resources()

    run(look())
    tags = frozenset({"t"})
    row = Component(Kind.RESOURCE, "rows://a/b/{number}", namespace="a", template=True)
    assert guarded.policy.seen >= {
        Component(Kind.TOOL, "a_b_one", tags, "a", "1.0"),
        Component(Kind.RESOURCE, "data://a/b/x", tags, "a"),
        Component(Kind.PROMPT, "a_b_ask", frozenset(), "a"),
        Component(Kind.TOOL, "plain", frozenset({"x"}), annotations={"readOnlyHint": True}),
    }
    uris = {seen.uri for seen in guarded.policy.seen if seen.name == row.name}
    assert uris >= {"rows://a/b/7", "rows://a/b/8"}


def test_a_server_that_is_mounted_twice_is_judged_by_each_name(tmp_path: Path) -> None:
    """One mount may be open and the other closed."""
    mcp, kid = FastMCP("root"), child()
    mcp.mount(kid, namespace="open")
    mcp.mount(kid, namespace="closed")
    guard(mcp, tmp_path, "open_one")

    async def look() -> None:
        async with Client(mcp) as client:
            assert await tools(client) == {"open_one"}
            assert await called(client, "open_one") == "one"
            assert await called(client, "closed_one") == "Unknown tool: 'closed_one'"

    run(look())


def test_what_is_mounted_or_renamed_while_it_serves_is_guarded(tmp_path: Path) -> None:
    """The next request sees the new names and judges by them."""
    mcp = FastMCP("root")
    mcp.tool(lambda: "first", name="first")
    guard(mcp, tmp_path, "first", "late_one", "outer_first")

    async def look() -> None:
        async with Client(mcp) as client:
            assert await tools(client) == {"first"}
            mcp.mount(child(), namespace="late")
            mcp.mount(child(), namespace="hidden")
            assert await tools(client) == {"first", "late_one"}
            assert await called(client, "hidden_one") == "Unknown tool: 'hidden_one'"
            mcp.add_transform(Namespace("outer"))
            assert await tools(client) == {"outer_first"}
            assert await called(client, "outer_first") == "first"
            assert (await called(client, "first")).startswith("Unknown tool")

    run(look())


def test_a_component_that_changes_in_place_is_judged_anew(tmp_path: Path) -> None:
    """Copies are kept for speed, but only while the original stays as it was."""
    mcp = FastMCP("root")
    mcp.tool(lambda: "", name="tool", description="before")
    guarded = guard(mcp, tmp_path, "tool")

    async def look() -> list[str | None]:
        async with Client(mcp) as client:
            seen = [(await client.list_tools())[-1].description for _ in range(2)]
            tool = await mcp.local_provider.get_tool("tool")
            assert tool is not None
            tool.description, tool.tags = "after", {"new"}
            return [*seen, (await client.list_tools())[-1].description]

    assert run(look()) == ["before", "before", "after"]
    assert {component.tags for component in guarded.policy.seen} == {
        frozenset(),
        frozenset({"new"}),
    }


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Let FastMCP make pages for tools, as with the optional package installed."""
    folder = Path(__file__).parents[2] / "support" / "stand_in"
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    yield
    for name in ("prefab_ui", "prefab_ui.renderer"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("pages")
def test_the_page_of_a_tool_is_seen_by_who_sees_the_tool(tmp_path: Path) -> None:
    """FastMCP makes these pages without any check; a hidden tool's page isn't there either."""
    mcp = FastMCP("root")
    for name in ("shown", "hidden"):
        mcp.tool(lambda: "", name=name, meta={"ui": {"resourceUri": "ui://prefab/renderer.html"}})
    guard(mcp, tmp_path, "shown")
    shown, hidden, absent = (
        f"ui://prefab/tool/{digest}/renderer.html"
        for digest in (hash_tool("", "shown"), hash_tool("", "hidden"), "0" * 12)
    )

    async def look() -> None:
        async with Client(mcp) as client:
            assert {str(found.uri) for found in await client.list_resources()} == {shown}
            assert await client.read_resource(shown)
            errors: list[str] = []
            for uri in (hidden, absent):
                with pytest.raises(MCPError) as refused:
                    await client.read_resource(uri)
                errors.append(str(refused.value).replace(uri, "URI"))
            assert errors[0] == errors[1]

    run(look())


class Falls(Transform):
    """An author's transform with a fault in it."""

    async def get_tool(self, name: str, call_next: Any, *, version: Any = None) -> Tool | None:
        """Fall."""
        raise RuntimeError(name, call_next, version)


def test_a_fault_in_the_look_up_refuses(tmp_path: Path) -> None:
    """Whatever raises before the decision, the answer is no, and the log has the cause."""
    mcp = FastMCP("root")
    mcp.tool(lambda: "ran", name="tool")
    mcp.add_transform(Falls())
    guarded = guard(mcp, tmp_path, "tool")

    async def look() -> str:
        async with Client(mcp) as client:
            return await called(client, "tool")

    assert "refused" in run(look())
    log = guarded.log.read_text(encoding="ascii")
    assert '"kind":"RuntimeError"' in log
    assert '"outcome":"fault"' in log


def test_a_tool_that_fails_is_logged_as_an_error(tmp_path: Path) -> None:
    """It was allowed, it ran, it failed; the client gets the tool's own error."""
    mcp = FastMCP("root")

    @mcp.tool
    def fall() -> str:
        raise ToolError("fell")

    guarded = guard(mcp, tmp_path, "fall")

    async def look() -> str:
        async with Client(mcp) as client:
            return await called(client, "fall")

    assert run(look()) == "fell"
    assert '"allowed":true' in guarded.log.read_text(encoding="ascii")
    assert '"outcome":"error"' in guarded.log.read_text(encoding="ascii")


def test_an_authors_own_denial_is_passed_on_to_who_sees_the_tool(tmp_path: Path) -> None:
    """A listed tool that denies by itself says so in its own words."""
    mcp = FastMCP("root")

    @mcp.tool
    def picky() -> str:
        raise AuthorizationError("not on a Sunday")

    guard(mcp, tmp_path, "picky")

    async def look() -> str:
        async with Client(mcp) as client:
            return await called(client, "picky")

    assert run(look()) == "not on a Sunday"


def test_a_resource_that_may_be_listed_but_not_read_says_why(tmp_path: Path) -> None:
    """Resources and prompts have no error results: the reason comes as an error."""
    mcp = FastMCP("root")
    mcp.resource("docs://a")(lambda: "a")
    mcp.resource("docs://b")(lambda: "b")
    guarded = guard(mcp, tmp_path, "docs://a")
    decide = guarded.policy.decide

    def list_only(identity: Any, request: Request, component: Component) -> Decision:
        if request.action is Action.LIST:
            return decide(identity, request, component)
        return Decision(Effect.DENY, "lists", "Only to look at.", needs_roles=("reader",))

    guarded.policy.decide = list_only  # type: ignore[method-assign]

    async def look() -> list[str]:
        answers: list[str] = []
        async with Client(mcp) as client:
            for uri in ("docs://a", "docs://b"):
                with pytest.raises(MCPError) as refused:
                    await client.read_resource(uri)
                answers.append(str(refused.value))
        return answers

    listed, hidden = run(look())
    assert "Only to look at." in listed
    assert "reader" in listed
    assert "not found" in hidden


@pytest.mark.parametrize(
    ("meta", "version"),
    [
        (None, None),
        ({}, None),
        ({"fastmcp": "1"}, None),
        ({"fastmcp": {"version": 1}}, None),
        ({"fastmcp": {"version": ""}}, None),
        ({"fastmcp": {"version": "1"}}, VersionSpec(eq="1")),
        ({"fastmcp": {"version": {"gte": "1", "lt": "2"}}}, VersionSpec(gte="1", lt="2")),
        ({"fastmcp": {"version": {"gte": 1}}}, None),
    ],
    ids=repr,
)
def test_a_version_is_a_text_or_a_range(meta: Any, version: VersionSpec | None) -> None:
    """Whatever else stands there asks for no version."""
    assert requested_version(meta) == version


def test_the_live_user_is_whoever_is_signed_in() -> None:
    """Scopes and display name follow the token in force."""
    session = MemorySession()
    user = LiveUser(session)
    assert (user.access_token, user.scopes, user.display_name) == (None, [], "")
    session.token = person("ada", "reader")
    assert user.access_token is user.access_token
    assert user.scopes == ["access_as_user"]
    assert user.display_name == session.token.identity.client_id
    token = user.access_token
    assert token is not None
    token.claims["roles"].append("admin")
    assert session.token.claims["roles"] == ["reader"]


def test_somebody_who_signs_out_while_asked_is_not_signed_out_again(tmp_path: Path) -> None:
    """The yes was for one person; another one who signed in meanwhile stays."""
    mcp = FastMCP("root")
    guarded = guard(mcp, tmp_path)

    async def change(_message: str, response_type: Any, *_: Any) -> Any:
        guarded.session.token = person("eve", "reader")
        return response_type(confirm=True)

    async def look(mode: str) -> str:
        guarded.session.token = person("ada", "reader")
        async with Client(mcp, mode=mode, elicitation_handler=change) as client:  # type: ignore[arg-type]
            return await called(client, "mcp_local_sign_out")

    assert "Still signed in" in run(look("legacy"))
    with pytest.raises(MCPError, match="requestState"):  # the SDK binds the question to the person
        run(look("2026-07-28"))
    assert guarded.session.token is not None
    assert guarded.session.token.identity.object_id == "eve"


def test_nobody_needs_to_be_asked_before_a_sign_out_of_nobody(tmp_path: Path) -> None:
    """Signing out twice is no question."""
    mcp = FastMCP("root")
    guarded = guard(mcp, tmp_path, hold=0)
    guarded.session.token = None

    async def look() -> str:
        async with Client(mcp) as client:
            return await called(client, "mcp_local_sign_out")

    assert "Signed out" in run(look())


def test_the_session_is_told_which_program_asks(tmp_path: Path) -> None:
    """Cleaned and cut, as a page shows it."""
    mcp = FastMCP("root")
    guarded = guard(mcp, tmp_path)

    async def look() -> None:
        info = Implementation(name="n", title="Some\x1b Client" + "x" * 100, version="1")
        async with Client(mcp, client_info=info) as client:
            await client.list_tools()

    run(look())
    assert guarded.session.program.startswith("Some Clientx")
    assert len(guarded.session.program) < 64


def test_news_of_changed_lists_come_one_after_the_other(tmp_path: Path) -> None:
    """Changes in quick succession neither overlap nor get lost."""
    mcp = FastMCP("root")
    guarded = guard(mcp, tmp_path)

    async def look() -> None:
        async with Client(mcp) as client:
            await client.list_tools()
            for _ in range(3):
                guarded.session.callbacks[0]()
            await asyncio.sleep(0.05)
            assert await tools(client) == set()

    run(look())


def test_a_handler_in_place_of_fastmcps_own_is_not_served(tmp_path: Path) -> None:
    """It would see neither hook nor policy: the method is gone rather than open."""
    mcp = FastMCP("root")
    guard(mcp, tmp_path)

    async def leak(_ctx: Any, _params: Any) -> EmptyResult:
        return EmptyResult()

    sdk_server(mcp).add_request_handler("tools/list", PaginatedRequestParams, leak)

    async def look() -> None:
        async with Client(mcp) as client:
            with pytest.raises(MCPError, match="Method not found"):
                await client.list_tools()

    run(look())


def test_a_server_without_a_guard_is_not_served() -> None:
    """Forgetting `protect` is an error, not an open server."""
    with pytest.raises(McpLocalError, match="not protected"):
        serve_stdio(FastMCP("bare"), session=MemorySession())


async def _explained(mcp: FastMCP[Any], allowed: Sequence[str]) -> dict[str, tuple[bool, bool]]:
    found = await explain_all(mcp, policy=Names(set(allowed)), token=person("ada", "reader"))
    return {each.component.name: (each.decision.allowed, each.listed) for each in found}


def test_the_offline_commands_know_mounts_and_own_checks() -> None:
    """Everything is named once, as clients know it, with what the policy and its own check say."""
    mcp, kid = FastMCP("root"), child()
    kid.tool(lambda: "", name="refused", auth=lambda _context: False)
    mcp.mount(kid, namespace="kid")
    mcp.tool(lambda: "", name="plain")
    expected = {
        "plain": (True, True),
        "kid_one": (True, True),
        "kid_refused": (True, False),
        "data://kid/x": (False, False),
        "rows://kid/{number}": (False, False),
        "kid_ask": (False, False),
    }
    assert run(_explained(mcp, ["plain", "kid_one", "kid_refused"])) == expected
    assert {component.name for component in run(inventory(mcp))} == set(expected)
    assert run(_explained(mcp, [])).keys() == expected.keys()


def _no_suggestions(*_asked: object) -> None:
    """Complete nothing, as a server may."""


def test_one_use_is_explained_by_the_very_look_up_that_would_run_it() -> None:
    """A URI is judged through its template; a name that isn't there is nothing."""
    mcp = FastMCP("root")
    mcp.mount(child(), namespace="kid")
    mcp.completion(_no_suggestions)
    ada, policy = person("ada", "reader"), Names({"rows://kid/7", "kid_ask"})

    def ask(name: str, action: Action, kind: Kind | None = None) -> bool | None:
        work = explain_use(mcp, name, Request(action, now=5.0), policy=policy, token=ada, kind=kind)
        explained = run(work)
        return None if explained is None else explained.decision.allowed

    assert ask("rows://kid/7", Action.READ) is True
    assert ask("rows://kid/8", Action.READ) is False
    assert ask("kid_ask", Action.GET) is True
    assert ask("kid_ask", Action.COMPLETE, Kind.PROMPT) is True
    assert ask("kid_one", Action.CALL) is False
    assert ask("absent", Action.CALL) is None
    assert ask("absent://x", Action.READ) is None


def test_without_a_policy_the_offline_commands_say_so() -> None:
    """A mounted server's own checks count; what has none is refused by the rule `no-policy`."""
    mcp, kid = FastMCP("root"), FastMCP("kid")
    kid.tool(lambda: "", name="checked", auth=lambda _context: True)
    kid.tool(lambda: "", name="bare")
    mcp.mount(kid, namespace="kid")

    async def look() -> dict[str, tuple[str, bool]]:
        found = await explain_all(mcp, policy=None, token=person("ada", "reader"))
        return {each.component.name: (each.decision.rule, each.listed) for each in found}

    assert run(look()) == {"kid_checked": ("auth", True), "kid_bare": ("no-policy", False)}


def test_injected_tools_are_given_back_after_an_explanation() -> None:
    """Explaining leaves the server as it was."""
    from fastmcp.server.middleware.tool_injection import (  # noqa: PLC0415
        ToolInjectionMiddleware,
    )
    from fastmcp.tools import Tool  # noqa: PLC0415

    injected = Tool.from_function(lambda: "", name="injected")
    mcp = FastMCP("root", middleware=[ToolInjectionMiddleware([injected])])
    assert run(_explained(mcp, ["injected"])) == {"injected": (True, True)}
    middleware = mcp.middleware[0]
    assert isinstance(middleware, ToolInjectionMiddleware)
    assert middleware.get_injected_tool("injected") is injected
    assert mcp.transforms == []
