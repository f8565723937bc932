"""What people see of answers that aren't text."""

from __future__ import annotations

import io

import pytest
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from mcp_local.cli.catalogue import find_command
from mcp_local.cli.console import Console
from mcp_local.cli.context import Context
from mcp_local.cli.results import answer, block_text
from mcp_local.cli.use import argument_text
from mcp_local.errors import UsageError


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (TextContent(text="plain"), "plain"),
        (ImageContent(data="QUJD", mime_type="image/png"), "[image/png, 4 characters of base64]"),
        (AudioContent(data="QUJD", mime_type="audio/wav"), "[audio/wav, 4 characters of base64]"),
        (ResourceLink(name="x", uri="weather://cities"), "weather://cities"),
        (EmbeddedResource(resource=TextResourceContents(uri="x://y", text="inside")), "inside"),
        (
            EmbeddedResource(
                resource=BlobResourceContents(uri="x://y", blob="QUJD", mime_type="image/png")
            ),
            "[image/png]",
        ),
        (EmbeddedResource(resource=BlobResourceContents(uri="x://y", blob="QUJD")), "[bytes]"),
    ],
)
def test_every_kind_of_block_has_words(block: ContentBlock, text: str) -> None:
    """What a terminal can't show is named."""
    assert block_text(block) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (7, "7"),
        (True, "true"),
        (None, "null"),
        ({"ö": [1]}, '{"ö": [1]}'),
    ],
)
def test_arguments_of_a_prompt_are_text(value: object, text: str) -> None:
    """The protocol has nothing else for them; no server reads what Python would write."""
    assert argument_text(value) == text


@pytest.mark.parametrize("words", [["\udce9"], ["tool", "--args", '{"a": ["\\ud800"]}']])
@pytest.mark.parametrize("name", ["call", "prompt"])
def test_what_no_message_can_hold_is_a_mistake(name: str, words: list[str]) -> None:
    """Bytes of a shell in another encoding, or half a character, escaped."""
    command = find_command(name)
    with pytest.raises(UsageError, match="no character"):
        command.run(command.parse(words), Context(Console(), {}, ()))


def test_answers_can_not_steer_the_terminal() -> None:
    """What a tool says is others' text."""
    out = io.StringIO()
    result = CallToolResult(content=[TextContent(text="\x1b[2J")])
    answer(Context(Console(stdout=out), {}, ()), result, "\x1b[2J")
    assert out.getvalue() == "\\x1b[2J\n"
