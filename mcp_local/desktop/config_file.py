"""A client's configuration on the disk: read whole, written whole, with a dated copy beside it."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

from mcp_local.broker.storage.files import atomic_write
from mcp_local.desktop.json_text import JsonText
from mcp_local.desktop.model import Format
from mcp_local.desktop.text import Unreadable, at, not_utf8
from mcp_local.desktop.toml_text import TomlText
from mcp_local.desktop.yaml_text import YamlText
from mcp_local.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_local.desktop.model import Place
    from mcp_local.desktop.text import ConfigText

MAX_BYTES: Final = 64 << 20
"""Some clients keep their history in the same file."""
_KEPT: Final = 5
"""Dated copies of a file that are kept."""
_MARK: Final = ".mcp-local-"


class ConfigFile:
    """One client's file: the text as it was read, and the edits made since."""

    def __init__(self, place: Place) -> None:
        """Read the file; one that isn't there is empty.

        Raises:
            Unreadable: it doesn't parse; it will not be touched.
            StorageError: it can't be read.
        """
        self.place = place
        self._path = Path(os.path.realpath(place.path))  # a link stays a link
        self._before = self._read()
        self.text = self._parse(self._before or "")

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self._before is not None

    def servers(self) -> Mapping[str, object]:
        """Return the entries as plain data, by name."""
        found = at(self.text.data(), self.place.keys)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise self._unreadable(f"has no table under `{'.'.join(self.place.keys)}`")
        return {str(name): value for name, value in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

    def save(self) -> Path | None:
        """Write the edits; return where the dated copy of the old content is, if there was any.

        Raises:
            StorageError: another program has written the file meanwhile, or it can't be written.
        """
        try:
            written = self.text.text.encode()
        except UnicodeEncodeError:  # a path of bytes that are no text
            raise not_utf8(str(self.place.path)) from None
        if self._read() != self._before:
            raise StorageError(
                f"{self.place.path} was changed by another program just now.",
                hint="Nothing was written. Close the client, and try again.",
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            mode = stat.S_IMODE(self._path.stat().st_mode) if self.exists else None
            copy = self._copy() if self.exists else None
        except OSError as error:
            raise self._failed(error, "written") from None
        atomic_write(self._path, written)
        if mode is not None:
            with suppress(OSError):
                self._path.chmod(mode)
        return copy

    def _copy(self) -> Path:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        copy = self._path.with_name(f"{self._path.name}{_MARK}{now}.bak")
        shutil.copy2(self._path, copy)
        copies = sorted(self._path.parent.glob(f"{self._path.name}{_MARK}*.bak"))
        for old in copies[:-_KEPT]:
            with suppress(OSError):
                old.unlink()
        return copy

    def _read(self) -> str | None:
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise self._unreadable("is larger than 64 MiB")
            return self._path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(error, "read") from None
        except UnicodeDecodeError:
            raise self._unreadable("is not UTF-8 text") from None

    def _parse(self, text: str) -> ConfigText:
        try:
            match self.place.format:
                case Format.JSON:
                    return JsonText(text)
                case Format.TOML:
                    return TomlText(text)
                case Format.YAML:
                    return YamlText(text)
        except Unreadable as error:
            raise self._unreadable(error.message) from None
        assert_never(self.place.format)

    def _unreadable(self, why: str) -> Unreadable:
        return Unreadable(
            f"{self.place.path} {why}.", hint="It was not touched. Mend it, then try again."
        )

    def _failed(self, error: OSError, what: str) -> StorageError:
        reason = error.strerror or type(error).__name__
        return StorageError(
            f"{self.place.path} can't be {what}: {reason}.",
            hint="Check its permissions, or use --print and put the entry there yourself.",
        )
