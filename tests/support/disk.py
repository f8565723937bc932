"""A small disk, and how it gets full."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def small_disk() -> Generator[Path]:
    """A file system of 256 KB of one's own, where we may mount one."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]
        try:
            mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
        except FileNotFoundError:
            pytest.skip("needs mount")
        if mounted.returncode:
            pytest.skip("may not mount a small file system")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> None:
    """Write ``ballast`` until no byte is left."""
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        with suppress(OSError):
            while ballast.write(b"x" * 4096):
                pass
        with pytest.raises(OSError, match="No space left"):
            ballast.write(b"x")
