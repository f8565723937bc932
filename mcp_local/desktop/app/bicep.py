"""The registrations in Bicep, by its Microsoft Graph extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from mcp_local.desktop.app.bodies import Body, api_app, api_settings, redirect_uris
from mcp_local.desktop.app.plan import SCOPE

if TYPE_CHECKING:
    from mcp_local.desktop.app.plan import AppPlan

_HEAD: Final = """// Two app registrations for mcp-local. bicepconfig.json must name the extension:
// {"extensions": {"microsoftGraphV1":
//   "br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0"}}
extension microsoftGraphV1
"""
_OUTPUTS: Final = f"""output client_id string = client.appId
output api string = api.appId
output scope string = '${{api.appId}}/{SCOPE}'
"""


class Raw(str):
    """An expression of the language, written as it is."""

    __slots__ = ()


def bicep(plan: AppPlan) -> str:
    """Return a Bicep file.

    A resource can't refer to its own id there: the API's address is made from the tenant's id, and
    the redirect URI of Windows' broker must be added once the client's id is known.
    """
    unique = _unique(plan.name)
    client: Body = {
        "uniqueName": f"{unique}-desktop",
        "displayName": plan.client_name,
        "signInAudience": "AzureADMyOrg",
        "isFallbackPublicClient": plan.device_code,
        "publicClient": {"redirectUris": redirect_uris(plan)},
    }
    api: Body = {
        "uniqueName": unique,
        **api_app(plan),
        "identifierUris": [Raw(f"'api://${{tenant().tenantId}}/{unique}'")],
        "api": api_settings(plan, Raw("client.appId")),
    }
    parts = [
        _HEAD,
        _resource("client", "applications", client),
        _resource("api", "applications", api),
        _resource("clientPrincipal", "servicePrincipals", {"appId": Raw("client.appId")}),
        _resource(
            "apiPrincipal",
            "servicePrincipals",
            {"appId": Raw("api.appId"), "appRoleAssignmentRequired": True},
        ),
        *(
            _resource(
                f"assignment{number}",
                "appRoleAssignedTo",
                {
                    "principalId": each.principal,
                    "resourceId": Raw("apiPrincipal.id"),
                    "appRoleId": each.role.id,
                },
            )
            for number, each in enumerate(plan.assignments, 1)
        ),
        _OUTPUTS,
    ]
    return "\n".join(parts)


def _resource(name: str, kind: str, body: Body) -> str:
    return f"resource {name} 'Microsoft.Graph/{kind}@v1.0' = {_value(body, '')}\n"


def _value(value: object, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, Raw):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        table = cast("Body", value)
        lines = [f"{inner}{key}: {_value(each, inner)}\n" for key, each in table.items()]
        return f"{{\n{''.join(lines)}{indent}}}"
    if isinstance(value, list):
        items = cast("list[object]", value)
        lines = [f"{inner}{_value(each, inner)}\n" for each in items]
        return f"[\n{''.join(lines)}{indent}]"
    if isinstance(value, str):
        return _text(value)
    return str(value)


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
    return f"'{escaped}'"


def _unique(name: str) -> str:
    """Return a name for the deployment: the same each time, letters, digits and dashes."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in name.lower())
    return "-".join(words.split()) or "mcp-local"
