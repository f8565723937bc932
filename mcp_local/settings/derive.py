"""What settings mean together: defaults that follow from others, and contradictions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_local.settings import keys
from mcp_local.settings.authority import (
    CLOUDS,
    check_authority,
    host_of,
    is_loopback,
    names_other_tenant,
)
from mcp_local.settings.files import wrong
from mcp_local.settings.model import SignInMethod, Source
from mcp_local.settings.values import GUID, Unfit

if TYPE_CHECKING:
    from mcp_local.errors import SettingsError
    from mcp_local.settings.keys import Key
    from mcp_local.settings.model import Settings

_SIGN_IN_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})
"""Asked for by itself; MSAL refuses to be handed them."""


def complete(settings: Settings) -> Settings:
    """Return the settings with authority, API, audiences and scopes filled in.

    Raises:
        SettingsError: they contradict each other.
    """
    _check_declared_roles(settings)
    settings = _with_authority(settings)
    return _with_api(settings)


def _at(settings: Settings, key: Key[object], message: str, hint: str) -> SettingsError:
    return wrong(settings.provenance[key.name].place, key.name, message, hint)


def _check_declared_roles(settings: Settings) -> None:
    """Roles that nobody verified must not be mistaken for a tenant's (DESIGN, `signin.roles`)."""
    if not settings.signin.roles:
        return
    if settings.signin.method is not SignInMethod.NONE:
        raise _at(
            settings,
            keys.SIGN_IN_ROLES,
            "has no effect while people sign in",
            'Remove it: roles come from Entra ID. To try things out: `signin.method = "none"`.',
        )
    if settings.tenant:
        raise _at(
            settings,
            keys.SIGN_IN_ROLES,
            "declares roles that nobody verified, and stands beside a tenant",
            "Remove it, or remove `tenant`.",
        )


def _with_authority(settings: Settings) -> Settings:
    default = f"https://{CLOUDS[settings.cloud]}/{settings.tenant}" if settings.tenant else ""
    if not settings.authority:
        return replace(settings, authority=default)
    try:
        url = check_authority(settings.authority)
    except Unfit as error:
        hint = "Leave it out for Microsoft's cloud."
        raise _at(settings, keys.AUTHORITY, error.message, hint) from None
    if url != default:
        _check_not_fixed(settings)
    _check_agrees(settings, url)
    development = is_loopback(host_of(url))
    if development and not settings.ca_file:
        raise _at(  # O18: a development authority is never met by accident
            settings,
            keys.AUTHORITY,
            "is on loopback, which is for development only",
            "For an emulator set `ca_file` too; else leave `authority` out.",
        )
    return replace(settings, authority=url, development=development)


def _check_agrees(settings: Settings, url: str) -> None:
    """Refuse an authority beside a cloud or tenant that is another's."""
    chosen = settings.provenance[keys.CLOUD.name].source is not Source.DEFAULT
    if chosen and host_of(url) != CLOUDS[settings.cloud]:
        raise _at(
            settings,
            keys.AUTHORITY,
            f"is not in the cloud `{settings.cloud}`",
            "Set one of `authority` and `cloud`.",
        )
    if names_other_tenant(url, settings.tenant):
        raise _at(
            settings, keys.AUTHORITY, "names another tenant than `tenant`", "Make them agree."
        )


def _check_not_fixed(settings: Settings) -> None:
    """Refuse another authority for the administrator's tenant: it says who has which roles."""
    tenant, given = (settings.provenance[key.name] for key in (keys.TENANT, keys.AUTHORITY))
    if tenant.source is Source.MANAGED and given.source is not Source.MANAGED:
        raise _at(
            settings,
            keys.AUTHORITY,
            f"is not that of the tenant fixed by {tenant.place}",
            "Remove it here, or ask your administrator.",
        )


def _with_api(settings: Settings) -> Settings:
    api = settings.api or settings.client_id
    if not api:
        return settings
    guid = match[0].lower() if (match := re.search(GUID, api)) else ""
    if not guid and not settings.audiences:
        raise _at(
            settings,
            keys.API,
            "has no GUID in it, so that the tokens' audience isn't known",
            "Set `audiences` to the values of `aud` to be accepted.",
        )
    # An app that asks a token for itself must name itself by GUID, else AADSTS90009 on refresh.
    resource = guid if guid and guid == settings.client_id else api
    return replace(
        settings,
        api=api,
        audiences=settings.audiences or (guid, f"api://{guid}"),
        scopes=tuple(
            _full_scope(settings, scope, resource)
            for scope in settings.scopes or ("access_as_user",)
        ),
    )


def _full_scope(settings: Settings, scope: str, resource: str) -> str:
    """Return the scope with its API; a short one makes every silent call a network call."""
    if scope.lower() in _SIGN_IN_SCOPES:
        raise _at(settings, keys.SCOPES, f"holds `{scope}`, asked for by itself", "Leave it out.")
    asked, slash, name = scope.rpartition("/")
    itself = resource == settings.client_id and asked.lower() == f"api://{resource}"
    return scope if slash and not itself else f"{resource}/{name}"
