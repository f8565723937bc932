"""The registrations as JSON: the objects themselves, and the requests that make them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mcp_local.desktop.app.bodies import api_app, api_settings, client_app, redirect_uris

if TYPE_CHECKING:
    from mcp_local.desktop.app.bodies import Body
    from mcp_local.desktop.app.plan import AppPlan

API: Final = "{api.appId}"
"""Stands for a value that an earlier answer holds, as do all names in braces."""
CLIENT: Final = "{client.appId}"


def manifest(plan: AppPlan) -> str:
    """Return both applications as Microsoft Graph's manifests."""
    client = client_app(plan, API) | {"publicClient": {"redirectUris": redirect_uris(plan, CLIENT)}}
    return _text({"api": _with_uri(api_app(plan), plan), "client": client})


def _with_uri(body: Body, plan: AppPlan) -> Body:
    return body | {"identifierUris": [f"api://{API}"], "api": api_settings(plan, CLIENT)}


def requests(plan: AppPlan) -> list[Body]:
    """Return the requests to Microsoft Graph in their order: name, method, path, body."""
    made = [
        _request("api", "POST", "/applications", api_app(plan)),
        _request("", "PATCH", "/applications/{api.id}", {"identifierUris": [f"api://{API}"]}),
        _request("client", "POST", "/applications", client_app(plan, API)),
    ]
    if plan.broker:
        public: Body = {"publicClient": {"redirectUris": redirect_uris(plan, CLIENT)}}
        made.append(_request("", "PATCH", "/applications/{client.id}", public))
    return [
        *made,
        _request("", "PATCH", "/applications/{api.id}", {"api": api_settings(plan, CLIENT)}),
        _request("apiPrincipal", "POST", "/servicePrincipals", {"appId": API}),
        _request("", "POST", "/servicePrincipals", {"appId": CLIENT}),
        _request(
            "",
            "PATCH",
            "/servicePrincipals/{apiPrincipal.id}",
            {"appRoleAssignmentRequired": True},
        ),
        *(
            _request(
                "",
                "POST",
                "/servicePrincipals/{apiPrincipal.id}/appRoleAssignedTo",
                {
                    "principalId": each.principal,
                    "resourceId": "{apiPrincipal.id}",
                    "appRoleId": each.role.id,
                },
            )
            for each in plan.assignments
        ),
    ]


def graph(plan: AppPlan) -> str:
    """Return the requests as JSON."""
    return _text({"base": "https://graph.microsoft.com/v1.0", "requests": requests(plan)})


def _request(name: str, method: str, path: str, body: Body) -> Body:
    return (
        {"as": name, "method": method, "path": path, "body": body}
        if name
        else {
            "method": method,
            "path": path,
            "body": body,
        }
    )


def _text(document: Body) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
