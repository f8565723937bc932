"""A process that asks for the authority's keys, as one of many on a machine.

`ask_for_keys.py FOLDER URL CA_FILE NOW KEY_ID…` says "ready", waits for a line, then asks for each
key and prints a JSON object: how often a key was there, was missing, or couldn't be asked for.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from mcp_local.broker.authority.http import Http, Timeouts
from mcp_local.broker.storage.files import FileLock, atomic_write, read_private
from mcp_local.errors import Unreachable
from mcp_local.identity.keys import KeySource
from mcp_local.settings.model import Settings


class Shelf:
    """One file and its lock."""

    def __init__(self, folder: Path) -> None:
        """Keep the keys in ``folder``."""
        self._file = folder / "jwks.json"
        self._lock = folder / "jwks.lock"

    def load(self) -> bytes | None:
        """What was saved."""
        return read_private(self._file)

    def save(self, data: bytes) -> None:
        """Replace it."""
        atomic_write(self._file, data)

    def lock(self) -> FileLock:
        """The machine's lock."""
        return FileLock(self._lock, timeout=30)


def key_source(folder: Path, url: str, ca_file: Path, now: float) -> KeySource:
    """A source over real HTTPS and real files, at a standing time."""
    settings = Settings(home=folder, config_file=folder / "config.toml", ca_file=str(ca_file))
    return KeySource(
        fetch=Http(settings, Timeouts(connect=5, read=0.5, total=5)).fetch,
        storage=Shelf(folder),
        jwks_uri=url,
        issuer="https://login.example/",
        clock=lambda: now,
    )


def main() -> None:
    """Ask, and tell what came of it."""
    folder, url, ca_file, now, *key_ids = sys.argv[1:]
    source = key_source(Path(folder), url, Path(ca_file), float(now))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    outcomes: Counter[str] = Counter()
    for key_id in key_ids:
        try:
            found = source.get(key_id).find(key_id)
            outcomes["found" if found else "missing"] += 1
        except Unreachable:
            outcomes["unreachable"] += 1
    sys.stdout.write(json.dumps(outcomes) + "\n")


if __name__ == "__main__":
    main()
