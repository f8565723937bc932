"""The pages people see. Every value is escaped; the policy lets nothing in from outside.

``data-page`` and ``data-code`` on the body tell the visitor (and tests) where they are.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from mcp_local.emulator.style import ARROWS, CSS, SUBMIT
from mcp_local.emulator.wire import NO_STORE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.emulator.aadsts import Refused, Trace
    from mcp_local.emulator.directory import Directory, Person

_FOOTER = (
    "This is the mcp-local emulator on your own machine, not Microsoft. "
    "It never asks for a password."
)


@dataclass(frozen=True, slots=True)
class Form:
    """Where a page's answers are posted, and what is posted along."""

    action: str
    hidden: Mapping[str, str] = field(default_factory=dict[str, str])
    targets: tuple[str, ...] = ()
    """Origins the answer may lead to, beside this one."""
    on_device: bool = False
    """A sign-in for another device, which may have been started by somebody else."""

    def keeping(self, **answers: str) -> Form:
        """Return the form with ``answers`` posted along."""
        return replace(self, hidden={**self.hidden, **answers})

    def around(self, content: str) -> str:
        """Return ``content`` as a form."""
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in self.hidden.items()
        )
        return f'<form method="post" action="{escape(self.action)}">{hidden}{content}</form>'


def _policy(nonce: str, targets: tuple[str, ...]) -> str:
    leads_to = " ".join(("'self'", *targets))
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        f"form-action {leads_to}; base-uri 'none'; frame-ancestors 'none'"
    )


def _page(  # noqa: PLR0913 - all of a page in one place
    page: str,
    title: str,
    body: str,
    *,
    targets: tuple[str, ...] = (),
    script: str = "",
    status: int = 200,
    code: int = 0,
    tenant: str = "",
) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    data = f' data-code="{code}"' if code else ""
    heading = f'<p class="tenant">{escape(tenant)}</p>' if tenant else ""
    tail = f'<script nonce="{nonce}">{script}</script>' if script else ""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><style nonce="{nonce}">{CSS}</style></head>'
        f'<body data-page="{page}"{data}><main>{heading}{body}</main>'
        f"<footer>{_FOOTER}</footer>{tail}</body></html>"
    )
    headers = NO_STORE | {
        "Content-Security-Policy": _policy(nonce, targets),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers)


def _warning(form: Form) -> str:
    if not form.on_device:
        return ""
    return (
        '<p class="note">Go on only if you started this sign-in yourself. '
        "Never enter a code that somebody sent you.</p>"
    )


