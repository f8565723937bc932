"""A directory of one's own, and every way to get the file wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.emulator import ConditionalAccess, Consent, load_directory
from mcp_local.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

GUID = "11111111-2222-4333-8444-555555555555"
FULL = f"""\
tenant: {{id: "{GUID.upper()}", name: Fabrikam, domain: fabrikam.example, multi_tenant: yes}}
client:
  id: {GUID}
  name: My app
  redirect_uris: ["http://localhost", "http://localhost/callback"]
  public_client_flows: false
api:
  id: 22222222-2222-4333-8444-555555555555
  name: My API
  identifier_uri: api://my-api
  scopes: [read, write]
  token_version: 1
  assignment_required: true
users:
  - username: ada
    name: Ada Lovelace
    roles: [Task.Read, Admin]
    id: {GUID}
    groups: [{GUID}]
    guest_of: {GUID}
    enabled: false
    assigned: false
    consent: ask
    conditional_access: mfa
  - username: bob@elsewhere.example
"""


def test_everything_can_be_said(tmp_path: Path) -> None:
    """Each key of the file arrives in the directory."""
    path = tmp_path / "users.yaml"
    path.write_text(FULL, encoding="utf-8")

    directory = load_directory(path)

    ada, bob = directory.people
    assert (directory.tenant_id, directory.name, directory.multi_tenant) == (GUID, "Fabrikam", True)
    assert directory.client.redirect_uris[1] == "http://localhost/callback"
    assert (directory.client.name, directory.client.public_client_flows) == ("My app", False)
    assert directory.api.identifier_uri == "api://my-api"
    assert (directory.api.scopes, directory.api.token_version) == (("read", "write"), 1)
    assert directory.api.assignment_required
    assert (ada.username, ada.roles) == ("ada@fabrikam.example", ("Task.Read", "Admin"))
    assert (ada.object_id, ada.groups, ada.home_tenant) == (GUID, (GUID,), GUID)
    assert (ada.enabled, ada.assigned) == (False, False)
    assert (ada.consent, ada.conditional_access) == (Consent.ASK, ConditionalAccess.MFA)
    assert (bob.username, bob.name) == ("bob@elsewhere.example", "bob@elsewhere.example")


def test_only_users_are_needed(tmp_path: Path) -> None:
    """Without the rest the defaults stand, and the tenant is a new one each time."""
    path = tmp_path / "users.yaml"
    path.write_text("users: [{username: ada}]", encoding="utf-8")

    first, second = load_directory(path), load_directory(path)

    assert first.tenant_id != second.tenant_id
    assert first.api.token_version == 2
    assert first.people[0].enabled


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("", 1, "empty", ""),
        ("- a", 1, "must hold keys and values", ""),
        ("users: [", 1, "not YAML", ""),
        ("a: b\n\tc: d", 2, "not YAML", ""),
        ("users: []", 1, "nobody", "Add a list of users."),
        ("client: {}", 1, "nobody", ""),
        ("users:\n  - name: Ada", 2, "username is missing", ""),
        (
            "users:\n  - username: ada\n    rolse: [x]",
            3,
            "rolse isn't known",
            "Did you mean roles?",
        ),
        ("users: [{username: a}]\nzzz: 1", 2, "zzz isn't known", "There are: tenant, client"),
        ("users:\n  - username: ada\n    roles: Admin", 3, "roles must be a list", ""),
        ("users:\n  - username: ada\n    roles: [[x]]", 3, "an entry of roles must be text", ""),
        ("users:\n  - username: ada\n    enabled: 1", 3, "enabled must be true or false", ""),
        ("users:\n  - username: ada\n    id: x", 3, "id must be a GUID", ""),
        ("users:\n  - username: ada\n    consent: no", 3, "consent must be text", ""),
        ("users:\n  - username: ada\n    consent: never", 3, "one of: granted, ask, admin", ""),
        ("users:\n  - username: ''", 2, "username must be text", ""),
        ("users:\n  - username: ada\n  - username: ADA", 3, "stands here twice", ""),
        (
            f"users:\n  - {{username: a, id: {GUID}}}\n  - {{username: b, id: {GUID}}}",
            3,
            f"{GUID} stands here twice",
            "",
        ),
        ("users: " + 5_000 * "[", 1, "not YAML: nested too deeply", ""),
        ("users:\n  - username: ada\n    username: bob", 3, "username stands here twice", ""),
        ("users:\n  - ada", 2, "an entry of users must hold keys and values", ""),
        ("users: ada", 1, "users must be a list", ""),
        ("users: [{username: a}]\napi: [x]", 2, "api must hold keys and values", ""),
        ("users: [{username: a}]\napi: {token_version: 3}", 2, "one of: 1, 2", ""),
        ("users: [{username: a}]\n[x]: 1", 2, "a key must be a word", ""),
    ],
)
def test_errors_name_the_line(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    """Each mistake is told with file, line and what is wrong, and a hint where there is one."""
    path = tmp_path / "users.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load_directory(path)

    assert caught.value.message.startswith(f"{path}:{line}: ")
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "No such file"), (b"\xff\xfe\xff", "not UTF-8"), (b"\x01: x", "not YAML")],
)
def test_files_that_cannot_be_read(tmp_path: Path, data: bytes | None, message: str) -> None:
    """What isn't there or isn't text is told, too."""
    path = tmp_path / "users.yaml"
    if data is not None:
        path.write_bytes(data)

    with pytest.raises(SettingsError, match=message):
        load_directory(path)


def test_apis_beside_the_first(tmp_path: Path) -> None:
    """For remote servers: each with scopes, a consent and a policy of its own."""
    path = tmp_path / "users.yaml"
    path.write_text(
        "apis:\n"
        "- {name: Reports, scopes: [read], consent: ask, conditional_access: claims}\n"
        f"- {{name: Other, id: {GUID}}}\n"
        "users: [{username: ada}]\n",
        encoding="utf-8",
    )
    _, reports, other = load_directory(path).apis
    assert (reports.name, reports.scopes) == ("Reports", ("read",))
    assert (reports.consent, reports.conditional_access) == (
        Consent.ASK,
        ConditionalAccess.CLAIMS,
    )
    assert (other.api_id, other.consent) == (GUID, Consent.GRANTED)
    assert reports.api_id != other.api_id
