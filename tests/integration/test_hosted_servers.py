"""Servers that bring search, caches or authorization of their own, behind the guard."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.hosted import ERAS, HANDSHAKE, Served

if TYPE_CHECKING:
    from pathlib import Path

eras = pytest.mark.parametrize("era", ERAS)


@eras
def test_a_search_over_the_served_server_stays_within_the_policy(era: str, tmp_path: Path) -> None:
    """The list is the search alone; it finds and calls what the person may use, nothing else."""
    with Served("search", tmp_path, era) as served:
        served.open()
        served.sign_in("ada", "reader")
        assert served.names() == {"search_tools", "call_tool"}
        found = served.text("search_tools", {"pattern": ".*"})
        assert "lamp" in found
        assert "secret" not in found
        assert served.text("call_tool", {"name": "lamp"}) == "a lamp"
        assert served.text("lamp") == "a lamp"
        assert "Unknown tool" in served.text("call_tool", {"name": "secret"})
        assert served.text("secret") == "Unknown tool: 'secret'"
        assert served.noted() == []


def test_resources_and_prompts_offered_as_tools_stay_within_the_policy(tmp_path: Path) -> None:
    """The tools that list, read and render see what the person sees."""
    policy = """
        version: 1
        roles:
          reader: {tags: [read], tools: [list_resources, read_resource, list_prompts, get_prompt]}
    """
    with Served("as_tools", tmp_path, POLICY=policy) as served:
        served.open()
        served.sign_in("ada", "reader")
        assert served.names() == {"list_resources", "read_resource", "list_prompts", "get_prompt"}
        resources, prompts = served.text("list_resources"), served.text("list_prompts")
        assert "docs://open" in resources
        assert "closed" not in resources
        assert "ask" in prompts
        assert "secret" not in prompts
        assert served.text("read_resource", {"uri": "docs://open"}) == "open"
        assert served.call("read_resource", {"uri": "docs://closed"})["isError"]
        assert served.call("get_prompt", {"name": "secret_prompt"})["isError"]
        assert served.noted() == []


@eras
def test_caches_outside_of_the_server_serve_nobody_elses_answers(era: str, tmp_path: Path) -> None:
    """Neither a list nor an answer kept for a writer reaches a reader."""
    with Served("cached", tmp_path, era) as served:
        served.open()
        served.sign_in("wes", "writer")
        assert served.names() == {"echo", "secret"}
        assert served.names("resources/list") == {"docs://closed"}
        assert served.names("prompts/list") == {"secret_prompt"}
        assert served.text("secret") == "written"
        assert "result" in served.request("resources/read", {"uri": "docs://closed"})
        assert "result" in served.request("prompts/get", {"name": "secret_prompt"})
        served.sign_in("ada", "reader")
        assert served.names() == {"echo"}
        assert served.names("resources/list") == set()
        assert served.names("prompts/list") == set()
        assert served.text("secret") == "Unknown tool: 'secret'"
        assert "error" in served.request("resources/read", {"uri": "docs://closed"})
        assert "error" in served.request("prompts/get", {"name": "secret_prompt"})


def test_a_cache_put_first_while_the_server_starts_comes_after_the_guard(tmp_path: Path) -> None:
    """A lifespan may change the middleware; the guard stays before all of it."""
    with Served("cached_later", tmp_path) as served:
        served.open()
        served.sign_in("wes", "writer")
        assert served.names() == {"echo", "secret"}
        assert served.text("secret") == "written"
        served.sign_in("ada", "reader")
        assert served.names() == {"echo"}
        assert served.text("secret") == "Unknown tool: 'secret'"


@eras
def test_without_a_policy_only_components_with_their_own_check_are_served(
    era: str, tmp_path: Path
) -> None:
    """A server with `FastMCP(auth=…)` and `auth=` runs unchanged; what has no check isn't there."""
    with Served("own_auth", tmp_path, era, POLICY="none") as served:
        served.open()
        served.sign_in("ada", "reader")
        assert served.names() == {"either", "scoped"}
        assert served.text("either") == "for either"
        assert served.text("scoped") == "scoped"
        for hidden in ("admin_only", "unscoped", "bare", "kid_admin", "kid_bare"):
            assert served.text(hidden) == f"Unknown tool: '{hidden}'"
        assert served.names("resources/list") == set()
        served.sign_in("bob", "admin")
        assert served.names() == {"either", "scoped", "admin_only", "kid_admin"}
        assert served.text("kid_admin") == "kid"
        assert served.names("resources/list") == {"own://admin"}
        assert "result" in served.request("resources/read", {"uri": "own://admin"})
        assert served.names("prompts/list") == {"admin_prompt"}
        assert served.noted() == []