def _initials(name: str) -> str:
    words = name.split() or ["?"]
    return escape((words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper())


def _tile(person: Person) -> str:
    role = person.roles[0] if person.roles else ""
    chip = f'<span class="chip">{escape(role)}</span>' if role else ""
    return (
        f'<span class="avatar" aria-hidden="true">{_initials(person.name)}</span>'
        f'<span class="names"><b>{escape(person.name)}</b>'
        f"<small>{escape(person.username)}</small></span>{chip}"
    )


def accounts_page(directory: Directory, form: Form, hinted: Person | None) -> HTMLResponse:
    """Return the account picker; ``hinted`` (``login_hint``) comes first."""
    people = sorted(directory.people, key=lambda person: person is not hinted)
    rows = "".join(
        f'<li><button class="account" name="account" value="{escape(person.username)}"'
        f"{' autofocus' if number == 0 else ''}>{_tile(person)}</button></li>"
        for number, person in enumerate(people)
    )
    body = (
        "<h1>Pick an account</h1>"
        f'<p class="lead">to sign in to {escape(directory.client.name)}</p>{_warning(form)}'
        + form.around(f'<ul class="accounts">{rows}</ul>')
        + "<details><summary>Use another account</summary>"
        + form.around(
            '<label for="other">User name</label><div class="field">'
            '<input id="other" name="account" autocomplete="username" required>'
            "<button>Next</button></div>"
        )
        + "</details>"
        + form.around('<div class="row"><button name="cancel" value="yes">Cancel</button></div>')
    )
    title = f"Sign in to {directory.client.name}"
    return _page(
        "accounts", title, body, targets=form.targets, script=ARROWS, tenant=directory.name
    )


def _question(form: Form, name: str, yes: str, no: str) -> str:
    return form.around(
        f'<div class="row"><button name="{name}" value="no">{no}</button>'
        f'<button class="main" name="{name}" value="yes" autofocus>{yes}</button></div>'
    )


def approval_page(directory: Directory, form: Form, person: Person) -> HTMLResponse:
    """Return the page that stands for a second factor."""
    body = (
        "<h1>Approve the sign-in</h1>"
        f'<p class="who">{escape(person.username)}</p>'
        "<p>A policy of this directory asks for a second factor. Here one click stands for it.</p>"
        + _question(form, "approve", "Approve", "Decline")
    )
    return _page(
        "approve", "Approve the sign-in", body, targets=form.targets, tenant=directory.name
    )


def consent_page(
    directory: Directory, form: Form, person: Person, scopes: tuple[str, ...]
) -> HTMLResponse:
    """Return the page that asks whether the app may act for the person."""
    rows = "".join(f"<li>{escape(scope)}</li>" for scope in scopes)
    body = (
        "<h1>Permissions requested</h1>"
        f'<p class="who">{escape(person.username)}</p>'
        f"<p><b>{escape(directory.client.name)}</b> would like to use, in your name:</p>"
        f'<ul class="scopes">{rows}</ul>' + _question(form, "consent", "Accept", "Cancel")
    )
    return _page(
        "consent", "Permissions requested", body, targets=form.targets, tenant=directory.name
    )


def code_page(form: Form, code: str, refused: Refused | None = None) -> HTMLResponse:
    """Return the page that takes a device's code."""
    problem = f'<p class="bad" role="alert">{escape(str(refused))}</p>' if refused else ""
    body = (
        '<h1>Enter code</h1><p class="lead">Enter the code shown on your device or in your '
        f"terminal.</p>{problem}"
        + form.around(
            '<label for="code">Code</label><input class="code" id="code" name="user_code" '
            f'value="{escape(code)}" autocomplete="off" spellcheck="false" required autofocus>'
            '<div class="row"><button class="main">Next</button></div>'
        )
    )
    return _page("code", "Enter code", body, code=refused.code if refused else 0)


def form_post_page(uri: str, fields: Mapping[str, str]) -> HTMLResponse:
    """Return the page that posts an answer to an app (OAuth 2.0 Form Post Response Mode)."""
    parts = urlsplit(uri)
    target = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    body = "<h1>Going back to the app …</h1>" + Form(uri, hidden=fields).around(
        '<noscript><div class="row"><button class="main">Continue</button></div></noscript>'
    )
    return _page("form_post", "Going back", body, targets=(target,), script=SUBMIT)


def message_page(title: str, text: str) -> HTMLResponse:
    """Return a page that ends a conversation."""
    return _page("done", title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def error_page(refused: Refused, trace: Trace) -> HTMLResponse:
    """Return the page of an error that the app never hears of."""
    body = (
        "<h1>The sign-in can't go on</h1>"
        f'<p class="bad" role="alert">{escape(str(refused))}</p>'
        f"<dl><dt>Request id</dt><dd>{trace.trace_id}</dd>"
        f"<dt>Correlation id</dt><dd>{trace.correlation_id}</dd>"
        f"<dt>Timestamp</dt><dd>{trace.timestamp}</dd></dl>"
    )
    return _page("error", "Sign-in error", body, code=refused.code)


def directory_page(directory: Directory, authority: str) -> HTMLResponse:
    """Return the start page: where the authority is, and who can sign in."""
    rows = "".join(f'<li class="row-account">{_tile(person)}</li>' for person in directory.people)
    body = (
        "<h1>A local Entra ID</h1>"
        f'<p class="lead">for development and tests. Its authority is <code>{escape(authority)}'
        f'</code></p><ul class="accounts">{rows}</ul>'
    )
    return _page("start", "mcp-local emulator", body, tenant=directory.name)
