"""A process that works with a store or a log, for the tests of what several of them do at once.

    python storage_worker.py COMMAND PATH [ARGUMENT…]

It prints one line of JSON, or "held" where it waits to be killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mcp_local.broker.state import Storage
from mcp_local.broker.storage.files import sweep
from mcp_local.broker.storage.seal import Seal
from mcp_local.broker.storage.store import Entry, FileStore
from mcp_local.errors import StorageError
from mcp_local.log import Log
from mcp_local.log.writer import Rotation

if TYPE_CHECKING:
    from collections.abc import Callable

FILLER = b" " * 20_000
"""About the size of a token cache, so that a write takes several pages."""


def store_at(folder: str) -> FileStore:
    """Return a store in the folder, with a key that all processes of a test share."""
    return FileStore(
        Path(folder), Seal(bytes(range(32))), Storage("file", encrypted=False, detail="")
    )


def counter(store: FileStore) -> int | None:
    """Return the number that is stored, ``None`` where nothing readable is."""
    data = store.load(Entry.MSAL)
    return None if data is None else int(data.split()[0])


def write(store: FileStore, number: int) -> None:
    """Store a number."""
    store.save(Entry.MSAL, str(number).encode() + FILLER)


def increment(folder: str, times: str) -> object:
    """Count up in locked steps of load and save, as renewals of a token cache do (C1)."""
    store = store_at(folder)
    for _ in range(int(times)):
        with store.lock("cache", 60):
            write(store, (counter(store) or 0) + 1)
    return counter(store)


def watch(folder: str, until: str) -> object:
    """Read until the counter has reached a number; tell how often, and how often in vain (C2)."""
    store = store_at(folder)
    reads = empty = backwards = last = 0
    while last < int(until):
        reads += 1
        number = counter(store)
        empty += number is None
        backwards += number is not None and number < last
        last = max(last, number or 0)
    return {"reads": reads, "empty": empty, "backwards": backwards}


def kill(folder: str, times: str, longest: str) -> object:
    """Kill a writer at a random moment, again and again; look at what is left (C3, C4)."""
    store = store_at(folder)
    write(store, 0)
    unreadable = lost = acknowledged = 0
    for _ in range(int(times)):
        number = _kill_one(store, random.uniform(0, float(longest)))  # noqa: S311 - not a secret
        found = counter(store)
        unreadable += found is None
        lost += found is not None and found < number
        acknowledged += number > 0
    litter = sweep(Path(folder), older_than=0)
    left = len(list(Path(folder).glob("*.tmp")))
    aside = len(list(Path(folder).glob("*.unreadable")))
    return {
        "unreadable": unreadable + aside,
        "lost": lost,
        "mid_write": litter,
        "acknowledged": acknowledged,
        "litter_left": left,
    }


def _kill_one(store: FileStore, seconds: float) -> int:
    """Return the last number that the killed writer knew to be stored; 0 for none."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _write_for_ever(store, writer)
    os.close(writer)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        return int.from_bytes(pipe.read()[-8:], "big")


def _write_for_ever(store: FileStore, pipe: int) -> NoReturn:
    number = counter(store) or 0
    while True:
        number += 1
        write(store, number)
        os.write(pipe, number.to_bytes(8, "big"))


def hold(folder: str) -> NoReturn:
    """Take the lock and keep it."""
    with store_at(folder).lock("cache"):
        print("held", flush=True)  # noqa: T201 - the parent waits for it
        time.sleep(600)
    raise AssertionError


def limited(folder: str, size: str) -> object:
    """Save where no file may grow beyond ``size`` bytes, as on a full disk (C5)."""
    import resource  # noqa: PLC0415 - POSIX only

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), hard))
    try:
        return fill(folder)
    finally:  # for what the coverage measurement writes at the end
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(folder: str) -> object:
    """Save ever more until it fails; tell what is stored then, and the message."""
    store = store_at(folder)
    number = counter(store) or 0
    while True:
        try:
            store.save(Entry.MSAL, str(number + 1).encode() + FILLER * (number + 1))
        except StorageError as error:
            return {"saved": number, "found": counter(store), "message": error.message}
        number += 1


def log(path: str, name: str, times: str, max_bytes: str = "4000") -> object:
    """Log events with increasing numbers into small files that rotate all the time (M22)."""
    events = Log(Path(path), rotation=Rotation(max_bytes=int(max_bytes), kept=60))
    for number in range(int(times)):
        events.event("e", writer=name, number=number)
    return int(times)


COMMANDS: dict[str, Callable[..., object]] = {
    function.__name__: function for function in (increment, watch, kill, hold, limited, fill, log)
}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))  # noqa: T201 - the parent reads it
