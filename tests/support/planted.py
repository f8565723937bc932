"""Faults that are planted at a desk, and what ``doctor`` must say of each."""

from __future__ import annotations

import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mcp_local.broker import transitions
from mcp_local.broker.state import Phase, Problem
from mcp_local.broker.state_file import StateFile
from mcp_local.broker.storage.store import Entry, open_store
from mcp_local.emulator import Fault
from mcp_local.emulator.certificates import make_certificates
from mcp_local.emulator.directory import ConditionalAccess
from mcp_local.log import Log
from mcp_local.settings import load
from tests.support.clinic import FILES, Clinic

if TYPE_CHECKING:
    from collections.abc import Callable


OTHER = "99999999-9999-4999-8999-999999999999"
PROGRAM = str(Path(sys.executable).with_name("mcp-local"))
OURS: dict[str, object] = {"command": PROGRAM, "args": ["run", "--demo"]}


@dataclass(frozen=True)
class Planted:
    """A fault, and what must be said of it."""

    name: str
    plant: Callable[[Clinic], object]
    check: str
    says: str
    """In the evidence."""
    helps: str
    """In the remedy."""
    who: str = "you"
    verdict: str = "problem"


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def be_of_another_tenant(clinic: Clinic) -> None:
    """Name a tenant that the authority does not know."""
    origin = clinic.settings["authority"].rpartition("/")[0]
    clinic.settings |= {"tenant": OTHER, "authority": f"{origin}/{OTHER}"}


def _nobody_there(clinic: Clinic) -> None:
    tenant = clinic.settings["tenant"]
    clinic.settings["authority"] = f"https://localhost:{free_port()}/{tenant}"


def _foreign_ca(clinic: Clinic) -> None:
    file = clinic.write("other.pem", make_certificates().ca.decode())
    clinic.settings["ca_file"] = str(file)


def lock_with_another_passphrase(clinic: Clinic) -> None:
    """Seal the cache with one passphrase, and give another."""
    clinic.settings["cache.key"] = "passphrase"
    clinic.environ["MCP_LOCAL_CACHE_PASSPHRASE"] = "the one before"
    clinic.save()
    store = open_store(load({}, clinic.environ), clinic.environ)
    store.save(Entry.TOKEN, b"kept")
    clinic.environ["MCP_LOCAL_CACHE_PASSPHRASE"] = "another one"


def _bad_salt(clinic: Clinic) -> None:
    clinic.settings["cache.key"] = "passphrase"
    clinic.environ["MCP_LOCAL_CACHE_PASSPHRASE"] = "the one before"
    (clinic.home / "cache.salt").write_text("garbage", encoding="ascii")
    (clinic.home / "cache.salt").chmod(0o600)


def _no_passphrase_file(clinic: Clinic) -> None:
    clinic.settings["cache.key"] = "passphrase"
    clinic.environ["MCP_LOCAL_CACHE_PASSPHRASE_FILE"] = "/nowhere/passphrase"


def _damaged(clinic: Clinic) -> None:
    for file in clinic.profile.glob("token*"):
        file.write_bytes(b"garbage")


def interrupt(clinic: Clinic) -> None:
    """Leave a sign-in behind whose process is gone."""
    StateFile(clinic.profile).update(
        lambda state: transitions.waiting_for_browser(
            state, now=time.time(), deadline=time.time() + 60, start_url=""
        )
    )


def _blocked(clinic: Clinic) -> None:
    fail_to_sign_in(clinic, "AADSTS50105", "Your account has no assignment.")


def fail_to_sign_in(clinic: Clinic, code: str, message: str, phase: Phase = Phase.BLOCKED) -> None:
    """Leave a sign-in that failed behind."""
    why = Problem(code, message, "Have it assigned.")
    StateFile(clinic.profile).update(lambda one: replace(one, phase=phase, problem=why))


def _home_is_a_file(clinic: Clinic) -> None:
    clinic.save()
    clinic.environ["MCP_LOCAL_CONFIG"] = str(clinic.home / "config.toml")
    clinic.environ["MCP_LOCAL_HOME"] = str(clinic.write("file", ""))


def _home_below_a_file(clinic: Clinic) -> None:
    _home_is_a_file(clinic)
    clinic.environ["MCP_LOCAL_HOME"] += "/state"


def _unsigned(clinic: Clinic) -> None:
    for file in clinic.profile.iterdir():
        file.unlink()


