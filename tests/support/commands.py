"""Our command line in processes of their own, which cost little: forks, where those are safe."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

_FORKING = Path(__file__).with_name("forking.py")


class Commands:
    """Runs ``mcp-local WORDS…``; nobody is at its standard input."""

    def __init__(self, forks: subprocess.Popen[str] | None, folder: Path) -> None:
        self._forks = forks
        self._folder = folder

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run one command with all of its environment in a folder; wait for its end."""
        if self._forks is None or self._forks.stdin is None or self._forks.stdout is None:
            return _start(words, environ, folder)
        places = {name: self._folder / name for name in ("out", "err")}
        for place in places.values():
            place.write_bytes(b"")
        command = {name: str(place) for name, place in places.items()} | {
            "words": json.dumps([*words]),
            "environ": json.dumps({**environ}),
            "folder": str(folder),
        }
        _tell(self._forks.stdin, command)
        code = int(self._forks.stdout.readline())
        out, err = (place.read_text(encoding="utf-8") for place in places.values())
        return subprocess.CompletedProcess([*words], code, out, err)


def _tell(stream: IO[str], command: Mapping[str, str]) -> None:
    stream.write(json.dumps(command) + "\n")
    stream.flush()


def _start(
    words: Sequence[str], environ: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "mcp_local", *words],
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@contextmanager
def running_commands() -> Generator[Commands]:
    """Hold the process ready that commands are forked from."""
    with tempfile.TemporaryDirectory() as folder:
        if sys.platform != "linux":
            yield Commands(None, Path(folder))
            return
        line = [sys.executable, "-P", str(_FORKING)]
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, encoding="utf-8") as forks:
            try:
                yield Commands(forks, Path(folder))
            finally:
                forks.kill()
