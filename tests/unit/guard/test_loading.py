"""Finding the server in a person's own file."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import TargetError
from mcp_local.guard.loading import load_server
from mcp_local.guard.target import FileTarget, parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Write = Callable[..., Path]

SERVER = "from fastmcp import FastMCP\n{name} = FastMCP('{name}')\n"


@pytest.fixture(autouse=True)
def _imports_of_its_own() -> Iterator[None]:
    """What a test imports, and from where, is forgotten after it."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if "site-packages" not in origin:
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below the test's folder and return its path."""

    def write_file(name: str, *content: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent("".join(content)), encoding="utf-8")
        return path

    return write_file


def test_a_file_and_an_object_are_split(write: Write) -> None:
    """FILE.py and FILE.py:OBJECT are told apart; a relative file is looked for in the folder."""
    path = write("server.py")
    assert parse_target("server.py", path.parent) == FileTarget(path)
    assert parse_target("server.py:make", path.parent) == FileTarget(path, "make")
    assert str(parse_target(f"{path}:make", Path("/elsewhere"))) == f"{path}:make"


@pytest.mark.parametrize("text", ["server", "https://tools.example/mcp", "server.py:1x", "a.txt:b"])
def test_what_is_no_python_file_is_refused(text: str, tmp_path: Path) -> None:
    """A target of another kind is named as it was written."""
    with pytest.raises(TargetError, match="is not a Python file"):
        parse_target(text, tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The whole path is in the message, since a desktop client's folder is anybody's guess."""
    with pytest.raises(TargetError, match="There is no file") as caught:
        parse_target("server.py", tmp_path)
    assert str(tmp_path / "server.py") in caught.value.message


@pytest.mark.parametrize(
    "text", ["~nobody-here/x.py", f"{'x' * 300}.py", f"{'x/' * 3000}x.py", "a\0b.py", "circle.py"]
)
def test_a_name_that_no_file_can_have_is_told(text: str, tmp_path: Path) -> None:
    """A home folder of nobody, too long, a NUL, a link that leads to itself."""
    (tmp_path / "circle.py").symlink_to("circle.py")
    with pytest.raises(TargetError, match="There is no file"):
        parse_target(text, tmp_path)


def test_the_colon_of_a_windows_drive_is_no_object(tmp_path: Path) -> None:
    r"""C:\servers\server.py names a file."""
    with pytest.raises(TargetError, match="There is no file"):
        parse_target("C:\\servers\\server.py", tmp_path)


def test_the_only_server_is_found_under_any_name(write: Write) -> None:
    """A file with one server needs no OBJECT."""
    path = write("one.py", SERVER.format(name="weather"), "again = weather\n")
    assert load_server(FileTarget(path)).name == "weather"


def test_the_usual_names_come_first(write: Write) -> None:
    """With several servers the one called mcp, server or app is meant."""
    path = write("many.py", SERVER.format(name="sub"), SERVER.format(name="app"))
    assert load_server(FileTarget(path)).name == "app"


def test_several_servers_must_be_told_apart(write: Write) -> None:
    """The hint holds the very words to write."""
    path = write("many.py", SERVER.format(name="red"), SERVER.format(name="blue"))
    with pytest.raises(TargetError, match="several FastMCP servers") as caught:
        load_server(FileTarget(path))
    assert "many.py:red, many.py:blue" in caught.value.hint


@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_factory_makes_the_server(write: Write, prefix: str) -> None:
    """OBJECT may be a function, with or without async."""
    path = write(
        "factory.py",
        "from fastmcp import FastMCP\n",
        f"{prefix}def make() -> FastMCP:\n    return FastMCP('made')\n",
    )
    assert load_server(FileTarget(path, "make")).name == "made"
    with pytest.raises(TargetError, match="no FastMCP server") as caught:
        load_server(FileTarget(path))
    assert "factory.py:make" in caught.value.hint


def test_a_file_without_anything_says_what_to_write(write: Write) -> None:
    """An empty file is met with the line that creates a server."""
    with pytest.raises(TargetError, match="no FastMCP server") as caught:
        load_server(FileTarget(write("empty.py")))
    assert "mcp = FastMCP(...)" in caught.value.hint


def test_a_wrong_object_is_refused(write: Write) -> None:
    """OBJECT must exist and be a server."""
    path = write("one.py", SERVER.format(name="mcp"), "number = 4\n")
    with pytest.raises(TargetError, match="has no 'other'") as caught:
        load_server(FileTarget(path, "other"))
    assert "one.py:mcp" in caught.value.hint
    with pytest.raises(TargetError, match="is a int, not a FastMCP server"):
        load_server(FileTarget(path, "number"))


def test_imports_beside_the_file_and_from_src_work(write: Write) -> None:
    """A project's src folder, its root, and the file's own folder can be imported from."""
    write("project/pyproject.toml")
    write("project/src/weatherlib/__init__.py", "NAME = 'lib'\n")
    write("project/apps/beside.py", "NAME = 'beside'\n")
    path = write(
        "project/apps/server.py",
        """
        from fastmcp import FastMCP
        import beside, weatherlib
        from src.weatherlib import NAME
        mcp = FastMCP(f"{beside.NAME}-{weatherlib.NAME}-{NAME}")
        """,
    )
    assert load_server(FileTarget(path)).name == "beside-lib-lib"


def test_a_file_of_a_package_may_import_relatively(write: Write) -> None:
    """A server inside a package is imported as a part of it."""
    write("src/h_pkg/__init__.py")
    write("src/h_pkg/inner/__init__.py")
    write("src/h_pkg/names.py", "NAME = 'relative'\n")
    path = write(
        "src/h_pkg/inner/server.py",
        "from fastmcp import FastMCP\nfrom ..names import NAME\nmcp = FastMCP(NAME)\n",
    )
    assert load_server(FileTarget(path)).name == "relative"


def test_a_file_that_others_import_back_is_loaded_once(write: Write) -> None:
    """Tools registered by `from server import mcp` in another file land on the one server."""
    write("h_tools.py", "from h_server import mcp\nmcp.tagged = True\n")
    path = write("h_server.py", SERVER.format(name="mcp"), "import h_tools\n")
    assert getattr(load_server(FileTarget(path)), "tagged", False)


def test_a_file_named_like_a_module_of_python_is_loaded(write: Write) -> None:
    """calendar.py doesn't become the calendar of everybody else."""
    import calendar  # noqa: PLC0415 - the module that must stay what it is

    path = write("calendar.py", SERVER.format(name="mcp"))
    assert load_server(FileTarget(path)).name == "mcp"
    assert sys.modules["calendar"] is calendar


def test_a_missing_module_names_the_line_that_helps(write: Write) -> None:
    """Outside of a project: uvx --with PACKAGE, by the name that the package really has."""
    path = write("needs.py", "import sklearn_h\n")
    with pytest.raises(TargetError, match="'sklearn_h', which isn't installed") as caught:
        load_server(FileTarget(path))
    assert "uvx --with sklearn_h mcp-local run needs.py" in caught.value.hint
    path = write("needs_docx.py", "import docx\n")
    with pytest.raises(TargetError) as caught:
        load_server(FileTarget(path))
    assert "uvx --with python-docx mcp-local run needs_docx.py" in caught.value.hint


def test_a_missing_module_in_a_project_names_the_project(write: Write) -> None:
    """Inside of a project its own environment has the module."""
    write("pyproject.toml")
    path = write("needs.py", "import not_there_h\n")
    with pytest.raises(TargetError) as caught:
        load_server(FileTarget(path))
    assert "uv run --with mcp-local mcp-local run needs.py" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("x = (\n", r"broken\.py, line 1"),
        ("x = 1\nraise ValueError('odd')\n", r"broken\.py, line 2, raised ValueError: odd"),
        ("x = 1\nraise ValueError('password=canary')\n", r"ValueError: password=\[redacted\]"),
        ("import sys\nsys.exit(3)\n", r"broken\.py, line 2, raised SystemExit: 3"),
    ],
)
def test_a_file_that_fails_says_where(write: Write, code: str, text: str) -> None:
    """An error of the file's own is told in one line, with its place."""
    with pytest.raises(TargetError, match=text):
        load_server(FileTarget(write("broken.py", code)))


@pytest.mark.parametrize(
    "call",
    [
        "mcp.run()",
        "mcp.run(transport='http')",
        "import asyncio; asyncio.run(mcp.run_http_async())",
        "import asyncio; asyncio.run(mcp.run_stdio_async())",
    ],
)
def test_a_file_that_serves_by_itself_is_refused(write: Write, call: str) -> None:
    """Serving at import would be past the guard; under __main__ it does no harm."""
    path = write("eager.py", SERVER.format(name="mcp"), f"{call}\n")
    with pytest.raises(TargetError, match="starts its server while it is being imported"):
        load_server(FileTarget(path))
    path = write("lazy.py", SERVER.format(name="mcp"), f"if __name__ == '__main__':\n    {call}\n")
    assert load_server(FileTarget(path)).name == "mcp"
