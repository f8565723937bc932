"""How POSIX systems start a wrapped server: under a keeper, with pipes. Light: see ``launch``."""

from __future__ import annotations

import os
import warnings

from mcp_local.guard.relay.spawn_posix import Order, keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mcp_local.guard.relay.command import PathLike


class Started:
    """A server that was started: our ends of its pipes, and its keeper's process id."""

    __slots__ = ("keeper", "life", "status", "stderr", "stdin", "stdout")

    def __init__(self, streams: tuple[int, int, int], life: int, status: int, pid: int) -> None:
        self.stdin, self.stdout, self.stderr = streams
        self.life = life
        """To be closed for the keeper to end the server."""
        self.status = status
        """What the keeper tells is read here."""
        self.keeper = pid


def start(
    program: str, arguments: Sequence[str], environ: Mapping[str, str], folder: PathLike
) -> Started:
    """Start a program; of our descriptors it gets three new pipes and nothing else.

    That it can't be run is told on ``status``.

    Raises:
        OSError: the system has no room for another process.
    """
    _occupy_standard_descriptors()
    pipes: list[tuple[int, int]] = []
    try:
        pipes += (os.pipe() for _ in range(5))
        (stdin, to_it), (from_it, stdout), (errors, stderr), (its_life, life), (told, status) = (
            pipes
        )
        words, streams = (program, *arguments), (stdin, stdout, stderr)
        order = Order(words, environ, folder, streams, life=its_life, status=status)
        pid = _fork()
    except OSError:
        _close(descriptor for pipe in pipes for descriptor in pipe)
        raise
    if pid == 0:
        keep(order)
    _close((stdin, stdout, stderr, its_life, status))
    return Started((to_it, from_it, errors), life, told, pid)


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of forks beside threads; the keeper takes no lock that one could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _occupy_standard_descriptors() -> None:
    """Open what is closed of 0, 1 and 2, so that no pipe gets one of these numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - the standard ones
        pass
    os.close(descriptor)


def _close(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
