"""Which program a command is: an absolute path, found on PATH only, run by no shell (M25)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BY_DEFAULT: Final = ".COM;.EXE;.BAT;.CMD"
"""Endings that Windows takes for programs, in this order."""


class NoProgram(Exception):
    """The command names nothing that can be run; ``text`` says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def find_program(command: str, environ: Mapping[str, str], folder: Path) -> Path:
    """Return the program that ``command`` names.

    A plain name is looked for on the PATH of ``environ``, in its absolute folders: never in the
    working folder, where anybody's download may lie. One with a slash in it is a path, relative
    to ``folder``.

    Raises:
        NoProgram: nothing is there, or it can't be run; or ``folder`` isn't there to run it in.
    """
    if not folder.is_dir():
        raise NoProgram(f"The working folder {folder} is not there.")
    if _is_path(command):
        found = [folder.joinpath(Path(command).expanduser()).absolute()]
    else:
        found = [Path(place, command) for place in _places(environ)]
    tried = [file for path in found for file in _spellings(path, environ)]
    for file in tried:
        if file.is_file() and os.access(file, os.X_OK):
            return file
    for file in tried:
        if file.exists():
            what = "a folder" if file.is_dir() else "not executable"
            raise NoProgram(f"{file} is {what}.")
    if _is_path(command):
        raise NoProgram(f"There is no program {found[0]}.")
    raise NoProgram(f"The command {command!r} is not on the PATH.")


def _is_path(command: str) -> bool:
    marks = "/\\:" if sys.platform == "win32" else "/"
    return any(mark in command for mark in marks) or command.startswith("~")


def _places(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if name == "PATH" or (sys.platform == "win32" and name.upper() == "PATH"):
            yield from (place for place in value.split(os.pathsep) if Path(place).is_absolute())


def _spellings(path: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return the files that the path may stand for: on Windows also with a program's ending."""
    if sys.platform != "win32":
        return [path]
    endings = [each for each in environ.get("PATHEXT", _BY_DEFAULT).split(";") if each]
    if path.suffix.upper() in (ending.upper() for ending in endings):
        return [path]
    return [path.with_name(path.name + ending) for ending in endings]
