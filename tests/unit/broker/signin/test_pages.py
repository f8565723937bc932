"""The pages that the browser shows at the end of a sign-in (SECURITY.md O8)."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.loopback.page import nothing_here
from mcp_local.broker.signin import pages
from mcp_local.broker.state import Problem

if TYPE_CHECKING:
    from mcp_local.broker.loopback.http import Response

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\x1b[31m\x00"
ALL = {
    "signed in": pages.signed_in("Rita Reader", "Claude Desktop", "Restart it."),
    "failed": pages.failed(Problem("50105", "Not assigned.", "Ask an administrator."), "Cursor"),
    "cancelled": pages.cancelled("the terminal"),
    "refused": nothing_here(HTTPStatus.BAD_REQUEST, "No."),
}


class _Reader(html.parser.HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str] = {}
        self.text = ""
        self.style = ""
        self.feed(response.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append(tag)
        self.attributes |= {f"{tag}.{name}": value or "" for name, value in attrs}

    def handle_data(self, data: str) -> None:
        """Note the text."""
        if self.tags[-1] == "style":
            self.style += data
        else:
            self.text += data


@pytest.mark.parametrize("name", ALL)
def test_page_is_self_contained_and_accessible(name: str) -> None:
    """Language, title, one heading and main part; no script, no form, nothing from elsewhere."""
    page = _Reader(ALL[name])
    assert page.attributes["html.lang"] == "en"
    assert page.tags.count("h1") == page.tags.count("main") == page.tags.count("title") == 1
    assert page.attributes["svg.aria-hidden"] == "true"
    assert not {"script", "form", "img", "iframe", "a", "button"} & set(page.tags)
    assert b"http" not in ALL[name].body.replace(b"<!doctype html>", b"")
    assert "color-scheme:light dark" in page.style
    assert "prefers-color-scheme:dark" in page.style


@pytest.mark.parametrize("name", ALL)
def test_content_policy_allows_our_style_and_nothing_else(name: str) -> None:
    """O8: the hash in the policy is that of the style sheet in the page."""
    headers = dict(ALL[name].headers)
    digest = base64.b64encode(hashlib.sha256(_Reader(ALL[name]).style.encode()).digest()).decode()
    assert headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "page",
    [
        pages.signed_in(HOSTILE, HOSTILE, HOSTILE),
        pages.failed(Problem(HOSTILE, HOSTILE, HOSTILE), HOSTILE),
        pages.cancelled(HOSTILE),
        nothing_here(HTTPStatus.BAD_REQUEST, HOSTILE),
    ],
)
def test_what_comes_from_outside_is_only_text(page: Response) -> None:
    """O8: a script in a description stays visible text, and controls can't hide anything."""
    seen = _Reader(page)
    assert not {"script", "img"} & set(seen.tags)
    assert "<script>alert(1)</script>" in seen.text
    assert not re.search("[\u202e\x1b\x00]", seen.text)


def test_commands_in_hints_are_set_as_code() -> None:
    """A hint's command stands out; backticks can't smuggle markup in."""
    page = pages.failed(Problem("x", "`<b>bold</b>`", "Run `mcp-local login`."), "")
    assert b"<code>mcp-local login</code>" in page.body
    assert "b" not in _Reader(page).tags


def test_long_descriptions_are_cut() -> None:
    """A page stays short whatever the authority sends."""
    page = pages.failed(Problem("x", "long " * 1000), "")
    assert len(page.body) < 5000


def test_pages_name_the_program_to_go_back_to() -> None:
    """Where no program has told its name, the page says so in other words."""
    assert "go back to Claude Desktop." in _Reader(ALL["signed in"]).text
    assert "again from Cursor." in _Reader(ALL["failed"]).text
    assert "the program that asked for it" in _Reader(pages.cancelled("")).text
