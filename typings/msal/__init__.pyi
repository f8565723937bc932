"""The part of msal 1.39 that mcp_local.broker.entra uses, as read in its source."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol


class _Response(Protocol):
    @property
    def status_code(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...

class _HttpClient(Protocol):
    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Response: ...
    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Response: ...
    def close(self) -> None: ...

class TokenCache:
    class CredentialType:
        ACCESS_TOKEN: str
        REFRESH_TOKEN: str
        ACCOUNT: str
        ID_TOKEN: str
        APP_METADATA: str
    def search(
        self,
        credential_type: str,
        target: list[str] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        now: float | None = None,
    ) -> Iterator[dict[str, object]]: ...

class SerializableTokenCache(TokenCache):
    has_state_changed: bool
    def deserialize(self, state: str | None) -> None: ...
    def serialize(self) -> str: ...

class PublicClientApplication:
    def __init__(
        self,
        client_id: str,
        *,
        authority: str | None = None,
        token_cache: TokenCache | None = None,
        http_client: _HttpClient | None = None,
        app_name: str | None = None,
        app_version: str | None = None,
        instance_discovery: bool | None = None,
        enable_broker_on_windows: bool | None = None,
        enable_broker_on_mac: bool | None = None,
        enable_broker_on_linux: bool | None = None,
        enable_broker_on_wsl: bool | None = None,
    ) -> None: ...
    CONSOLE_WINDOW_HANDLE: object
    def acquire_token_interactive(
        self, scopes: list[str], **wishes: object
    ) -> dict[str, object]: ...
    def initiate_auth_code_flow(
        self,
        scopes: list[str],
        redirect_uri: str | None = None,
        state: str | None = None,
        prompt: str | None = None,
        login_hint: str | None = None,
        domain_hint: str | None = None,
        claims_challenge: str | None = None,
        max_age: int | None = None,
        response_mode: str | None = None,
    ) -> dict[str, object]: ...
    def acquire_token_by_auth_code_flow(
        self,
        auth_code_flow: dict[str, object],
        auth_response: dict[str, str],
        scopes: list[str] | None = None,
    ) -> dict[str, object]: ...
    def initiate_device_flow(
        self, scopes: list[str] | None = None, *, claims_challenge: str | None = None
    ) -> dict[str, object]: ...
    def acquire_token_by_device_flow(
        self,
        flow: dict[str, object],
        claims_challenge: str | None = None,
        *,
        exit_condition: Callable[[dict[str, object]], bool] = ...,
    ) -> dict[str, object]: ...
    def acquire_token_silent_with_error(
        self,
        scopes: list[str],
        account: Mapping[str, object],
        *,
        force_refresh: bool | None = False,
        claims_challenge: str | None = None,
    ) -> dict[str, object] | None: ...
