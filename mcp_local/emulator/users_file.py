"""Reads a directory of one's own from a YAML file, with errors that name file and line.

Only ``users`` is needed; everything else has a default::

    tenant: {id: <GUID>, name: Contoso, domain: contoso.example}
    client: {id: <GUID>, name: My app, redirect_uris: ["http://localhost"]}
    api: {id: <GUID>, identifier_uri: "api://my-api", token_version: 2}
    apis:                     # others, for remote servers
      - name: Reports
        scopes: [Reports.Read, Reports.Write]
        consent: ask          # AADSTS65001 until somebody has consented on the page
        conditional_access: claims
    users:
      - username: ada
        name: Ada Lovelace
        roles: [Task.Read]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mcp_local.emulator.defaults import default_directory
from mcp_local.emulator.directory import (
    Api,
    ClientApp,
    ConditionalAccess,
    Consent,
    Person,
    derived_guid,
)
from mcp_local.emulator.yaml_reader import Section, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_local.emulator.directory import Directory


def load_directory(path: Path) -> Directory:
    """Return the directory that the file describes.

    Raises:
        SettingsError: the file can't be read, or says something that means nothing.
    """
    root = read_yaml(path)
    root.allow("tenant", "client", "api", "apis", "users")
    tenant = root.section("tenant")
    tenant.allow("id", "name", "domain", "multi_tenant")
    base = default_directory(tenant_id=tenant.guid("id", ""))
    domain = tenant.text("domain", base.domain)
    people = _people(root, domain)
    return replace(
        base,
        name=tenant.text("name", base.name),
        domain=domain,
        multi_tenant=tenant.flag("multi_tenant", default=False),
        client=_client(root.section("client"), base.client),
        apis=(_api(root.section("api"), base.api), *_others(root, base)),
        people=people,
    )


def _people(root: Section, domain: str) -> tuple[Person, ...]:
    people: list[Person] = []
    seen: set[str] = set()
    for entry in root.sections("users"):
        person = _person(entry, domain)
        for name in (person.username, person.object_id):
            if name.casefold() in seen:
                raise entry.error(f"{name} stands here twice")
            seen.add(name.casefold())
        people.append(person)
    if not people:
        raise root.error("there is nobody in it", "Add a list of users.")
    return tuple(people)


def _client(section: Section, base: ClientApp) -> ClientApp:
    section.allow("id", "name", "redirect_uris", "public_client_flows")
    return replace(
        base,
        client_id=section.guid("id", base.client_id),
        name=section.text("name", base.name),
        redirect_uris=section.words("redirect_uris", base.redirect_uris),
        public_client_flows=section.flag("public_client_flows", default=base.public_client_flows),
    )


def _api(section: Section, base: Api) -> Api:
    section.allow(
        "id",
        "name",
        "identifier_uri",
        "scopes",
        "token_version",
        "assignment_required",
        "consent",
        "conditional_access",
    )
    access = section.choice("conditional_access", ("none", "mfa", "claims"), "none")
    return Api(
        api_id=section.guid("id", base.api_id),
        name=section.text("name", base.name),
        identifier_uri=section.text("identifier_uri", ""),
        scopes=section.words("scopes", base.scopes),
        token_version=int(section.choice("token_version", ("1", "2"), "2")),
        assignment_required=section.flag("assignment_required", default=False),
        consent=Consent(section.choice("consent", ("granted", "ask"), "granted")),
        conditional_access=ConditionalAccess(access),
    )


def _others(root: Section, base: Directory) -> tuple[Api, ...]:
    """Return the APIs beside the first; ids follow from names where none are given."""
    others: list[Api] = []
    for entry in root.sections("apis"):
        name = entry.text("name")
        fresh = Api(api_id=derived_guid(name, base.tenant_id), name=name)
        others.append(_api(entry, fresh))
    return tuple(others) or base.apis[1:]


def _person(section: Section, domain: str) -> Person:
    section.allow(
        "username",
        "name",
        "roles",
        "id",
        "groups",
        "guest_of",
        "enabled",
        "assigned",
        "consent",
        "conditional_access",
    )
    username = section.text("username")
    access = section.choice("conditional_access", tuple(ConditionalAccess), "none")
    return Person(
        username=username if "@" in username else f"{username}@{domain}",
        name=section.text("name", username),
        roles=section.words("roles", ()),
        object_id=section.guid("id", ""),
        groups=section.words("groups", ()),
        home_tenant=section.guid("guest_of", ""),
        enabled=section.flag("enabled", default=True),
        assigned=section.flag("assigned", default=True),
        consent=Consent(section.choice("consent", tuple(Consent), "granted")),
        conditional_access=ConditionalAccess(access),
    )
