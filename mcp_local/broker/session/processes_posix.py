"""How POSIX systems start a process that outlives us."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def spawn(
    command: Sequence[str], environ: Mapping[str, str], *, stdin: int, pipe: int | None
) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own; of our descriptors it gets ``pipe`` only.

    Clients end a server by its process group or terminal, and a sign-in must survive that.
    """
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        env=environ,
        stdin=stdin,
        stdout=subprocess.DEVNULL,  # never the protocol's
        stderr=subprocess.DEVNULL,  # a client may wait for the end of ours
        start_new_session=True,
        pass_fds=() if pipe is None else (pipe,),
    )


def name_of(pipe: int) -> int:
    """Return the number under which the started process finds the pipe."""
    return pipe


def adopt(number: int) -> int:
    """Return the descriptor of an inherited pipe; our own children don't inherit it again."""
    os.set_inheritable(number, False)  # noqa: FBT003 - positional only
    return number
