"""The directory that comes with the emulator: one person for each situation worth trying."""

from __future__ import annotations

import uuid
from dataclasses import replace

from mcp_local.emulator.directory import (
    DOMAIN,
    GROUP_LIMIT,
    Api,
    ClientApp,
    ConditionalAccess,
    Consent,
    Directory,
    Person,
    derived_guid,
)


def default_directory(
    *, tenant_id: str = "", token_version: int = 2, one_app: bool = False
) -> Directory:
    """Return a new directory with one person for each situation worth trying.

    ``token_version`` is that of the first API. With ``one_app`` the client and the API are one
    registration, which meets AADSTS90009 when it refreshes a token asked for by App ID URI.
    """
    tenant_id = tenant_id or str(uuid.uuid4())
    client_id = derived_guid("client", tenant_id)
    api_id = client_id if one_app else derived_guid("api", tenant_id)
    return Directory(
        tenant_id=tenant_id,
        people=_default_people(),
        client=ClientApp(client_id=client_id),
        apis=(
            Api(api_id=api_id, token_version=token_version, assignment_required=True),
            Api(
                api_id=derived_guid("reports", tenant_id), name="Reports", scopes=("Reports.Read",)
            ),
        ),
    )


def _person(short_name: str, name: str, *roles: str) -> Person:
    return Person(username=f"{short_name}@{DOMAIN}", name=name, roles=roles)


def _under(access: ConditionalAccess, person: Person) -> Person:
    return replace(person, conditional_access=access)


def _default_people() -> tuple[Person, ...]:
    many = tuple(derived_guid("group", str(number)) for number in range(GROUP_LIMIT + 1))
    partner = derived_guid("tenant", "partner")
    read = "Task.Read"
    return (
        replace(_person("reader", "Rita Reader", read), groups=many[:2]),
        _person("writer", "Walter Writer", "Task.Write"),
        _person("manager", "Mona Manager", "Task.All"),
        _person("admin", "Ada Admin", "Admin"),
        _person("norole", "Nora Norole"),
        replace(_person("guest", "Gus Guest", read), home_tenant=partner),
        replace(_person("groups", "Greta Groups", read), groups=many),
        replace(_person("consent", "Connie Consent", read), consent=Consent.ASK),
        replace(_person("adminconsent", "Alan Approval", read), consent=Consent.ADMIN),
        _under(ConditionalAccess.MFA, _person("mfa", "Mia Factor", read)),
        _under(ConditionalAccess.CLAIMS, _person("stepup", "Stefan Stepup", read)),
        _under(ConditionalAccess.DEVICE, _person("device", "Dora Device", read)),
        _under(ConditionalAccess.BLOCK, _person("blocked", "Bob Blocked", read)),
        _under(ConditionalAccess.NO_DEVICE_CODE, _person("nodevicecode", "Noel Nocode", read)),
        replace(_person("unassigned", "Una Unassigned"), assigned=False),
        replace(_person("disabled", "Dan Disabled", read), enabled=False),
    )
