"""How a server learns that the program which started it is gone."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from mcp_local.guard.ending import end_of


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors of processes")
def test_the_end_of_a_process_is_told() -> None:
    """Nobody has to look for it: the descriptor is silent while the process lives."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        descriptor = end_of(process.pid)
        assert descriptor is not None
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        assert poll.poll(0) == []
        process.kill()
        assert poll.poll(20_000) != []
    os.close(descriptor)


def test_where_nobody_tells_it_somebody_has_to_look() -> None:
    """A parent that can't be seen, as in a container: no descriptor, no error."""
    assert end_of(0) is None
