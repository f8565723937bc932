"""From the threads that read to the event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVarTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

Ts = TypeVarTuple("Ts")


def on_loop(loop: AbstractEventLoop, work: Callable[[*Ts], object], *args: *Ts) -> None:
    """Do something soon on the event loop; on one that has ended, nothing."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(work, *args)
