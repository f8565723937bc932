"""Remote servers that demand a token: FastMCP's verifier, the emulator, and the real program."""

from __future__ import annotations

import base64
import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jwt
import pytest

from mcp_local.emulator.claims import policy_claims
from mcp_local.emulator.defaults import default_directory
from mcp_local.emulator.directory import Api, ConditionalAccess, Consent
from mcp_local.emulator.visitor import browser_command
from mcp_local.errors import ExitCode
from tests.support import warm
from tests.support.desk import desk, wait_for
from tests.support.http_server import make_server, protected_by, serving
from tests.support.program import Program
from tests.support.relayed import ALL
from tests.support.wire import ERAS, HANDSHAKE, MODERN, Wire

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.desk import Desk
    from tests.support.http_server import Served

OTHER = Api(
    api_id="77777777-7777-4777-8777-777777777777",
    name="Reports",
    scopes=("Reports.Read", "Reports.Write"),
)


class Bench:
    """A desk, a remote server that demands a token, and settings that know it as ``it``."""

    def __init__(self, at_desk: Desk, served: Served) -> None:
        self.desk = at_desk
        self.served = served

    def settle(self, user: str = "reader", **entries: object) -> None:
        """Write the settings, and let somebody be signed in."""
        config = Path(self.desk.environ["MCP_LOCAL_CONFIG"])
        config.parent.mkdir(mode=0o700, exist_ok=True)
        policy = config.with_name("policy.yaml")
        policy.write_text(ALL, encoding="utf-8")
        server = {"url": self.served.url, "policy": str(policy), "api": OTHER.api_id, **entries}
        lines = [f"{name} = {json.dumps(value)}" for name, value in server.items() if value]
        config.write_text("\n".join(["[servers.it]", *lines, ""]), encoding="utf-8")
        self.desk.environ["BROWSER"] = browser_command(f"{user or 'reader'}@contoso.example")
        if user:
            self.desk.sign_in(user)

    def run(self, folder: Path, era: str = HANDSHAKE) -> Wire:
        """Start the program as a client does that can ask its person nothing."""
        command = warm.ours("run", "it")
        return Wire(command, folder, era=era, environ=self.desk.environ, capabilities={})

    def audiences(self) -> set[str]:
        """Return whose tokens the server was sent."""
        tokens = self.served.tokens
        return {jwt.decode(each, options={"verify_signature": False})["aud"] for each in tokens}


@contextmanager
def _bench(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    api: Api = OTHER,
    *,
    own: bool = False,
    **options: object,
) -> Generator[Bench]:
    """Set it up; ``own`` protects the server by the API of the settings."""
    base = default_directory()
    directory = replace(base, apis=(base.api, api))
    with desk(folder / "home", directory, **options) as at_desk:
        monkeypatch.setenv("SSL_CERT_FILE", str(at_desk.emulator.ca_file))  # for the server
        server = make_server()
        guarding = (base.api, "access_as_user") if own else (api, "Reports.Read")
        server.auth = protected_by(at_desk.emulator, *guarding)
        with serving(server) as served:
            yield Bench(at_desk, served)


@pytest.mark.parametrize("era", ERAS)
def test_a_server_of_another_api_gets_that_apis_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, era: str
) -> None:
    """Nobody is asked; the guard's own token stays here; no token is anywhere to be seen."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle()
        with bench.run(tmp_path, era) as wire:
            wire.open()
            assert wire.text("echo", {"text": "hello"}) == "hello"
            assert wire.request("resources/read", {"uri": "note://one"})["result"]
        assert bench.audiences() == {OTHER.api_id}
        assert bench.desk.tabs() == []
        _seen_nowhere(bench, wire)


def _seen_nowhere(bench: Bench, wire: Wire) -> None:
    """Look for the tokens in all that was said and written (M13)."""
    home = Path(bench.desk.environ["MCP_LOCAL_HOME"])
    texts = [line.raw for line in wire.heard] + [wire.errors.read_bytes()]
    texts += [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    for token in bench.served.tokens:
        assert len(token) > 100
        assert not any(token.encode() in text for text in texts)


def test_the_very_api_of_the_settings_gets_the_guards_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token serves: no other is asked for."""
    with _bench(tmp_path, monkeypatch, own=True) as bench:
        bench.settle(api=bench.desk.emulator.api_id)
        before = bench.desk.machine.token_requests()
        with bench.run(tmp_path) as wire:
            wire.open()
            assert wire.text("echo", {"text": "hello"}) == "hello"
        assert bench.audiences() == {bench.desk.emulator.api_id}
        assert bench.desk.machine.token_requests() == before


