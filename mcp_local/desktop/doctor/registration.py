"""Asks the authority whether it knows the apps, without anybody signing in.

A sign-in whose app, redirect URI or API is wrong ends on a page in the browser, and the program
never hears of it (ENTRA.md 4, "P"). The same question with ``prompt=none`` (OpenID Connect Core,
3.1.2.1) shows nothing to anybody, and its answer names what is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from mcp_local.broker.authority.aadsts import CATALOGUE
from mcp_local.broker.state import Problem
from mcp_local.desktop.doctor.finding import actor_of_problem, ok, problem, skipped
from mcp_local.settings import SignInMethod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_local.broker.authority.http import Answer, Http
    from mcp_local.broker.authority.metadata import OpenId
    from mcp_local.desktop.doctor.finding import Finding
    from mcp_local.settings import Settings

_CHECK: Final = "registration"
_REDIRECT: Final = "http://localhost"
_CHALLENGE: Final = "A" * 43
"""Has the form of a code challenge (RFC 7636, 4.2); no code comes of it."""
_CODE: Final = re.compile(r"AADSTS(\d{4,9})")
_OF_APPS: Final = frozenset(
    {
        *(50011, 500113, 900971, 9002325),  # redirect URI
        *(700016, 7000112, 50194, 50059),  # client app
        *(500011, 650052, 65005, 650057, 70011, 700022),  # API
    }
)
_NO_PUBLIC_FLOWS: Final = 7000218
_DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"


def registration(settings: Settings, document: OpenId, http: Http) -> Iterator[Finding]:
    """Look whether app, redirect URI and API are registered as they are asked for.

    Raises:
        Unreachable: the authority doesn't answer.
    """
    if not settings.client_id:
        yield skipped(_CHECK, "No `client_id` is set.")
        return
    wrong = {code for code in _asked_silently(settings, document, http) if code in _OF_APPS}
    if SignInMethod.DEVICE in {settings.signin.method, settings.signin.fallback}:
        wrong |= _asked_for_device(settings, document, http) & {_NO_PUBLIC_FLOWS}
    for code in sorted(wrong):
        meaning = CATALOGUE[code]
        name = f"AADSTS{code}"
        actor = actor_of_problem(Problem(name, meaning.means))
        yield problem(_CHECK, f"{meaning.means} ({name})", meaning.remedy, actor)
    if not wrong:
        yield ok(_CHECK, "The authority knows the app, its redirect URI and the API.")


def _asked_silently(settings: Settings, document: OpenId, http: Http) -> set[int]:
    endpoint = document.authorization_endpoint
    if not endpoint.startswith("https://"):  # a development authority shows people plain pages
        endpoint = f"{settings.authority}/oauth2/v2.0/authorize"
    answer = http.get(
        endpoint,
        {
            "client_id": settings.client_id,
            "response_type": "code",
            "response_mode": "query",
            "redirect_uri": _REDIRECT,
            "scope": " ".join(("openid", *settings.scopes)),
            "code_challenge": _CHALLENGE,
            "code_challenge_method": "S256",
            "prompt": "none",
        },
    )
    return _codes(answer)


def _asked_for_device(settings: Settings, document: OpenId, http: Http) -> set[int]:
    """Ask for a token with a device code that nobody was given."""
    form = {
        "client_id": settings.client_id,
        "grant_type": _DEVICE_CODE,
        "device_code": "none",
    }
    return _codes(http.post(document.token_endpoint, data=form))


def _codes(answer: Answer) -> set[int]:
    """Return the codes of an answer: of its redirect, else of its page or document."""
    fields = {name.lower(): value for name, value in answer.headers.items()}
    query = parse_qs(urlsplit(fields.get("location", "")).query)
    text = " ".join(query.get("error_description", [])) or answer.text
    return {int(code) for code in _CODE.findall(text)}
