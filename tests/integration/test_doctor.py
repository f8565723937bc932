"""``doctor`` names what is wrong, what helps and who can act: each fault is planted for real."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Phase
from mcp_local.broker.storage.files import FileLock
from mcp_local.cli.main import main
from mcp_local.errors import ExitCode
from mcp_local.log import Log
from tests.support.clinic import FILES, Clinic, furnished
from tests.support.entra import Machine, machine
from tests.support.planted import (
    FAULTS,
    OURS,
    PROGRAM,
    Planted,
    be_of_another_tenant,
    fail_to_sign_in,
    faulty,
    free_port,
    interrupt,
    lock_with_another_passphrase,
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.secret_service import SecretService


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Machine, Path]]:
    """Run one authority for all, and let somebody sign in once."""
    home = tmp_path_factory.mktemp("clinic") / "state"
    with machine(home) as here:
        here.sign_in()
        yield here, home


@pytest.fixture
def clinic(
    template: tuple[Machine, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Generator[Clinic]:
    """Return a desk at which all is well."""
    here, state = template
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    directory = here.emulator.directory
    yield Clinic(here, furnished(state, tmp_path / "state"), capsys)
    here.emulator.directory = directory
    here.emulator.faults.clear()
    here.clock.offset = 0.0


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_named_with_what_helps_and_who_can_act(fault: Planted, clinic: Clinic) -> None:
    """The right check tells it, and the checks that come after it are there all the same."""
    fault.plant(clinic)
    clinic.save()
    code, checks = clinic.doctor()
    named = (fault.check, fault.verdict, fault.who)
    told = [each for each in checks if (each["check"], each["verdict"], each["who"]) == named]
    assert any(fault.says in each["evidence"] and fault.helps in each["remedy"] for each in told), (
        checks
    )
    assert fault.verdict == "note" or code is ExitCode.PROBLEMS
    assert all(each["remedy"] and each["who"] for each in checks if each["verdict"] == "problem")
    assert {"program", "loopback port"} <= {each["check"] for each in checks}
    assert "could not be looked at" not in json.dumps(checks)


def test_there_are_enough_faults() -> None:
    """Forty were asked for."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40


def test_a_healthy_desk_has_no_problem(clinic: Clinic) -> None:
    """Exit 0, with a policy, a server that starts, and a client that could start it."""
    env: dict[str, object] = {"MCP_LOCAL_HOME": str(clinic.home)}
    clinic.entries(files={"command": PROGRAM, "args": ["run", "files"], "env": env})
    clinic.server("files", *FILES)
    clinic.save()
    code, checks = clinic.doctor()
    assert not [each for each in checks if each["verdict"] == "problem"]
    assert code is ExitCode.OK
    looked_at = {each["check"] for each in checks if each["verdict"] == "ok"}
    assert looked_at == {
        *("program", "command", "settings", "state folder"),
        *("name", "connection", "clock", "discovery", "signing keys", "registration"),
        *("locks", "cache", "sign-in", "browser", "loopback port"),
        *("account", "token", "policy", "claude-desktop", "servers.files", "log"),
    }
    texts = {each["check"]: each["evidence"] for each in checks if each["verdict"] == "ok"}
    assert texts["servers.files"] == "It starts, and has 2 tools, resources and prompts."
    assert "Roles: Task.Read. Scopes: access_as_user." in texts["token"]


def test_ids_that_are_missing_are_one_problem(clinic: Clinic) -> None:
    """Both in one finding; that nobody can sign in without them is no other problem."""
    del clinic.settings["tenant"], clinic.settings["client_id"], clinic.settings["authority"]
    clinic.save()
    _, checks = clinic.doctor()
    [told] = [each for each in checks if each["verdict"] == "problem"]
    assert told["check"] == "settings"
    assert "`tenant` and `client_id` are not set" in told["evidence"]
    assert told["remedy"] == "Run: mcp-local init"
    [account] = [each for each in checks if each["check"] == "account"]
    assert account["verdict"] == "skipped"


def test_a_wrong_tenant_is_one_problem(clinic: Clinic) -> None:
    """A sign-in that failed there, and that nobody is signed in, only follow from it."""
    be_of_another_tenant(clinic)
    fail_to_sign_in(clinic, "AADSTS90002", "There is no such tenant. (AADSTS90002)")
    _, checks = clinic.doctor()
    assert [each["check"] for each in checks if each["verdict"] == "problem"] == ["discovery"]
    followed = [each for each in checks if each["evidence"].startswith("Because of discovery")]
    assert [(each["check"], each["verdict"]) for each in followed] == [
        ("sign-in", "skipped"),
        ("account", "skipped"),
    ]


