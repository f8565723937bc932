"""The looks of every page on loopback: short, self-contained, without script.

Everything that comes from outside is escaped, and the content policy allows nothing but our own
style sheet (SECURITY.md O8). Dark and light follow the browser; the heading says it all first.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING, Final

from mcp_local.broker.loopback.http import Response

if TYPE_CHECKING:
    from http import HTTPStatus

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
main.wide{max-width:46rem}
svg{display:block;width:3rem;height:3rem;margin-bottom:1.25rem;fill:none;stroke:currentColor;
stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.good svg{color:var(--good)}.bad svg{color:var(--bad)}.note svg{color:var(--note)}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25;font-weight:600}
code,pre{font:.9em ui-monospace,Menlo,Consolas,monospace}
pre{margin:0 0 1rem;padding:.75rem 1rem;border:1px solid var(--line);border-radius:.5rem;
background:var(--back);white-space:pre-wrap}
pre span{display:block;padding-left:4ch;text-indent:-2ch}
pre span:first-child{padding:0;text-indent:0;font-weight:600}
a{color:var(--note)}.code{font-size:1.75rem;letter-spacing:.08em}
p{margin:0 0 .75rem}.who{font-weight:600}.soft,footer{color:var(--soft)}
form{display:flex;gap:.75rem;margin-top:1.25rem;animation:late 1s step-end}
@keyframes late{from{visibility:hidden}}
button{flex:1;padding:.6rem 1rem;border:1px solid var(--soft);border-radius:.5rem;font:inherit;
font-weight:600;background:var(--card);color:var(--text);cursor:pointer}
button:focus-visible{outline:3px solid var(--note);outline-offset:2px}
footer{margin-top:1.5rem;padding-top:1rem;border-top:1px solid var(--line);font-size:.875rem}
""".strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def headers(*, form_action: str = "'none'", referrer: str = "no-referrer") -> Headers:
    """Return what is sent with every answer; a page with a form names where it may go."""
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        f"base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
    )
    return (
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", referrer),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", policy),
    )


Headers = tuple[tuple[str, str], ...]
HEADERS: Final = headers()
"""Sent with every answer that holds no form."""

_SIGNS: Final = {
    "good": '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-7"/>',
    "bad": '<circle cx="12" cy="12" r="10"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
    "note": '<circle cx="12" cy="12" r="10"/><path d="M12 11.5V17M12 7.5v.01"/>',
    "ask": '<circle cx="12" cy="12" r="10"/>'
    '<path d="M9.2 9.3a2.9 2.9 0 0 1 5.6.9c0 1.9-2.8 2.3-2.8 4M12 17.4v.01"/>',
}
_COMMAND = re.compile(r"`([^`<>]+)`")
_TEXT_LIMIT = 600
"""Characters; a description of the authority has about 300."""


def simple_page(
    status: HTTPStatus, sign: str, title: str, paragraphs: list[tuple[str, str]]
) -> Response:
    """Return a page of paragraphs, each a class and a text; an empty text is left out."""
    body = "".join(
        f'<p class="{kind}">{safe_text(text)}</p>' if kind else f"<p>{safe_text(text)}</p>"
        for kind, text in paragraphs
        if text
    )
    return page(status, sign, title, body)


def nothing_here(status: HTTPStatus, reason: str) -> Response:
    """Answer what is nobody's business."""
    return simple_page(status, "note", "Nothing to do here", [("", reason)])


def page(
    status: HTTPStatus,
    sign: str,
    title: str,
    body: str,
    *,
    sent_with: Headers = HEADERS,
) -> Response:
    """Return a page; ``body`` is HTML whose every foreign text went through an escape."""
    kind = "note wide" if sign == "ask" else sign
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{safe_text(title)} - mcp-local</title><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body>"
        f'<main class="{kind}"><svg viewBox="0 0 24 24" aria-hidden="true">{_SIGNS[sign]}</svg>'
        f"<h1>{safe_text(title)}</h1>{body}"
        "<footer>This page comes from mcp-local on your own computer.</footer></main></body></html>"
    )
    typed = (*sent_with, ("Content-Type", "text/html; charset=utf-8"))
    return Response(status, document.encode(), typed)


def safe_text(value: str) -> str:
    """Return text that is safe in HTML and can't hide: no controls, no change of direction.

    Only afterwards the commands in our hints, which stand in backticks, are set as code.
    """
    shown = value if len(value) <= _TEXT_LIMIT else value[:_TEXT_LIMIT] + "…"
    safe = html.escape("".join(each if each.isprintable() else " " for each in shown))
    return _COMMAND.sub(r"<code>\1</code>", safe)
