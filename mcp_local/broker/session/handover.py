"""What a server and its broker process tell each other where storage is memory only.

The server hands its entries over on the process's standard input; the process hands them back with
each state over an inherited pipe: one JSON object a line. Nothing of it touches a disk
(DESIGN.md 3).
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from mcp_local.broker.state import SignInState, Storage
from mcp_local.broker.storage.store import Entry, MemoryStore

if sys.platform == "win32":
    from mcp_local.broker.session import processes_windows as system
else:
    from mcp_local.broker.session import processes_posix as system

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp_local.broker.storage.store import Store

_BORROWED = Storage("memory", encrypted=False, detail="Kept by the server that started this.")


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line."""

    state: SignInState | None = None
    entries: dict[Entry, bytes] | None = None

    def __repr__(self) -> str:  # the entries hold tokens
        return "Message(…)"


def pack(store: Store, state: SignInState | None = None) -> bytes:
    """Return all entries of the store, and perhaps a state, as one line."""
    loaded = {entry: store.load(entry) for entry in Entry}
    entries = {entry: data for entry, data in loaded.items() if data is not None}
    return msgspec.json.encode(Message(state, entries)) + b"\n"


def unpack(line: bytes) -> Message:
    """Return the message; an empty one when the line was cut: its writer died."""
    try:
        return msgspec.json.decode(line, type=Message)
    except msgspec.DecodeError:
        return Message()


def fill(store: Store, message: Message) -> None:
    """Make the store hold what the message brings, if it brings entries."""
    if message.entries is None:
        return
    for entry in Entry:
        data = message.entries.get(entry)
        if data is not None:
            store.save(entry, data)
        elif store.load(entry) is not None:
            store.delete(entry)


class Channel:
    """The broker process's end."""

    def __init__(self, pipe: BinaryIO) -> None:
        self.store = MemoryStore(_BORROWED)
        """Begins with what the server handed over."""
        self._pipe = pipe
        fill(self.store, unpack(sys.stdin.buffer.read()))

    def tell(self, state: SignInState) -> None:
        """Tell the server where the sign-in stands, and hand back the entries as they are now.

        Both in one line, so that it never hears of a sign-in without getting the token. A server
        that is gone is no error.
        """
        with suppress(OSError):
            self._pipe.write(pack(self.store, state))
            self._pipe.flush()


@contextmanager
def open_channel(result_fd: int | None) -> Generator[Channel | None]:
    """Open the pipe that ``--result-fd`` names; ``None`` without one.

    On Windows the number is that of a handle.
    """
    if result_fd is None:
        yield None
        return
    pipe = os.fdopen(system.adopt(result_fd), "wb")
    try:
        yield Channel(pipe)
    finally:
        with suppress(OSError):  # the server is gone, and with it the reason to tell
            pipe.close()