def test_another_error_of_the_authority_is_another_problem(clinic: Clinic) -> None:
    """A wrong tenant explains no refusal that has a code of its own."""
    be_of_another_tenant(clinic)
    fail_to_sign_in(clinic, "AADSTS50105", "Your account has no assignment. (AADSTS50105)")
    _, checks = clinic.doctor()
    problems = [each["check"] for each in checks if each["verdict"] == "problem"]
    assert problems == ["discovery", "sign-in"]


def test_who_can_act_is_said_once(clinic: Clinic) -> None:
    """The authority's own hint says it too."""
    clinic.renewal(assigned=False)
    _, text = clinic.told()
    assert "AADSTS50105" in text
    assert text.count("Who can act:") == 1


def test_an_entry_that_has_the_terminals_settings_needs_no_note(clinic: Clinic) -> None:
    """What this terminal says, and the entry doesn't or otherwise, is named, never its value."""
    clinic.environ |= {"MCP_LOCAL_LOG_LEVEL": "debug", "MCP_LOCAL_ACCOUNT": "reader@x.example"}
    own = {"MCP_LOCAL_HOME": str(clinic.home), "MCP_LOCAL_LOG_LEVEL": "debug"}
    clinic.entries(one={**OURS, "env": {**own, "MCP_LOCAL_ACCOUNT": "other@x.example"}})
    clinic.save()
    _, checks = clinic.doctor("--offline")
    [told] = [each for each in checks if "one's entry doesn't say" in each["evidence"]]
    assert told["evidence"].endswith("says of MCP_LOCAL_ACCOUNT.")
    assert told["verdict"] == "note"
    clinic.entries(one={**OURS, "env": {**own, "MCP_LOCAL_ACCOUNT": "reader@x.example"}})
    _, checks = clinic.doctor("--offline")
    assert "doesn't say" not in json.dumps(checks)


