"""The key's sources: the one asked for or an error, the best one there is, never silently less."""

from __future__ import annotations

import ctypes
import importlib
import socket
import sys
import threading
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, ClassVar, Self

import pytest

from mcp_local.broker.storage.files import FileLock
from mcp_local.broker.storage.keyslot import FileSlot, KeyUnavailable
from mcp_local.broker.storage.keystore import PASSPHRASE, PASSPHRASE_FILE, KeyResult, open_key
from mcp_local.errors import StorageError
from mcp_local.settings.model import CacheKey, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mcp_local.broker.storage.keyslot import Slot

NO_BUS = {"XDG_RUNTIME_DIR": "/nonexistent"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a keyring")


def key_of(
    home: Path, source: CacheKey, environ: Mapping[str, str] | None = None, **more: str
) -> KeyResult:
    """Open the key as a process of that environment does."""
    home.mkdir(exist_ok=True)
    settings = Settings(home=home, config_file=home / "config.toml", cache_key=source, **more)  # pyright: ignore[reportArgumentType]
    return open_key(settings, {**NO_BUS, **(environ or {})})


def test_the_passphrase_makes_the_same_key_each_time(home: Path) -> None:
    """One passphrase and folder, one key; another passphrase or folder, another key."""
    one = key_of(home, CacheKey.PASSPHRASE, {PASSPHRASE: "one"})
    assert one.storage.kind == "passphrase"
    assert one.storage.encrypted
    assert PASSPHRASE in one.storage.detail
    assert one.key is not None
    assert len(one.key) == 32
    assert key_of(home, CacheKey.PASSPHRASE, {PASSPHRASE: "one"}).key == one.key
    assert key_of(home, CacheKey.PASSPHRASE, {PASSPHRASE: "two"}).key != one.key
    assert key_of(home / "other", CacheKey.PASSPHRASE, {PASSPHRASE: "one"}).key != one.key


def test_a_passphrase_in_another_encoding_is_named(home: Path) -> None:
    """Bytes that aren't UTF-8, as a terminal of another code page sends them: nothing of them."""
    with pytest.raises(StorageError, match="isn't UTF-8 text") as caught:
        key_of(home, CacheKey.PASSPHRASE, {PASSPHRASE: "canary\udcfc"})
    assert "canary" not in caught.value.message
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__suppress_context__


def test_a_passphrase_file_is_as_good_as_the_variable(home: Path, tmp_path: Path) -> None:
    """The file named in the settings or the environment; its line end doesn't count."""
    (tmp_path / "secret").write_text("óne two\r\n", encoding="utf-8")
    path = str(tmp_path / "secret")
    keys = {
        key_of(home, CacheKey.PASSPHRASE, {PASSPHRASE: "óne two"}).key,
        key_of(home, CacheKey.PASSPHRASE, {PASSPHRASE_FILE: path}).key,
        key_of(home, CacheKey.PASSPHRASE, passphrase_file=path).key,
    }
    assert len(keys) == 1
    assert path in key_of(home, CacheKey.PASSPHRASE, passphrase_file=path).storage.detail


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "UTF-8")],
)
def test_a_useless_passphrase_file_is_named(
    home: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """Absent, empty, or binary: the message tells the file and what is wrong, not the content."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match=reason) as caught:
        key_of(home, CacheKey.PASSPHRASE, passphrase_file=str(path))
    assert str(path) in caught.value.message


def test_the_key_file_is_made_once_and_told(home: Path) -> None:
    """Asked for, it is used; it isn't called encrypted, since the key lies beside the cache."""
    first = key_of(home, CacheKey.FILE)
    assert first.key == key_of(home, CacheKey.FILE).key
    assert (first.storage.kind, first.storage.encrypted) == ("file", False)
    assert str(home / "cache.key") in first.storage.detail


@pytest.mark.parametrize("content", [b"", b"00", b"zz" * 32, b"\xff" * 64, b"00" * 33])
def test_a_damaged_key_file_is_an_error_and_stays(home: Path, content: bytes) -> None:
    """A key that can't be read is not replaced: the person may mend it."""
    home.mkdir()
    (home / "cache.key").write_bytes(content)
    with pytest.raises(StorageError, match=r"cache\.key is no key"):
        key_of(home, CacheKey.FILE)
    assert (home / "cache.key").read_bytes() == content


@linux
@pytest.mark.parametrize("source", [CacheKey.KEYRING, CacheKey.PASSPHRASE])
def test_a_source_asked_for_but_absent_is_an_error_with_the_alternatives(
    home: Path, source: CacheKey
) -> None:
    """Who names a source gets that one or an error, never another (C13)."""
    with pytest.raises(StorageError, match=f"cache.key = {source}") as caught:
        key_of(home, source)
    for word in ("keyring", PASSPHRASE, PASSPHRASE_FILE, "file", "memory"):
        assert word in caught.value.hint


@linux
def test_auto_takes_the_passphrase_where_no_keyring_is(home: Path) -> None:
    """The order is keyring, passphrase, memory; the key file is never taken unasked."""
    assert key_of(home, CacheKey.AUTO, {PASSPHRASE: "x"}).storage.kind == "passphrase"
    nothing = key_of(home, CacheKey.AUTO)
    assert nothing.key is None
    assert nothing.storage.kind == "memory"
    assert not (home / "cache.key").exists()


@linux
def test_auto_tells_each_reason(home: Path) -> None:
    """The detail says why neither keyring nor passphrase serves."""
    detail = key_of(home, CacheKey.AUTO, passphrase_file="/nonexistent").storage.detail
    assert "/nonexistent" in detail
    assert "session bus" in detail


def test_a_result_shows_no_key(home: Path) -> None:
    """Neither repr nor the detail holds the key or the passphrase."""
    result = key_of(home, CacheKey.PASSPHRASE, {PASSPHRASE: "hunter2"})
    assert result.key is not None
    for text in (repr(result), result.storage.detail):
        assert "hunter2" not in text
        assert repr(result.key) not in text
        assert result.key.hex() not in text


def test_many_first_starts_make_one_key(home: Path) -> None:
    """Sixteen at once agree: the first makes the key, the others take it (O19)."""
    home.mkdir()
    keys: list[bytes | None] = []
    barrier = threading.Barrier(16)

    def start() -> None:
        barrier.wait()
        keys.append(key_of(home, CacheKey.FILE).key)

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16
    assert len(set(keys)) == 1


def test_a_new_key_first_retires_what_the_lost_one_sealed(home: Path) -> None:
    """The files' owner is told before the key exists: a crash in between is mended."""
    seen: list[tuple[str, bool]] = []

    def on_new_key(kind: str) -> int:
        seen.append((kind, (home / "cache.key").exists()))
        return 3

    home.mkdir()
    settings = Settings(home=home, config_file=home / "c", cache_key=CacheKey.FILE)
    first = open_key(settings, NO_BUS, on_new_key=on_new_key)
    again = open_key(settings, NO_BUS, on_new_key=on_new_key)
    assert seen == [("file", False)]
    assert "sealed files set aside: 3" in first.storage.detail
    assert "set aside" not in again.storage.detail


def test_a_slot_that_forgets_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be read back would cost the cache at the next start."""

    def put(_slot: FileSlot, _value: bytes) -> None:
        """Stand for a keyring that takes everything and keeps nothing."""

    monkeypatch.setattr(FileSlot, "put", put)
    with pytest.raises(StorageError, match="didn't keep the key"):
        key_of(home, CacheKey.FILE)


@linux
def test_a_system_without_the_libraries_is_a_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SecretStorage isn't installed there is no keyring, and no traceback."""
    monkeypatch.setitem(sys.modules, "mcp_local.broker.storage.keystore_linux", None)
    assert "keyring can't be used" in key_of(home, CacheKey.AUTO).storage.detail


@linux
@pytest.mark.parametrize(
    "address",
    ["unix:path=/nonexistent", "tcp:host=localhost,port=1", "autolaunch:", "nonsense", "unix:x"],
)
def test_a_bus_that_cannot_be_used_is_a_reason(home: Path, address: str) -> None:
    """Whatever stands in DBUS_SESSION_BUS_ADDRESS, it is memory with a reason, no traceback."""
    result = key_of(home, CacheKey.AUTO, {"DBUS_SESSION_BUS_ADDRESS": address})
    assert result.key is None
    assert "session bus can't be used" in result.storage.detail


@linux
def test_a_bus_that_talks_nonsense_is_a_reason(home: Path, tmp_path: Path) -> None:
    """A socket of something else entirely isn't believed either."""
    path = tmp_path / "bus"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1024)
                peer.sendall(b"OK 1234deadbeef\r\n")
                peer.recv(1024)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 40)
                with suppress(ConnectionResetError):  # whoever hangs up first
                    peer.recv(1024)

        thread = threading.Thread(target=serve)
        thread.start()
        result = key_of(home, CacheKey.AUTO, {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={path}"})
        thread.join()
    assert result.key is None
    assert "session bus can't be used" in result.storage.detail


class Dpapi:
    """Stands for the Windows calls that msal-extensions makes: the system's edge, not our code."""

    fault: int = 0
    """What Windows answers, as ``winerror``; 0 is success."""

    def __init__(self, entropy: str) -> None:
        assert entropy

    def protect(self, message: str) -> bytes:
        """Reverse the text: enough to tell it from the plain one."""
        self._may_fail()
        return message[::-1].encode()

    def unprotect(self, cipher_text: bytes) -> str:
        """Undo it."""
        self._may_fail()
        return cipher_text.decode()[::-1]

    def _may_fail(self) -> None:
        if self.fault:
            error = OSError("as Windows says")
            error.winerror = self.fault  # pyright: ignore[reportAttributeAccessIssue]
            raise error


@pytest.fixture
def dpapi_slot(home: Path, monkeypatch: pytest.MonkeyPatch) -> Slot:
    """The Windows slot, on stand-ins for the Windows calls."""
    if sys.platform == "win32":
        pytest.skip("the real calls are here")
    calls = ModuleType("msal_extensions.windows")
    monkeypatch.setattr(calls, "WindowsDataProtectionAgent", Dpapi, raising=False)
    monkeypatch.setitem(sys.modules, "msal_extensions.windows", calls)
    monkeypatch.setattr(Dpapi, "fault", 0)
    home.mkdir()
    module = importlib.import_module("mcp_local.broker.storage.keystore_windows")
    return importlib.reload(module).DpapiSlot(home)


def test_windows_keeps_the_key_protected(dpapi_slot: Slot, home: Path) -> None:
    """The file holds what DPAPI made of the key, not the key."""
    assert dpapi_slot.fetch() is None
    dpapi_slot.put(bytes(range(32)))
    assert dpapi_slot.fetch() == bytes(range(32))
    assert bytes(range(32)).hex().encode() not in (home / "cache.dpapi").read_bytes()


def test_windows_sets_a_useless_key_aside(
    dpapi_slot: Slot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reset password the key is lost for good: kept for inspection, a new one begun."""
    dpapi_slot.put(bytes(32))
    monkeypatch.setattr(Dpapi, "fault", -2146893813)
    assert dpapi_slot.fetch() is None
    assert [path.name for path in home.iterdir()] == ["cache.dpapi.unreadable"]


def test_windows_faults_are_reasons(
    dpapi_slot: Slot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other refusal leaves the key where it is."""
    dpapi_slot.put(bytes(32))
    monkeypatch.setattr(Dpapi, "fault", 5)
    with pytest.raises(KeyUnavailable, match="can't unprotect"):
        dpapi_slot.fetch()
    with pytest.raises(KeyUnavailable, match="can't protect"):
        dpapi_slot.put(bytes(32))
    assert [path.name for path in home.iterdir()] == ["cache.dpapi"]


class KeychainError(OSError):
    """Stands for the error of msal-extensions."""

    ITEM_NOT_FOUND = -25300

    def __init__(self, exit_status: int) -> None:
        super().__init__()
        self.exit_status = exit_status


class Keychain:
    """Stands for the Keychain: the system's edge, not our code."""

    items: ClassVar[dict[tuple[str, str], str]]
    fault: ClassVar[int]
    missing: ClassVar[bool]

    def __enter__(self) -> Self:
        if self.missing:
            raise OSError(-25307)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_generic_password(self, service: str, account_name: str) -> str:
        """Return the password."""
        if self.fault or (service, account_name) not in self.items:
            raise KeychainError(self.fault or KeychainError.ITEM_NOT_FOUND)
        return self.items[service, account_name]

    def set_generic_password(self, service: str, account_name: str, value: str) -> None:
        """Keep the password."""
        if self.fault:
            raise KeychainError(self.fault)
        self.items[service, account_name] = value


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Stand-ins for the macOS calls; the list tells what was said of dialogs."""
    if sys.platform == "darwin":
        pytest.skip("the real calls are here")
    said: list[bool] = []
    security = SimpleNamespace(SecKeychainSetUserInteractionAllowed=said.append)

    def load(_path: str) -> SimpleNamespace:
        return security

    monkeypatch.setattr(ctypes, "CDLL", load)
    calls = ModuleType("msal_extensions.osx")
    monkeypatch.setattr(calls, "Keychain", Keychain, raising=False)
    monkeypatch.setattr(calls, "KeychainError", KeychainError, raising=False)
    monkeypatch.setitem(sys.modules, "msal_extensions.osx", calls)
    Keychain.items, Keychain.fault, Keychain.missing = {}, 0, False
    return said


@pytest.fixture
def keychain_slot(home: Path, prompts: list[bool]) -> Slot:
    """The macOS slot, on stand-ins for the macOS calls."""
    module = importlib.import_module("mcp_local.broker.storage.keystore_macos")
    slot = importlib.reload(module).KeychainSlot(home)
    assert prompts == [False]
    return slot


def test_macos_keeps_the_key_by_folder(keychain_slot: Slot, home: Path) -> None:
    """Each state folder has an item of its own, and no dialog may open."""
    assert keychain_slot.fetch() is None
    keychain_slot.put(bytes(range(32)))
    assert keychain_slot.fetch() == bytes(range(32))
    assert list(Keychain.items) == [("mcp-local", str(home.resolve()))]


def test_macos_faults_are_reasons(keychain_slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locked, refused, or absent: never taken for a key that isn't there."""
    monkeypatch.setattr(Keychain, "fault", -25308)
    with pytest.raises(KeyUnavailable, match="-25308"):
        keychain_slot.fetch()
    with pytest.raises(KeyUnavailable, match="doesn't take"):
        keychain_slot.put(bytes(32))
    monkeypatch.setattr(Keychain, "missing", True)
    with pytest.raises(KeyUnavailable, match="no default Keychain"):
        keychain_slot.fetch()


@linux
def test_a_stopped_first_start_does_not_stop_the_others(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds the key's lock and never ends costs a bounded wait, then it is memory (C9)."""
    home.mkdir()
    monkeypatch.setattr("mcp_local.broker.storage.keystore._PATIENCE", 0.1)
    with FileLock(home / "key.lock"):
        result = key_of(home, CacheKey.AUTO, {PASSPHRASE: "x"})
    assert result.storage.kind == "memory"
    assert "key.lock" in result.storage.detail
