"""A corpus of malformed policies: one clear error each, with its place, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from mcp_local.errors import ExitCode
from mcp_local.policy.deciding import predicates
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.problems import MOST, InvalidPolicy, Problem
from mcp_local.policy.reading.parse import parse_policy


class Bad(NamedTuple):
    """One malformed policy: its text, and where the error must point."""

    text: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""


LONG = "a" * 121
DEEP = "[" * 17 + "]" * 17

CORPUS = [
    # not YAML
    Bad("roles: [", 2, 1, "", "is not YAML"),
    Bad("roles: {a: 1", 2, 1, "", "is not YAML"),
    Bad("version: 1\nroles: {A: {tools: [*]}}", 2, 22, "", "alias", 'Put a `*` in quotes: "*".'),
    Bad("\troles: {}", 1, 1, "", "is not YAML"),
    Bad("a: 'x", 1, 6, "", "is not YAML"),
    Bad("roles:\n A: {}\n  B: {}", 3, 3, "", "is not YAML"),
    Bad("%FOO\n---\n- [", 1, 5, "", "is not YAML"),
    Bad("roles: \x00", 1, 1, "", "is not text", "Save it as UTF-8"),
    Bad("roles: \ud800", 1, 1, "", "is not text"),
    # nothing, or something else
    Bad("", 1, 1, "", "is empty", "version: 1"),
    Bad("# only a comment\n", 1, 1, "", "is empty"),
    Bad("---\n", 2, 1, "", "must be a mapping of keys to values, not nothing"),
    Bad("- a\n- b", 1, 1, "", "must be a mapping of keys to values, not a list"),
    Bad("hello", 1, 1, "", "must be a mapping of keys to values, not a text"),
    Bad("version: 1\n---\nversion: 1", 3, 1, "", "holds a second document", "one to a file"),
    # references and tags
    Bad("roles: &x {}\n", 1, 8, "", "uses an anchor", "quote"),
    Bad("roles: {A: *x}", 1, 12, "", "uses an alias", "quote"),
    Bad("a: &a [x]\nb: *a", 1, 4, "", "uses an anchor"),
    Bad("roles: !!python/object:os.system {}", 1, 8, "", "uses a YAML tag"),
    Bad("roles: {A: {tools: [!!str x]}}", 1, 21, "", "uses a YAML tag"),
    Bad("!!map {version: 1}", 1, 1, "", "uses a YAML tag"),
    Bad("roles: {<<: {A: {}}}", 1, 9, "roles", "YAML takes it for a date or a sign of YAML"),
    # duplicate and odd keys
    Bad("version: 1\nversion: 1", 2, 1, "", "repeats the key `version` of line 1"),
    Bad("roles:\n  A: {}\n  A: {}", 3, 3, "", "repeats the key `A` of line 2"),
    Bad("roles: {A: {tags: [x], tags: [y]}}", 1, 24, "", "repeats the key `tags`"),
    Bad("? [a]\n: b", 1, 3, "", "has a key that is not a text"),
    Bad("{[a, b]: c}", 1, 2, "", "has a key that is not a text"),
    Bad("roles: {1: {}}", 1, 9, "roles", "YAML takes it for a number", '"1"'),
    Bad("roles: {on: {}}", 1, 9, "roles", "YAML takes it for true or false", '"on"'),
    Bad("roles: {'': {}}", 1, 9, "roles", "without blanks"),
    # depth
    Bad(f"roles: {DEEP}", 1, 23, "", "is nested deeper than 16 levels"),
    Bad("[" * 100_000, 1, 17, "", "is nested deeper than 16 levels"),
    Bad("{a: " * 100_000, 1, 62, "", "is nested deeper than 16 levels"),
    # top level
    Bad("rolse: {}", 1, 1, "rolse", "is no key here", "Did you mean 'roles'?"),
    Bad("version: 1\nRoles: {}", 2, 1, "Roles", "is no key here", "Did you mean 'roles'?"),
    Bad("version: 1\ndefault_effect: deny", 2, 1, "default_effect", "is no key here", "'default'"),
    Bad("default_effect: deny", 1, 1, "", "has no `rules`", "mcp-auth-guard"),
    Bad("rules: []", 1, 8, "rules", "is an empty list", "Leave it out"),
    Bad("mode: observing", 1, 7, "mode", "not `observing`", "Did you mean 'observe'?"),
    Bad("version: 2", 1, 10, "version", "must be 1", "Write `version: 1`."),
    Bad('version: "1"', 1, 10, "version", "must be 1"),
    Bad("version: 1.0", 1, 10, "version", "must be 1"),
    Bad("version:", 1, 9, "version", "must be 1"),
    Bad("version: [1]", 1, 10, "version", "must be 1"),
    Bad("default: alow", 1, 10, "default", "not `alow`", "Did you mean 'allow'?"),
    Bad("default: Deny", 1, 10, "default", "not `Deny`", "Did you mean 'deny'?"),
    Bad("default: ask", 1, 10, "default", "must be allow or deny, not `ask`"),
    Bad("default: no", 1, 10, "default", "YAML takes it for true or false"),
    Bad("default: ", 1, 9, "default", "YAML takes it for nothing"),
    Bad("default: [deny]", 1, 10, "default", "must be a text, not a list"),
    # roles
    Bad("roles: [A]", 1, 8, "roles", "must be a mapping of keys to values, not a list"),
    Bad("roles:", 1, 7, "roles", "must be a mapping of keys to values, not nothing"),
    Bad("roles: {A: }", 1, 12, "roles.A", "must be a mapping of keys to values, not nothing"),
    Bad("roles: {A: [tags]}", 1, 12, "roles.A", "must be a mapping"),
    Bad("roles: {'*': {tags: [a]}}", 1, 9, "roles.*", "roles match exactly", "default: allow"),
    Bad("roles: {Task Read: {}}", 1, 9, "roles.Task Read", "no app role's value", "display name"),
    Bad(f"roles: {{{LONG}: {{}}}}", 1, 9, f"roles.{LONG}", "over 120 characters"),
    Bad("roles: {' A': {}}", 1, 9, "roles", "without blanks around it"),
    Bad("roles: {A: {tgas: [x]}}", 1, 13, "roles.A.tgas", "no key here", "Did you mean 'tags'?"),
    Bad("roles: {A: {tool: [x]}}", 1, 13, "roles.A.tool", "no key here", "Did you mean 'tools'?"),
    Bad("roles: {A: {include: [A]}}", 1, 13, "roles.A.include", "no key", "'includes'"),
    Bad("roles: {A: {rules: [x]}}", 1, 13, "roles.A.rules", "no key here"),
    Bad("roles: {A: {tags: x}}", 1, 19, "roles.A.tags", "must be a list, not a text", "[x]"),
    Bad("roles: {A: {tags: }}", 1, 19, "roles.A.tags", "must be a list, not nothing"),
    Bad("roles: {A: {tags: {x: y}}}", 1, 19, "roles.A.tags", "must be a list, not a mapping"),
    Bad("roles: {A: {tags: []}}", 1, 19, "roles.A.tags", "is an empty list", "Leave it out"),
    Bad("roles: {A: {tags: [1]}}", 1, 20, "roles.A.tags[0]", "takes it for a number", '"1"'),
    Bad("roles: {A: {tags: [x, yes]}}", 1, 23, "roles.A.tags[1]", "true or false", '"yes"'),
    Bad("roles: {A: {tags: [2024-01-01]}}", 1, 20, "roles.A.tags[0]", "a date"),
    Bad("roles: {A: {tags: [~]}}", 1, 20, "roles.A.tags[0]", "for nothing", '"~"'),
    Bad("roles: {A: {tags: [[x]]}}", 1, 20, "roles.A.tags[0]", "must be a text, not a list"),
    Bad("roles: {A: {tags: ['']}}", 1, 20, "roles.A.tags[0]", "without blanks"),
    Bad("roles: {A: {tags: ['x ']}}", 1, 20, "roles.A.tags[0]", "without blanks"),
    Bad('roles: {A: {tags: ["x\\u200b"]}}', 1, 20, "roles.A.tags[0]", "control characters"),
    Bad('roles: {A: {tags: ["x\\ny"]}}', 1, 20, "roles.A.tags[0]", "control characters"),
    Bad("roles: {A: {tools: ['[a']}}", 1, 21, "roles.A.tools[0]", "a `[` without its `]`"),
    Bad("roles: {A: {prompts: ['[b-a]']}}", 1, 23, "roles.A.prompts[0]", "runs backwards"),
    Bad("roles: {A: {resources: ['d://a/../b']}}", 1, 25, "roles.A.resources[0]", "never match"),
    Bad("roles: {A: {resources: ['d://u@a']}}", 1, 25, "roles.A.resources[0]", "user info"),
    # actions
    Bad("roles: {A: {tags: [x], actions: [cal]}}", 1, 34, "roles.A.actions[0]", "cal", "'call'"),
    Bad("roles: {A: {tags: [x], actions: call}}", 1, 33, "roles.A.actions", "a list", "[call]"),
    Bad("roles: {A: {tags: [x], actions: []}}", 1, 33, "roles.A.actions", "an empty list"),
    Bad("roles: {A: {actions: [call]}}", 1, 22, "roles.A.actions", "nothing to act on"),
    Bad(
        "roles: {A: {tools: [x], actions: [read]}}", 1, 34, "roles.A.actions", "never", "call, list"
    ),
    Bad("roles: {A: {prompts: [x], actions: [call]}}", 1, 36, "roles.A.actions", "never apply to"),
    # includes
    Bad("roles: {A: {includes: [B]}}", 1, 24, "roles.A.includes[0]", "`B`, which is no role"),
    Bad("roles: {Ab: {}, A: {includes: [AB]}}", 1, 32, "roles.A.includes[0]", "`AB`", "'Ab'"),
    Bad("roles: {A: {includes: [A]}}", 1, 24, "roles.A.includes[0]", "itself: A → A"),
    Bad(
        "roles:\n  A: {includes: [B]}\n  B: {includes: [A]}",
        2,
        18,
        "roles.A.includes[0]",
        "includes itself: ",
    ),
    # tags
    Bad("tags: [read]", 1, 7, "tags", "must be a mapping"),
    Bad("tags: {read: [get_x]}", 1, 14, "tags.read", "must be a mapping"),
    Bad("tags: {read: {}}", 1, 14, "tags.read", "tags nothing", "Name tools"),
    Bad("tags: {read: {tags: [x]}}", 1, 15, "tags.read.tags", "is no key here"),
    Bad("tags: {read: {tool: [x]}}", 1, 15, "tags.read.tool", "is no key here", "'tools'"),
    Bad("tags: {read: {tools: get_x}}", 1, 22, "tags.read.tools", "must be a list", "[get_x]"),
    Bad("tags: {read: {tools: ['[x']}}", 1, 23, "tags.read.tools[0]", "without its"),
]


def problems(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with a policy."""
    with pytest.raises(InvalidPolicy) as caught:
        compile_policy([parse_policy(text, "policy.yaml")])
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value.problems