@pytest.mark.secret_service
@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_a_locked_keyring_is_named(
    clinic: Clinic, secret_service: SecretService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person unlocks it, or names another place for the key."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(secret_service.folder))
    clinic.environ |= {
        name: secret_service.environ[name]
        for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
    }
    secret_service.lock()
    clinic.settings["cache.key"] = "auto"
    clinic.save()
    _, checks = clinic.doctor("--offline")
    [told] = [each for each in checks if each["check"] == "key store"]
    assert (told["verdict"], told["who"]) == ("problem", "you")
    assert "the keyring is locked" in told["evidence"]
    assert told["remedy"].startswith("Unlock or install a keyring")


def test_a_grace_in_use_is_told(clinic: Clinic) -> None:
    """Past the token's end, the authority away: until when it serves, and for what alone."""
    clinic.more = '[offline]\ngrace = "1h"\ntags = ["read", "safe"]\n'
    clinic.token(lifetime=-120.0)
    with clinic.machine.emulator.switched_off():
        assert main(["refresh"], clinic.environ) is ExitCode.UNREACHABLE
        _, checks = clinic.doctor()
    [told] = [each for each in checks if "offline.grace" in each["evidence"]]
    assert (told["check"], told["verdict"]) == ("token", "note")
    assert "for what is tagged read, safe and nothing else" in told["evidence"]
    assert "mcp-local refresh" in told["remedy"]


def test_people_are_told_in_a_table(clinic: Clinic) -> None:
    """What helps stands below what was seen, and who can act; the count comes last."""
    clinic.save()
    code, text = clinic.told()
    assert code is ExitCode.OK
    assert "No problem was found." in text
    clinic.token(roles=None)
    code, text = clinic.told()
    assert code is ExitCode.PROBLEMS
    assert "→ Assign the person or a group" in text
    assert "Who can act: an administrator of the tenant." in text
    assert "1 problem found." in text


def test_a_set_up_for_trying_things_out_is_no_problem(clinic: Clinic) -> None:
    """Declared roles, no policy: both are said, and neither is wrong."""
    clinic.settings = {}
    clinic.more = '[signin]\nmethod = "none"\nroles = ["any"]\n'
    clinic.save()
    code, checks = clinic.doctor()
    assert code is ExitCode.OK
    said = {each["check"]: each for each in checks}
    assert "unverified" in said["account"]["evidence"]
    assert said["policy"]["remedy"] == "Write a first one: mcp-local policy init TARGET"
    assert {said[name]["verdict"] for name in ("connection", "key store", "browser")} == {"skipped"}


def test_a_sign_in_that_waits_is_no_problem(clinic: Clinic) -> None:
    """Its process holds the lock, so it lives."""
    interrupt(clinic)
    with FileLock(clinic.profile / "signin.lock"):
        _, checks = clinic.doctor("--offline")
    [told] = [each for each in checks if each["check"] == "sign-in"]
    assert told["verdict"] == "note"
    assert "Waiting for the browser" in told["evidence"]


@pytest.mark.parametrize(("lifetime", "verdict"), [(3600.0, "note"), (-3600.0, "problem")])
def test_a_sign_in_that_failed_is_a_problem_of_who_is_not_signed_in(
    clinic: Clinic, lifetime: float, verdict: str
) -> None:
    """Who has a token needed none of it: a `login --port`, for instance, whose port was taken."""
    clinic.token(lifetime=lifetime)
    fail_to_sign_in(clinic, "sign_in_failed", "The port is taken.", Phase.SIGNED_OUT)
    _, checks = clinic.doctor("--offline")
    [told] = [each for each in checks if each["check"] == "sign-in"]
    assert told["verdict"] == verdict
    assert told["evidence"].endswith("The port is taken.")


@pytest.mark.usefixtures("forks")
def test_a_server_of_ones_own_is_loaded(clinic: Clinic) -> None:
    """What its code prints doesn't get into the answer; this runs in a process of its own."""
    script = clinic.write(
        "own.py",
        "from fastmcp import FastMCP\nmcp = FastMCP('own')\nprint('noise')\n"
        "@mcp.tool\ndef one() -> int:\n    return 1\n",
    )
    clinic.server("own", str(script))
    clinic.save()
    done = subprocess.run(
        [sys.executable, "-m", "mcp_local", "doctor", "--json", "--offline"],
        env=clinic.environ,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    checks = json.loads(done.stdout)["checks"]
    [told] = [each for each in checks if each["check"] == "servers.own"]
    assert told["evidence"] == "It starts, and has 1 tool, resource or prompt."


def test_offline_asks_nothing(clinic: Clinic) -> None:
    """Not the authority, not a remote server; what is kept is looked at."""
    clinic.more = '[servers.far]\nurl = "https://far.invalid/mcp"\n'
    clinic.save()
    before = len(clinic.machine.emulator.requests.matching("*"))
    code, checks = clinic.doctor("--offline")
    assert code is ExitCode.OK
    skipped = {each["check"] for each in checks if each["verdict"] == "skipped"}
    assert skipped == {"connection", "servers.far"}
    assert len(clinic.machine.emulator.requests.matching("*")) == before


def test_a_remote_server_waits_for_somebody_to_be_signed_in(clinic: Clinic) -> None:
    """That there is no token to send it follows from that: it is nobody's fault of the network."""
    clinic.more = '[servers.far]\nurl = "https://localhost:9/mcp"\napi = "api://reports"\n'
    clinic.save()
    shutil.rmtree(clinic.profile)
    _, checks = clinic.doctor()
    assert [each["check"] for each in checks if each["verdict"] == "problem"] == ["account"]
    [told] = [each for each in checks if each["check"] == "servers.far"]
    assert (told["verdict"], told["remedy"]) == ("skipped", "")


def test_a_server_is_looked_at_as_whom_it_is_for(clinic: Clinic) -> None:
    """Its own account is not signed in here, and nobody else's token is sent to it."""
    far = '[servers.far]\nurl = "https://localhost:9/mcp"\napi = "api://reports"\n'
    clinic.more = f'{far}account = "writer@contoso.example"\n'
    clinic.save()
    code, checks = clinic.doctor()
    assert code is ExitCode.OK
    [told] = [each for each in checks if each["check"] == "servers.far"]
    assert told["verdict"] == "skipped"


def test_nothing_is_noted_of_a_preset(clinic: Clinic) -> None:
    """It names what many servers have, one of them this: nobody can mend it, or needs to."""
    clinic.settings["policy"] = "preset:read-only"
    clinic.server("files", *FILES)
    clinic.save()
    _, checks = clinic.doctor("--offline")
    assert [each["verdict"] for each in checks if each["check"] == "policy"] == ["ok"]


def test_a_cache_of_another_passphrase_is_left_closed(clinic: Clinic) -> None:
    """The key store says what helps, once; what follows from it is no other problem."""
    lock_with_another_passphrase(clinic)
    clinic.save()
    _, checks = clinic.doctor("--offline")
    assert [each["check"] for each in checks if each["verdict"] == "problem"] == ["key store"]
    said = {each["check"]: (each["verdict"], each["evidence"]) for each in checks}
    assert said["cache"] == ("skipped", "It can't be opened: see the key store.")
    assert said["account"] == ("skipped", "Because of key store, see there: Nobody is signed in.")


def test_a_lock_that_is_held_on_to_is_told(clinic: Clinic) -> None:
    """A process that hangs, or was stopped, keeps all others waiting."""
    with FileLock(clinic.profile / "refresh.lock"):
        _, checks = clinic.doctor("--offline")
    [told] = [each for each in checks if each["check"] == "locks"]
    assert (told["verdict"], told["who"]) == ("problem", "you")
    assert "refresh" in told["evidence"]


@pytest.mark.heavy
def test_an_authority_that_hangs_holds_nothing_up(clinic: Clinic) -> None:
    """It is given ten seconds once; the kept token is judged without it."""
    faulty("*", hang=True)(clinic)
    clinic.save()
    began = time.monotonic()
    code, checks = clinic.doctor()
    assert time.monotonic() - began < 60
    assert code is ExitCode.PROBLEMS
    said = {each["check"]: each for each in checks}
    assert "doesn't answer in time" in said["connection"]["evidence"]
    assert said["account"]["verdict"] == "ok"


CANARIES = {
    name: f"canary-{name}-0815"
    for name in ("passphrase", "secret", "proxy", "env", "header", "reference", "client", "printed")
}


def _planted_everywhere(clinic: Clinic) -> str:
    """Put secrets wherever somebody may have put them; return the token."""
    it = CANARIES
    clinic.environ |= {
        "AZURE_CLIENT_SECRET": it["secret"],
        "HTTPS_PROXY": f"http://me:{it['proxy']}@proxy.example:3128",
        "MY_REFERENCE": it["reference"],
        "MCP_LOCAL_CACHE_PASSPHRASE": it["passphrase"],
    }
    clinic.settings["proxy"] = f"http://me:{it['proxy']}@localhost:{free_port()}"
    tell = "import os; raise SystemExit(' '.join(os.environ.values()))"
    clinic.more = (
        f"[servers.crash]\ncommand = {json.dumps(sys.executable)}\n"
        f"args = {json.dumps(['-c', tell])}\n"
        f'env = {{ KEY = "{it["env"]}", OTHER = "${{MY_REFERENCE}}" }}\n'
        '[servers.far]\nurl = "https://far.invalid/mcp"\n'
        f'headers = {{ X-Key = "Custom {it["header"]}" }}\n'
    )
    entry: dict[str, object] = {
        "command": "/bin/true",
        "env": {"K": it["client"]},
        "headers": {"A": it["header"]},
    }
    clinic.entries(other=entry)
    token = clinic.machine.emulator.mint("reader")
    log = clinic.home / "log" / "mcp-local.jsonl"
    known = [value for name, value in it.items() if name != "printed"]
    Log(log).event("child", level="error", why=" ".join([*known, token]))
    Log(log).event("asked", level="error", password=it["printed"], message=f"Bearer {token}")
    return token


def test_nothing_secret_leaves_by_the_bundle_or_the_screen(clinic: Clinic) -> None:
    """Canaries in the environment, settings, clients, a server's last words, and the log."""
    token = _planted_everywhere(clinic)
    clinic.save()
    bundle = clinic.home / "support.zip"
    code, checks = clinic.doctor("--bundle", str(bundle))
    assert code is ExitCode.PROBLEMS
    told = json.dumps(checks)
    assert "ended with exit code 1" in told
    with zipfile.ZipFile(bundle) as parts:
        texts = {name: parts.read(name).decode() for name in parts.namelist()}
    assert set(texts) == {"findings.json", "settings.json", "system.txt", "log.jsonl"}
    assert all(texts.values())
    everything = told + "".join(texts.values())
    assert not [name for name, value in CANARIES.items() if value in everything]
    assert token not in everything
    assert token.split(".")[1] not in everything
    assert bundle.stat().st_mode & 0o077 == 0


def test_a_bundle_without_settings_holds_what_was_found(clinic: Clinic) -> None:
    """Where the settings can't be read, the log says what came of it."""
    clinic.more = "[[["
    clinic.save()
    Log(clinic.home / "log" / "mcp-local.jsonl").event("not_served", why="nothing could be read")
    code, _ = clinic.doctor("--bundle", str(clinic.home / "support.zip"))
    assert code is ExitCode.PROBLEMS
    with zipfile.ZipFile(clinic.home / "support.zip") as parts:
        assert set(parts.namelist()) == {"findings.json", "system.txt", "log.jsonl"}
        assert b"nothing could be read" in parts.read("log.jsonl")


def test_a_bundle_that_cannot_be_written_is_an_error(clinic: Clinic) -> None:
    """After what was found was told."""
    clinic.save()
    code, text = clinic.told("--offline", "--bundle", "/nowhere/support.zip")
    assert code is ExitCode.FAULT
    assert "No problem was found." in text
    assert "/nowhere/support.zip can't be written" in text


def test_a_bundle_is_written_over_nothing(clinic: Clinic) -> None:
    """What is there already stays as it is."""
    there = clinic.write("support.zip", "mine")
    clinic.save()
    code, text = clinic.told("--offline", "--bundle", str(there))
    assert code is ExitCode.USAGE
    assert "is there already" in text
    assert there.read_text(encoding="utf-8") == "mine"
