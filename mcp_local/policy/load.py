"""A policy from the disk: one file, or a folder of them. The only part of the policy that reads."""

from __future__ import annotations

import stat
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_local.errors import PolicyError, did_you_mean
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.problems import InvalidPolicy, Origin, problem
from mcp_local.policy.reading.parse import parse_policy

if TYPE_CHECKING:
    from mcp_local.policy.deciding.engine import CompiledPolicy
    from mcp_local.policy.document import Document
    from mcp_local.policy.problems import Problem

MAX_BYTES = 8 << 20
PRESET = "preset:"
"""What the name of a policy that comes with the program begins with."""
_PRESETS = Path(__file__).parent / "presets"
_SUFFIXES = frozenset({".yaml", ".yml"})


def load_policy(path: Path, *, folder: Path | None = None) -> CompiledPolicy:
    """Return the policy of a file, of all ``*.yaml`` and ``*.yml`` files of a folder, or a preset.

    ``folder`` is where relative paths of the operator ``under`` begin: the target's working
    folder; by default the current one. Conditions of one's own are those registered by now.

    Raises:
        InvalidPolicy: something in a file is wrong; says where.
        PolicyError: there is nothing to read, it can't be read, or a package is missing.
    """
    return compile_policy(read_documents(path), folder=folder)


def read_documents(path: Path) -> list[Document]:
    """Return what the files at ``path`` say, one document a file.

    Raises:
        InvalidPolicy: something in a file is wrong; says where, for all files.
        PolicyError: there is nothing to read, or it can't be read.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for file in policy_files(path):
        try:
            documents.append(parse_policy(_read(file), str(file)))
        except InvalidPolicy as error:
            problems += error.problems
    if problems:
        raise InvalidPolicy(problems)
    return documents


def policy_files(path: Path) -> list[Path]:
    """Return the files that make the policy; hidden ones are editors' litter and left out.

    Raises:
        PolicyError: there is none, or the folder can't be read.
    """
    if str(path).startswith(PRESET):
        return [_preset(str(path).removeprefix(PRESET))]
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
    except OSError as error:
        raise _unreadable(path, error) from None
    files = [file for file in files if not file.name.startswith(".")]
    if not files:
        hint = "Put a file like policy.yaml there, or name another folder in `policy`."
        raise PolicyError(f"The policy folder {path} has no *.yaml file.", hint=hint)
    return files


def _preset(name: str) -> Path:
    """Return the file of a policy that comes with the program."""
    known = _presets()
    if name not in known:
        message = f"There is no preset {name!r}."
        raise PolicyError(message, hint=did_you_mean(name, known))
    return known[name]


@cache
def _presets() -> dict[str, Path]:
    return {file.stem: file for file in _PRESETS.glob("*.yaml")}


def _read(path: Path) -> str:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise PolicyError(f"The policy {path} is not a file.", hint="Name a YAML file.")
        if state.st_size > MAX_BYTES:
            raise PolicyError(f"The policy {path} is larger than 8 MiB.", hint="Is it a policy?")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError as error:
        hint = "Save it as UTF-8."
        message = f"is not UTF-8 text: byte {error.start + 1} doesn't fit"
        raise InvalidPolicy([problem(Origin(str(path)), "", message, hint)]) from None


def _unreadable(path: Path, error: OSError) -> PolicyError:
    hint = (
        "Check its path where it is named: the command, MCP_LOCAL_POLICY, or `policy` in the "
        "settings file."
    )
    return PolicyError(f"The policy {path} can't be read: {error.strerror}.", hint=hint)