@pytest.mark.parametrize("bad", CORPUS, ids=lambda bad: bad.text[:50])
def test_a_mistake_is_told_with_its_place(bad: Bad) -> None:
    """File, line, column, path in the document, and the way out."""
    first = problems(bad.text)[0]
    assert bad.message in first.message
    assert bad.hint in first.hint
    assert (first.file, first.line, first.column, first.path) == (
        "policy.yaml",
        bad.line,
        bad.column,
        bad.path,
    )


LONG_FORM = json.loads(
    (Path(__file__).parents[2] / "vectors" / "policies" / "mistakes.json").read_text("utf-8")
)
"""One mistake each in the long form, with the whole of what is said of it."""


@pytest.fixture(autouse=True)
def _nothing_registered(  # pyright: ignore[reportUnusedFunction]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other tests register conditions of their own."""
    monkeypatch.setattr(predicates, "_registered", {})


@pytest.mark.parametrize("bad", LONG_FORM, ids=range(len(LONG_FORM)))
def test_a_mistake_in_a_rule_is_told_in_full(bad: dict[str, object]) -> None:
    """Place, path, sentence and hint are those that were agreed on."""
    first = problems(str(bad["policy"]))[0]
    told = {"line": first.line, "column": first.column, "path": first.path}
    told |= {"message": first.message, "hint": first.hint}
    assert told == {key: bad[key] for key in told}


def test_the_corpus_is_large() -> None:
    """At least 150 malformed policies, no two alike."""
    texts = {bad.text for bad in CORPUS} | {str(bad["policy"]) for bad in LONG_FORM}
    assert len(texts) == len(CORPUS) + len(LONG_FORM) > 250


def test_all_mistakes_are_told_at_once() -> None:
    """Nobody mends a policy one error at a time."""
    found = problems("roles:\n  A: {tgas: [x], tools: x}\ntags: 1\nfoo: 2\n")
    assert [each.path for each in found] == ["foo", "roles.A.tgas", "roles.A.tools", "tags"]


def test_the_error_reads_like_a_compilers() -> None:
    """The first mistake stands in the message, with the number of others."""
    with pytest.raises(InvalidPolicy) as caught:
        parse_policy("rolse: {}\nfoo: 1", "policy.yaml")
    assert caught.value.message == "policy.yaml:1:1: `rolse` is no key here. (and 1 more)"
    assert caught.value.hint == "Did you mean 'roles'?"


def test_a_text_of_many_megabytes_is_refused_unread() -> None:
    """A policy isn't a data set."""
    assert "larger than 4 MiB" in problems("#" * (4 << 20) + "\n")[0].message


def test_inclusions_that_would_fill_the_memory_are_refused() -> None:
    """A chain of thousands reaches millions of roles."""
    roles = "".join(f"  R{i}: {{includes: [R{i + 1}]}}\n" for i in range(2_500))
    (found,) = problems(f"roles:\n{roles}  R2500: {{}}\n")
    assert "includes too many roles" in found.message


@pytest.mark.parametrize("line", ["k{}: 1", "  r{}: {{includes: [x{}], tags: [a]}}"])
def test_a_file_full_of_mistakes_is_given_up(line: str) -> None:
    """Each mistake is compared with all valid words: thousands would hold up the start (M24)."""
    text = "roles:\n" if line.startswith(" ") else ""
    text += "\n".join(line.format(number, number) for number in range(2 * MOST))
    with pytest.raises(InvalidPolicy) as caught:
        compile_policy([parse_policy(text, "policy.yaml")])
    assert len(caught.value.problems) == MOST
