"""What must be set before anybody can sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_local.errors import SettingsError
from mcp_local.settings import keys
from mcp_local.settings.model import SignInMethod

if TYPE_CHECKING:
    from mcp_local.settings.model import Settings


def require_sign_in(settings: Settings) -> None:
    """Return if a person could sign in with these settings, or need not.

    Raises:
        SettingsError: the tenant or the client id is missing; says where to set it.
    """
    if settings.signin.method is SignInMethod.NONE:
        return
    given = ((keys.TENANT, settings.tenant), (keys.CLIENT_ID, settings.client_id))
    missing = [key for key, value in given if not value]
    if not missing:
        return
    names = " and ".join(f"`{key.name}`" for key in missing)
    variables = " and ".join(key.variable for key in missing)
    flags = " and ".join(key.flag for key in missing)
    raise SettingsError(
        f"{names} {'is' if len(missing) == 1 else 'are'} not set.",
        hint=f"Run `mcp-local init`, or set {names} in {settings.config_file}, or {variables} "
        f"in the environment, or pass {flags}. To look around without a tenant: `mcp-local demo`.",
    )
