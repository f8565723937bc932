from types import TracebackType
from typing import Self

class KeychainError(OSError):
    ITEM_NOT_FOUND: int
    exit_status: int

class Keychain:
    def __init__(self, filename: str | None = ...) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def get_generic_password(self, service: str, account_name: str) -> str: ...
    def set_generic_password(self, service: str, account_name: str, value: str) -> None: ...
