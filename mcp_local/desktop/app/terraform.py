"""The registrations in Terraform, by its ``azuread`` provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_local.desktop.app.bodies import BROKER_LINUX, BROKER_MACOS
from mcp_local.desktop.app.plan import LOOPBACK, SCOPE

if TYPE_CHECKING:
    from mcp_local.desktop.app.plan import AppPlan, AppRole

_HEAD: Final = """# Two app registrations: the API carries the roles, the client signs people in.
terraform {
  required_providers {
    azuread = {
      source  = "hashicorp/azuread"
      version = "~> 3.0"
    }
  }
}

data "azuread_client_config" "current" {}
"""
_PRINCIPALS: Final = """
resource "azuread_application_identifier_uri" "api" {
  application_id = azuread_application.api.id
  identifier_uri = "api://${azuread_application.api.client_id}"
}

resource "azuread_application_pre_authorized" "desktop" {
  application_id       = azuread_application.api.id
  authorized_client_id = azuread_application.desktop.client_id
  permission_ids       = [local.scope_id]
}

resource "azuread_service_principal" "api" {
  client_id                    = azuread_application.api.client_id
  app_role_assignment_required = true
}

resource "azuread_service_principal" "desktop" {
  client_id = azuread_application.desktop.client_id
}
"""
_OUTPUTS: Final = """
output "tenant" {
  value = data.azuread_client_config.current.tenant_id
}

output "client_id" {
  value = azuread_application.desktop.client_id
}

output "api" {
  value = azuread_application.api.client_id
}
"""


def terraform(plan: AppPlan) -> str:
    """Return a Terraform file; the redirect URI of Windows' broker needs the client's own id.

    Its version of the token is set: the provider's default is 1.
    """
    return "".join(
        [
            _HEAD,
            f"\nlocals {{\n  scope_id = {_text(plan.scope_id)}\n}}\n",
            _api(plan),
            _client(plan),
            _PRINCIPALS,
            *(
                f'\nresource "azuread_app_role_assignment" "a{number}" {{\n'
                f"  app_role_id         = {_text(each.role.id)}\n"
                f"  principal_object_id = {_text(each.principal)}\n"
                "  resource_object_id  = azuread_service_principal.api.object_id\n}\n"
                for number, each in enumerate(plan.assignments, 1)
            ),
            _OUTPUTS,
        ]
    )


def _api(plan: AppPlan) -> str:
    use = f"Use {plan.name}"
    return f"""
resource "azuread_application" "api" {{
  display_name     = {_text(plan.name)}
  sign_in_audience = "AzureADMyOrg"

  api {{
    requested_access_token_version = 2

    oauth2_permission_scope {{
      admin_consent_description  = {_text(use + " as the person who is signed in.")}
      admin_consent_display_name = {_text(use)}
      user_consent_description   = {_text(use + " as you.")}
      user_consent_display_name  = {_text(use)}
      enabled                    = true
      id                         = local.scope_id
      type                       = "User"
      value                      = {_text(SCOPE)}
    }}
  }}
{"".join(_role(role) for role in plan.roles)}
  optional_claims {{
    access_token {{
      name = "acct"
    }}
    access_token {{
      name = "xms_cc"
    }}
    access_token {{
      name                  = "idtyp"
      additional_properties = ["include_user_token"]
    }}
  }}

  lifecycle {{
    ignore_changes = [identifier_uris]
  }}
}}
"""


def _role(role: AppRole) -> str:
    return f"""
  app_role {{
    allowed_member_types = ["User"]
    description          = {_text(f"May use what the policy grants to {role.value}.")}
    display_name         = {_text(role.value)}
    enabled              = true
    id                   = {_text(role.id)}
    value                = {_text(role.value)}
  }}
"""


def _client(plan: AppPlan) -> str:
    uris = [LOOPBACK, *([BROKER_MACOS, BROKER_LINUX] if plan.broker else [])]
    return f"""
resource "azuread_application" "desktop" {{
  display_name                   = {_text(plan.client_name)}
  sign_in_audience               = "AzureADMyOrg"
  fallback_public_client_enabled = {str(plan.device_code).lower()}

  public_client {{
    redirect_uris = [{", ".join(_text(uri) for uri in uris)}]
  }}

  required_resource_access {{
    resource_app_id = azuread_application.api.client_id

    resource_access {{
      id   = local.scope_id
      type = "Scope"
    }}
  }}
}}
"""


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped.replace("${", "$${").replace("%{", "%%{")}"'
