"""The key in a real Secret Service: kept, found again, and never a prompt or a long wait (C13)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.storage.keystore import PASSPHRASE
from mcp_local.broker.storage.store import Entry, Store, open_store
from mcp_local.errors import StorageError
from mcp_local.settings.model import CacheKey, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.secret_service import SecretService

pytestmark = [
    pytest.mark.secret_service,
    pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's"),
]
LIMIT = 3.0
GRACE = 5.0
"""Seconds for a busy machine to get round to it."""


def opened(home: Path, environ: Mapping[str, str], key: CacheKey = CacheKey.AUTO) -> Store:
    """Open the store as a process of that desktop does."""
    return open_store(Settings(home=home, config_file=home / "c", cache_key=key), environ)


def assert_memory(store: Store, reason: str) -> None:
    """The store is memory, and says why."""
    assert store.storage.kind == "memory"
    assert reason in store.storage.detail


def test_the_key_is_kept_and_found_again(home: Path, secret_service: SecretService) -> None:
    """What one process seals the next one opens; the item has a name that people understand."""
    store = opened(home, secret_service.environ)
    store.save(Entry.TOKEN, b"content")
    assert (store.storage.kind, store.storage.encrypted) == ("keyring", True)
    assert opened(home, secret_service.environ).load(Entry.TOKEN) == b"content"
    assert secret_service.labels() == ["mcp-local: key of the sign-in cache"]
    assert not (home / "cache.key").exists()


def test_each_state_folder_has_a_key_of_its_own(
    home: Path, tmp_path: Path, secret_service: SecretService
) -> None:
    """The emulator's folder and the real one share nothing."""
    opened(home, secret_service.environ).save(Entry.TOKEN, b"one")
    opened(tmp_path / "other", secret_service.environ).save(Entry.TOKEN, b"two")
    assert len(secret_service.labels()) == 2
    assert opened(home, secret_service.environ).load(Entry.TOKEN) == b"one"


def test_many_first_starts_make_one_item(home: Path, secret_service: SecretService) -> None:
    """Processes that start at once agree on one key (O19)."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from mcp_local.broker.storage.store import Entry, open_store\n"
        "from mcp_local.settings.model import Settings\n"
        "home = Path(sys.argv[1])\n"
        "store = open_store(Settings(home=home, config_file=home / 'c'), os.environ)\n"
        "assert store.storage.kind == 'keyring', store.storage\n"
        "store.save(Entry.TOKEN, b'from ' + str(os.getpid()).encode())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home)],
            env={**os.environ, **secret_service.environ},
        )
        for _ in range(4)
    ]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert len(secret_service.labels()) == 1
    assert str(opened(home, secret_service.environ).load(Entry.TOKEN)).startswith("b'from ")


def test_the_bus_is_found_without_its_variable(home: Path, secret_service: SecretService) -> None:
    """Desktop clients pass no DBUS_SESSION_BUS_ADDRESS; the runtime folder has the socket."""
    environ = {"XDG_RUNTIME_DIR": str(secret_service.folder)}
    assert opened(home, environ).storage.kind == "keyring"


def test_a_locked_keyring_costs_nothing_but_this_session(
    home: Path, secret_service: SecretService
) -> None:
    """Locked: memory, the old cache stays, and is there again after unlocking."""
    opened(home, secret_service.environ).save(Entry.TOKEN, b"kept")
    secret_service.lock()
    locked = opened(home, secret_service.environ)
    assert_memory(locked, "the keyring is locked")
    assert locked.load(Entry.TOKEN) is None
    locked.save(Entry.TOKEN, b"for this process")
    secret_service.unlock()
    assert opened(home, secret_service.environ).load(Entry.TOKEN) == b"kept"


def test_a_locked_keyring_is_never_taken_for_an_empty_one(
    home: Path, secret_service: SecretService
) -> None:
    """A first start beside a locked keyring makes no key: there may be one behind the lock."""
    secret_service.lock()
    assert_memory(opened(home, secret_service.environ), "the keyring is locked")
    secret_service.unlock()
    assert secret_service.labels() == []


def test_a_locked_keyring_asked_for_by_name_is_an_error(
    home: Path, secret_service: SecretService
) -> None:
    """``cache.key = keyring`` gets the keyring or the alternatives named, nothing weaker."""
    secret_service.lock()
    with pytest.raises(StorageError, match="the keyring is locked") as caught:
        opened(home, secret_service.environ, CacheKey.KEYRING)
    assert PASSPHRASE in caught.value.hint


def test_a_passphrase_helps_out_beside_a_locked_keyring(
    home: Path, secret_service: SecretService
) -> None:
    """Both caches live side by side; neither harms the other."""
    opened(home, secret_service.environ).save(Entry.TOKEN, b"by keyring")
    secret_service.lock()
    environ = {**secret_service.environ, PASSPHRASE: "p"}
    helped = opened(home, environ)
    assert helped.storage.kind == "passphrase"
    helped.save(Entry.TOKEN, b"by passphrase")
    secret_service.unlock()
    assert opened(home, environ).load(Entry.TOKEN) == b"by keyring"


def test_no_keyring_on_the_bus_is_a_reason(home: Path, secret_service: SecretService) -> None:
    """The service ended: memory with the reason; the cache stays on the disk."""
    opened(home, secret_service.environ).save(Entry.TOKEN, b"kept")
    secret_service.stop()
    assert_memory(opened(home, secret_service.environ), "no Secret Service runs")
    assert len(list(home.rglob("token.keyring.bin"))) == 1


def test_a_keyring_that_was_never_set_up_is_a_reason(home: Path) -> None:
    """Making the first collection would need a prompt, so it is left to the person."""
    from tests.support.secret_service import running_secret_service  # noqa: PLC0415 - Linux only

    with running_secret_service(set_up=False) as service:
        assert_memory(opened(home, service.environ), "no default collection")


def test_a_keyring_that_is_denied_is_a_reason(home: Path) -> None:
    """A bus whose policy keeps us from the service: memory, and the bus's word for it."""
    from tests.support.secret_service import running_secret_service  # noqa: PLC0415 - Linux only

    rule = '<deny send_destination="org.freedesktop.secrets"/>'
    with running_secret_service(rules=rule) as service:
        assert_memory(opened(home, service.environ), "AccessDenied")