def test_a_server_that_is_bound_to_no_api_gets_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it says of the API it wants: a hostile one would name Microsoft Graph."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle(api="")
        with bench.run(tmp_path) as wire:
            wire.open()
            answer = wire.request("resources/read", {"uri": "note://one"})
        assert bench.served.tokens == []
        assert "--api" in json.dumps(answer)


def test_signed_out_the_client_still_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server can't be asked, so the bridge answers; after the sign-in it is."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle(user="")
        bench.desk.set(SIGN_IN_WHEN="never")
        with bench.run(tmp_path) as wire:
            assert wire.open()["result"]["capabilities"]["tools"] == {"listChanged": True}
            tools = wire.request("tools/list")["result"]["tools"]
            assert sorted(tool["name"] for tool in tools) == [
                "mcp_local_sign_in",
                "mcp_local_sign_out",
                "mcp_local_whoami",
            ]
            assert bench.served.tokens == []
            wire.call("mcp_local_sign_in")
            wire.told("notifications/tools/list_changed")
            assert wire.text("echo", {"text": "now"}) == "now"
        [waits] = bench.desk.log("remote_waits")
        assert str(waits["why"]).endswith(
            " wants a token. Nobody is signed in."
        )  # nothing is redacted


def test_a_client_of_the_stateless_era_starts_while_a_sign_in_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most give a server 10 to 60 s: it is told at once to greet as can be answered."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle(user="")
        bench.desk.use_browser([sys.executable, "-c", ""])  # nobody finishes the sign-in
        with bench.run(tmp_path, MODERN) as wire:
            assert wire.open()["error"]["code"] == -32601
        assert bench.served.tokens == []


def test_a_refused_token_is_refreshed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 401 brings a new token and no prompt."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle()
        with bench.run(tmp_path) as wire:
            wire.open()
            wire.text("echo", {"text": "one"})
            bench.served.refuse.append((401, 'Bearer error="invalid_token"'))
            assert wire.text("echo", {"text": "two"}) == "two"
        assert len(bench.served.tokens) == 2
        assert bench.desk.log("sign_in_started") == []


def test_a_token_that_stays_refused_costs_one_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401, a refresh, 401, a sign-in, 401: then an error that says what to look at."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle()
        with bench.run(tmp_path) as wire:
            wire.open()
            wire.text("echo", {"text": "one"})
            bench.served.refuse += [(401, "Bearer")] * 20
            answer = wire.request("resources/read", {"uri": "note://one"})
            assert "not after a new sign-in either" in answer["error"]["message"]
            again = wire.request("resources/read", {"uri": "note://one"})
            assert "error" in again
        assert len(bench.desk.log("sign_in_started")) == 1


