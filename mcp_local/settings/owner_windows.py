"""Who owns a file on Windows; there, any user may create folders in %ProgramData%."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    raise ImportError("this module is for Windows")

_SE_FILE_OBJECT = 1
_OWNER_SECURITY_INFORMATION = 1
_WELL_KNOWN = (22, 26)
"""``WinLocalSystemSid`` and ``WinBuiltinAdministratorsSid`` of ``WELL_KNOWN_SID_TYPE``."""


def owned_by_administrators(path: Path) -> bool:
    """Tell whether the administrators or the system own a file or folder; False when unknown."""
    advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    owner, descriptor = ctypes.c_void_p(), ctypes.c_void_p()
    kernel.LocalFree.argtypes = [ctypes.c_void_p]
    advapi.IsWellKnownSid.argtypes = [ctypes.c_void_p, ctypes.c_int]
    advapi.IsWellKnownSid.restype = wintypes.BOOL
    error = advapi.GetNamedSecurityInfoW(
        ctypes.c_wchar_p(str(path)),
        _SE_FILE_OBJECT,
        _OWNER_SECURITY_INFORMATION,
        ctypes.byref(owner),
        None,
        None,
        None,
        ctypes.byref(descriptor),
    )
    if error:
        return False
    try:
        return any(advapi.IsWellKnownSid(owner, kind) for kind in _WELL_KNOWN)
    finally:
        kernel.LocalFree(descriptor)
