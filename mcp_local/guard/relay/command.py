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
_INSTALL: Final = "Install it first, or give its whole path."
_ONE_WORD: Final = (
    "It is taken for the name of one program: write its arguments as words of their own."
)


class NoProgram(Exception):
    """The command names nothing that can be run; ``text`` says why, ``remedy`` what helps."""

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy


def find_program(command: str, environ: Mapping[str, str], folder: PathLike) -> str:
    """Return the path of the program that ``command`` names.

    A plain name is looked for on the PATH of ``environ``, in its absolute folders: never in the
    working folder, where anybody's download may lie. One with a slash in it is a path, relative
    to ``folder``, which is absolute.

    Raises:
        NoProgram: nothing is there, or it can't be run; or ``folder`` isn't there to run it in.
    """
    if not os.path.isdir(folder):
        raise NoProgram(f"The working folder {folder} is not there.", "Make it, or correct `cwd`.")
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
            raise _not_a_program(file)
    text = f"The command {command!r} is not on the PATH."
    if _is_path(command):
        text = f"There is no program {found[0]}."
    raise NoProgram(text, _ONE_WORD if " " in command else _INSTALL)


def _not_a_program(file: str) -> NoProgram:
    if os.path.isdir(file):
        return NoProgram(f"{file} is a folder.", "Name the program in it.")
    return NoProgram(
        f"{file} is not executable.", "Name the program that runs it, and it after that."
    )


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