def test_an_api_that_wants_consent_asks_the_person_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AADSTS65001 for the API leads to one sign-in, and the call goes on."""
    with _bench(tmp_path, monkeypatch, replace(OTHER, consent=Consent.ASK)) as bench:
        bench.settle()
        with bench.run(tmp_path) as wire:
            wire.open()
            assert wire.text("echo", {"text": "hello"}) == "hello"
        assert len(bench.desk.log("sign_in_started")) == 1


def test_a_claims_challenge_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's claims reach the authority, which lets the person meet the policy."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle()
        with bench.run(tmp_path) as wire:
            wire.open()
            wire.text("echo", {"text": "one"})
            api = replace(OTHER, conditional_access=ConditionalAccess.CLAIMS)
            directory = bench.desk.emulator.directory
            bench.desk.emulator.directory = replace(directory, apis=(directory.api, api))
            claims = base64.urlsafe_b64encode(policy_claims(api.policy_id).encode()).decode()
            challenge = f'Bearer realm="", error="insufficient_claims", claims="{claims}"'
            bench.served.refuse.append((401, challenge))
            assert wire.text("echo", {"text": "two"}) == "two"
        assert len(bench.desk.log("sign_in_started")) == 1


def test_client_opens_the_page_that_a_server_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it can be asked within a call: no tab, one prompt, and the call goes on."""
    with _bench(tmp_path, monkeypatch, replace(OTHER, consent=Consent.ASK)) as bench:
        bench.settle()
        del bench.desk.environ["BROWSER"]  # where it is set, it opens the page
        with Program(bench.desk, tmp_path, ["it"], HANDSHAKE, user="reader") as program:
            program.open()
            assert program.use("echo", {"text": "one"}) == "one"
            [question] = program.questions
            assert question["mode"] == "url"
            assert "asks for more than your last sign-in brought" in question["message"]
        assert len(bench.desk.log("sign_in_started")) == 1


def test_more_scopes_of_the_same_api_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """403 insufficient_scope steps up within the API."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle(scopes=["Reports.Read"])
        with bench.run(tmp_path) as wire:
            wire.open()
            wire.text("echo", {"text": "one"})
            challenge = 'Bearer error="insufficient_scope", scope="Reports.Write"'
            bench.served.refuse.append((403, challenge))
            assert wire.text("echo", {"text": "two"}) == "two"
        last = jwt.decode(bench.served.tokens[-1], options={"verify_signature": False})
        assert set(last["scp"].split()) == {"Reports.Read", "Reports.Write"}


def test_scopes_of_another_api_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that names Graph's scopes gets no token of Graph, and the person reads why."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle()
        with bench.run(tmp_path) as wire:
            wire.open()
            wire.text("echo", {"text": "one"})
            graph = "https://graph.microsoft.com/Mail.Read"
            bench.served.refuse.append((403, f'Bearer error="insufficient_scope", scope="{graph}"'))
            answer = wire.request("resources/read", {"uri": "note://one"})
        assert "another API" in answer["error"]["message"]
        assert bench.audiences() == {OTHER.api_id}


def test_a_token_is_renewed_beside_its_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority's advice to renew is taken while the old token still serves."""
    with _bench(tmp_path, monkeypatch, refresh_in=1) as bench:
        bench.settle()
        with bench.run(tmp_path) as wire:
            wire.open()
            wire.text("echo", {"text": "one"})

            def renewed() -> bool:
                wire.text("echo", {"text": "again"})
                return len(bench.served.tokens) > 1

            wait_for(renewed)


def test_with_memory_only_the_token_comes_over_the_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing may be kept, the sign-in and both tokens live in the server's process."""
    with _bench(tmp_path, monkeypatch) as bench:
        bench.settle(user="")
        bench.desk.environ["BROWSER"] = browser_command("reader@contoso.example")
        bench.desk.set(CACHE_KEY="memory")
        with bench.run(tmp_path) as wire:
            wire.open()
            wire.call("mcp_local_sign_in")
            assert wire.text("echo", {"text": "hello"}) == "hello"
        assert bench.audiences() == {OTHER.api_id}


def test_commands_ask_the_server_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``tools`` reaches it with the token, and says how to get one where there is none."""
    with _bench(tmp_path, monkeypatch, replace(OTHER, consent=Consent.ASK)) as bench:
        bench.settle()
        refused = bench.desk.run("tools", "it")
        assert refused.returncode == ExitCode.UNREACHABLE
        assert "mcp-local login --scope" in refused.stderr
        scope = f"{OTHER.api_id}/.default"
        consented = bench.desk.run("login", "--scope", scope)
        assert consented.returncode == ExitCode.OK
        assert f"Consented to {scope}: there is a token for it now." in consented.stderr
        shown = bench.desk.run("tools", "it")
        assert "echo" in shown.stdout
        assert bench.audiences() == {OTHER.api_id}
