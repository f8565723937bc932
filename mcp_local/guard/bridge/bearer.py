"""The token of a remote server's API: shown to that server, renewed when it is refused.

Which API that is stands in the settings. What the server says of itself changes nothing about it:
a hostile one could name another API, and be handed that one's token.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from typing import TYPE_CHECKING, Final, Protocol, cast, final

import msgspec

from mcp_local.broker.state import Phase
from mcp_local.errors import McpLocalError, SignInNeeded
from mcp_local.guard.account import enter_code
from mcp_local.guard.bridge.credential import NoCredential
from mcp_local.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp_local.broker.state import Status
    from mcp_local.guard.bridge.credential import Challenge

_SCHEME: Final = "Bearer "
_LONGEST_CLAIMS: Final = 4096
_WAITING: Final = frozenset({Phase.WAITING_FOR_BROWSER, Phase.WAITING_FOR_DEVICE_CODE})
_SCOPE: Final = re.compile(r"(?:(?:api|https)://)?[A-Za-z0-9._/-]{1,120}")
_NAMED: Final = 5
"""Scopes that are told by their names."""
_OPENID: Final = frozenset({"openid", "profile", "email", "offline_access"})


class Tokens(Protocol):
    """Where tokens come from; called from several threads."""

    def held(self, scopes: Sequence[str]) -> Secret | None:
        """Return the token while nothing need be done about it; at once."""
        ...

    def get(
        self, scopes: Sequence[str], *, wait: float, used: Secret | None = None, claims: str = ""
    ) -> Secret:
        """Return a token; another than ``used``, which was refused, and one that meets ``claims``.

        Raises:
            SignInNeeded: only the person can help.
            McpLocalError: there is none.
        """
        ...

    def sign_in(self, scopes: Sequence[str], *, claims: str, again: bool, wait: float) -> Status:
        """Have the person asked; return where that stands after ``wait`` seconds.

        ``again``: even if there is a token without it.
        """
        ...


@final
class Bearer:
    """A ``Credential``. One refresh and one sign-in for a token that is refused, then an error."""

    def __init__(
        self,
        tokens: Tokens,
        *,
        host: str,
        api: str,
        scopes: Sequence[str],
        headers: Mapping[str, str],
    ) -> None:
        """Prepare; asks for nothing. ``headers`` are those of the settings."""
        self._tokens = tokens
        self._host = host
        self._api = api
        self._scopes = tuple(scopes)
        self._headers = headers
        self._healing = threading.Lock()
        self._refreshed: Secret | None = None
        """What a forced refresh brought."""
        self._signed_in: Secret | None = None
        """What a sign-in brought."""

    def __repr__(self) -> str:
        return f"Bearer({self._host!r})"

    def headers(self, *, wait: float) -> Mapping[str, str]:
        """Return the token as a header, and the headers of the settings."""
        token = self._tokens.held(self._scopes)
        if token is None:
            with self._healing:
                token = self._get(wait)
        return {**self._headers, "Authorization": _SCHEME + token.reveal()}

    def renew(self, shown: Mapping[str, str], challenge: Challenge, *, wait: float) -> None:
        """Get a better token than the one that was refused."""
        used = Secret(shown["Authorization"].removeprefix(_SCHEME))
        with self._healing:
            held = self._tokens.held(self._scopes)
            if held is not None and held != used:
                return  # somebody else was refused before, and has healed it
            if challenge.error == "insufficient_scope":
                self._step_up(challenge, wait)
            elif claims := self._claims(challenge):
                self._get(wait, used, claims)
            elif used == self._signed_in:
                raise self._refused()
            elif used == self._refreshed:
                self._ask(wait, "", again=True)
            else:
                self._refreshed = self._get(wait, used)

    def _get(self, wait: float, used: Secret | None = None, claims: str = "") -> Secret:
        try:
            return self._tokens.get(self._scopes, wait=wait, used=used, claims=claims)
        except SignInNeeded as error:
            if not wait:
                raise NoCredential(f"{self._host} wants a token. {error.message}") from None
            return self._ask(wait, claims)
        except McpLocalError as error:
            raise NoCredential(
                f"There is no token for {self._host}: {error.message} {error.hint}"
            ) from None

    def _ask(self, wait: float, claims: str, *, again: bool = False) -> Secret:
        """Have the person sign in, and return what that brought."""
        if not wait:
            raise NoCredential(f"{self._host} refuses the token.")
        try:
            status = self._tokens.sign_in(self._scopes, claims=claims, again=again, wait=wait)
            if status.phase in _WAITING:
                raise NoCredential(_where_to_go(self._host, status))
            token = self._tokens.get(self._scopes, wait=wait)
        except McpLocalError as error:
            scopes = " ".join(f"--scope {scope}" for scope in self._scopes)
            raise NoCredential(
                f"There is no token for {self._host}: {error.message} "
                f"Sign in for it: `mcp-local login {scopes}`."
            ) from None
        self._signed_in = token
        return token

    def _step_up(self, challenge: Challenge, wait: float) -> None:
        """Ask for more scopes, where they are of this API (MCP 2025-11-25, authorization)."""
        wanted = [scope for scope in challenge.scope.split() if scope not in _OPENID]
        ours = [self._full(scope) for scope in wanted]
        if not wanted or None in ours:
            raise NoCredential(
                f"{self._host} wants scopes of another API than {self._api}: {_named(wanted)}. If "
                "that is right, set `api` and `scopes` of the server in the settings."
            )
        named = [scope for scope in self._scopes if not scope.endswith("/.default")]
        scopes = tuple(dict.fromkeys([*named, *cast("list[str]", ours)]))
        if set(scopes) <= set(self._scopes):
            raise NoCredential(
                f"{self._host} wants {_named(wanted)}, which the token has been asked with. "
                "An administrator has to grant it."
            )
        self._scopes = scopes
        self._get(wait)

    def _full(self, scope: str) -> str | None:
        """Return a scope with its API; ``None`` where that is another one."""
        prefix, slash, name = scope.rpartition("/")
        if slash and prefix.lower().removeprefix("api://") != self._api.lower().removeprefix(
            "api://"
        ):
            return None
        return f"{self._scopes[0].rpartition('/')[0]}/{name}"

    def _claims(self, challenge: Challenge) -> str:
        """Return the claims (JSON) that the authority should be asked for; empty: none."""
        if not challenge.claims or len(challenge.claims) > _LONGEST_CLAIMS:
            return ""
        try:
            padded = challenge.claims + "=" * (-len(challenge.claims) % 4)
            decoded = base64.b64decode(padded, altchars=b"-_", validate=True)
            asked = msgspec.json.decode(decoded, type=dict[str, object])
        except (binascii.Error, msgspec.DecodeError, ValueError):
            return ""
        # `access_token` alone: what else could be asked for is none of a server's business
        return msgspec.json.encode(asked).decode() if set(asked) == {"access_token"} else ""

    def _refused(self) -> NoCredential:
        return NoCredential(
            f"{self._host} doesn't accept the token of {self._api}, not after a new sign-in "
            "either. Check `api` and `scopes` of the server in the settings."
        )


def _named(scopes: Sequence[str]) -> str:
    """Return the names of scopes, which are a server's words, so that they tell nobody anything."""
    known = [scope for scope in scopes if _SCOPE.fullmatch(scope)][:_NAMED]
    beside = len(scopes) - len(known)
    more = f"{beside} of another shape" if beside else ""
    return ", ".join([*(f"`{scope}`" for scope in known), *filter(None, [more])]) or "it names none"


def _where_to_go(host: str, status: Status) -> str:
    """Return what the person has to do."""
    if status.user_code:
        return f"{host} needs a sign-in to mcp-local: {enter_code(status)} Then try again."
    start = f" If no page has opened: {status.start_url}" if status.start_url else ""
    return f"{host} needs a sign-in, which waits in the browser; then try again.{start}"
