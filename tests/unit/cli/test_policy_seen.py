"""The least policy that the log of an observing server needs."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from mcp_local.cli.main import main
from mcp_local.cli.policy.seen import read_uses, write_least
from mcp_local.errors import ExitCode, UsageError
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.people import imagined

if TYPE_CHECKING:
    from pathlib import Path


def line(kind: str, component: str, action: str, *roles: object, **more: object) -> str:
    """Return a line of the log, as an observing guard writes it."""
    said = {"event": "decision", "kind": kind, "component": component, "action": action}
    return json.dumps({**said, "allowed": True, "observed": True, "roles": list(roles), **more})


def allows(text: str, action: Action, component: Component, *roles: str) -> bool:
    """Tell whether a policy of this text allows it to somebody with these roles."""
    policy = compile_policy([parse_policy(text, "seen.yaml")])
    return policy.decide(imagined(frozenset(roles)), Request(action), component).allowed


def test_what_was_seen_is_allowed_and_nothing_else() -> None:
    """By name, for the role, with the actions that were seen and listing."""
    uses = read_uses(
        [
            line("tool", "get_report", "call", "Reader"),
            line("tool", "get_report", "call", "Reader"),
            line("resource", "docs://handbook", "read", "Reader"),
        ]
    )
    text = write_least(uses)
    handbook = Component(Kind.RESOURCE, "docs://handbook")
    assert len(uses) == 2
    assert allows(text, Action.CALL, Component(Kind.TOOL, "get_report"), "Reader")
    assert allows(text, Action.LIST, handbook, "Reader")
    assert allows(text, Action.READ, handbook, "Reader")
    assert not allows(text, Action.SUBSCRIBE, handbook, "Reader")
    assert not allows(text, Action.CALL, Component(Kind.TOOL, "get_other"), "Reader")
    assert not allows(text, Action.CALL, Component(Kind.TOOL, "get_report"), "Writer")


def test_each_component_gets_only_what_was_done_with_it() -> None:
    """One grant would give the actions of each to all: what differs stands in rules."""
    done = [
        ("tool", "get_report", "call"),
        ("resource", "docs://a", "read"),
        ("resource", "docs://b", "subscribe"),
        ("resource", "docs://c", "read"),
        ("resource", "docs://c", "complete"),
        ("prompt", "ask", "get"),
        ("prompt", "tell", "complete"),
    ]
    text = write_least(read_uses([line(*use, "Reader") for use in done]))
    possible = {
        "tool": ["list", "call"],
        "resource": ["list", "read", "subscribe", "complete"],
        "prompt": ["list", "get", "complete"],
    }
    for kind, name in {(kind, name) for kind, name, _ in done}:
        for action in map(Action, possible[kind]):
            seen = action is Action.LIST or (kind, name, action) in done
            component = Component(Kind(kind), name)
            assert allows(text, action, component, "Reader") is seen, (name, action)
            assert not allows(text, action, component, "Other")


def test_the_narrowest_role_gets_it() -> None:
    """Of a person's roles the one that the fewest others have is widened."""
    text = write_least(
        read_uses(
            [
                line("tool", "get_report", "call", "Everybody"),
                line("tool", "pay", "call", "Everybody", "Clerk"),
            ]
        )
    )
    assert allows(text, Action.CALL, Component(Kind.TOOL, "pay"), "Clerk")
    assert not allows(text, Action.CALL, Component(Kind.TOOL, "pay"), "Everybody")


def test_what_clients_ask_for_is_never_a_glob() -> None:
    """A model that reads `docs://*` is not given all of it."""
    text = write_least(read_uses([line("resource", "docs://*", "read", "Reader")]))
    assert allows(text, Action.READ, Component(Kind.RESOURCE, "docs://*"), "Reader")
    assert not allows(text, Action.READ, Component(Kind.RESOURCE, "docs://secret"), "Reader")


@pytest.mark.parametrize(
    ("seen", "remark"),
    [
        (line("tool", "look", "call"), "whoever used it has no role"),
        (line("tool", "a" * 256, "call", "Reader"), "only the beginning of its name"),
        (line("tool", "a\nroles:", "call", "Reader"), "can't be printed"),
        (line("resource", "a://b/../c", "read", "Reader"), "a dot segment"),
        (
            line("resource", "a://{path}", "read", "Reader"),
            "all that a template of this text reads",
        ),
    ],
)
def test_what_no_grant_can_say_is_told(seen: str, remark: str) -> None:
    """It stands in a comment, escaped; the rest is written."""
    text = write_least(read_uses([seen, line("tool", "get_report", "call", "Reader")]))
    assert remark in text
    assert len(parse_policy(text, "seen.yaml").grants) == 1


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[]",
        "[" * 100_000,
        '{"event": "decision"}',
        line("tool", "x", "call", "Reader", observed=False),
        line("tool", "x", "call", "Reader", event="other"),
        line("tool", "x", "call", "Reader", allowed=False),
        line("hammer", "x", "call", "Reader"),
        line("tool", "x", "hit", "Reader"),
        line("tool", "x", "call").replace("[]", "5"),
        line("tool", "x", "call", "Reader").replace('"x"', "5"),
    ],
)
def test_other_lines_are_passed_over(text: str) -> None:
    """Whatever else stands in the log, or was put there, is no use that was seen."""
    assert read_uses([text]) == []


def test_of_several_servers_one_can_be_meant() -> None:
    """What another one's tool of the same name was used for grants nothing here."""
    seen = [
        line("tool", "search", "call", "Reader", server="web"),
        line("tool", "find", "call", "Reader", server="notes"),
        line("tool", "look", "call", "Reader"),
    ]
    assert [use.name for use in read_uses(seen, "notes")] == ["find"]
    assert len(read_uses(seen)) == 3


def test_roles_that_no_policy_can_name_grant_nothing() -> None:
    """A role with blanks, or a star, is no role of a policy."""
    (use,) = read_uses([line("tool", "x", "call", "*", "a b", "", "a\n", 5, "x" * 121)])
    assert use.roles == frozenset()


def test_nothing_seen_is_told() -> None:
    """With what to do about it."""
    with pytest.raises(UsageError, match="nothing that a policy let through") as caught:
        write_least([])
    assert "mode: observe" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        write_least(read_uses([line("tool", "x", "call")]))
    assert "assign them one" in caught.value.hint


def test_a_log_of_text_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It tells people what happened, and programs nothing."""
    monkeypatch.setenv("MCP_LOCAL_LOG_FORMAT", "text")
    words = ["policy", "init", "--from-log", "--output", "-"]
    assert main(words, os.environ) is ExitCode.USAGE
    assert "`log.format` to `json`" in capsys.readouterr().err


def test_a_log_that_cannot_be_read_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder in its place, for example."""
    (home / "log" / "mcp-local.jsonl").mkdir(parents=True)
    words = ["policy", "init", "--from-log", "--output", "-"]
    assert main(words, os.environ) is ExitCode.FAULT
    assert "can't be read" in capsys.readouterr().err
