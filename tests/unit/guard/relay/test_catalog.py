"""What a server has: fetched page by page, judged as one list."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from mcp_local.guard.definition_record import ServerKey
from mcp_local.guard.definitions import ApprovedDefinitions
from mcp_local.guard.record_file import RecordFile
from mcp_local.guard.relay import catalog as module, pages
from mcp_local.guard.relay.catalog import Catalog
from mcp_local.guard.relay.list_kinds import PROMPTS, RESOURCES, TEMPLATES, TOOLS
from mcp_local.guard.relay.message import read_server
from mcp_local.guard.relay.pages import ListFailed
from mcp_local.guard.relay.uri_templates import template_covers
from mcp_local.log import Log
from mcp_local.policy.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mcp_local.guard.definition_record import Record
    from mcp_local.guard.relay.message import Message


class Server:
    """Answers lists; ``pages`` by method and cursor."""

    def __init__(self, **pages: Any) -> None:
        self.pages: dict[tuple[str, str | None], Any] = {}
        self.asked: list[tuple[str, object]] = []
        for key, value in pages.items():
            self.pages[f"{key}/list", None] = value

    async def fetch(
        self, method: str, params: Mapping[str, object], known: object = None
    ) -> Message:
        """Answer one page, with another id each time."""
        del known
        cursor: Any = params.get("cursor")
        self.asked.append((method, cursor))
        answer = self.pages.get((method, cursor), {"code": -32601, "message": "Method not found"})
        key = "error" if "code" in answer else "result"
        ident = f"own-{len(self.asked):08d}"
        return read_server(json.dumps({"jsonrpc": "2.0", "id": ident, key: answer}).encode())


def make(server: Server, tmp_path: Path) -> Catalog:
    """Return a catalog of that server."""
    return Catalog(server.fetch, "git", None, Log(tmp_path / "log.jsonl"))


def tools(*names: str, cursor: str | None = None) -> dict[str, Any]:
    """Return a page."""
    page: dict[str, Any] = {"tools": [{"name": name} for name in names], "_meta": {"a": 1}}
    return page | ({"nextCursor": cursor} if cursor else {})


def test_all_pages_make_one_list(tmp_path: Path) -> None:
    """In the server's order; a cursor that comes again ends it."""
    server = Server(tools=tools("a", cursor="2"))
    server.pages["tools/list", "2"] = tools("b", cursor="3")
    server.pages["tools/list", "3"] = tools("c", cursor="2")
    listing = asyncio.run(make(server, tmp_path).fetch(TOOLS, {}))
    assert [component.name for component in listing.components] == ["a", "b", "c"]
    assert {component.namespace for component in listing.components} == {"git"}
    assert listing.pages[0].rest == {"_meta": {"a": 1}}


def test_what_stands_beside_a_list_asks_for_nothing(tmp_path: Path) -> None:
    """No second list, and no request of the server, in whatever case it is spelt (M4, M12)."""
    beside: dict[str, Any] = {
        "Tools": [{"name": "x"}],
        "inputRequests": {},
        "ResultType": "x",
        "ttlMs": 1,
    }
    listing = asyncio.run(make(Server(tools=tools("a") | beside), tmp_path).fetch(TOOLS, {}))
    assert listing.pages[0].rest == {"_meta": {"a": 1}, "ttlMs": 1}


def test_the_same_answer_makes_the_same_list(tmp_path: Path) -> None:
    """The very same object, so that nothing need be judged again."""
    server = Server(tools=tools("a"))
    catalog = make(server, tmp_path)
    first = asyncio.run(catalog.fetch(TOOLS, {}))
    assert asyncio.run(catalog.fetch(TOOLS, {})) is first
    server.pages["tools/list", None] = tools("b")
    second = asyncio.run(catalog.fetch(TOOLS, {}))
    assert [component.name for component in second.components] == ["b"]


