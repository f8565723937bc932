"""Plays a person with a browser, without a screen: signs in, consents, enters codes.

``python -m mcp_local.emulator.visitor --user NAME URL`` is what ``BROWSER`` is set to where a
sign-in must go through unattended. It speaks plain HTTP to loopback and nothing else, imports the
standard library only, and writes nothing to standard output, which may be a protocol's.
"""

from __future__ import annotations

import argparse
import html.parser
import http.client
import shlex
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from mcp_local.errors import McpLocalError, Unreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_PAGES = 20
_MAX_BYTES = 1 << 20
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Mood(StrEnum):
    """What the person does when asked."""

    WILLING = "willing"
    """Picks the account, approves, accepts."""
    DECLINES = "declines"
    """Picks the account, and declines to approve or to consent where that is asked."""
    CANCELS = "cancels"
    """Cancels at the account picker."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a visit ended."""

    page: str
    """The emulator's name of its last page (``done``, ``error``, ``code``); empty elsewhere."""
    status: int
    url: str
    code: int
    """AADSTS code shown on an error page; 0 without one."""
    text: str
    """The last page, as HTML."""

    @property
    def went_well(self) -> bool:
        """Whether no error was shown."""
        return self.status < http.client.BAD_REQUEST and not self.code


@dataclass(slots=True)
class _Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict[str, str])


class _Page(html.parser.HTMLParser):
    """What the visitor sees of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.page = ""
        self.code = 0
        self.forms: list[_Form] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "body":
            self.page = values.get("data-page", "")
            self.code = int(values.get("data-code") or 0)
        elif tag == "form":
            self.forms.append(_Form(values.get("action", "")))
        elif tag == "input" and values.get("type") == "hidden" and self.forms:
            self.forms[-1].fields[values["name"]] = values["value"]


class Visitor:
    """A person with a browser that keeps its cookies from visit to visit.

    ``timeout`` is in seconds, for each page.
    """

    def __init__(
        self, user: str, *, mood: Mood = Mood.WILLING, user_code: str = "", timeout: float = 30.0
    ) -> None:
        self._user = user
        self._mood = mood
        self._user_code = user_code
        self._timeout = timeout
        self._cookies: SimpleCookie = SimpleCookie()

    def visit(self, url: str) -> Outcome:
        """Open ``url`` and answer every question until there is none left.

        Raises:
            UsageError: an address isn't plain HTTP on loopback, or the pages never end.
            Unreachable: a page doesn't answer.
        """
        fields: dict[str, str] | None = None
        for _ in range(_MAX_PAGES):
            status, location, text = self._fetch(url, fields)
            if status in _REDIRECTS and location:
                url, fields = urljoin(url, location), None
                continue
            page = _Page(text)
            form = self._answer(page)
            if form is None:
                return Outcome(page.page, status, url, page.code, text)
            url, fields = urljoin(url, form.action), form.fields
        raise UsageError(f"the visit to {_shown(url)} never ends")

    def _answer(self, page: _Page) -> _Form | None:
        if not page.forms:
            return None
        form = page.forms[0]
        if page.page == "form_post":
            return form
        if page.page == "code" and self._user_code and not page.code:
            return _Form(form.action, {**form.fields, "user_code": self._user_code})
        answer = self._choice(page.page)
        return _Form(form.action, {**form.fields, **answer}) if answer else None

    def _choice(self, page: str) -> dict[str, str]:
        if page == "accounts":
            return {"cancel": "yes"} if self._mood is Mood.CANCELS else {"account": self._user}
        if page in {"approve", "consent"}:
            return {page: "yes" if self._mood is Mood.WILLING else "no"}
        return {}

    def _fetch(self, url: str, fields: dict[str, str] | None) -> tuple[int, str, str]:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
            raise UsageError(f"the visitor opens plain HTTP on loopback only, not {_shown(url)}")
        connection = http.client.HTTPConnection(
            parts.hostname, parts.port or 80, timeout=self._timeout
        )
        headers = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in self._cookies.values())}
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        try:
            if fields is None:
                connection.request("GET", target, headers=headers)
            else:
                connection.request("POST", target, urlencode(fields), headers | _FORM)
            response = connection.getresponse()
            text = response.read(_MAX_BYTES).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{_shown(url)} doesn't answer: {type(error).__name__}") from None
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie", []):
            self._cookies.load(cookie)
        return response.status, response.headers.get("Location", ""), text


def _shown(url: str) -> str:
    """Return an address without its query, which may hold a code."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def visit(
    url: str,
    user: str,
    *,
    mood: Mood = Mood.WILLING,
    user_code: str = "",
    timeout: float = 30.0,
) -> Outcome:
    """Open ``url`` with a new browser as ``user`` (see :class:`Visitor`)."""
    return Visitor(user, mood=mood, user_code=user_code, timeout=timeout).visit(url)


def browser_command(user: str, mood: Mood = Mood.WILLING) -> str:
    """Return a value for ``BROWSER`` with which ``user`` signs in without a screen.

    The ``&`` lets ``webbrowser`` go on at once: the listener it reports to must not wait for it.
    """
    python = Path(sys.executable).as_posix()
    command = [python, "-m", "mcp_local.emulator.visitor", "--user", user, "--mood", mood]
    return f"{shlex.join(command)} %s &"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the visitor as a program; exit code 0 unless an error was shown or met."""
    parser = argparse.ArgumentParser(
        prog="visitor", description="Sign in at the emulator without a screen."
    )
    parser.add_argument("--user", required=True, help="who signs in")
    parser.add_argument("--mood", choices=list(Mood), default=Mood.WILLING, type=Mood)
    parser.add_argument("--code", default="", help="user code of the device code flow")
    parser.add_argument("url")
    options = parser.parse_args(arguments)
    try:
        outcome = visit(options.url, options.user, mood=options.mood, user_code=options.code)
    except McpLocalError as error:
        sys.stderr.write(f"visitor: {error.message}\n")
        return error.exit_code
    if outcome.went_well:
        return 0
    sys.stderr.write(f"visitor: {outcome.page or 'the app'}: AADSTS{outcome.code}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
