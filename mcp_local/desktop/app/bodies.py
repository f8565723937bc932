"""The registrations as Microsoft Graph's own objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.desktop.app.plan import LOOPBACK, SCOPE

if TYPE_CHECKING:
    from mcp_local.desktop.app.plan import AppPlan

Body = dict[str, object]

_AUDIENCE: Final = "AzureADMyOrg"
BROKER_MACOS: Final = "msauth.com.msauth.unsignedapp://auth"
BROKER_LINUX: Final = "https://login.microsoftonline.com/common/oauth2/nativeclient"


def broker_windows(client_id: str) -> str:
    """Return the redirect URI of Windows' account broker for a client app."""
    return f"ms-appx-web://Microsoft.AAD.BrokerPlugin/{client_id}"


def api_app(plan: AppPlan) -> Body:
    """Return the API's application; its ``identifierUris`` need its id, which comes with it."""
    return {
        "displayName": plan.name,
        "signInAudience": _AUDIENCE,
        "api": api_settings(plan),
        "appRoles": [
            {
                "allowedMemberTypes": ["User"],
                "description": f"May use what the policy grants to {role.value}.",
                "displayName": role.value,
                "id": role.id,
                "isEnabled": True,
                "value": role.value,
            }
            for role in plan.roles
        ],
        "optionalClaims": {
            "accessToken": [
                {"name": "acct"},
                {"name": "xms_cc"},
                {"name": "idtyp", "additionalProperties": ["include_user_token"]},
            ]
        },
    }


def api_settings(plan: AppPlan, client_id: str = "") -> Body:
    """Return the whole ``api`` object; with ``client_id`` that app is authorised beforehand."""
    settings: Body = {
        "requestedAccessTokenVersion": 2,
        "oauth2PermissionScopes": [
            {
                "adminConsentDescription": f"Use {plan.name} as the person who is signed in.",
                "adminConsentDisplayName": f"Use {plan.name}",
                "id": plan.scope_id,
                "isEnabled": True,
                "type": "User",
                "userConsentDescription": f"Use {plan.name} as you.",
                "userConsentDisplayName": f"Use {plan.name}",
                "value": SCOPE,
            }
        ],
    }
    if client_id:
        authorised = {"appId": client_id, "delegatedPermissionIds": [plan.scope_id]}
        settings["preAuthorizedApplications"] = [authorised]
    return settings


def client_app(plan: AppPlan, api_id: str) -> Body:
    """Return the client's application; ``api_id`` is the API's application (client) id."""
    return {
        "displayName": plan.client_name,
        "signInAudience": _AUDIENCE,
        "isFallbackPublicClient": plan.device_code,
        "publicClient": {"redirectUris": redirect_uris(plan)},
        "requiredResourceAccess": [
            {
                "resourceAppId": api_id,
                "resourceAccess": [{"id": plan.scope_id, "type": "Scope"}],
            }
        ],
    }


def redirect_uris(plan: AppPlan, client_id: str = "") -> list[str]:
    """Return the client's redirect URIs; that of Windows' broker needs ``client_id``."""
    if not plan.broker:
        return [LOOPBACK]
    windows = [broker_windows(client_id)] if client_id else []
    return [LOOPBACK, *windows, BROKER_MACOS, BROKER_LINUX]
