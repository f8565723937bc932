"""What Entra ID's error codes mean, who can do something about them, and what.

Data only. The codes serve texts (``broker.problems``): what the program does next is decided on
``error`` and ``suberror`` (``broker.refusal``), because Microsoft may change the codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Who(StrEnum):
    """Who can act."""

    USER = "you"
    ADMIN = "an administrator of the tenant"
    DEVELOPER = "the developer who registered the app"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the catalogue; both texts are sentences."""

    who: tuple[Who, ...]
    means: str
    remedy: str


_U, _A, _D = Who.USER, Who.ADMIN, Who.DEVELOPER
_SIGN_IN = "Sign in again: `mcp-local login`."
_OTHER_ACCOUNT = (
    "Choose another account with `mcp-local login`, or ask an administrator to invite this one."
)
_REDIRECT = (
    "In the app's registration add the redirect URI http://localhost "
    "under 'Mobile and desktop applications'."
)

_ROWS: tuple[tuple[tuple[int, ...], tuple[Who, ...], str, str], ...] = (
    (
        (65001,),
        (_U, _A),
        "Nobody has agreed yet that this app may use the API for you.",
        "Sign in with `mcp-local login` and accept, or ask for admin consent.",
    ),
    ((65004,), (_U,), "The request for consent was declined.", "Try again and accept."),
    (
        (65005, 650057),
        (_D,),
        "The API isn't among the permissions that the app asks for.",
        "Add the API's scope to the app's required permissions.",
    ),
    (
        (650052,),
        (_A,),
        "The API isn't set up in this tenant: it has no service principal.",
        "Create the API's service principal (enterprise application).",
    ),
    (
        (90094, 90095),
        (_A,),
        "Only an administrator may agree that this app uses the API.",
        "Ask for admin consent for the app.",
    ),
    (
        (50105,),
        (_A,),
        "The app demands an assignment, and your account has none.",
        "Have your account, or a group it is in, assigned to the API's enterprise application.",
    ),
    ((50011,), (_D,), "The app isn't registered for this program's redirect URI.", _REDIRECT),
    ((500113, 900971), (_D,), "The app has no redirect URI registered.", _REDIRECT),
    (
        (700016,),
        (_D, _A),
        "The tenant doesn't know the app.",
        "Check `client_id` and `tenant` with `mcp-local settings show`.",
    ),
    ((7000112,), (_A,), "The app is disabled.", "Enable the enterprise application."),
    (
        (7000218,),
        (_D,),
        "The authority takes the app for one that has a secret.",
        "Set 'Allow public client flows' to yes in the app's registration.",
    ),
    (
        (700025, 7000215, 70002),
        (_D,),
        "A secret came into play, and a desktop program has none.",
        "Register the app as a public client.",
    ),
    (
        (500011,),
        (_D, _A),
        "The tenant doesn't know the API.",
        "Check `api` and `scopes`, and create the API's service principal in the tenant.",
    ),
    (
        (70011, 700022),
        (_D,),
        "The scope is malformed, or the scopes belong to two APIs.",
        "Check `scopes`: all of them must belong to one API.",
    ),
    (
        (90009,),
        (_D,),
        "The app asks for a token to itself by its URI.",
        "Write the scope with the app's id in front: <client_id>/access_as_user.",
    ),
    (
        (90002,),
        (_U, _D),
        "There is no such tenant.",
        "Check `tenant`, and `cloud` if the tenant is in a national cloud.",
    ),
    (
        (50194, 50059),
        (_D,),
        "The app belongs to one tenant, and the request names none.",
        "Set `tenant` to the tenant's id.",
    ),
    (
        (50020, 50034, 51004, 90072, 16000),
        (_U, _A),
        "This account isn't in the tenant.",
        _OTHER_ACCOUNT,
    ),
    ((500200,), (_U,), "This is a personal account.", "Use a work or school account."),
    (
        (500212, 500213),
        (_A,),
        "The tenants' settings forbid access across them.",
        "Ask for cross-tenant access to be allowed.",
    ),
    (
        (50126, 50053, 50055, 50057),
        (_U, _A),
        "The password is wrong or expired, or the account is locked or disabled.",
        "Check the account at its usual sign-in page.",
    ),
    ((50058,), (_U,), "The browser has no session for this account.", _SIGN_IN),
    (
        (50072, 50079),
        (_U,),
        "A second factor must be set up first.",
        "Sign in with `mcp-local login` and follow the pages.",
    ),
    ((50074, 50076, 50078), (_U,), "A second factor is needed.", _SIGN_IN),
    (
        (50097, 50129, 50155),
        (_U, _A),
        "The device must prove itself, or be joined to the tenant.",
        "Use a joined device.",
    ),
    (
        (50131, 53003, 530032, 530035),
        (_A,),
        "A Conditional Access or security policy blocks this sign-in.",
        "Give the code and the time to an administrator: the sign-in log names the policy.",
    ),
    ((50158,), (_U,), "A check outside of Entra ID is outstanding.", _SIGN_IN),
    (
        (50132, 50133, 50173),
        (_U,),
        "The session was ended: the password changed, or access was revoked.",
        _SIGN_IN,
    ),
    (
        (53000, 53001, 530003),
        (_U, _A),
        "The policy wants a managed device: compliant, joined or enrolled.",
        "Enrol this device, or use one that is.",
    ),
    (
        (53002, 53005),
        (_A,),
        "The policy wants an approved app or an app protection policy.",
        "Ask for an exception of this app from the policy.",
    ),
    ((54005,), (_D,), "The code was redeemed already.", _SIGN_IN),
    (
        (501481, 50147),
        (_D,),
        "The proof that code and program belong together (PKCE) failed.",
        _SIGN_IN,
    ),
    (
        (9002325,),
        (_D,),
        "The redirect URI is registered for a single-page app.",
        _REDIRECT,
    ),
    (
        (70000, 70008, 700082, 70043, 70044),
        (_U,),
        "The saved sign-in is no longer good: it expired or was revoked.",
        _SIGN_IN,
    ),
    (
        (70016, 70018, 70019, 70020),
        (_U,),
        "The device code is wrong, expired, or not yet entered.",
        "Start again with `mcp-local login --device`.",
    ),
    (
        (700003,),
        (_U, _A),
        "The device's record in the tenant was deleted.",
        "Register the device again.",
    ),
    (
        (9002313,),
        (_D,),
        "The authority calls the request malformed.",
        "Check the settings with `mcp-local settings show`.",
    ),
    (
        (50196,),
        (_D,),
        "The authority sees this app asking again and again.",
        "Wait some minutes before the next try.",
    ),
)

CATALOGUE: Mapping[int, Meaning] = {
    code: Meaning(who, means, remedy) for codes, who, means, remedy in _ROWS for code in codes
}
"""Code (the digits after ``AADSTS``) → what it means."""
