"""What the broker keeps, and how its sealed files are called.

One file for each entry and each source of the key: ``msal.keyring.bin``, ``token.passphrase.bin``,
… So a session without a keyring neither reads nor harms what another session sealed with it.
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIX: Final = ".bin"
SET_ASIDE: Final = ".unreadable"
"""Added to the name of a file that can't be opened; kept for inspection."""


class Entry(StrEnum):
    """What is kept."""

    MSAL = "msal"
    """MSAL's token cache."""
    TOKEN = "token"  # noqa: S105 - the name of an entry, not a token
    """The last verified token with the key that verified it."""
    JWKS = "jwks"
    """The authority's signing keys."""
    DISCOVERY = "discovery"
    """The authority's OpenID documents."""
    RESOURCES = "resources"
    """Tokens for other APIs."""


def path_of(folder: Path, entry: Entry, kind: str) -> Path:
    """Return the entry's file in a profile's folder, sealed by a key of this source."""
    return folder / f"{entry}.{kind}{_SUFFIX}"


def set_aside(path: Path) -> None:
    """Rename the file, so that it is in nobody's way; the one set aside before makes place."""
    path.replace(path.with_name(path.name + SET_ASIDE))


def retire(home: Path, kind: str) -> int:
    """Set aside all that a lost key of this source sealed; return how many files that was."""
    paths = list(home.glob(f"profiles/*/*.{kind}{_SUFFIX}"))
    for path in paths:
        with suppress(OSError):
            set_aside(path)
    return len(paths)


def remove(folder: Path, entry: Entry) -> None:
    """Remove the entry's files under whichever key, with what was set aside.

    Raises:
        StorageError: one can't be removed.
    """
    try:
        for path in folder.glob(f"{entry}.*{_SUFFIX}*"):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{entry} can't be removed from {folder}: {error.strerror}.") from error
