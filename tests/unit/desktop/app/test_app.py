"""The two app registrations in every language they are written in."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, cast

import hcl2
import pytest
import tree_sitter
import tree_sitter_bicep

from mcp_local.cli.main import main
from mcp_local.desktop.app.az import az
from mcp_local.desktop.app.bicep import bicep
from mcp_local.desktop.app.graph import graph, manifest
from mcp_local.desktop.app.plan import make_plan
from mcp_local.desktop.app.terraform import terraform
from mcp_local.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcp_local.desktop.app.plan import AppPlan

PERSON = "11111111-1111-1111-1111-111111111111"
HOSTILE = 'It\'s "a" ${b} $(c) `d` \\ %{e} {api.appId} \u00e9'


def _plan(name: str = "mcp-local") -> AppPlan:
    roles = ["Task.Write", "Task.Read"]
    return make_plan(name, roles, [f"Task.Read={PERSON}"], device_code=True, broker=True)


def test_ids_are_the_same_in_every_run_and_no_two_alike() -> None:
    """A role keeps its id when others come and go, so that assignments stay."""
    plan, larger = _plan(), make_plan("mcp-local", ["Task.Read", "Task.Write", "Admin"])
    ids = {role.value: role.id for role in larger.roles}
    assert all(ids[role.value] == role.id for role in plan.roles)
    assert plan.scope_id == larger.scope_id
    others = {role.id for role in make_plan("other", ids).roles}
    assert len({*ids.values(), plan.scope_id, *others}) == 7


@pytest.mark.parametrize(
    ("name", "roles", "assign", "message"),
    [
        ("", ["a"], [], "is no name"),
        ("x" * 101, ["a"], [], "is no name"),
        ("x\n", ["a"], [], "is no name"),
        ("x", [], [], "names no roles"),
        ("x", ["a b"], [], "takes no app role"),
        ("x", [".a"], [], "takes no app role"),
        ("x", ["access_as_user"], [], "the scope is"),
        ("x", ["a"], ["a"], "no ROLE=OBJECT-ID"),
        ("x", ["a"], ["a=me"], "no ROLE=OBJECT-ID"),
        ("x", ["a"], [f"b={PERSON}"], "no ROLE=OBJECT-ID"),
    ],
)
def test_what_entra_would_not_take_is_refused(
    name: str, roles: list[str], assign: list[str], message: str
) -> None:
    """Before anything is made."""
    with pytest.raises(UsageError, match=message):
        make_plan(name, roles, assign)


def _made(text: str) -> dict[str, Any]:
    return json.loads(text)


@pytest.mark.parametrize("name", ["mcp-local", HOSTILE])
def test_the_requests_make_both_apps(name: str) -> None:
    """In the order that Graph needs: each refers to what an earlier answer holds."""
    plan = _plan(name)
    made = _made(graph(plan))["requests"]
    api, client = made[0]["body"], made[2]["body"]
    assert api["displayName"] == name
    assert api["api"]["requestedAccessTokenVersion"] == 2
    assert [role["value"] for role in api["appRoles"]] == ["Task.Read", "Task.Write"]
    assert client["isFallbackPublicClient"] is True
    assert client["publicClient"]["redirectUris"][0] == "http://localhost"
    access = client["requiredResourceAccess"][0]
    assert access["resourceAppId"] == "{api.appId}"
    assert access["resourceAccess"] == [{"id": plan.scope_id, "type": "Scope"}]
    whole = next(each["body"]["api"] for each in made if "api" in each["body"] and "as" not in each)
    assert whole["oauth2PermissionScopes"] == api["api"]["oauth2PermissionScopes"]
    assert whole["preAuthorizedApplications"][0]["appId"] == "{client.appId}"
    assert made[-1]["body"]["principalId"] == PERSON
    assert made[-1]["body"]["appRoleId"] == plan.roles[0].id
    assert {"appRoleAssignmentRequired": True} in [each["body"] for each in made]


def test_the_manifests_say_the_same() -> None:
    """Both objects whole, with the redirect URIs of all brokers."""
    made = _made(manifest(_plan()))
    assert made["api"]["identifierUris"] == ["api://{api.appId}"]
    uris = made["client"]["publicClient"]["redirectUris"]
    assert "ms-appx-web://Microsoft.AAD.BrokerPlugin/{client.appId}" in uris
    plain = make_plan("x", ["a"])
    assert _made(manifest(plain))["client"]["publicClient"]["redirectUris"] == ["http://localhost"]


_AZ = """#!/usr/bin/env bash
# Plays az: writes each request down, and answers with ids in the order asked for.
[ "$1 $2" = "account show" ] && { echo tenant-id; exit; }
number=$(($(cat "$AZ_DIR/count" 2>/dev/null || echo 0) + 1)); echo "$number" >"$AZ_DIR/count"
while [ $# -gt 0 ]; do
  case $1 in
    --method) method=$2 ;; --url) url=$2 ;; --body) body=$2 ;; --query) query=$2 ;;
  esac
  shift
