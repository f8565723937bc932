"""Lines from the client, and messages to it, over real pipes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from mcp_local.guard import stdio
from mcp_local.guard.hosted.streams import Lines, Out
from mcp_local.guard.stdio import MAX_LINE, Wire

if TYPE_CHECKING:
    from collections.abc import Generator


class Pipes:
    """A wire and its other end."""

    def __init__(self) -> None:
        read, self.client_write = os.pipe()
        self.client_read, write = os.pipe()
        self.wire = Wire(read, write)
        self._open = {read, write, self.client_read, self.client_write}

    def close(self, *fds: int) -> None:
        """Close some ends, or all that are left."""
        for fd in fds or tuple(self._open):
            self._open.discard(fd)
            os.close(fd)

    def feed(self, *chunks: bytes) -> None:
        """Send what the client says, in a thread, and end."""

        def run() -> None:
            for chunk in chunks:
                os.write(self.client_write, chunk)
            self.close(self.client_write)

        threading.Thread(target=run).start()


@pytest.fixture
def pipes() -> Generator[Pipes]:
    """A wire and its other end."""
    both = Pipes()
    yield both
    both.close()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8))
def test_lines_are_the_same_however_they_are_cut(chunks: list[bytes]) -> None:
    """What arrives in pieces is what would arrive at once; a last line needs no end."""
    pipes = Pipes()
    pipes.feed(*[chunk for chunk in chunks if chunk])
    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert list(pipes.wire.messages()) == expected
    pipes.close()


def test_a_line_that_is_too_long_is_answered_and_skipped(pipes: Pipes) -> None:
    """One answer for each, wherever it is cut; the lines around it arrive (M16)."""
    pipes.feed(b"before\n", b"x" * (MAX_LINE + 1) + b"\nbetween\n", b"y" * (3 * MAX_LINE), b"\nend")
    assert list(pipes.wire.messages()) == [b"before", b"between", b"end"]
    answers = os.read(pipes.client_read, 65536).splitlines()
    assert len(answers) == 2
    assert b"4 MiB" in answers[0]


def test_the_longest_line_arrives_whole(pipes: Pipes) -> None:
    """The limit itself is allowed."""
    line = b"z" * MAX_LINE
    pipes.feed(line + b"\n")
    assert list(pipes.wire.messages()) == [line]


def test_a_client_that_is_gone_is_the_end(pipes: Pipes) -> None:
    """Neither a broken read nor a refusal that nobody reads is a fault."""
    pipes.close(pipes.client_read)
    pipes.feed(b"x" * (MAX_LINE + 1))
    assert list(pipes.wire.messages()) == []
    assert list(Wire(-1, -1).messages()) == []


def test_messages_are_written_whole_though_the_client_reads_slowly(pipes: Pipes) -> None:
    """A large answer waits in a thread, a small one is written at once."""
    ended: list[bool] = []
    received: list[bytes] = []

    def read() -> None:
        with os.fdopen(os.dup(pipes.client_read), "rb") as client:
            received.extend(client)

    async def write() -> None:
        out = Out(pipes.wire, at_end=lambda: ended.append(True))
        await out.write("small\n")
        await out.write("l" * 1_000_000 + "\n")
        await out.write("lone \ud800\n")
        await out.flush()

    reader = threading.Thread(target=read)
    reader.start()
    asyncio.run(write())
    pipes.close(pipes.wire.write_fd)
    reader.join()
    assert received == [b"small\n", b"l" * 1_000_000 + b"\n", b"lone ?\n"]
    assert not ended


def test_a_client_that_reads_no_more_ends_the_server(pipes: Pipes) -> None:
    """Writing to nobody is the end, not a fault."""
    ended: list[bool] = []
    pipes.close(pipes.client_read)

    async def write() -> None:
        await Out(pipes.wire, at_end=lambda: ended.append(True)).write("x\n")

    asyncio.run(write())
    assert ended == [True]


def test_lines_are_read_ahead_within_bounds_and_end(pipes: Pipes) -> None:
    """All of them arrive in order, with bad UTF-8 replaced, and the end is told."""
    ended: list[bool] = []
    pipes.feed(b"".join(b"%d\n" % number for number in range(100)), b"\xff\n")

    async def read() -> list[str]:
        return [line async for line in Lines(pipes.wire, at_end=lambda: ended.append(True))]

    assert asyncio.run(read()) == [*map(str, range(100)), "\ufffd"]
    assert ended == [True]


def test_a_server_that_has_ended_leaves_its_reader_behind(pipes: Pipes) -> None:
    """A line that comes after the loop was closed is nobody's business."""

    async def begin() -> Lines:
        return Lines(pipes.wire, at_end=lambda: None)

    asyncio.run(begin())
    os.write(pipes.client_write, b"late\n")
    pipes.close(pipes.client_write)
    for thread in threading.enumerate():
        if thread.name == "mcp-local wire":
            thread.join(5)
            assert not thread.is_alive()


CLAIM = """
import os, sys
from mcp_local.guard.stdio import claim_wire
if "no-stderr" in sys.argv:
    os.close(2)
wire = claim_wire()
assert min(wire.read_fd, wire.write_fd) > 2, wire
assert not os.get_inheritable(wire.read_fd) and not os.get_inheritable(wire.write_fd)
print("noise", flush=True)
os.system("echo noise")
assert sys.stdin.read() == "" and os.read(0, 10) == b""
wire.write(os.read(wire.read_fd, 100))
"""


@pytest.mark.parametrize("stderr", ["stderr", "no-stderr"])
def test_the_wire_is_claimed_for_the_protocol_alone(stderr: str) -> None:
    """Input, prints and children go elsewhere, also where the client gave no standard error."""
    done = subprocess.run(
        [sys.executable, "-c", CLAIM, stderr], input=b"hello", capture_output=True, check=False
    )
    assert done.stdout == b"hello"
    assert done.returncode == 0
    assert (b"noise" in done.stderr) is (stderr == "stderr")


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are of POSIX")
def test_a_client_may_hand_over_ends_that_do_not_block() -> None:
    """Its silence isn't its end: a client may give a server the ends as it uses them itself."""
    (read, client_write), (client_read, write) = os.pipe(), os.pipe()
    for fd in (read, write):
        os.set_blocking(fd, False)
    program = "from mcp_local.guard.stdio import claim_wire as c; w = c(); w.write(b'ready');"
    program += "w.write(b'x' * 1_000_000); print(list(w.messages()), file=__import__('sys').stderr)"
    server = subprocess.Popen(
        [sys.executable, "-c", program], stdin=read, stdout=write, stderr=subprocess.PIPE
    )
    os.close(read)
    os.close(write)
    with os.fdopen(client_read, "rb") as client:
        assert client.read(5) == b"ready"
        time.sleep(0.2)  # the pipe is full meanwhile
        assert len(client.read(1_000_000)) == 1_000_000
        os.write(client_write, b"late")
        os.close(client_write)
        assert server.communicate() == (None, b"[b'late']\n")


def test_room_is_asked_for_small_messages_only(pipes: Pipes) -> None:
    """What might block never runs on the event loop."""
    assert not pipes.wire.has_room(1_000_000)
    assert pipes.wire.has_room(100) is (sys.platform != "win32")
    assert stdio.MAX_LINE == 4 * 1024 * 1024
