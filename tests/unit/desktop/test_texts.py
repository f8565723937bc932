"""Documents that are edited in place: what isn't meant stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_local.desktop.json_text import JsonText
from mcp_local.desktop.text import Unreadable
from mcp_local.desktop.toml_text import TomlText
from mcp_local.desktop.yaml_text import YamlText

if TYPE_CHECKING:
    from mcp_local.desktop.text import ConfigText

ENTRY = {"command": "/bin/m", "args": ["run", "--", "x y"], "env": {"A": "b: c"}}
NEW = ("servers", "new one")

JSON = (
    """{
  // mine
  "servers": {
    "a": {"command": "x"}, // about a
    // the end
  },
}
""",
    """{
\t"servers": {
\t\t"a": {"command": "x"} // last
\t},
\t"n": 1e3
}
""".replace("\n", "\r\n"),
    """\ufeff{
    "servers": {
        "a": {
            "command": "x" /* in */
        }
    }
}""",
    '{"servers":{}}',
    """{
  "other": [1, 2,
 3]
, "servers": {"a": {"command": "x"},
    "b": {"command": "y"}
}}""",
)
TOML = (
    """model = "x" # y

[servers.a]
command = "npx"   # why
args = [
  "-y", # yes
]

[servers.a.env]
K = "v"

[profiles.p]
x = 1
""",
    """[servers]
a = { command = "c" }

[z]
""",
)
YAML = (
    """# top
servers:
  a:
    command: x # why
    args:
    - one
    - two

# after
B: 2
""",
    """A: 1
servers:
    a:
        command: >
            long
            text
""".replace("\n", "\r\n"),
    """servers: {}
B: 2
""",
)
ALL = [
    (kind, text)
    for kind, texts in ((JsonText, JSON), (TomlText, TOML), (YamlText, YAML))
    for text in texts
]


@pytest.mark.parametrize(("kind", "text"), ALL)
def test_an_entry_put_in_and_taken_out_leaves_the_text_as_it_was(
    kind: type[ConfigText], text: str
) -> None:
    """Nothing but the new entry is written, and nothing but it is removed."""
    document = kind(text)  # pyright: ignore[reportCallIssue]
    before = document.data()
    document.set(NEW, ENTRY)
    after = kind(document.text)  # pyright: ignore[reportCallIssue]
    assert after.data() == {**before, "servers": {**_servers(before), "new one": ENTRY}}
    after.remove(NEW)
    assert after.text == text


def _servers(data: object) -> dict[str, object]:
    assert isinstance(data, dict)
    return data["servers"]  # pyright: ignore[reportUnknownVariableType]


@pytest.mark.parametrize(
    ("kind", "text"), [each for each in ALL if "x" in each[1] or "c" in each[1]]
)
def test_what_was_written_can_be_put_back_as_it_was(kind: type[ConfigText], text: str) -> None:
    """The source of an entry holds its comments and line breaks."""
    document = kind(text)  # pyright: ignore[reportCallIssue]
    if "a" not in _servers(document.data()):
        pytest.skip("it has no entry")
    source = document.source(("servers", "a"))
    document.set(("servers", "a", "command"), "M")
    document.set(("servers", "a", "args"), ["run", "--"])
    assert _servers(document.data())["a"] != {}
    document.set_source(("servers", "a"), source)
    assert document.text == text


@pytest.mark.parametrize("kind", [JsonText, TomlText, YamlText])
def test_a_document_that_is_not_there_begins_empty(kind: type[ConfigText]) -> None:
    """The first entry makes the tables around it."""
    document = kind("")  # pyright: ignore[reportCallIssue]
    document.set(NEW, ENTRY)
    assert document.data() == {"servers": {"new one": ENTRY}}
    document.remove(("servers", "nobody"))
    document.remove(("nothing", "nobody"))
    assert document.data() == {"servers": {"new one": ENTRY}}
    assert document.source(("nothing",)) == ""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (JsonText, '{"a": '),
        (JsonText, "[1]"),
        (JsonText, '{"a": 1} {"b": 2}'),
        (JsonText, "\x00"),
        (JsonText, "[" * 10_000),
        (TomlText, "a = "),
        (TomlText, "a = 1\na = 2\n"),
        (YamlText, "a: [1"),
        (YamlText, "- 1\n"),
        (YamlText, "a: !!python/object:x {}\n"),
    ],
)
def test_a_document_that_does_not_parse_is_refused(kind: type[ConfigText], text: str) -> None:
    """It is never touched."""
    with pytest.raises(Unreadable):
        kind(text)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (JsonText('{"servers": 1}'), NEW),
        (TomlText("servers = 1\n"), NEW),
        (YamlText("servers: {a: {command: x}}\n"), NEW),
    ],
)
def test_a_place_that_can_not_be_edited_is_refused(
    document: ConfigText, path: tuple[str, ...]
) -> None:
    """The text stays as it was."""
    text = document.text
    with pytest.raises(Unreadable):
        document.set(path, ENTRY)
    assert document.text == text


def test_a_comma_in_a_comment_is_not_the_one_that_is_taken() -> None:
    """What stands between two entries keeps its words; the comma behind the first goes."""
    document = JsonText('{\n  "a": 1, // one, and only\n  "b": 2\n}\n')
    document.remove(("b",))
    assert document.text == '{\n  "a": 1 // one, and only\n}\n'
    document = JsonText('{"a": 1 /* x, y */, "b": 2}')
    document.remove(("b",))
    assert document.text == '{"a": 1 /* x, y */}'
