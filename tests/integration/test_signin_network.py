"""``ca_file`` and ``proxy`` of the settings file reach every process that asks the authority."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.emulator.certificates import make_certificates
from mcp_local.emulator.defaults import default_directory
from mcp_local.emulator.directory import Api
from mcp_local.emulator.visitor import browser_command
from tests.support.chat import PROGRAM, SERVERS
from tests.support.desk import Desk, desk
from tests.support.proxy import Proxy
from tests.support.relayed import ALL
from tests.support.wire import HANDSHAKE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHER = Api(api_id="77777777-7777-4777-8777-777777777777", name="Reports", scopes=("Reports.Read",))


@pytest.fixture
def here(home: Path) -> Iterator[Desk]:
    """A desk whose environment says nothing of the network, as that of desktop clients."""
    base = default_directory()
    with desk(home, replace(base, apis=(base.api, OTHER))) as here:
        del here.environ["MCP_LOCAL_CA_FILE"]
        here.environ["BROWSER"] = browser_command("reader")
        here.environ["SCOPE"] = f"{OTHER.api_id}/Reports.Read"
        here.environ["CHALLENGE"] = str(home.parent / "challenge")
        yield here


def _settle(here: Desk, ca_file: Path, proxy: Proxy) -> None:
    lines = (f'ca_file = "{ca_file}"', f'proxy = "http://{proxy.address}"', "")
    file = Path(here.environ["MCP_LOCAL_CONFIG"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines), encoding="utf-8")


def _tunnels(here: Desk, proxy: Proxy) -> int:
    """Return how many tunnels to the authority the proxy was asked for since the last time."""
    host = here.emulator.authority.removeprefix("https://").partition("/")[0]
    assert all(head.startswith(f"CONNECT {host} ".encode()) for head in proxy.connects)
    count = len(proxy.connects)
    proxy.connects.clear()
    return count


def test_processes_of_a_server(here: Desk, tmp_path: Path) -> None:
    """Sign-in, renewal and the token for another API, each behind the proxy and by that CA."""
    policy = tmp_path / "all.yaml"
    policy.write_text(ALL, encoding="utf-8")
    here.set(SIGN_IN_WHEN="never")
    command = [PROGRAM, "run", str(SERVERS / "reports.py"), "--policy", str(policy)]
    with Proxy().running() as proxy:
        _settle(here, here.emulator.ca_file, proxy)
        with Wire(command, tmp_path, era=HANDSHAKE, environ=here.environ, capabilities={}) as wire:
            wire.open()
            assert _tunnels(here, proxy) == 0
            assert "Signed in as" in wire.text("mcp_local_sign_in")
            assert _tunnels(here, proxy) > 0
            assert here.machine.token_requests() == 0
            assert "Task.Read" in wire.text("mcp_local_whoami", {"refresh": True})
            assert here.machine.token_requests() == 1
            assert _tunnels(here, proxy) > 0
            assert wire.text("report") == f"report for {OTHER.api_id}"
            assert _tunnels(here, proxy) > 0


@pytest.mark.heavy
def test_commands_of_a_person(here: Desk, tmp_path: Path) -> None:
    """The same in a terminal; nobody goes round the proxy, and no other CA is trusted."""
    with Proxy().running() as proxy:
        _settle(here, here.emulator.ca_file, proxy)
        for words in (
            ["login"],
            ["refresh", "--force"],
            ["token", "--scope", here.environ["SCOPE"]],
        ):
            done = here.run(*words)
            assert done.returncode == 0, done.stderr
            assert _tunnels(here, proxy) > 0
        other = tmp_path / "other.pem"
        other.write_bytes(make_certificates().ca)
        _settle(here, other, proxy)
        assert here.run("refresh", "--force").returncode == 5
        _settle(here, here.emulator.ca_file, proxy)
    asked = here.machine.token_requests()
    assert here.run("refresh", "--force").returncode == 5
    assert here.machine.token_requests() == asked