def test_lists_are_learnt_once_until_they_change(tmp_path: Path) -> None:
    """And anew for another server process."""
    server = Server(tools=tools("a"))
    catalog = make(server, tmp_path)
    assert not catalog.knows(Kind.TOOL)
    for _ in range(2):
        asyncio.run(catalog.learn(Kind.TOOL, {}))
    assert len(server.asked) == 1
    assert catalog.knows(Kind.TOOL)
    assert [c.name for c in catalog.find(Kind.TOOL, "a")] == ["a"]
    assert catalog.find(Kind.TOOL, "A") == ()
    catalog.changed(Kind.PROMPT)
    assert catalog.knows(Kind.TOOL)
    catalog.changed(Kind.TOOL)
    assert not catalog.knows(Kind.TOOL)
    asyncio.run(catalog.learn(Kind.TOOL, {}))
    catalog.forget()
    assert not catalog.knows(Kind.TOOL)
    assert catalog.has_known(Kind.TOOL)


def test_a_change_while_a_list_is_fetched_counts(tmp_path: Path) -> None:
    """The list that was under way may be the old one."""
    server = Server(tools=tools("a"))
    catalog = make(server, tmp_path)
    fetch = server.fetch

    async def changing(method: str, params: Mapping[str, object], known: object = None) -> Message:
        del known
        catalog.changed(Kind.TOOL)
        return await fetch(method, params)

    catalog = Catalog(changing, "", None, Log(tmp_path / "log.jsonl"))
    asyncio.run(catalog.learn(Kind.TOOL, {}))
    assert not catalog.knows(Kind.TOOL)


def test_what_is_held_back_can_never_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while the record is written either: other threads judge uses meanwhile (M7)."""
    log = Log(tmp_path / "log.jsonl")
    definitions = ApprovedDefinitions(tmp_path, ServerKey("server-x", "x"), log, hold=True)
    server = Server(tools=tools("a"))
    catalog = Catalog(server.fetch, "", definitions, log)
    asyncio.run(catalog.fetch(TOOLS, {}))
    found: list[object] = []
    update = RecordFile.update

    def slowly(file: RecordFile, change: Callable[[Record], Record]) -> Record:
        found.append(catalog.find(Kind.TOOL, "evil"))
        return update(file, change)

    monkeypatch.setattr(RecordFile, "update", slowly)
    server.pages["tools/list", None] = tools("a", "evil")
    asyncio.run(catalog.fetch(TOOLS, {}))
    assert [*found, catalog.find(Kind.TOOL, "evil")] == [(), ()]


def test_what_a_server_does_not_have_is_empty(tmp_path: Path) -> None:
    """Whoever uses something of it gets the answer for what isn't there."""
    catalog = make(Server(), tmp_path)
    asyncio.run(catalog.learn(Kind.RESOURCE, {}))
    assert catalog.find(Kind.RESOURCE, "docs://a") == ()
    listing = asyncio.run(catalog.fetch(PROMPTS, {}))
    assert listing.pages[0].absent == {"code": -32601, "message": "Method not found"}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"code": -1, "message": "busy"}, "busy"),
        ({"code": "x", "message": "busy"}, "can't be read"),
        ({"tools": {}}, "can't be read"),
        ({}, "can't be read"),
    ],
)
def test_what_is_no_list_is_an_error(answer: Any, text: str, tmp_path: Path) -> None:
    """An empty list would look healthy."""
    with pytest.raises(ListFailed, match=text):
        asyncio.run(make(Server(tools=answer), tmp_path).fetch(TOOLS, {}))


