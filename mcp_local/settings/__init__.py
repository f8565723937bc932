"""Settings: managed > flags > environment > file > defaults. Reads no token, prints nothing."""

from mcp_local.settings.load import load
from mcp_local.settings.model import (
    CacheKey,
    Definitions,
    Provenance,
    Server,
    Settings,
    SignIn,
    SignInMethod,
    SignInWhen,
    Source,
)
from mcp_local.settings.paths import ManagedFile, profile_dir
from mcp_local.settings.require import require_sign_in
from mcp_local.settings.show import show

__all__ = [
    "CacheKey",
    "Definitions",
    "ManagedFile",
    "Provenance",
    "Server",
    "Settings",
    "SignIn",
    "SignInMethod",
    "SignInWhen",
    "Source",
    "load",
    "profile_dir",
    "require_sign_in",
    "show",
]