def faulty(path: str, **answer: object) -> Callable[[Clinic], None]:
    """Return what has the authority answer so."""

    def plant(clinic: Clinic) -> None:
        fault = Fault(path=path, times=None, **answer)  # pyright: ignore[reportArgumentType]
        clinic.machine.emulator.faults.add(fault)

    return plant


def _settings(**values: str) -> Callable[[Clinic], None]:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return lambda clinic: clinic.settings.update(named)


def _guarding(command: str, *arguments: str, policy: str = "preset:read-only") -> dict[str, object]:
    return {"command": PROGRAM, "args": ["run", "--policy", policy, "--", command, *arguments]}


def _changed_definition(clinic: Clinic) -> None:
    text = Path(FILES[1]).read_text(encoding="utf-8")
    script = clinic.write("server.py", text)
    clinic.server("files", sys.executable, str(script), definitions="hold")
    clinic.save()
    clinic.doctor()
    script.write_text(text.replace('"write_file"', '"write_any"'), encoding="utf-8")


def _logged_refusal(clinic: Clinic) -> None:
    Log(clinic.home / "log" / "mcp-local.jsonl").event(
        "not_renewed", level="error", why="The authority refuses (AADSTS50105)."
    )


FAULTS = (
    # The settings
    Planted("no tenant", lambda c: c.settings.pop("tenant"), "settings", "`tenant`", "init"),
    Planted("no client id", lambda c: c.settings.pop("client_id"), "settings", "client_id", "init"),
    Planted(
        "settings that are no TOML",
        lambda c: setattr(c, "more", "[[["),
        "settings",
        "config.toml",
        "",
    ),
    Planted("a value that can't be", _settings(cache__key="x"), "settings", "cache.key", "keyring"),
    # The machine
    Planted(
        "a folder open to others", lambda c: c.home.chmod(0o755), "state folder", "Others", "chmod"
    ),
    Planted("a folder that is none", _home_is_a_file, "state folder", "written", "MCP_LOCAL_HOME"),
    Planted(
        "a folder that can't be made",
        _home_below_a_file,
        "state folder",
        "can't be made",
        "MCP_LOCAL_HOME",
    ),
    Planted(
        "a browser that isn't there",
        lambda c: c.environ.update(BROWSER="/nowhere/firefox %s"),
        "browser",
        "names no program",
        "Correct",
    ),
    Planted("no display", lambda c: c.environ.pop("BROWSER"), "browser", "no display", "--device"),
    # The way to the authority
    Planted(
        "a CA file that is missing", _settings(ca_file="/nowhere.pem"), "trust", "ca_file", "PEM"
    ),
    Planted("a gateway's CA", _foreign_ca, "connection", "can't be trusted", "`ca_file`", "it"),
    Planted(
        "a proxy that is gone",
        lambda c: c.settings.update(proxy=f"http://me:hidden-word@localhost:{free_port()}"),
        "proxy",
        "can't be reached",
        "`proxy`",
    ),
    Planted(
        "a name that nobody knows",
        _settings(tenant=OTHER, authority=f"https://login.invalid/{OTHER}"),
        "name",
        "login.invalid has no address",
        "name server",
        "it",
    ),
    Planted("an authority out of reach", _nobody_there, "connection", "reached", "it runs", "it"),
    Planted("an authority out of order", faulty("*", status=503), "connection", "503", "", "it"),
    Planted(
        "a guest network's page",
        faulty("*/openid-configuration", status=200, body=b"<html>Welcome!"),
        "discovery",
        "OpenID",
        "guest network",
        "it",
    ),
    Planted(
        "no keys", faulty("*/keys", status=200, body=b'{"keys":[]}'), "signing keys", "", "", "it"
    ),
    Planted(
        "a clock three hours off",
        lambda c: setattr(c.machine.clock, "offset", 10800.0),
        "clock",
        "3 hours behind",
        "Set the clock",
    ),
    # The registrations
    Planted("a wrong tenant", be_of_another_tenant, "discovery", "AADSTS90002", "`tenant`"),
    Planted(
        "a wrong client id",
        _settings(client_id=OTHER),
        "registration",
        "AADSTS700016",
        "`client_id`",
        "developer",
    ),
    Planted(
        "no redirect URI",
        lambda c: c.app(redirect_uris=()),
        "registration",
        "redirect URI",
        "http://localhost",
        "developer",
    ),
    Planted(
        "another redirect URI",
        lambda c: c.app(redirect_uris=("https://elsewhere.example",)),
        "registration",
        "AADSTS50011",
        "http://localhost",
        "developer",
    ),
    Planted(
        "public client flows off",
        lambda c: (
            c.app(public_client_flows=False),
            c.settings.update({"signin.method": "device"}),
        ),
        "registration",
        "AADSTS7000218",
        "Allow public client flows",
        "developer",
    ),
    Planted(
        "a disabled app",
        lambda c: c.app(enabled=False),
        "registration",
        "disabled",
        "Enable",
        "admin",
    ),
    Planted(
        "an API that isn't there",
        _settings(api=OTHER),
        "registration",
        "AADSTS500011",
        "`api`",
        "developer",
    ),
    Planted(
        "keys that don't come",
        faulty("*/keys", status=500),
        "signing keys",
        "500",
        "Try again",
        "it",
    ),
    Planted(
        "a sign-in page out of order",
        faulty("*/authorize", status=503),
        "registration",
        "503",
        "Try again",
        "it",
    ),
    # What is kept
    Planted("no keyring", _settings(cache__key="keyring"), "key store", "keyring", "cache.key"),
    Planted("nothing to keep a key", _settings(cache__key="auto"), "key store", "memory", "key"),
    Planted(
        "memory that was asked for",
        _settings(cache__key="memory"),
        "key store",
        "settings ask for it",
        "",
        verdict="note",
    ),
    Planted(
        "another passphrase",
        lock_with_another_passphrase,
        "key store",
        "passphrase",
        "mcp-local logout",
    ),
    Planted("a salt that is none", _bad_salt, "key store", "no key of mcp-local", "Delete"),
    Planted("no passphrase file", _no_passphrase_file, "key store", "can't be read", "cache.key"),
    Planted("a damaged cache", _damaged, "cache", "set aside", "Sign in again"),
    Planted("an interrupted sign-in", interrupt, "sign-in", "interrupted", "mcp-local login"),
    Planted("a blocked sign-in", _blocked, "sign-in", "no assignment", "assigned", "admin"),
    # The person
    Planted("nobody signed in", _unsigned, "account", "", "mcp-local login"),
    Planted(
        "no assignment",
        lambda c: c.renewal(assigned=False),
        "account",
        "AADSTS50105",
        "enterprise application",
        "admin",
    ),
    Planted(
        "a policy that blocks",
        lambda c: c.renewal(conditional_access=ConditionalAccess.BLOCK),
        "account",
        "AADSTS53003",
        "sign-in log",
        "admin",
    ),
    Planted(
        "a device that isn't managed",
        lambda c: c.renewal(conditional_access=ConditionalAccess.DEVICE),
        "account",
        "AADSTS53000",
        "Enrol",
    ),
    Planted(
        "a disabled account",
        lambda c: c.renewal(enabled=False),
        "account",
        "AADSTS50057",
        "account",
    ),
    Planted(
        "a session taken back",
        lambda c: (c.renewal(), c.machine.emulator.revoke_sessions("reader")),
        "account",
        "AADSTS50173",
        "mcp-local login",
    ),
    Planted(
        "another account than the pinned one",
        _settings(account="writer@contoso.example"),
        "account",
        "",
        "",
    ),
    Planted("no role", lambda c: c.token(roles=None), "token", "no roles", "Assign", "admin"),
    Planted(
        "a role in other letters",
        lambda c: c.token(roles=["task.read"]),
        "token",
        "roles match exactly",
        "Name it",
    ),
    Planted(
        "an API that issues old tokens",
        lambda c: c.token(version=1),
        "token",
        "version 1.0",
        "requestedAccessTokenVersion",
        "developer",
        "note",
    ),
    Planted(
        "a role of the policy that is lacking",
        lambda c: c.token(),
        "token",
        "Task.Write",
        "refresh --force",
        "admin",
        "note",
    ),
    # The policy
    Planted("no policy file", _settings(policy="/nowhere.yaml"), "policy", "/nowhere.yaml", ""),
    Planted(
        "a policy that doesn't parse",
        lambda c: c.write("policy.yaml", "version: 1\nroles: [\n"),
        "policy",
        "policy.yaml:",
        "",
    ),
    Planted(
        "a word that policies don't know",
        lambda c: c.write("policy.yaml", "version: 1\nrolls: {}\n"),
        "policy",
        "rolls",
        "roles",
    ),
    Planted(
        "a component that nobody reaches",
        lambda c: (
            c.write("policy.yaml", "version: 1\nroles: {Task.Read: {tools: ['show_*']}}\n"),
            c.server("files", *FILES),
        ),
        "policy",
        "write_file",
        "",
        "you",
        "note",
    ),
    # The clients
    Planted(
        "a client's file that doesn't parse",
        lambda c: c.client('{"mcpServers": '),
        "claude-desktop",
        "not JSON",
        "Mend it",
    ),
    Planted(
        "comments where there may be none",
        lambda c: c.client('{\n  // mine\n  "mcpServers": {}\n}'),
        "claude-desktop",
        "comments or loose commas (line 2)",
        "Take them out",
    ),
    Planted(
        "one name twice",
        lambda c: c.client('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}'),
        "claude-desktop",
        "says a twice",
        "another name",
    ),
    Planted(
        "one server twice",
        lambda c: c.entries(one=OURS, two=OURS),
        "claude-desktop",
        "one, two start the very same server",
        "uninstall claude-desktop",
    ),
    Planted(
        "a command that isn't on a client's PATH",
        lambda c: c.entries(one={**OURS, "command": "mcp-local"}),
        "claude-desktop",
        "PATH",
        "mcp-local",
    ),
    Planted(
        "a command that is gone",
        lambda c: c.entries(one={**OURS, "command": "/nowhere/bin/mcp-local"}),
        "claude-desktop",
        "isn't there",
        "--replace",
    ),
    Planted(
        "a guarded command that is gone",
        lambda c: c.entries(one=_guarding("/nowhere/bin/server")),
        "claude-desktop",
        "guards the command `/nowhere/bin/server`",
        "Install it",
    ),
    Planted(
        "a way round the guard",
        lambda c: c.entries(one=_guarding("/bin/true"), two={"command": "/bin/true", "args": []}),
        "claude-desktop",
        "two is the server that one guards, without the guard",
        "Remove two",
    ),
    Planted(
        "a policy that an entry names in vain",
        lambda c: c.entries(one=_guarding("/bin/true", policy="/nowhere.yaml")),
        "claude-desktop",
        "/nowhere.yaml",
        "",
    ),
    Planted(
        "a passphrase in a client's file",
        lambda c: c.entries(one={**OURS, "env": {"MCP_LOCAL_CACHE_PASSPHRASE": "hidden-word"}}),
        "claude-desktop",
        "passphrase stands in one's entry",
        "MCP_LOCAL_CACHE_PASSPHRASE_FILE",
    ),
    Planted(
        "an entry of an emulator that has ended",
        lambda c: c.entries(one={**OURS, "env": {"MCP_LOCAL_CA_FILE": "/nowhere/ca.pem"}}),
        "claude-desktop",
        "one's entry names /nowhere/ca.pem (MCP_LOCAL_CA_FILE), which isn't there",
        "mcp-local install claude-desktop one",
    ),
    Planted(
        "a server without a guard",
        lambda c: c.entries(one={"command": "/bin/true"}),
        "claude-desktop",
        "Without a guard: one",
        "mcp-local guard claude-desktop",
        "you",
        "note",
    ),
    Planted(
        "an entry with a state folder of its own",
        lambda c: c.entries(one=OURS),
        "claude-desktop",
        "keeps its state in",
        "MCP_LOCAL_HOME",
        "you",
        "note",
    ),
    # The servers
    Planted(
        "a server that crashes",
        lambda c: c.server(
            "files", sys.executable, "-c", "raise SystemExit('no key: hidden-word')"
        ),
        "servers.files",
        "ended with exit code 1",
        "no key",
    ),
    Planted(
        "a server that isn't there",
        lambda c: c.server("files", "no-such-server"),
        "servers.files",
        "no-such-server",
        "",
    ),
    Planted(
        "a server that has changed",
        _changed_definition,
        "servers.files",
        "held back: write_",
        "mcp-local pin show files",
    ),
    Planted(
        "a file that isn't there",
        lambda c: c.server("files", "/nowhere/server.py"),
        "servers.files",
        "/nowhere/server.py",
        "",
    ),
    Planted(
        "a remote server out of reach",
        lambda c: setattr(
            c, "more", f'[servers.far]\nurl = "https://localhost:{free_port()}/mcp"\n'
        ),
        "servers.far",
        "can't be reached",
        "mcp-local logs",
        "it",
    ),
    # The past
    Planted(
        "an error in the log",
        _logged_refusal,
        "log",
        "AADSTS50105",
        "enterprise application",
        "you",
        "note",
    ),
)
