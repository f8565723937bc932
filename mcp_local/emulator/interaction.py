"""The steps a person goes through, one page each: account, approval, consent.

Nothing is kept on the server between two pages: each one posts everything answered so far to the
same address, and everything is checked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp_local.emulator.aadsts import DECLINED, Refused
from mcp_local.emulator.directory import ConditionalAccess
from mcp_local.emulator.pages import Form, accounts_page, approval_page, consent_page
from mcp_local.emulator.sessions import SignedIn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import HTMLResponse

    from mcp_local.emulator.authority import Authority
    from mcp_local.emulator.directory import Api, Person
    from mcp_local.emulator.scopes import Wanted

PROMPTS = frozenset({"", "none", "login", "select_account", "consent"})
_YES = "yes"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person is asked for."""

    form: Form
    wanted: tuple[Wanted, ...]
    prompt: str = ""
    login_hint: str = ""
    policies: frozenset[str] = frozenset()
    """Conditional access policies the app asks to be met (``claims``)."""
    device_code: bool = False
    browser: Mapping[str, SignedIn] = field(default_factory=dict[str, SignedIn])
    """Who is signed in in this browser, by object id."""

    @property
    def apis(self) -> tuple[Api, ...]:
        """The APIs that are asked for."""
        return tuple(one.resource for one in self.wanted)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The permissions, as the page shows them."""
        return tuple(f"{one.resource.name}: {name}" for one in self.wanted for name in one.names)


class Interaction:
    """Leads a person from the account picker to a sign-in."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def proceed(self, asked: Asked, answers: Mapping[str, str]) -> SignedIn | HTMLResponse:
        """Return the sign-in, or the page with the next question.

        Raises ``Refused`` when there is no way on: 65004 when the person cancels or declines,
        50058 when nobody may be asked, and whatever stands against the person.
        """
        if answers.get("cancel"):
            raise Refused(DECLINED)
        person = self._who(asked, answers)
        if person is None:
            if asked.prompt == "none":
                raise Refused(50058)
            return self._accounts(asked)
        self._authority.check_person(person, device_code=asked.device_code)
        return self._approve(asked, answers, person)

    def _who(self, asked: Asked, answers: Mapping[str, str]) -> Person | None:
        chosen = answers.get("account", "").strip()
        directory = self._authority.directory
        if chosen:
            person = directory.find(chosen)
            if person is None:
                raise Refused(50034, who=chosen, tenant=directory.name)
            return person
        if asked.prompt in {"login", "select_account"}:
            return None
        known = [person for person in directory.people if person.object_id in asked.browser]
        if asked.login_hint:
            known = [person for person in known if person.answers_to(asked.login_hint)]
        return known[0] if len(known) == 1 else None

    def _accounts(self, asked: Asked) -> HTMLResponse:
        hinted = self._authority.directory.find(asked.login_hint) if asked.login_hint else None
        return accounts_page(self._authority.directory, asked.form, hinted)

    def _approve(
        self, asked: Asked, answers: Mapping[str, str], person: Person
    ) -> SignedIn | HTMLResponse:
        before = asked.browser.get(person.object_id)
        met = before.met if before and asked.prompt != "login" else frozenset[str]()
        unmet = self._unmet(asked, person, met)
        if unmet:
            if asked.prompt == "none":
                raise self._authority.unmet_policy(unmet[0], error="interaction_required")
            if answers.get("approve") != _YES:
                self._check_not_declined(answers, "approve")
                form = asked.form.keeping(account=person.username)
                return approval_page(self._authority.directory, form, person)
            met |= set(unmet)
        return self._consent(asked, answers, person, met)

    def _unmet(self, asked: Asked, person: Person, met: frozenset[str]) -> list[str]:
        """Return the policies that an approval is to meet now."""
        policies = self._authority.policies(person, asked.apis).items()
        return [
            policy
            for policy, access in policies
            if policy not in met and (access is ConditionalAccess.MFA or policy in asked.policies)
        ]

    def _consent(
        self, asked: Asked, answers: Mapping[str, str], person: Person, met: frozenset[str]
    ) -> SignedIn | HTMLResponse:
        authority = self._authority
        if authority.needs_consent(person, asked.apis) or asked.prompt == "consent":
            if asked.prompt == "none":
                app = authority.directory.client.name
                raise Refused(65001, error="interaction_required", who=person.username, app=app)
            if answers.get("consent") != _YES:
                self._check_not_declined(answers, "consent")
                form = asked.form.keeping(account=person.username, approve=_YES)
                return consent_page(authority.directory, form, person, asked.scopes)
            for api_id in ("", *(api.api_id for api in asked.apis)):
                authority.sessions.consent(person.object_id, api_id)
        return SignedIn(person.object_id, authority.now(), met)

    @staticmethod
    def _check_not_declined(answers: Mapping[str, str], question: str) -> None:
        if answers.get(question):
            raise Refused(DECLINED)
