"""A first look at a server's settings sees what all of the settings say, or nothing."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import event, given, strategies as st

from mcp_local.cli.swift import Plain
from mcp_local.cli.swift_named import look_up
from mcp_local.cli.swift_settings import find_started
from mcp_local.errors import SettingsError
from mcp_local.guard.relay.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD = 'tenant = "contoso.com"\nclient_id = "11111111-1111-4111-8111-111111111111"\n'

ODD = ["", " ", " npx ", "a\nb", "a\0b", "\u200b", "ü", "\\", "\"'"]
PATHS = [".", "../x", "/opt/x", "~/bin/x", "server.py", "server.py:app"]
texts = st.sampled_from(["uvx", "${HOME}", "hold", "report", "roots/list", *PATHS, *ODD])
values = st.one_of(texts, st.lists(texts, max_size=3), st.just(1), st.booleans())
tables = st.one_of(values, st.dictionaries(st.sampled_from(["A", "MCP_LOCAL_X", "a b"]), values))
KEYS = ["command", "args", "env", "cwd", "requests", "methods", "definitions", "url", "policy"]
servers = st.fixed_dictionaries(
    {"command": texts},
    optional={
        "args": st.lists(texts, max_size=3),
        "env": st.dictionaries(st.sampled_from(["A", "A=B", "MCP_LOCAL_X"]), texts, max_size=2),
        "cwd": texts,
        "requests": st.lists(texts, max_size=3),
        "methods": st.lists(texts, max_size=3),
        "definitions": st.sampled_from(["hold", "report"]),
        "policy": texts,
    },
) | st.dictionaries(st.sampled_from(KEYS), tables, max_size=5)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in table.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, cast("list[object]", value))) + "]"
    return json.dumps(value)


@given(server=servers)
def test_a_first_look_sees_what_the_settings_say(server: Mapping[str, object]) -> None:
    """Whatever a table holds: what was started by it is what is served, or an error says why."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MCP_LOCAL_HOME", folder)
        lines = (f"{key} = {_toml(value)}\n" for key, value in server.items())
        config = Path(folder) / "config.toml"
        config.write_text(f"{HEAD}[servers.one]\n{''.join(lines)}", encoding="utf-8")
        seen = look_up(Plain((), {}, {}, rules=Rules("one")), os.environ)
        wrong = _what_is_wrong(seen) if seen else ""
    event(wrong[:40] or "served" if seen else "not plain")
    assert "changed while it was started" not in wrong


def _what_is_wrong(seen: Plain) -> str:
    try:
        find_started(seen)
    except SettingsError as error:
        return error.message.rpartition(": ")[2]
    return ""
