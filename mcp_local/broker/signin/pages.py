"""The pages that the browser shows at the end of a sign-in: short, self-contained, without script.

Everything that comes from outside is escaped, and the content policy allows nothing but our own
style sheet (SECURITY.md O8). Dark and light follow the browser; the heading says it all first.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from mcp_local.broker.signin.loopback_http import Response

if TYPE_CHECKING:
    from mcp_local.broker.state import Problem

_STYLE = """
:root{color-scheme:light dark;--back:#f4f5f7;--card:#fff;--line:#dfe1e6;--text:#1d2125;
--soft:#5c6470;--good:#1a7f4b;--bad:#b3261e;--note:#2a5db0}
@media (prefers-color-scheme:dark){:root{--back:#16181c;--card:#1f2227;--line:#343941;
--text:#e8eaed;--soft:#a2aab5;--good:#5fd39a;--bad:#ff8a80;--note:#8ab4f8}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--back);
color:var(--text);font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:30rem;background:var(--card);border:1px solid var(--line);
border-radius:1rem;padding:2.25rem 2.25rem 1.75rem;overflow-wrap:anywhere}
svg{display:block;width:3rem;height:3rem;margin-bottom:1.25rem;fill:none;stroke:currentColor;
stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.good svg{color:var(--good)}.bad svg{color:var(--bad)}.note svg{color:var(--note)}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25;font-weight:600}
code{font:.9em ui-monospace,Menlo,Consolas,monospace}
p{margin:0 0 .75rem}.who{font-weight:600}.soft,footer{color:var(--soft)}
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);font-size:.875rem}
""".strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", _POLICY),
)
"""Sent with every answer of the listener."""

_SIGNS: Final = {
    "good": '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>',
    "bad": '<circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
    "note": '<circle cx="12" cy="12" r="10"/><path d="M12 11.5V17M12 7.5v.01"/>',
}
_COMMAND = re.compile(r"`([^`<>]+)`")
_TEXT_LIMIT = 600
"""Characters; a description of the authority has about 300."""


def signed_in(who: str, program: str, note: str = "") -> Response:
    """Say who is signed in and where to go on; ``program`` is the one to go back to, if known."""
    return _page(
        HTTPStatus.OK,
        "good",
        "You\N{RIGHT SINGLE QUOTATION MARK}re signed in",
        [
            ("who", who),
            ("", f"You can close this tab and go back to {_named(program)}."),
            ("soft", note),
        ],
    )


def failed(problem: Problem, program: str) -> Response:
    """Say why the sign-in didn't work and what to do next."""
    return _page(
        HTTPStatus.OK,
        "bad",
        "The sign-in didn\N{RIGHT SINGLE QUOTATION MARK}t work",
        [
            ("", problem.message),
            ("", problem.hint),
            ("", f"You can close this tab and try again from {_named(program)}."),
            ("soft", f"Code: {problem.code}"),
        ],
    )


def cancelled(program: str) -> Response:
    """Say that the person's no was understood."""
    return _page(
        HTTPStatus.OK,
        "note",
        "Sign-in was cancelled",
        [
            ("", "Nothing was changed."),
            ("", f"You can close this tab and try again from {_named(program)}."),
        ],
    )


def refused(status: HTTPStatus, reason: str) -> Response:
    """Answer what isn't the sign-in's business."""
    return _page(status, "note", "Nothing to do here", [("", reason)])


def _named(program: str) -> str:
    return program or "the program that asked for it"


def _page(status: HTTPStatus, sign: str, title: str, paragraphs: list[tuple[str, str]]) -> Response:
    body = "".join(
        f'<p class="{kind}">{_text(text)}</p>' if kind else f"<p>{_text(text)}</p>"
        for kind, text in paragraphs
        if text
    )
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{_text(title)} - mcp-local</title><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body>"
        f'<main class="{sign}"><svg viewBox="0 0 24 24" aria-hidden="true">{_SIGNS[sign]}</svg>'
        f"<h1>{_text(title)}</h1>{body}"
        "<footer>This page comes from mcp-local on your own computer.</footer></main></body></html>"
    )
    headers = (*HEADERS, ("Content-Type", "text/html; charset=utf-8"))
    return Response(status, document.encode(), headers)


def _text(value: str) -> str:
    """Return text that is safe in HTML and can't hide: no controls, no change of direction.

    Only afterwards the commands in our hints, which stand in backticks, are set as code.
    """
    shown = value if len(value) <= _TEXT_LIMIT else value[:_TEXT_LIMIT] + "…"
    safe = html.escape("".join(each if each.isprintable() else " " for each in shown))
    return _COMMAND.sub(r"<code>\1</code>", safe)