def test_lists_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, whether in one page or in many, and in pages (M16)."""
    for place in (module, pages):
        monkeypatch.setattr(place, "MAX_LIST", 300)
    with pytest.raises(ListFailed, match="16 MiB"):
        asyncio.run(make(Server(tools=tools("a" * 300)), tmp_path).fetch(TOOLS, {}))
    server = Server(tools=tools("a", cursor="0"))
    for number in range(10):
        server.pages["tools/list", str(number)] = tools("a", cursor=str(number + 1))
    with pytest.raises(ListFailed, match="16 MiB"):
        asyncio.run(make(server, tmp_path).fetch(TOOLS, {}))
    for place in (module, pages):
        monkeypatch.setattr(place, "MAX_LIST", 30_000)
    monkeypatch.setattr(module, "_MOST_PAGES", 3)
    assert len(asyncio.run(make(server, tmp_path).fetch(TOOLS, {})).pages) == 3


def test_an_endless_name_takes_no_more_room_than_it_has(tmp_path: Path) -> None:
    """Letters that become eighteen when names are compared would fill the memory (M16, M17)."""
    catalog = make(Server(tools=tools("\ufdfa" * 50_000)), tmp_path)
    tracemalloc.start()
    try:
        assert asyncio.run(catalog.fetch(TOOLS, {})).components == ()
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_names_that_can_not_be_served_are_refused_and_logged_once(tmp_path: Path) -> None:
    """Reserved ones, doubles, hidden characters, and endless ones (M8, M9)."""
    odd = (
        "mcp_local_whoami",
        "mcp_local_sign\u200d_in",
        "MCP_Local_Sign_Out ",
        "a",
        "a",
        "a\u200d",
        "b\u202e",
        "c" * 5000,
    )
    server = Server(tools=tools(*odd) | {"x": 1})
    server.pages["tools/list", None]["tools"] += [{"no": "name"}, "text", {"name": 7}]
    catalog = make(server, tmp_path)
    for _ in range(2):
        listing = asyncio.run(catalog.fetch(TOOLS, {}))
        assert [component.name for component in listing.components] == ["a"]
        server.pages["tools/list", None]["x"] = 2
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text("utf-8").splitlines()]
    assert sorted(line["reason"] for line in lines) == [
        "hidden characters",
        "listed twice",
        "listed twice",
        "reserved",
        "reserved",
        "reserved",
        "too long",
    ]


def test_texts_are_cleaned_and_annotations_kept(tmp_path: Path) -> None:
    """For the model's eyes and for the policy (M9, M10)."""
    page = {"tools": [{"name": "a", "description": "x\x1b", "annotations": {"readOnlyHint": True}}]}
    listing = asyncio.run(make(Server(tools=page), tmp_path).fetch(TOOLS, {}))
    assert listing.items[0]["description"] == "x"
    assert listing.components[0].annotations == {"readOnlyHint": True}


def test_a_uri_is_a_resource_or_all_templates_it_fits(tmp_path: Path) -> None:
    """Servers differ in which template they take, so each counts."""
    server = Server(resources={"resources": [{"uri": "docs://a/1"}]})
    templates = [{"uriTemplate": uri} for uri in ("docs://{path}", "docs://a/{id}", "x://{id}")]
    server.pages["resources/templates/list", None] = {"resourceTemplates": templates}
    catalog = make(server, tmp_path)
    asyncio.run(catalog.learn(Kind.RESOURCE, {}))
    assert [c.template for c in catalog.find(Kind.RESOURCE, "docs://a/1")] == [False]
    found = catalog.find(Kind.RESOURCE, "docs://a/2")
    assert [(c.name, c.uri) for c in found] == [
        ("docs://{path}", "docs://a/2"),
        ("docs://a/{id}", "docs://a/2"),
    ]
    assert catalog.find(Kind.RESOURCE, "y://1") == ()
    (template,) = catalog.find_reference(Kind.RESOURCE, "x://{id}")
    assert (template.name, template.uri) == ("x://{id}", "")
    assert len(catalog.find_reference(Kind.RESOURCE, "docs://a/2")) == 2
    assert {RESOURCES.kind, TEMPLATES.kind} == {Kind.RESOURCE}


