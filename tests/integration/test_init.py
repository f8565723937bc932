"""The first set-up, from nothing to a signed-in person, against the emulator."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_local.emulator import Emulator

pytestmark = pytest.mark.usefixtures("forks")

SERVER = Path(__file__).parent / "servers" / "notes.py"
OTHER = "99999999-9999-4999-8999-999999999999"


def _run(
    emulator: Emulator, folder: Path, *words: str, without: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    told = emulator.environment()
    environ = {
        "MCP_LOCAL_HOME": str(folder),
        "MCP_LOCAL_AUTHORITY": told["MCP_LOCAL_AUTHORITY"],
        "MCP_LOCAL_CA_FILE": told["MCP_LOCAL_CA_FILE"],
        "MCP_LOCAL_CACHE_KEY": "file",
        "BROWSER": f"{sys.executable} -m mcp_local.emulator.visitor --user reader %s",
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
    }
    for name in without:
        del environ[f"MCP_LOCAL_{name.upper()}"]
    return subprocess.run(
        [sys.executable, "-m", "mcp_local", "init", *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def _ids(emulator: Emulator) -> list[str]:
    ids = ("--tenant", emulator.tenant_id, "--client-id", emulator.client_id)
    return [*ids, "--api", emulator.api_id]


def test_one_line_leads_from_nothing_to_a_signed_in_person(
    entra_emulator: Emulator, tmp_path: Path
) -> None:
    """Settings are written, a policy is proposed, the browser opens, and the next line is told."""
    home = tmp_path / "with a space"  # as "Application Support" has one
    home.mkdir(mode=0o700)
    done = _run(entra_emulator, home, *_ids(entra_emulator), str(SERVER))
    assert done.returncode == ExitCode.OK, done.stderr
    settings = tomllib.loads((home / "config.toml").read_text(encoding="utf-8"))
    assert settings == {
        "tenant": entra_emulator.tenant_id,
        "client_id": entra_emulator.client_id,
        "api": entra_emulator.api_id,
        "authority": entra_emulator.environment()["MCP_LOCAL_AUTHORITY"],
        "ca_file": str(entra_emulator.ca_file),
    }
    text = (home / "config.toml").read_text(encoding="utf-8")
    assert text.count("# of `mcp-local emulator`") == 2
    policy = home / "policy.yaml"
    assert policy.is_file()
    assert "reader@" in done.stdout
    assert f"install claude-desktop {SERVER} --policy '{policy}'\n" in done.stdout
    assert "No client was found here." in done.stdout
    again = _run(entra_emulator, home, *_ids(entra_emulator), str(SERVER))
    assert again.returncode == ExitCode.OK
    assert "says so already" in again.stderr
    assert "stays as it is" in again.stderr
    assert "Signed in already: Rita Reader" in again.stderr
    assert again.stdout.startswith("No client was found here.")


def test_with_json_there_is_one_document(entra_emulator: Emulator, tmp_path: Path) -> None:
    """Also where a policy is written and somebody is signed in: people read of that beside it."""
    done = _run(entra_emulator, tmp_path, *_ids(entra_emulator), str(SERVER), "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["next"].startswith(f"mcp-local install claude-desktop {SERVER}")
    assert "reader@" in done.stderr


def test_an_env_file_is_taken_over_and_its_secret_is_not(
    entra_emulator: Emulator, tmp_path: Path
) -> None:
    """Unused names are told, values of secrets are not."""
    env = tmp_path / ".env"
    env.write_text(
        f"AZURE_TENANT_ID='{entra_emulator.tenant_id}' # ours\n"
        f"export AZURE_CLIENT_ID={entra_emulator.client_id}\n"
        "AZURE_CLIENT_SECRET=s3cret-canary\nOTHER=1\n",
        encoding="utf-8",
    )
    done = _run(entra_emulator, tmp_path, "--from", str(env), "--no-sign-in", "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "Not used: AZURE_CLIENT_SECRET." in done.stderr
    text = (tmp_path / "config.toml").read_text(encoding="utf-8")
    assert "s3cret-canary" not in text + done.stdout + done.stderr
    assert tomllib.loads(text)["client_id"] == entra_emulator.client_id
    assert json.loads(done.stdout)["config_file"] == str(tmp_path / "config.toml")


def test_the_clients_of_this_machine_are_named(entra_emulator: Emulator, tmp_path: Path) -> None:
    """By a file of theirs, or the folder that they made for it."""
    (tmp_path / ".claude.json").write_text("{}", encoding="utf-8")
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".config").mkdir()
    done = _run(entra_emulator, tmp_path, *_ids(entra_emulator), "--no-sign-in")
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.splitlines() == [
        "Next:",
        "  mcp-local install claude-code",
        "  mcp-local install cursor",
    ]
    assert "is an emulator: its ids end with it" in done.stderr


@pytest.mark.parametrize("tenant", ["contoso.onmicrosoft.com", OTHER])
def test_an_emulators_file_is_not_made_into_a_tenants(
    entra_emulator: Emulator, tmp_path: Path, tenant: str
) -> None:
    """The emulator would be asked whether the tenant is there, and say yes to a domain."""
    told = entra_emulator.environment()
    config = tmp_path / "config.toml"
    names = {"tenant": "TENANT_ID", "authority": "AUTHORITY", "ca_file": "CA_FILE"}
    lines = [f"{name} = '{told[f'MCP_LOCAL_{of}']}'\n" for name, of in names.items()]
    config.write_text("".join(lines), encoding="utf-8")
    before = config.read_bytes()
    words = ("--tenant", tenant, "--client-id", OTHER, "--no-sign-in", "--force")
    done = _run(entra_emulator, tmp_path, *words, without=("authority", "ca_file"))
    assert done.returncode == ExitCode.USAGE
    assert "is set up for an emulator, https://localhost" in done.stderr
    assert "Take `authority` and `ca_file` out of it" in done.stderr
    assert config.read_bytes() == before


def test_nothing_is_written_for_a_tenant_that_is_not_there(
    entra_emulator: Emulator, tmp_path: Path
) -> None:
    """The authority is asked first."""
    done = _run(entra_emulator, tmp_path, "--tenant", OTHER, "--client-id", OTHER)
    assert done.returncode == ExitCode.USAGE
    assert not (tmp_path / "config.toml").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "mcp-local init --tenant ID --client-id ID [--api ID], or --from FILE"),
        (["--tenant", "contoso.example"], "--client-id is needed, and nobody is at a terminal"),
        (["--from", "nowhere"], "can't be read"),
    ],
)
def test_what_is_missing_is_named_where_nobody_can_be_asked(
    words: list[str], message: str, entra_emulator: Emulator, tmp_path: Path
) -> None:
    """Exit 2, and nothing is written."""
    done = _run(entra_emulator, tmp_path, *words)
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr
    assert not (tmp_path / "config.toml").exists()


def test_settings_that_differ_are_kept_unless_forced(
    entra_emulator: Emulator, tmp_path: Path
) -> None:
    """Comments and other settings stay either way."""
    file = tmp_path / "config.toml"
    other = "99999999-9999-4999-8999-999999999999"
    text = f'# mine\nclient_id = "{other}"\n[log]\nlevel = "debug"\n'
    file.write_text(text, encoding="utf-8")
    words = [*_ids(entra_emulator), "--no-sign-in"]
    refused = _run(entra_emulator, tmp_path, *words)
    assert refused.returncode == ExitCode.USAGE
    assert "`client_id` is set to another value" in refused.stderr
    forced = _run(entra_emulator, tmp_path, *words, "--force")
    assert forced.returncode == ExitCode.OK, forced.stderr
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# mine\n")
    assert tomllib.loads(text)["log"] == {"level": "debug"}
    assert tomllib.loads(text)["client_id"] == entra_emulator.client_id
