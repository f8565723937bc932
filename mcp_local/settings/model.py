"""The shape of the settings. Frozen; made once by ``load``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class SignInMethod(StrEnum):
    """How a person signs in."""

    BROWSER = "browser"
    DEVICE = "device"
    BROKER = "broker"
    NONE = "none"


class SignInWhen(StrEnum):
    """When a sign-in may start by itself."""

    START = "start"
    CALL = "call"
    NEVER = "never"


class CacheKey(StrEnum):
    """Where the cache's key comes from."""

    AUTO = "auto"
    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a source, not a secret
    FILE = "file"
    MEMORY = "memory"


class Source(StrEnum):
    """Where a value was set, highest first."""

    MANAGED = "managed"
    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


class Definitions(StrEnum):
    """What happens to a tool whose definition changed after it was approved."""

    REPORT = "report"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class SignIn:
    """``[signin]``."""

    method: SignInMethod = SignInMethod.BROWSER
    fallback: SignInMethod = SignInMethod.NONE
    """``none`` or ``device``: where no browser can be opened."""
    when: SignInWhen = SignInWhen.START
    timeout: float = 300.0
    """Seconds."""
    roles: tuple[str, ...] = ()
    """Declared roles, only with ``method = none``; marked unverified wherever shown."""


@dataclass(frozen=True, slots=True)
class Server:
    """One ``[servers.NAME]``."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """May hold secrets of the server's own: never shown."""
    cwd: str = ""
    url: str = ""
    api: str = ""
    """App of the remote server's API; a server without it is sent no token."""
    scopes: tuple[str, ...] = ()
    """Of that API; empty: its ``.default``."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Sent to the remote server; may hold secrets: never shown."""
    headers_from: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers whose value stands in an environment variable, and that variable."""
    policy: str = ""
    """Absolute path; empty: the policy of the settings."""
    tenant: str = ""
    account: str = ""
    definitions: Definitions = Definitions.REPORT
    requests: tuple[str, ...] = ("roots/list", "elicitation/create")
    """Requests of the server that pass to the client."""
    methods: tuple[str, ...] = ()
    """Methods of the client that pass beyond the known ones."""

    @property
    def is_file(self) -> bool:
        """Whether it is hosted here: ``FILE.py[:OBJECT]``, which takes no arguments."""
        return not self.args and (self.command.endswith(".py") or ".py:" in self.command)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where one value comes from, for ``settings show``."""

    source: Source
    place: str
    """File, variable or flag."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the rest of the program is told; made once by ``load``."""

    home: Path
    """State folder."""
    config_file: Path
    tenant: str = ""
    client_id: str = ""
    api: str = ""
    audiences: tuple[str, ...] = ()
    """Accepted ``aud`` values, defaults filled in."""
    scopes: tuple[str, ...] = ()
    """Scopes to ask for, defaults filled in."""
    tenants: tuple[str, ...] = ()
    authority: str = ""
    """Full URL, default filled in."""
    cloud: str = "public"
    account: str = ""
    ca_file: str = ""
    proxy: str = field(default="", repr=False)
    """May hold a password: shown without it."""
    policy: str = ""
    signin: SignIn = field(default_factory=SignIn)
    list_hold: float | None = None
    """Seconds; ``None`` is ``auto``."""
    list_locked: bool = False
    cache_key: CacheKey = CacheKey.AUTO
    passphrase_file: str = ""
    token_leeway: int = 60
    """Seconds."""
    allow_app_only: bool = False
    offline_grace: float = 0.0
    """Seconds, at most a day: how long an expired token goes on being used, for components with
    ``offline_tags`` alone, while the authority can't be reached."""
    offline_tags: tuple[str, ...] = ()
    servers: Mapping[str, Server] = field(default_factory=dict[str, Server])
    log_level: str = "info"
    log_format: str = "json"
    development: bool = False
    """The authority is on loopback; state is kept apart and marked wherever shown."""
    flags: tuple[str, ...] = ()
    """The global flags given, so that a broker process can be started with the same settings."""
    provenance: Mapping[str, Provenance] = field(default_factory=dict[str, Provenance])
    """By the setting's TOML name: ``tenant``, ``signin.timeout``, ``servers.NAME``."""
    warnings: tuple[str, ...] = ()
    """What was read but has no effect, in sentences for people."""
