"""The key in the login Keychain of macOS. Never a prompt: what would need one is refused."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, final

from msal_extensions.osx import Keychain, KeychainError

from mcp_local.broker.storage.keyslot import KeyUnavailable, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

_SERVICE = "mcp-local"
_SECURITY = ctypes.CDLL("/System/Library/Frameworks/Security.framework/Security")


@final
class KeychainSlot:
    """A generic password, found by the state folder it belongs to."""

    kind = "keychain"
    place = "the login Keychain"

    def __init__(self, home: Path) -> None:
        self._account = str(home.resolve())
        # From here on the calls of this process fail (errSecInteractionNotAllowed) instead of
        # opening a dialog over the person's work.
        _SECURITY.SecKeychainSetUserInteractionAllowed(False)  # noqa: FBT003 - a C function

    def fetch(self) -> bytes | None:
        """Return the password; ``None`` when the Keychain has none of this name.

        Raises:
            KeyUnavailable: the Keychain is locked, refuses, or isn't there.
        """
        try:
            with Keychain() as keychain:
                text = keychain.get_generic_password(_SERVICE, self._account)
        except KeychainError as error:
            if error.exit_status == KeychainError.ITEM_NOT_FOUND:
                return None
            raise KeyUnavailable(f"the Keychain refused (status {error.exit_status})") from error
        except OSError as error:
            raise KeyUnavailable("there is no default Keychain") from error
        return decode(text.encode(), self.place)

    def put(self, value: bytes) -> None:
        """Add or change the password.

        Raises:
            KeyUnavailable: as :meth:`fetch`.
        """
        try:
            with Keychain() as keychain:
                keychain.set_generic_password(_SERVICE, self._account, encode(value).decode())
        except OSError as error:
            raise KeyUnavailable("the Keychain doesn't take the key") from error
