"""Inline dependencies of a server's file (PEP 723), which ``uvx mcp-local`` doesn't see by itself.

The file is read, not run. What is missing is brought along by starting ``uv`` in our place with a
layer over this environment; what contradicts this environment is an error, since a FastMCP of
another version would serve without the guard.
"""

from __future__ import annotations

import shlex
import sys
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import msgspec
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mcp_local.errors import TargetError
from mcp_local.guard.target import SCRIPT_BLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLOSING = "# ///"


class Metadata(msgspec.Struct, frozen=True, rename="kebab"):
    """The parts of the ``script`` block that matter here."""

    dependencies: tuple[str, ...] = ()
    requires_python: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """What a file wants that isn't here."""

    packages: tuple[str, ...]
    """Requirements as they stand in the file."""

    def __bool__(self) -> bool:
        return bool(self.packages)

    def uv_arguments(self, python: str, arguments: Sequence[str]) -> list[str]:
        """Return the arguments for ``uv`` that run this program again, with the packages."""
        layer = [word for package in self.packages for word in ("--with", package)]
        command = ["python", "-P", "-m", "mcp_local", *arguments]
        return ["run", "--quiet", "--no-project", "--python", python, *layer, "--", *command]

    def error(self, path: Path) -> TargetError:
        """Say which line brings the packages along."""
        layer = [word for package in self.packages for word in ("--with", package)]
        line = shlex.join(["uvx", *layer, "mcp-local", "run", path.name])
        return TargetError(
            f"{path} needs {', '.join(self.packages)}, which isn't installed here",
            hint=f"Bring it along: {line}",
        )


def missing_packages(path: Path) -> Missing:
    """Read what the file's ``script`` block asks for and return what isn't installed.

    Raises:
        TargetError: the block is malformed, or contradicts what mcp-local itself runs on.
    """
    metadata = read_metadata(path)
    _check_python(path, metadata.requires_python)
    return Missing(tuple(text for text in metadata.dependencies if _is_missing(path, text)))


def read_metadata(path: Path) -> Metadata:
    """Return the ``script`` block of the file; an empty one when there is none.

    Raises:
        TargetError: the file can't be read, or its block isn't TOML of that form.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        block = _block(lines)
        return msgspec.convert(tomllib.loads(block), Metadata) if block else Metadata()
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{path} can't be read: {error}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TargetError(
            f"The `script` block of {path} is malformed: {error}",
            hint="PEP 723 shows its form.",
        ) from error


def _block(lines: Sequence[str]) -> str:
    """Return the text between the marks, without the comment signs."""
    if SCRIPT_BLOCK not in lines:
        return ""
    content: list[str] = []
    end = None
    for line in lines[lines.index(SCRIPT_BLOCK) + 1 :]:
        if line != "#" and not line.startswith("# "):
            break
        if line == CLOSING:
            end = len(content)  # the last one counts: the block may hold such lines itself
        content.append(line[2:])
    return "\n".join(content[:end]) if end is not None else ""


def _check_python(path: Path, wanted: str) -> None:
    running = ".".join(str(part) for part in sys.version_info[:3])
    try:
        fits = SpecifierSet(wanted).contains(running, prereleases=True)
    except InvalidSpecifier as error:
        raise TargetError(f"{path}: requires-python is malformed: {error}") from error
    if not fits:
        line = shlex.join(["uvx", "--python", wanted, "mcp-local", "run", path.name])
        raise TargetError(
            f"{path} wants Python {wanted}; this is {running}", hint=f"Choose one: {line}"
        )


def _is_missing(path: Path, text: str) -> bool:
    """Tell whether a package is absent; one of another version is an error."""
    try:
        requirement = Requirement(text)
        meant = requirement.marker is None or requirement.marker.evaluate()
    except ValueError as error:  # not read at all, or it compares what can't be compared
        raise TargetError(f"{path}: the dependency {text!r} is malformed: {error}") from error
    if not meant:
        return False
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return True
    if not requirement.specifier.contains(installed, prereleases=True):
        raise TargetError(
            f"{path} wants {text}, but mcp-local runs with {requirement.name} {installed}",
            hint="Widen the version in the file's `script` block.",
        )
    return False
