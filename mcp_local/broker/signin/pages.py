"""The pages that the browser shows at the end of a sign-in."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from mcp_local.broker.loopback.page import simple_page

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


def _named(program: str) -> str:
    return program or "the program that asked for it"
