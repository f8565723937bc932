"""Asks the person on a page in their browser, where the client can't put a question (M27).

The page is served on loopback at an address that holds a secret and is good once. The address
goes to the browser and to nobody else: a model that can fetch addresses must never see it. Only a
form posted from the page itself answers, by the secret in it; reading an address answers nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import itertools
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, final

from mcp_local.broker.loopback.form import parse_form
from mcp_local.broker.loopback.http import Refused
from mcp_local.broker.loopback.page import headers, page, simple_page
from mcp_local.broker.loopback.peer import is_same_user
from mcp_local.broker.loopback.server import Service
from mcp_local.broker.loopback.sockets import open_loopback
from mcp_local.broker.screen.browser import Opening, available
from mcp_local.errors import SignInFailed
from mcp_local.guard.questions import NoWay, Withdrawn
from mcp_local.guard.shown import PAGE, cut, shown_lines
from mcp_local.guard.yeses import KEPT

if TYPE_CHECKING:
    import socket
    from asyncio import StreamWriter
    from collections.abc import Callable, Mapping

    from mcp_local.broker.loopback.http import Request, Response
    from mcp_local.guard.question import Question

_PORT_TRIES: Final = 20
_LOOK: Final = 0.25
"""Seconds between two looks at whether the browser could be opened."""
_HOST: Final = "127.0.0.1"


@final
class PageWay:
    """A :class:`mcp_local.guard.questions.Way`: a page in the person's browser."""

    name = "page"

    def __init__(self, environ: Mapping[str, str], program: Callable[[], str] = str) -> None:
        self._environ = environ
        self._program = program
        """Returns what the client calls itself, for the page to say where to go back to."""

    async def ask(self, question: Question) -> bool:
        """Open the page and wait for the person.

        Raises:
            NoWay: no browser can be opened, or no port is free.
            Withdrawn: the page was asked for a second time, unanswered.
        """
        if not await asyncio.to_thread(available, self._environ):
            raise NoWay
        try:
            sockets = open_loopback(itertools.repeat(0, _PORT_TRIES))
        except SignInFailed:
            raise NoWay from None
        try:
            return await self._serve(question, sockets)
        finally:
            for each in sockets:
                each.close()

    async def _serve(self, question: Question, sockets: list[socket.socket]) -> bool:
        reception = QuestionReception(question, sockets[0].getsockname()[1], self._program())

        async def judge(request: Request, peer: StreamWriter) -> Response | Callable[[], Response]:
            if not is_same_user(peer):
                raise Refused(HTTPStatus.FORBIDDEN, "This page is for another user.")
            return reception.judge(request)

        opening = Opening(reception.url, self._environ)
        serving = asyncio.create_task(Service(judge).run(sockets, KEPT))
        try:
            while not serving.done():
                await asyncio.wait([serving], timeout=_LOOK)
                if not reception.shown and opening.failed():
                    raise NoWay
        finally:
            opening.let_go()
            serving.cancel()
            await asyncio.wait([serving])
        await serving
        if reception.answer is None:
            raise Withdrawn
        return reception.answer


class QuestionReception:
    """Decides what each request to the page's address is answered with. No I/O."""

    def __init__(self, question: Question, port: int, program: str = "") -> None:
        self._question = question
        self._program = program or "the program on this computer that asked"
        self._host = f"{_HOST}:{port}"
        self._path = f"/ask/{secrets.token_urlsafe(24)}"
        self._token = secrets.token_urlsafe(24)
        """In the form alone: no other page can post it."""
        self.shown = False
        self.answer: bool | None = None
        self._over = False

    @property
    def url(self) -> str:
        """The address; never to be told to anybody but the browser."""
        return f"http://{self._host}{self._path}"

    def judge(self, request: Request) -> Response | Callable[[], Response]:
        """Return the page, once, or the last page's maker for the one authentic answer.

        Raises:
            Refused: anything else; the question stays open.
        """
        if request.headers.get("host", "").lower() != self._host:  # O7, DNS rebinding
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This address belongs to another host.")
        if not hmac.compare_digest(request.target.encode(), self._path.encode()):
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
        match request.method:
            case "GET":
                return self._show()
            case "POST":
                return self._take(request)
            case _:
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "This can't be done here.")

    def _show(self) -> Response | Callable[[], Response]:
        self._refuse_if_over()
        if self.shown:  # somebody else may have read it: nobody's answer counts any more
            self._over = True
            return self._taken_back
        self.shown = True
        return self._page()

    def _take(self, request: Request) -> Callable[[], Response]:
        """Return the last page for a form that this very page posted."""
        fetched = request.headers.get("sec-fetch-site", "same-origin")
        if request.headers.get("origin") != f"http://{self._host}" or fetched != "same-origin":
            raise Refused(HTTPStatus.FORBIDDEN, "This form comes from another page.")
        form = parse_form(request)
        token = form.get("token", "").encode()
        if not self.shown or not hmac.compare_digest(token, self._token.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "This form comes from another page.")
        answer = form.get("answer")
        if answer not in {"yes", "no"}:
            raise Refused(HTTPStatus.BAD_REQUEST, "Neither yes nor no was said.")
        self._refuse_if_over()
        self._over = True
        self.answer = answer == "yes"
        return self._answered

    def _refuse_if_over(self) -> None:
        if self._over:
            raise Refused(HTTPStatus.GONE, "This question is over.")

    def _page(self) -> Response:
        question = self._question
        # A line of its own for each, so that a long one can't break off as if another began.
        name = cut(question.subject, PAGE.line)
        lines = [name, *shown_lines(question.arguments, question.redact, PAGE)]
        what = "".join(f"<span>{html.escape(line)}</span>" for line in lines)
        body = (
            f"<p>For {html.escape(self._program)}. The model behind it asks for this, and can't "
            "answer here: only you can.</p>"
            f'<pre tabindex="0" aria-label="What is to be done">{what}</pre>'
            f"<p>{html.escape(question.because())}</p>"
            f'<p class="who">{html.escape(question.extent())}</p>'
            f'<form method="post"><input type="hidden" name="token" value="{self._token}">'
            '<button name="answer" value="no">No</button>'
            '<button name="answer" value="yes">Yes, go on</button></form>'
        )
        sent_with = headers(form_action="'self'", referrer="same-origin")
        return page(HTTPStatus.OK, "ask", question.title, body, sent_with=sent_with)

    def _answered(self) -> Response:
        back = f"You can close this tab and go back to {self._program}."
        if not self.answer:
            return simple_page(HTTPStatus.OK, "note", "No: nothing was done", [("", back)])
        retry = "If it waits no longer, have it do the very same once more within five minutes."
        return simple_page(
            HTTPStatus.OK, "good", "Yes: it may go on", [("", back), ("soft", retry)]
        )

    def _taken_back(self) -> Response:
        return simple_page(
            HTTPStatus.GONE,
            "note",
            "This question was taken back",
            [
                ("", "Its page was asked for twice, so somebody else may have seen it."),
                ("", f"Have {self._program} do the same once more to be asked again."),
            ],
        )
