"""The pages that the browser shows in a sign-in, beside those of the authority."""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import TYPE_CHECKING

from mcp_local.broker.loopback.page import page, safe_text, simple_page

if TYPE_CHECKING:
    from mcp_local.broker.loopback.http import Response
    from mcp_local.broker.state import Problem


def signed_in(who: str, program: str, note: str = "") -> Response:
    """Say who is signed in and where to go on; ``program`` is the one to go back to, if known."""
    return simple_page(
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
    return simple_page(
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
    return simple_page(
        HTTPStatus.OK,
        "note",
        "Sign-in was cancelled",
        [
            ("", "Nothing was changed."),
            ("", f"You can close this tab and try again from {_named(program)}."),
        ],
    )


def device_code(code: str, address: str, program: str) -> Response:
    """Show a device code, and where it is to be entered."""
    link = f'<a href="{html.escape(address)}" rel="noreferrer">{safe_text(address)}</a>'
    name = safe_text(_named(program))
    body = (
        f"<p>To sign in to mcp-local for {name}, open {link} on this or any other device, and "
        f'enter this code:</p><p class="code"><code>{safe_text(code)}</code></p>'
        "<p>Enter only a code that you asked for yourself: one that somebody sent you would sign "
        "them in as you.</p>"
        f'<p class="soft">When it is done there, close this tab and go back to {name}.</p>'
    )
    return page(HTTPStatus.OK, "note", "Sign in with a code", body)


def _named(program: str) -> str:
    return program or "the program that asked for it"
