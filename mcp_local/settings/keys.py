"""The table of all settings: name in TOML, variable, flag, shape, default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from mcp_local.places import CONFIG_VARIABLE, HOME_VARIABLE
from mcp_local.settings import values
from mcp_local.settings.model import CacheKey, Provenance, SignInMethod, SignInWhen, Source

if TYPE_CHECKING:
    from mcp_local.settings.values import Shape

T_co = TypeVar("T_co", covariant=True)


class Key(NamedTuple, Generic[T_co]):
    """One setting."""

    name: str
    """As in the settings file, with its table and a dot before it."""
    variable: str
    shape: Shape[T_co]
    default: T_co
    flag: str = ""
    in_file: bool = True


TENANT = Key("tenant", "MCP_LOCAL_TENANT_ID", values.TENANT, "", flag="--tenant")
CLIENT_ID = Key("client_id", "MCP_LOCAL_CLIENT_ID", values.GUID_TEXT, "", flag="--client-id")
API = Key("api", "MCP_LOCAL_API", values.API, "")
AUDIENCES = Key("audiences", "MCP_LOCAL_AUDIENCES", values.WORDS, ())
SCOPES = Key("scopes", "MCP_LOCAL_SCOPES", values.WORDS, ())
TENANTS = Key("tenants", "MCP_LOCAL_TENANTS", values.GUIDS, ())
AUTHORITY = Key("authority", "MCP_LOCAL_AUTHORITY", values.TEXT, "")
CLOUD = Key("cloud", "MCP_LOCAL_CLOUD", values.one_word("public", "us-gov", "china"), "public")
ACCOUNT = Key("account", "MCP_LOCAL_ACCOUNT", values.TEXT, "", flag="--account")
CA_FILE = Key("ca_file", "MCP_LOCAL_CA_FILE", values.PATH, "")
PROXY = Key("proxy", "MCP_LOCAL_PROXY", values.PROXY, "")
POLICY = Key("policy", "MCP_LOCAL_POLICY", values.POLICY, "", flag="--policy")
SIGN_IN_METHOD = Key(
    "signin.method", "MCP_LOCAL_SIGN_IN", values.one_of(SignInMethod), SignInMethod.BROWSER
)
SIGN_IN_FALLBACK = Key(
    "signin.fallback",
    "MCP_LOCAL_SIGN_IN_FALLBACK",
    values.one_of(SignInMethod, "none", "device"),
    SignInMethod.NONE,
)
SIGN_IN_WHEN = Key(
    "signin.when", "MCP_LOCAL_SIGN_IN_WHEN", values.one_of(SignInWhen), SignInWhen.START
)
SIGN_IN_TIMEOUT = Key(
    "signin.timeout", "MCP_LOCAL_SIGN_IN_TIMEOUT", values.seconds(1, 3600), 300.0, flag="--timeout"
)
SIGN_IN_ROLES = Key("signin.roles", "MCP_LOCAL_SIGN_IN_ROLES", values.WORDS, ())
LIST_HOLD = Key("list.hold", "MCP_LOCAL_LIST_HOLD", values.auto_or(values.seconds(0, 60)), None)
LIST_LOCKED = Key("list.locked", "MCP_LOCAL_LIST_LOCKED", values.one_word("hide", "show"), "hide")
CACHE_KEY = Key("cache.key", "MCP_LOCAL_CACHE_KEY", values.one_of(CacheKey), CacheKey.AUTO)
PASSPHRASE_FILE = Key(
    "cache.passphrase_file",
    "MCP_LOCAL_CACHE_PASSPHRASE_FILE",
    values.PATH,
    "",
    in_file=False,
)
TOKEN_LEEWAY = Key("token.leeway", "MCP_LOCAL_TOKEN_LEEWAY", values.seconds(0, 300), 60.0)
ALLOW_APP_ONLY = Key(
    "token.allow_app_only", "MCP_LOCAL_TOKEN_ALLOW_APP_ONLY", values.FLAG, default=False
)
OFFLINE_GRACE = Key("offline.grace", "MCP_LOCAL_OFFLINE_GRACE", values.seconds(0, 24 * 3600), 0.0)
OFFLINE_TAGS = Key("offline.tags", "MCP_LOCAL_OFFLINE_TAGS", values.WORDS, ())
LOG_LEVEL = Key(
    "log.level",
    "MCP_LOCAL_LOG_LEVEL",
    values.one_word("debug", "info", "warning", "error"),
    "info",
)
LOG_FORMAT = Key("log.format", "MCP_LOCAL_LOG_FORMAT", values.one_word("json", "text"), "json")

KEYS: tuple[Key[object], ...] = (
    TENANT,
    CLIENT_ID,
    API,
    AUDIENCES,
    SCOPES,
    TENANTS,
    AUTHORITY,
    CLOUD,
    ACCOUNT,
    CA_FILE,
    PROXY,
    POLICY,
    SIGN_IN_METHOD,
    SIGN_IN_FALLBACK,
    SIGN_IN_WHEN,
    SIGN_IN_TIMEOUT,
    SIGN_IN_ROLES,
    LIST_HOLD,
    LIST_LOCKED,
    CACHE_KEY,
    PASSPHRASE_FILE,
    TOKEN_LEEWAY,
    ALLOW_APP_ONLY,
    OFFLINE_GRACE,
    OFFLINE_TAGS,
    LOG_LEVEL,
    LOG_FORMAT,
)
BY_NAME = {key.name: key for key in KEYS}
IN_FILE = frozenset(key.name for key in KEYS if key.in_file)
SECTIONS = frozenset(name.partition(".")[0] for name in IN_FILE if "." in name)
"""Tables of the settings file, beside ``servers``."""

PASSPHRASE_VARIABLE = "MCP_LOCAL_CACHE_PASSPHRASE"  # noqa: S105 - a variable's name
CLIENT_SECRET_VARIABLE = "MCP_LOCAL_CLIENT_SECRET"  # noqa: S105 - a variable's name
CLIENT_SECRET = "client_secret"  # noqa: S105 - a key's name

VARIABLES = frozenset(key.variable for key in KEYS) | {
    HOME_VARIABLE,
    CONFIG_VARIABLE,
    PASSPHRASE_VARIABLE,
    CLIENT_SECRET_VARIABLE,
}
"""Every variable that this program knows; others that start like ours are mistakes."""

BY_DEFAULT = Provenance(Source.DEFAULT, "default")
