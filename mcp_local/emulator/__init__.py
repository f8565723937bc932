"""A local Entra ID for the demo, the tests, and other people's tests.

>>> from mcp_local.emulator import Emulator, Fault
>>> with Emulator() as entra:
...     entra.faults.add(Fault(path="*/token", status=503))

It is for development only, by construction: bound to loopback, with a random tenant and a
certificate authority of its own that no trust store knows. It signs anybody in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_local.emulator.authority import Options
    from mcp_local.emulator.defaults import default_directory
    from mcp_local.emulator.directory import (
        Api,
        ClientApp,
        ConditionalAccess,
        Consent,
        Directory,
        Person,
    )
    from mcp_local.emulator.emulator import Emulator
    from mcp_local.emulator.faults import Fault
    from mcp_local.emulator.request_log import LoggedRequest
    from mcp_local.emulator.users_file import load_directory

__all__ = [
    "Api",
    "ClientApp",
    "ConditionalAccess",
    "Consent",
    "Directory",
    "Emulator",
    "Fault",
    "LoggedRequest",
    "Options",
    "Person",
    "default_directory",
    "load_directory",
]

_HOMES = {
    "Emulator": "emulator",
    "Fault": "faults",
    "LoggedRequest": "request_log",
    "Options": "authority",
    "default_directory": "defaults",
    "load_directory": "users_file",
}


def __getattr__(name: str) -> object:
    # Imported when first used: the visitor is a module of this package and must start quickly.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - start-up time

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'directory')}"), name)
