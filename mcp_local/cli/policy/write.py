"""Writing a file for a person: whole or not at all, and never over another by accident."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mcp_local.errors import UsageError


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse before the work what :func:`write_file` would refuse after it.

    Raises:
        UsageError: there is one already, and ``force`` isn't given.
    """
    if not force and path.exists():
        raise _there(path)


def write_file(path: Path, text: str, *, force: bool) -> None:
    """Write a file, readable as the person's other files are.

    Raises:
        UsageError: there is one already, and ``force`` isn't given; or it can't be written.
    """
    try:
        if force:
            _replace(path, text)
        else:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except FileExistsError:
        raise _there(path) from None
    except OSError as error:
        hint = "Name a file in a folder that you can write to."
        raise UsageError(f"{path} can't be written: {error.strerror}.", hint=hint) from error


def _there(path: Path) -> UsageError:
    hint = "Name another file, or write over it with --force."
    return UsageError(f"{path} is there already.", hint=hint)


def _replace(path: Path, text: str) -> None:
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(beside).chmod(0o644 if mode is None else mode)
        Path(beside).replace(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
