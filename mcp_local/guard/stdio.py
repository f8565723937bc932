"""Standard input and output as the protocol's own wire; the end of the process within a second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wire:
    """The two descriptors that carry the protocol; nothing else in the process reaches them."""

    read_fd: int
    write_fd: int


def claim_wire() -> Wire:
    """Take descriptors 0 and 1 for the protocol; call before any user code is imported.

    Afterwards 0 reads nothing and 1 goes to standard error, so that prints of imported modules,
    tools and children can't reach the client (M15).
    """
    raise NotImplementedError
