"""A Linux within Windows: its person's browser is that of Windows."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.screen import browser
from mcp_local.broker.screen.wsl import in_wsl, windows_opener

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="WSL is a Linux")

WSL2 = "Linux version 5.15.167.4-microsoft-standard-WSL2 (root@f9c826d3017f) #1 SMP Tue Nov 5\n"
WSL1 = "Linux version 4.4.0-22621-Microsoft (Microsoft@Microsoft.com) (gcc version 5.4.0) #1\n"
UBUNTU = "Linux version 6.8.0-45-generic (buildd@lcy02-amd64-115) #45-Ubuntu SMP Fri Aug 30\n"
URL = "http://localhost:4242/start/abc"


def _kernel(folder: Path, text: str = WSL2) -> Path:
    path = folder / "version"
    path.write_text(text, encoding="ascii")
    return path


def _windows(folder: Path, code: int = 0) -> dict[str, str]:
    """Put a shell of Windows on the path that notes what it is told; return the environment."""
    shell = folder / "bin" / "powershell.exe"
    shell.parent.mkdir()
    words = f'#!/bin/sh\necho "$*" > {folder}/words\n/bin/cat > {folder}/said\nexit {code}\n'
    shell.write_text(words, encoding="ascii")
    shell.chmod(0o755)
    return {"PATH": str(shell.parent), "XDG_RUNTIME_DIR": str(folder)}


def test_the_kernel_says_what_it_is(tmp_path: Path) -> None:
    """Both versions do; others don't, and nothing is nothing."""
    assert in_wsl(_kernel(tmp_path, WSL1))
    assert in_wsl(_kernel(tmp_path, WSL2))
    assert not in_wsl(_kernel(tmp_path, UBUNTU))
    assert not in_wsl(tmp_path / "absent")
    assert not in_wsl(tmp_path)


def test_only_there_and_only_at_its_screen(tmp_path: Path) -> None:
    """No Windows around, no shell of Windows on an absolute path, or SSH: nothing is opened."""
    kernel, environ = _kernel(tmp_path), _windows(tmp_path)
    assert windows_opener(environ, kernel)[0] == f"{environ['PATH']}/powershell.exe"
    assert windows_opener(environ | {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, kernel) == []
    assert windows_opener({"PATH": str(tmp_path)}, kernel) == []
    assert windows_opener(environ | {"PATH": "bin"}, kernel) == []
    assert windows_opener(environ, _kernel(tmp_path, UBUNTU)) == []


@pytest.mark.parametrize("code", [0, 1])
def test_page_is_opened_in_windows(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address comes over a pipe, in no argument; a failure is told; a screen isn't needed."""
    opener = partial(windows_opener, kernel=_kernel(tmp_path))
    monkeypatch.setattr(browser, "windows_opener", opener)
    environ = _windows(tmp_path, code)
    assert browser.available(environ)
    assert browser.open_page(URL, environ) is (code == 0)
    assert (tmp_path / "said").read_text("ascii") == URL
    assert URL not in (tmp_path / "words").read_text("ascii")


def test_browser_that_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``BROWSER`` is what the person wants."""
    opener = partial(windows_opener, kernel=_kernel(tmp_path))
    monkeypatch.setattr(browser, "windows_opener", opener)
    noted = tmp_path / "noted"
    named = {"BROWSER": f"/bin/cp /dev/null {noted} %s"}
    browser.open_page(URL, _windows(tmp_path) | named)
    assert not (tmp_path / "said").exists()


def test_windows_that_is_out_of_reach_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Linux that has lost its way to run programs of Windows: the system refuses the start."""
    opener = partial(windows_opener, kernel=_kernel(tmp_path))
    monkeypatch.setattr(browser, "windows_opener", opener)
    environ = _windows(tmp_path)
    (tmp_path / "bin" / "powershell.exe").write_bytes(b"MZ\x90\x00")
    opening = browser.Opening(URL, environ)
    assert opening.failed()
    opening.let_go()
    assert not browser.open_page(URL, environ)
