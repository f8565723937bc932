"""Which program a command is: an absolute path, found on PATH only, run by no shell (M25)."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    PathLike = str | os.PathLike[str]

_BY_DEFAULT: Final = ".COM;.EXE;.BAT;.CMD"
"""Endings that Windows takes for programs, in this order."""


class NoProgram(Exception):
    """The command names nothing that can be run; ``text`` says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def find_program(command: str, environ: Mapping[str, str], folder: PathLike) -> str:
    """Return the path of the program that ``command`` names.

    A plain name is looked for on the PATH of ``environ``, in its absolute folders: never in the
    working folder, where anybody's download may lie. One with a slash in it is a path, relative
    to ``folder``, which is absolute.

    Raises:
        NoProgram: nothing is there, or it can't be run; or ``folder`` isn't there to run it in.
    """
    if not os.path.isdir(folder):
        raise NoProgram(f"The working folder {folder} is not there.")
    if _is_path(command):
        found = [os.path.join(folder, os.path.expanduser(command.removeprefix("./")))]
    else:
        found = [os.path.join(place, command) for place in _places(environ)]
    tried = [file for path in found for file in _spellings(path, environ)]
    for file in tried:
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    for file in tried:
        if os.path.exists(file):
            what = "a folder" if os.path.isdir(file) else "not executable"
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
            yield from (place for place in value.split(os.pathsep) if os.path.isabs(place))


def _spellings(path: str, environ: Mapping[str, str]) -> list[str]:
    """Return the files that the path may stand for: on Windows also with a program's ending."""
    if sys.platform != "win32":
        return [path]
    endings = [each for each in environ.get("PATHEXT", _BY_DEFAULT).split(";") if each]
    if os.path.splitext(path)[1].upper() in (ending.upper() for ending in endings):
        return [path]
    return [path + ending for ending in endings]
