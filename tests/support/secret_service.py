"""A Secret Service of the tests' own: a private session bus with a real GNOME Keyring on it.

Nothing of the machine's desktop is touched: home, runtime folder and bus are temporary, and the bus
can start no other service, so no dialog can open.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jeepney.io.blocking import open_dbus_connection
from secretstorage import Collection, get_all_collections
from secretstorage.defines import SS_PATH
from secretstorage.util import DBusAddressWrapper, format_secret, open_session

if TYPE_CHECKING:
    from collections.abc import Generator

    from jeepney.io.blocking import DBusConnection

PASSWORD = b"of the test keyring"
PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def missing() -> list[str]:
    """Return the programs that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@dataclass
class SecretService:
    """The running service, unlocked."""

    folder: Path
    """Home and XDG_RUNTIME_DIR of the desktop; the bus is the socket ``bus`` in it."""
    environ: dict[str, str]
    """What a process of that desktop has in its environment, to be merged into another one."""
    keyring: subprocess.Popen[bytes]
    bus: subprocess.Popen[bytes]

    def lock(self) -> None:
        """Lock the default collection, as a person does who leaves the desk."""
        with self._connection() as connection:
            Collection(connection).lock()

    def unlock(self) -> None:
        """Unlock it with the password, as the login does."""
        with self._connection() as connection:
            session = open_session(connection)
            service = DBusAddressWrapper(
                SS_PATH, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface", connection
            )
            secret = format_secret(session, PASSWORD, "text/plain")
            collection = Collection(connection).collection_path
            service.call("UnlockWithMasterPassword", "o(oayays)", collection, secret)

    def labels(self) -> list[str]:
        """Return the labels of all items kept."""
        with self._connection() as connection:
            return [
                item.get_label()
                for collection in get_all_collections(connection)
                for item in collection.get_all_items()
            ]

    def stop(self) -> None:
        """End the keyring; the bus stays, with no Secret Service on it."""
        _end(self.keyring)

    def _connection(self) -> closing[DBusConnection]:
        return closing(open_dbus_connection(self.environ["DBUS_SESSION_BUS_ADDRESS"]))


@contextmanager
def running_secret_service() -> Generator[SecretService]:
    """Start the bus and the keyring; end both."""
    with ExitStack() as stack:
        # Not pytest's folder: the path of a socket has 108 bytes at most.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secrets-")))
        config = folder / "bus.conf"
        config.write_text(_BUS.format(folder=folder), encoding="utf-8")
        environ = {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        bus = _start(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"], environ
        )
        stack.callback(_end, bus)
        environ["DBUS_SESSION_BUS_ADDRESS"] = _first_line(bus)
        keyring = _start(
            [
                *("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"),
                f"--control-directory={folder}",
            ],
            environ,
        )
        stack.callback(_end, keyring)
        assert keyring.stdin is not None
        keyring.stdin.write(PASSWORD)
        keyring.stdin.close()
        _first_line(keyring)  # printed when it is ready
        yield SecretService(folder, environ, keyring, bus)


def _start(command: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=10)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