class Approved:
    """Definitions of which some are held back."""

    def __init__(self, *held: tuple[str, str]) -> None:
        self.held = held
        self.seen: list[str] = []

    def see(self, which: str, items: Any) -> None:
        """Note that a list was seen."""
        self.seen.append(f"{which} {len(list(items))}")

    def is_held(self, which: str, name: str = "") -> bool:
        """Whether it is one of those."""
        return (which, name) in self.held


def test_what_is_held_back_is_not_there(tmp_path: Path) -> None:
    """Until it is approved (M7)."""
    server = Server(tools=tools("a", "b"), resources={"resources": [{"uri": "r://1"}]})
    templates = {"resourceTemplates": [{"uriTemplate": "t://{x}"}, {"uriTemplate": "t://a{x}"}]}
    server.pages["resources/templates/list", None] = templates
    approved: Any = Approved(
        ("tools", "a"), ("resources", "r://1"), ("resourceTemplates", "t://a{x}")
    )
    catalog = Catalog(server.fetch, "", approved, Log(tmp_path / "log.jsonl"))
    for kind in Kind:
        asyncio.run(catalog.learn(kind, {}))
    assert approved.seen == ["tools 2", "resources 1", "resourceTemplates 2"]
    assert catalog.find(Kind.TOOL, "a") == ()
    assert len(catalog.find(Kind.TOOL, "b")) == 1
    assert catalog.find(Kind.RESOURCE, "r://1") == ()
    assert catalog.find(Kind.RESOURCE, "t://ab") == ()
    assert len(catalog.find(Kind.RESOURCE, "t://b")) == 1
    assert catalog.find_reference(Kind.RESOURCE, "t://a{x}") == ()


@pytest.mark.parametrize(
    ("template", "uri", "covers"),
    [
        ("a://b", "a://b", True),
        ("a://b", "a://bc", False),
        ("a://{x}", "a://b", True),
        ("a://{x}", "a://b/c?d", True),
        ("a://{x}", "a://", True),
        ("a://{x}/y", "a://b/y", True),
        ("a://{x}/y", "a://b/z", False),
        ("a://{x}/m/{y}", "a://1/m/2", True),
        ("a://{x}/m/{y}", "a://1/n/2", False),
        ("a://{x}ab", "a://ab", True),
        ("ab{x}b", "ab", False),
        ("a{x}b{y}b", "ab", False),
        ("a{x}b{y}b", "abb", True),
        ("{x}", "anything", True),
        ("A://{x}", "a://b", False),
    ],
)
def test_templates_cover_widely(template: str, uri: str, covers: bool) -> None:  # noqa: FBT001
    """What might reach a template must be judged by it."""
    assert template_covers(template, uri) is covers


LITERAL = st.text("ab/:{", max_size=4).filter(lambda text: "{" not in text)


@given(st.lists(LITERAL, min_size=1, max_size=4), st.lists(st.text("ab/:", max_size=4), min_size=4))
def test_whatever_is_made_from_a_template_is_covered(
    literals: list[str], values: list[str]
) -> None:
    """Filling in anything for each expression never leaves it."""
    template = "{v}".join(literals)
    uri = literals[0] + "".join(v + lit for v, lit in zip(values, literals[1:], strict=False))
    assert template_covers(template, uri)


def test_pages_of_before_are_not_kept(tmp_path: Path) -> None:
    """M16: a server that names another last page each time doesn't fill the memory."""
    server = Server(tools=tools("a", cursor="second"))
    catalog = make(server, tmp_path)
    kept: list[int] = []
    for number in range(3):
        server.pages["tools/list", "second"] = tools("b", cursor=f"third-{number}")
        server.pages["tools/list", f"third-{number}"] = tools("c")
        listing = asyncio.run(catalog.fetch(TOOLS, {}))
        assert [each.name for each in listing.components] == ["a", "b", "c"]
        kept.append(len(catalog._pages))  # pyright: ignore[reportPrivateUsage] - no other sign of it
    assert kept == [3, 3, 3]