def test_policy_and_own_check_must_both_allow(tmp_path: Path) -> None:
    """One of the two is not enough, whichever it is (POLICY.md 11)."""
    policy = (
        "version: 1\nroles:\n  reader: {tools: [admin_only, either]}\n  admin: {tools: [bare]}\n"
    )
    with Served("own_auth", tmp_path, POLICY=policy) as served:
        served.open()
        served.sign_in("ada", "reader")
        assert served.names() == {"either"}
        assert served.text("admin_only") == "Unknown tool: 'admin_only'"
        served.sign_in("bob", "admin")
        assert served.names() == {"bare"}
        assert served.text("admin_only") == "Unknown tool: 'admin_only'"
        served.sign_in("cat", "admin", "reader")
        assert served.names() == {"bare", "either", "admin_only"}


def test_what_an_authors_middleware_hides_is_absent_too(tmp_path: Path) -> None:
    """FastMCP's AuthMiddleware denies by other words; here a hidden name has one answer only."""
    with Served("middleware_auth", tmp_path) as served:
        served.open()
        served.sign_in("ada", "reader")
        assert served.names() == {"echo"}
        assert served.text("echo") == "echoed"
        pairs = [
            ("tools/call", {"name": "closed_tool"}, {"name": "absent_tool"}),
            ("resources/read", {"uri": "docs://closed"}, {"uri": "docs://absent"}),
            ("prompts/get", {"name": "closed_prompt"}, {"name": "absent_prompt"}),
        ]
        for method, hidden, absent in pairs:
            of_hidden = served.raw(method, hidden, "same")
            of_absent = served.raw(method, absent, "same")
            assert of_hidden.replace(b"closed", b"absent") == of_absent
        assert served.noted() == []


def test_locked_components_may_be_listed_with_the_role_they_need(tmp_path: Path) -> None:
    """`list.locked = show`: listed and marked, refused with the reason, never run."""
    with Served("full", tmp_path, LOCKED="1") as served:
        served.open()
        served.sign_in("ada", "reader")
        tools = {tool["name"]: tool for tool in served.request("tools/list")["result"]["tools"]}
        assert tools["secret"]["description"].startswith("[Locked: needs the role lister or ")
        assert tools["kid_closed"]["description"] == "[Locked: needs the role writer]"
        assert not tools["echo"]["description"].startswith("[Locked")
        assert "writer" in served.text("secret")
        assert "writer" in served.text("kid_closed")
        answer = served.request("resources/read", {"uri": "docs://closed"})
        assert "writer" in answer["error"]["message"]
        assert served.text("absent") == "Unknown tool: 'absent'"
        assert served.noted() == []


def test_the_first_lists_wait_for_a_sign_in_under_way_and_share_one_deadline(
    tmp_path: Path,
) -> None:
    """A sign-in that ends in time is in the first list; later lists wait no more."""
    with Served("full", tmp_path, HOLD="20") as served:
        served.open()
        tools, prompts = served.post("tools/list"), served.post("prompts/list")
        time.sleep(0.2)
        served.put("ada", "reader")
        assert b"kid_open" in served.answer(tools)
        assert b'"ask"' in served.answer(prompts)


@pytest.mark.parametrize(("client", "waits"), [("claude-ai", True), ("claude-code", False)])
def test_who_rereads_lists_is_not_kept_waiting(
    client: str,
    waits: bool,  # noqa: FBT001 - a column of the table
    tmp_path: Path,
) -> None:
    """By itself the guard holds the list for clients that read it once, and for no others."""
    with Served("full", tmp_path, HANDSHAKE, client=client) as served:
        served.open()
        listing = served.post("tools/list")
        if waits:
            time.sleep(0.5)
            served.put("ada", "reader")
        assert (b"kid_open" in served.answer(listing)) is waits
