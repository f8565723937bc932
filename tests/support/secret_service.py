"""A Secret Service of the tests' own: a private session bus with a real GNOME Keyring on it.

Nothing of the machine's desktop is touched: home, runtime folder and bus are temporary, and the bus
can start no other service, so no dialog can open.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jeepney.io.blocking import open_dbus_connection
from secretstorage import Collection, check_service_availability, get_all_collections
from secretstorage.defines import SS_PATH
from secretstorage.exceptions import ItemNotFoundException
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
    {rules}
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

    def wait_until_ready(self, *, set_up: bool = True) -> None:
        """Wait until the keyring has its name on the bus, and its default collection if any."""
        deadline = time.monotonic() + 30
        with self._connection() as connection:
            while not (
                check_service_availability(connection) and (not set_up or _has_default(connection))
            ):
                assert time.monotonic() < deadline, "the keyring doesn't start"
                time.sleep(0.01)

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

    def overwrite(self, secret: bytes) -> None:
        """Put something else into every item of the default collection."""
        with self._connection() as connection:
            for item in Collection(connection).get_all_items():
                item.set_secret(secret)

    def stop(self) -> None:
        """End the keyring; the bus stays, with no Secret Service on it."""
        _end(self.keyring)

    def _connection(self) -> closing[DBusConnection]:
        return closing(open_dbus_connection(self.environ["DBUS_SESSION_BUS_ADDRESS"]))


@contextmanager
def running_secret_service(*, set_up: bool = True, rules: str = "") -> Generator[SecretService]:
    """Start the bus and the keyring; end both.

    Without ``set_up`` no collection exists yet, as before a person's first login. ``rules`` are
    added to the bus's policy.
    """
    with ExitStack() as stack:
        # Not pytest's folder: the path of a socket has 108 bytes at most.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secrets-")))
        config = folder / "bus.conf"
        config.write_text(_BUS.format(folder=folder, rules=rules), encoding="utf-8")
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
                *("gnome-keyring-daemon", "--foreground", "--components=secrets"),
                f"--control-directory={folder}",
                *(["--unlock"] if set_up else []),
            ],
            environ,
        )
        stack.callback(_end, keyring)
        assert keyring.stdin is not None
        keyring.stdin.write(PASSWORD)
        keyring.stdin.close()
        service = SecretService(folder, environ, keyring, bus)
        service.wait_until_ready(set_up=set_up and not rules)  # rules may forbid to ask
        yield service


def _has_default(connection: DBusConnection) -> bool:
    with suppress(ItemNotFoundException):
        return not Collection(connection).is_locked()
    return False


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
    process.send_signal(signal.SIGCONT)  # a test may have stopped it
    process.wait(timeout=10)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
