"""Find the FastMCP server in a Python file: the target of ``run FILE.py[:OBJECT]``."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import shlex
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastmcp import FastMCP

from mcp_local.errors import McpLocalError, TargetError
from mcp_local.log.redact import redact

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import ModuleType

    from mcp_local.guard.target import FileTarget

USUAL_NAMES = ("mcp", "server", "app")
"""Names that are looked at first, in this order, as FastMCP's own command does."""

DISTRIBUTIONS = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "github": "PyGithub",
    "jose": "python-jose",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Well-known modules whose package has another name."""


def load_server(target: FileTarget) -> FastMCP[Any]:
    """Import the file and return its server.

    The file's code runs: standard output must no longer be the protocol's (``guard.stdio``).

    Raises:
        TargetError: the file can't be imported, or it doesn't say which server is meant.
    """
    with _no_serving(target.path), _user_code(target.path):
        module = _import(target.path)
        found = getattr(module, target.name, None) if target.name else _only_server(module, target)
        if inspect.isfunction(found):
            found = asyncio.run(found()) if inspect.iscoroutinefunction(found) else found()
    if isinstance(found, FastMCP):
        return found  # pyright: ignore[reportUnknownVariableType] - what its lifespan yields is its own affair
    if found is None:
        raise TargetError(
            f"{target.path} has no {target.name!r}",
            hint=_what_there_is(module, target.path),
        )
    raise TargetError(
        f"{target} is a {type(found).__qualname__}, not a FastMCP server",
        hint=_what_there_is(module, target.path),
    )


def _only_server(module: ModuleType, target: FileTarget) -> FastMCP[Any]:
    """Return the one server of the file; the usual names come first."""
    servers = _servers(module)
    for name in USUAL_NAMES:
        if name in servers:
            return servers[name]
    if len({id(server) for server in servers.values()}) == 1:
        return next(iter(servers.values()))
    if servers:
        lines = ", ".join(f"{target.path.name}:{name}" for name in servers)
        raise TargetError(f"{target.path} has several FastMCP servers", hint=f"Say which: {lines}")
    raise TargetError(
        f"{target.path} has no FastMCP server", hint=_what_there_is(module, target.path)
    )


def _servers(module: ModuleType) -> dict[str, FastMCP[Any]]:
    return {name: value for name, value in vars(module).items() if isinstance(value, FastMCP)}


def _what_there_is(module: ModuleType, path: Path) -> str:
    """Name the servers of the file, or else the functions that may make one."""
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    names = list(_servers(module)) or [name for name in own if not name.startswith("_")]
    if not names:
        return "Create one in it: mcp = FastMCP(...)"
    options = ", ".join(f"{path.name}:{name}" for name in names)
    return f"A server, or a function that returns one, can be named: {options}"


def _import(path: Path) -> ModuleType:
    """Import ``path`` as a part of its package, or else under its own name.

    Under its own name, because the other files of a server may import it back.
    """
    for folder in reversed(_import_folders(path)):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    package = _package_root(path)
    if package is not None:
        parts = path.relative_to(package.parent).with_suffix("").parts
        return importlib.import_module(".".join(parts))
    taken = path.stem in sys.modules or path.stem in sys.stdlib_module_names
    name = f"{path.stem}_server" if taken else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} can't be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _package_root(path: Path) -> Path | None:
    """Return the outermost package that the file is a part of, or None."""
    root = None
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        root, folder = folder, folder.parent
    return root


def _import_folders(path: Path) -> list[Path]:
    """Return where the file's imports are looked for: beside it, its project, the project's src."""
    package = _package_root(path)
    folders = [package.parent if package else path.parent]
    project = find_project(path)
    if project is not None:
        folders += [folder for folder in (project / "src", project) if folder.is_dir()]
    return list(dict.fromkeys(folders))


def find_project(path: Path) -> Path | None:
    """Return the folder of the project that ``path`` belongs to: the nearest ``pyproject.toml``."""
    return next((up for up in path.parents if (up / "pyproject.toml").is_file()), None)


_loading: list[Path] = []
"""The files that are being imported right now."""


_SERVING: Final = ("run_async", "run_stdio_async", "run_http_async")
"""Each of them would serve the file's server past the guard."""


def refuse_while_loading() -> None:
    """Return unless a file is being imported, which must not serve by itself: past the guard.

    Raises:
        TargetError: one is.
    """
    if _loading:
        raise TargetError(
            f"{_loading[-1]} starts its server while it is being imported",
            hint='Put the call of run() under `if __name__ == "__main__":`.',
        )


@contextmanager
def _no_serving(path: Path) -> Generator[None]:
    async def refuse(*_: object, **__: object) -> None:
        refuse_while_loading()

    originals = {name: getattr(FastMCP, name) for name in _SERVING}
    for name in _SERVING:
        setattr(FastMCP, name, refuse)
    _loading.append(path)
    try:
        yield
    finally:
        _loading.pop()
        for name, original in originals.items():
            setattr(FastMCP, name, original)


@contextmanager
def _user_code(path: Path) -> Generator[None]:
    """Turn whatever the file's code raises into one error that says where."""
    try:
        yield
    except McpLocalError:
        raise
    except ModuleNotFoundError as error:
        raise _missing_module(path, error.name or str(error)) from error
    except SyntaxError as error:
        where = f"{error.filename or path}, line {error.lineno}"
        raise TargetError(f"{where}: {error.msg}", hint="Correct it, then try again.") from error
    except (Exception, SystemExit) as error:  # the file's own code: it may raise anything
        line = _last_line_in(path, error)
        raise TargetError(
            f"{path}{line} raised {type(error).__name__}: {redact(str(error))}",
            hint=f"See the whole story with: python {path.name}",
        ) from error


def _last_line_in(path: Path, error: BaseException) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == path
    ]
    return f", line {lines[-1]}," if lines else ""


def _missing_module(path: Path, module: str) -> TargetError:
    """Name the line that brings the missing module along (``uvx`` isolates)."""
    package = DISTRIBUTIONS.get(module, module.partition(".")[0])
    if find_project(path) is not None:
        line = shlex.join(["uv", "run", "--with", "mcp-local", "mcp-local", "run", path.name])
        hint = f"Run it in the environment of its project: {line}"
    else:
        line = shlex.join(["uvx", "--with", package, "mcp-local", "run", path.name])
        hint = f"mcp-local runs apart from your other packages. Bring it along: {line}"
    return TargetError(f"{path} imports {module!r}, which isn't installed here", hint=hint)
