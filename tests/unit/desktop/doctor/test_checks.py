"""Single checks, at what no whole desk shows."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.state import Problem
from mcp_local.desktop.catalogue import CLIENTS
from mcp_local.desktop.doctor import kept, machine, past, policies
from mcp_local.desktop.doctor.finding import Actor, Finding, Verdict, actor_of, actor_of_problem
from mcp_local.desktop.doctor.way import way
from mcp_local.errors import Unreachable
from mcp_local.identity.model import Rejection, TokenRejected
from mcp_local.log import Log
from mcp_local.policy.model import Component, Kind
from mcp_local.settings import ManagedFile, load

if TYPE_CHECKING:
    from pathlib import Path


def test_errors_of_a_log_in_words_are_found(tmp_path: Path) -> None:
    """`log.format = text` has no JSON in it; each kind is told once, the newest first."""
    log = Log(tmp_path / "log.jsonl", fmt="text")
    log.event("calm", level="info", why="nothing")
    for _ in range(2):
        log.event("not_renewed", level="error", why="AADSTS65001 and more")
    [told] = past.log(tmp_path / "log.jsonl")
    assert "not_renewed" in told.evidence
    assert "Nobody has agreed yet" in told.remedy


def test_lines_that_are_no_records_are_passed_by(tmp_path: Path) -> None:
    """Whatever stands in the file."""
    file = tmp_path / "log.jsonl"
    file.write_text('[1]\n"text"\n{half\n{"level": "info"}\n', encoding="ascii")
    [told] = past.log(file)
    assert told.verdict is Verdict.OK


def test_an_empty_log_is_called_so(tmp_path: Path) -> None:
    """As is one that isn't there yet."""
    [told] = past.log(tmp_path / "log.jsonl")
    assert (told.verdict, told.evidence.partition(":")[0]) == (Verdict.OK, "The log is empty")


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder in its place, for one."""
    [told] = past.log(tmp_path)
    assert told.verdict is Verdict.NOTE
    assert "can't be read" in told.evidence


@pytest.mark.parametrize(
    ("code", "who"),
    [
        ("AADSTS50105", Actor.ADMIN),
        ("AADSTS700016", Actor.DEVELOPER),
        ("AADSTS50076", Actor.YOU),
        ("AADSTS1", Actor.YOU),
        ("login_required", Actor.YOU),
        ("unreachable", Actor.IT),
        ("authority_down", Actor.IT),
    ],
)
def test_who_can_act_is_what_the_catalogue_says(code: str, who: Actor) -> None:
    """A code that isn't known is the person's to ask about."""
    assert actor_of_problem(Problem(code, "It says so.")) is who


def test_a_server_without_a_token_is_not_the_networks_fault() -> None:
    """What the authority said of it has a code."""
    assert actor_of(Unreachable("x can't be reached.")) is Actor.IT
    assert actor_of(Unreachable("No token for x. (AADSTS500011) Check.")) is Actor.DEVELOPER


def test_a_token_is_refused_for_the_clock_or_for_the_registration() -> None:
    """The first is the person's to mend."""
    assert actor_of(TokenRejected(Rejection.EXPIRED, "Old.")) is Actor.YOU
    assert actor_of(TokenRejected(Rejection.AUDIENCE, "Other.")) is Actor.DEVELOPER


def test_a_proxy_of_the_environment_may_be_unknown_to_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is looked at, and its password isn't told."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        port = proxy.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:canary@127.0.0.1:{port}")
        settings = load({"tenant": "contoso.example"}, {})
        found = list(way(settings))
    assert [each.verdict for each in found] == [Verdict.OK, Verdict.NOTE]
    assert f"127.0.0.1:{port}" in found[0].evidence
    assert "canary" not in repr(found)


@pytest.mark.parametrize("proxy", ["http://[::1:8080", "http://me:can/ary@127.0.0.1:1"])
def test_a_proxy_without_sense_is_told_as_such(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the doctor whom people ask then; the password isn't told here either."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    [told] = way(load({"tenant": "contoso.example"}, {}))
    assert told.verdict is Verdict.PROBLEM
    assert "can't be reached" in told.evidence
    assert "can" not in told.evidence.partition("can't")[0]


def test_a_port_that_can_not_be_opened_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox forbids it."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    [told] = machine.loopback()
    assert told.verdict is Verdict.PROBLEM
    assert told.evidence.count("No port can be opened") == 1
    assert "not permitted" in told.evidence


@pytest.mark.parametrize(
    ("browser", "verdict"),
    [
        ("true %s", Verdict.OK),
        ("/nowhere %s:true", Verdict.OK),
        ("no-such-browser", Verdict.PROBLEM),
        ('"', Verdict.PROBLEM),
    ],
)
def test_a_browser_that_is_named_must_be_there(browser: str, verdict: Verdict) -> None:
    """Any of several is enough, as for the standard module."""
    settings = load({"tenant": "contoso.example"}, {})
    [told] = machine.browser(settings, {"BROWSER": browser})
    assert told.verdict is verdict


def test_who_takes_comments_is_known_for_each_json_file() -> None:
    """Tried with Claude Code, which refuses them, and Gemini CLI, which doesn't."""
    takes = {client.id for client in CLIENTS if client.comments}
    assert takes == {"vscode", "cursor", "gemini", "zed"}


@pytest.mark.skipif(sys.platform == "win32", reason="there, the owner must be an administrator")
def test_the_administrators_file_is_named(tmp_path: Path) -> None:
    """What it says can't be found in the person's file, or changed by them."""
    path = tmp_path / "config.toml"
    path.write_text("policy = 'policy.yaml'", encoding="utf-8")
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    home = {"MCP_LOCAL_HOME": str(tmp_path / "home")}
    settings = load({}, home, managed=ManagedFile(path, owner=os.getuid()))
    told = [each.evidence for each in machine.settings_file(settings)]
    assert any(each.startswith(f"{path} is read") for each in told)


def test_a_policy_of_the_administrators_is_theirs_to_mend(tmp_path: Path) -> None:
    """Whether it is missing, broken, or odd."""
    path = tmp_path / "policy.yaml"
    for text in (None, "version: 1\nrolls: {}", "version: 1\nroles: {A: {tools: [x]}}"):
        if text is not None:
            path.write_text(text, encoding="utf-8")
        component = Component(Kind.TOOL, "y")
        found = list(policies.policy(str(path), [component], who=Actor.IT))
        assert {each.who for each in found if isinstance(each, Finding)} - {None} == {Actor.IT}


@pytest.mark.skipif(sys.platform == "win32", reason="there, a file has no such mode")
def test_a_passphrase_that_others_can_read_is_told(tmp_path: Path) -> None:
    """It is what keeps the cache shut."""
    file = tmp_path / "pass phrase"
    file.write_text("a long one of many words", encoding="utf-8")
    environ = {
        "MCP_LOCAL_HOME": str(tmp_path / "home"),
        "MCP_LOCAL_CACHE_KEY": "passphrase",
        "MCP_LOCAL_CACHE_PASSPHRASE_FILE": str(file),
    }
    for mode, remedies in ((0o600, []), (0o644, [f"Run: chmod 600 '{file}'"])):
        file.chmod(mode)
        found = kept.key_store(load({}, environ), environ)
        notes = [each for each in found if isinstance(each, Finding)]
        assert [each.remedy for each in notes if each.verdict is Verdict.NOTE] == remedies
