"""Our command line in processes of their own, which cost little: forks, where there can be any."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.launching import ask, told
from tests.support.relayed import PYTHON
from tests.support.warm import python, warm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Commands:
    """Runs ``mcp-local WORDS…``; nobody is at its standard input."""

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run one command with all of its environment in a folder; wait for its end."""
        here = warm()
        if here is None:
            return _start(words, environ, folder)
        with ExitStack() as stack:
            nothing = stack.enter_context(Path("/dev/null").open("rb"))
            out, err = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            files = {number: each.fileno() for number, each in enumerate((nothing, out, err))}
            channel = ask(
                here.socket,
                [*PYTHON[1:], *words],
                python=python(),
                environ={**environ},
                folder=str(folder),
                files=files,
            )
            told(channel)
            code = told(channel)
            channel.close()
            for each in (out, err):
                each.seek(0)
            said = [each.read().decode() for each in (out, err)]
        return subprocess.CompletedProcess([*words], code, *said)


def _start(
    words: Sequence[str], environ: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTHON, *words],
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
