"""What a server's author imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mcp_local


def test_public_names_are_there() -> None:
    """Each is found when it is first used, and nothing else is."""
    for name in mcp_local.__all__:
        assert callable(getattr(mcp_local, name)), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mcp_local.nothing  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def test_importing_it_is_light() -> None:
    """Every module of the package imports it first."""
    code = (
        "import sys, mcp_local\n"
        "heavy = {'fastmcp', 'mcp', 'msal', 'rich', 'jwt', 'cryptography', 'msgspec'}\n"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_the_way_to_run_is_light() -> None:
    """Until the target is loaded, ``run`` has imported neither FastMCP nor MSAL nor rich."""
    code = (
        "import sys\n"
        "import mcp_local.__main__\n"
        "from mcp_local.cli.catalogue import find_command\n"
        "find_command('run')\n"
        "heavy = {'fastmcp', 'mcp', 'msal', 'rich', 'requests', 'cryptography', 'starlette'}\n"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