done
printf '%s %s\\n' "$method" "$url" >"$AZ_DIR/$number"
printf '%s' "$body" >"$AZ_DIR/$number.json"
[ "$query" = "[id, appId]" ] && printf 'id%s\\napp%s\\n' "$number" "$number" || echo "id$number"
"""


@pytest.mark.parametrize("name", ["mcp-local", HOSTILE])
def test_the_script_sends_these_requests(name: str, tmp_path: Path) -> None:
    """Run by a real shell: ids of earlier answers stand where they belong, names as they are."""
    player = tmp_path / "az"
    player.write_text(_AZ, encoding="utf-8", newline="\n")
    player.chmod(0o755)
    plan = _plan(name.replace("{api.appId}", ""))
    done = subprocess.run(
        ["bash", "-c", az(plan)],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "AZ_DIR": str(tmp_path)},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert done.stdout == 'tenant = "tenant-id"\nclient_id = "app3"\napi = "app1"\n'
    wanted = _made(graph(plan))["requests"]
    known = {
        "{api.id}": "id1",
        "{api.appId}": "app1",
        "{client.id}": "id3",
        "{client.appId}": "app3",
    }
    number = next(i for i, each in enumerate(wanted, 1) if each.get("as") == "apiPrincipal")
    known["{apiPrincipal.id}"] = f"id{number}"
    for index, request in enumerate(wanted, 1):
        text = json.dumps(request["body"])
        line = f"{request['method']} https://graph.microsoft.com/v1.0{request['path']}\n"
        for hole, value in known.items():
            text, line = text.replace(hole, value), line.replace(hole, value)
        assert (tmp_path / str(index)).read_text(encoding="utf-8") == line
        assert json.loads((tmp_path / f"{index}.json").read_text(encoding="utf-8")) == json.loads(
            text
        )


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck isn't here")
def test_the_script_is_clean() -> None:
    """Shellcheck finds nothing in it."""
    subprocess.run(["shellcheck", "-"], input=az(_plan()), encoding="utf-8", check=True)


@pytest.mark.parametrize("name", ["mcp-local", HOSTILE])
def test_the_terraform_file_parses(name: str) -> None:
    """With the version of the token set, and each role once."""
    parse = cast("Callable[[str], dict[str, Any]]", hcl2.loads)  # pyright: ignore[reportUnknownMemberType]
    made = parse(terraform(_plan(name)))
    text = json.dumps(made)
    assert text.count("azuread_app_role_assignment") == 1
    api = next(
        each['"azuread_application"']['"api"']
        for each in made["resource"]
        if '"api"' in each.get('"azuread_application"', {})
    )
    assert api["api"][0]["requested_access_token_version"] == 2
    assert len(api["app_role"]) == 2


@pytest.mark.parametrize("name", ["mcp-local", HOSTILE])
def test_the_bicep_file_parses(name: str) -> None:
    """By a grammar that doesn't know extensions yet: that one line is left out."""
    text = bicep(_plan(name)).replace("extension microsoftGraphV1\n", "")
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
    tree = parser.parse(text.encode())
    assert not tree.root_node.has_error
    kinds = [each.type for each in tree.root_node.children]
    assert kinds.count("resource_declaration") == 5


@pytest.mark.parametrize("kind", ["az", "bicep", "terraform", "graph", "manifest"])
def test_the_command_takes_the_roles_of_the_policy(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And those that are named beside it."""
    policy = tmp_path / "p.yaml"
    policy.write_text("version: 1\nroles:\n  Task.Read: {tags: [read]}\n", encoding="utf-8")
    environ = {"MCP_LOCAL_HOME": str(tmp_path)}
    words = ["app", kind, "--policy", str(policy), "--role", "Extra"]
    assert main(words, environ) is ExitCode.OK
    out = capsys.readouterr().out
    assert "Task.Read" in out
    assert "Extra" in out
    assert main(["app", kind], environ) is ExitCode.USAGE
    assert "There is no policy" in capsys.readouterr().err
