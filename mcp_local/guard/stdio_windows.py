"""Standard handles on Windows: children get the process's handles, not the C descriptors."""

from __future__ import annotations

import ctypes
import msvcrt
import os
import sys

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

_STD_INPUT = -10
_STD_OUTPUT = -11


def rebind(*wires: int) -> None:
    """Make the standard handles follow descriptors 0 and 1, and keep ``wires`` free of CR LF."""
    kernel32 = ctypes.windll.kernel32
    kernel32.SetStdHandle.argtypes = (ctypes.c_uint32, ctypes.c_void_p)
    for fd, handle in ((0, _STD_INPUT), (1, _STD_OUTPUT)):
        kernel32.SetStdHandle(handle & 0xFFFFFFFF, msvcrt.get_osfhandle(fd))
    for fd in wires:
        msvcrt.setmode(fd, os.O_BINARY)