def test_a_hung_keyring_is_given_three_seconds(
    home: Path, secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus answers, the service doesn't: bounded, then memory; the old cache stays."""
    from mcp_local.broker.storage import keystore_linux  # noqa: PLC0415 - Linux only

    assert keystore_linux.LIMIT == LIMIT
    opened(home, secret_service.environ).save(Entry.TOKEN, b"kept")
    monkeypatch.setattr(keystore_linux, "LIMIT", 1.0)
    secret_service.keyring.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    hung = opened(home, secret_service.environ)
    assert time.monotonic() - began < 1.0 + GRACE
    assert_memory(hung, "didn't answer within 1 s")
    monkeypatch.setattr(keystore_linux, "LIMIT", LIMIT)
    secret_service.keyring.send_signal(signal.SIGCONT)
    assert opened(home, secret_service.environ).load(Entry.TOKEN) == b"kept"


@pytest.fixture(params=["mute", "mute after the greeting"])
def hung_bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A socket that takes connections and never says what one waits for."""
    path = tmp_path / "bus"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1024)
                if request.param != "mute":
                    peer.sendall(b"OK 1234deadbeef\r\n")
                while peer.recv(1024):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix:path={path}"
        thread.join()


def test_a_hung_bus_is_given_three_seconds(
    home: Path, hung_bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for ever, whichever step of the conversation hangs."""
    monkeypatch.setattr("mcp_local.broker.storage.keystore_linux.LIMIT", 0.5)
    began = time.monotonic()
    store = opened(home, {"DBUS_SESSION_BUS_ADDRESS": hung_bus})
    assert time.monotonic() - began < 0.5 + GRACE
    assert_memory(store, "didn't answer")


def test_a_cache_without_its_keyring_is_set_aside(
    home: Path, secret_service: SecretService
) -> None:
    """Another machine's keyring has no key for it: unreadable, kept, the cause named (C14)."""
    from tests.support.secret_service import running_secret_service  # noqa: PLC0415 - Linux only

    opened(home, secret_service.environ).save(Entry.TOKEN, b"canary")
    with running_secret_service() as another:
        store = opened(home, another.environ)
        assert store.storage.kind == "keyring"
        assert "sealed files set aside: 1" in store.storage.detail
        assert store.load(Entry.TOKEN) is None
    [aside] = home.rglob("*.unreadable")
    assert b"canary" not in aside.read_bytes()


def test_an_item_that_is_no_key_is_an_error_not_a_key(
    home: Path, secret_service: SecretService
) -> None:
    """Somebody changed the item by hand: it is neither used nor replaced."""
    opened(home, secret_service.environ).save(Entry.TOKEN, b"kept")
    secret_service.overwrite(b"not a key")
    assert_memory(opened(home, secret_service.environ), "is no key of mcp-local")


def test_a_prompt_is_refused_not_opened(secret_service: SecretService) -> None:
    """Should the keyring be locked between two steps, no dialog opens over the person's work."""
    from jeepney import DBusAddress, new_method_call  # noqa: PLC0415 - Linux only
    from secretstorage import LockedException  # noqa: PLC0415 - Linux only

    from mcp_local.broker.storage.keystore_linux import connect  # noqa: PLC0415 - Linux only

    address = secret_service.environ["DBUS_SESSION_BUS_ADDRESS"]
    connection = connect(address, time.monotonic() + LIMIT)
    prompt = DBusAddress("/p", "org.freedesktop.secrets", "org.freedesktop.Secret.Prompt")
    with pytest.raises(LockedException):
        connection.send(new_method_call(prompt, "Prompt", "s", ("",)))
    connection.close()
