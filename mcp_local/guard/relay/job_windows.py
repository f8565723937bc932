"""A job object: Windows ends all that is in it when its last handle is closed, however we die."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from typing import Final, final

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this is for

_ACCOUNTING: Final = 1  # JobObjectBasicAccountingInformation
_EXTENDED_LIMIT: Final = 9  # JobObjectExtendedLimitInformation
_KILL_ON_JOB_CLOSE: Final = 0x2000


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
        ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
        ("LimitFlags", wintypes.DWORD),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", wintypes.DWORD),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", wintypes.DWORD),
        ("SchedulingClass", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_ulonglong * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class _Accounting(ctypes.Structure):
    _fields_ = (
        ("Times", wintypes.LARGE_INTEGER * 4),
        ("TotalPageFaultCount", wintypes.DWORD),
        ("TotalProcesses", wintypes.DWORD),
        ("ActiveProcesses", wintypes.DWORD),
        ("TotalTerminatedProcesses", wintypes.DWORD),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateJobObjectW.restype = wintypes.HANDLE
_ntdll = ctypes.WinDLL("ntdll")


@final
class Job:
    """Processes that end together, and with us."""

    def __init__(self) -> None:
        self._handle = wintypes.HANDLE(_kernel32.CreateJobObjectW(None, None))
        if not self._handle:
            raise ctypes.WinError(ctypes.get_last_error())
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        _check(
            _kernel32.SetInformationJobObject(
                self._handle, _EXTENDED_LIMIT, ctypes.byref(limits), ctypes.sizeof(limits)
            )
        )

    def take(self, process: int) -> None:
        """Put a process that was created suspended into the job, then let it run.

        So nothing that it starts can be outside. ``process`` is its handle.

        Raises:
            OSError: the system refuses.
        """
        _check(_kernel32.AssignProcessToJobObject(self._handle, wintypes.HANDLE(process)))
        # There is no documented call for a whole process; the one of a thread wants its handle,
        # which Python has closed already.
        if status := _ntdll.NtResumeProcess(wintypes.HANDLE(process)):
            raise OSError(None, "it can't be resumed", None, status)

    def active(self) -> int:
        """Return how many processes are in it."""
        found = _Accounting()
        _check(
            _kernel32.QueryInformationJobObject(
                self._handle, _ACCOUNTING, ctypes.byref(found), ctypes.sizeof(found), None
            )
        )
        return int(found.ActiveProcesses)

    def kill(self) -> None:
        """End all processes in it at once."""
        _kernel32.TerminateJobObject(self._handle, 1)

    def close(self) -> None:
        """Give the handle back; what is still in the job ends."""
        handle, self._handle = self._handle, wintypes.HANDLE()
        if handle:
            _kernel32.CloseHandle(handle)


def _check(success: int) -> None:
    if not success:
        raise ctypes.WinError(ctypes.get_last_error())
