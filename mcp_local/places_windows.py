"""Who owns a file on Windows, and where the administrator's are.

Any user may create folders in the folder of all programs' data.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes

from mcp_local.errors import SettingsError

if sys.platform != "win32":
    raise ImportError("this module is for Windows")

_SE_FILE_OBJECT = 1
_OWNER_SECURITY_INFORMATION = 1
_WELL_KNOWN = (22, 26)
"""``WinLocalSystemSid`` and ``WinBuiltinAdministratorsSid`` of ``WELL_KNOWN_SID_TYPE``."""

_COMMON_APPDATA = 0x23
"""``CSIDL_COMMON_APPDATA``."""


def program_data() -> str:
    """Return the folder of all programs' data, as Windows knows it.

    The variable PROGRAMDATA says the same, but whoever starts us may set it.

    Raises:
        SettingsError: Windows doesn't tell.
    """
    find = ctypes.WinDLL("shell32").SHGetFolderPathW
    find.argtypes = [
        *(wintypes.HWND, ctypes.c_int, wintypes.HANDLE, wintypes.DWORD),
        wintypes.LPWSTR,
    ]
    found = ctypes.create_unicode_buffer(wintypes.MAX_PATH)
    if find(None, _COMMON_APPDATA, None, 0, found) != 0:
        raise SettingsError(
            "Windows doesn't tell where programs keep their data.",
            hint="The administrator's settings are looked for there.",
        )
    return found.value


def owned_by_administrators(path: str) -> bool:
    """Tell whether the administrators or the system own a file or folder; False when unknown."""
    advapi = ctypes.WinDLL("advapi32", use_last_error=True)
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    owner, descriptor = ctypes.c_void_p(), ctypes.c_void_p()
    kernel.LocalFree.argtypes = [ctypes.c_void_p]
    advapi.IsWellKnownSid.argtypes = [ctypes.c_void_p, ctypes.c_int]
    advapi.IsWellKnownSid.restype = wintypes.BOOL
    error = advapi.GetNamedSecurityInfoW(
        ctypes.c_wchar_p(path),
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
