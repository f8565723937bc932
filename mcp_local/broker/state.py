"""What goes on with the sign-in, told to every instance by one small 0600 file.

The file may hold what a person must see: the device code, its address, the one-time start address
of the loopback listener. It never holds state, verifier, device code secret, or a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import msgspec

from mcp_local.identity.grace import Grace

# People open these, so a file that says anything else isn't believed.
_StartUrl = Annotated[
    str, msgspec.Meta(pattern=r"^(http://localhost:[0-9]{1,5}/start/[A-Za-z0-9_-]+)?\Z")
]
_UserCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{0,32}\Z")]
_Address = Annotated[str, msgspec.Meta(pattern=r"^(https?://[!-~]+)?\Z")]


class Phase(StrEnum):
    """Where the sign-in stands; the same words everywhere a person looks."""

    SIGNED_OUT = "signed_out"
    WAITING_FOR_BROWSER = "waiting_for_browser"
    WAITING_FOR_DEVICE_CODE = "waiting_for_device_code"
    WAITING_FOR_WINDOW = "waiting_for_window"
    """The operating system's account broker asks, in a window of its own."""
    SIGNED_IN = "signed_in"
    REFRESHING = "refreshing"
    """A new token is being fetched; of a Status only, never in the file."""
    OFFLINE = "offline"
    """Somebody is signed in, and the authority can't be reached; of a Status only."""
    NEEDS_YOU = "needs_you"
    """The authority wants the person again; ``problem`` says why."""
    BLOCKED = "blocked"
    """Somebody else must act; ``problem`` says who and what."""
    INTERRUPTED = "interrupted"
    """The sign-in process died; it may be started again."""

    @property
    def wants_person(self) -> bool:
        """Whether nothing goes on until a person has acted, this one or another."""
        return self in {Phase.NEEDS_YOU, Phase.BLOCKED}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why the last attempt failed, in words for people."""

    code: str
    """``error``, ``suberror`` or AADSTS number; never free text."""
    message: str
    hint: str = ""


class SignInState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of the state file."""

    phase: Phase = Phase.SIGNED_OUT
    since: float = 0.0
    """Seconds since the epoch, as are all times here."""
    deadline: float = 0.0
    """When the sign-in under way gives up."""
    start_url: _StartUrl = ""
    """One-time loopback address that sends the browser to the authority."""
    user_code: _UserCode = ""
    verification_uri: _Address = ""
    problem: Problem | None = None
    claims: str = ""
    """The claims challenge (JSON) that the next sign-in must hand on to the authority."""
    last_prompt: float = 0.0
    """When a person was last asked without being the cause; limits nagging."""
    retry_after: float = 0.0
    """No renewal by itself before this time: the authority was out of reach."""
    faults: int = 0
    """How many renewals in a row didn't reach the authority; sets the pace of the next ones."""
    refused: bool = False
    """The authority has refused to renew the kept token: it serves no longer than its time."""
    program: str = ""
    """What the client calls itself that the person should go back to; for display only."""
    account: str = ""
    """Display name of the account; never used to authorise."""
    generation: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Grows with each change, so that a watcher can't miss one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sign-in is to bring beside who somebody is."""

    scopes: tuple[str, ...] = ()
    """Those of another API; empty: those of the server's own."""
    claims: str = ""
    """The challenge (JSON) that the API's token must meet."""
    again: bool = True
    """Whether the person is asked even if there is a token without it."""


class Storage(msgspec.Struct, frozen=True):
    """Where the cache's key lives, for ``whoami`` and ``doctor``."""

    kind: str
    """``keyring``, ``passphrase``, ``file``, ``dpapi``, ``keychain`` or ``memory``."""
    encrypted: bool
    detail: str
    """One sentence, with the reason where something weaker than asked for is in use."""
    remedy: str = ""
    """What helps against that reason, where it is known."""


@dataclass(frozen=True, slots=True)
class Status:
    """Everything a person may want to know of their session; holds no secret."""

    phase: Phase
    signed_in: bool
    name: str = ""
    username: str = ""
    object_id: str = ""
    tenant_id: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    expires_at: float = 0.0
    """Seconds since the epoch; 0 when nobody is signed in."""
    usable_until: float = 0.0
    """Until when offline answers are given; seconds since the epoch: ``exp`` plus leeway, with
    ``in_grace`` the end of the grace."""
    grace: Grace = field(default_factory=Grace)
    """What the settings grant beyond that, while the authority can't be reached."""
    grace_until: float = 0.0
    """When that would be over; 0 where none is granted."""
    in_grace: bool = False
    """The token has expired, and serves for the components with the tags of ``grace`` alone."""
    storage: Storage | None = None
    start_url: str = ""
    user_code: str = ""
    verification_uri: str = ""
    problem: Problem | None = None
    development: bool = False
    """A development authority (loopback) is in use."""
    unverified: bool = False
    """Roles are declared in the settings (``signin.method = none``), not verified."""
