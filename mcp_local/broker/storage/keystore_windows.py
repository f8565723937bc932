"""The key in a file that Windows protects for this user and machine (DPAPI)."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from msal_extensions.windows import WindowsDataProtectionAgent

from mcp_local.broker.storage.files import DEFAULT_LIMIT, atomic_write, read_private
from mcp_local.broker.storage.keyslot import KeyUnavailable, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

_UNREADABLE = {-2146893813, 13}
"""NTE_BAD_KEY_STATE and ERROR_INVALID_DATA: after a reset password, a restored or a copied disk."""


@final
class DpapiSlot:
    """A file that only this user on this machine can unprotect; it never prompts."""

    kind = "dpapi"
    place = "a file protected by Windows (DPAPI)"

    def __init__(self, home: Path) -> None:
        self._path = home / "cache.dpapi"
        self._agent = WindowsDataProtectionAgent(entropy="mcp-local")

    def fetch(self) -> bytes | None:
        """Return the value; a file that Windows can't unprotect any more is set aside.

        Raises:
            KeyUnavailable: Windows refuses for another reason.
        """
        data = read_private(self._path, DEFAULT_LIMIT)
        if data is None:
            return None
        try:
            text = self._agent.unprotect(data)
        except OSError as error:
            if getattr(error, "winerror", None) not in _UNREADABLE:
                raise KeyUnavailable(f"Windows can't unprotect {self._path}") from error
            self._set_aside()
            return None
        return decode(text.encode(), self.place)

    def put(self, value: bytes) -> None:
        """Protect the value and write it in one step.

        Raises:
            KeyUnavailable: Windows refuses.
        """
        try:
            protected = self._agent.protect(encode(value).decode())
        except OSError as error:
            raise KeyUnavailable("Windows can't protect the key (DPAPI)") from error
        atomic_write(self._path, protected)

    def _set_aside(self) -> None:
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.unreadable"))
        except OSError as error:
            raise KeyUnavailable(f"{self._path} can't be set aside") from error
