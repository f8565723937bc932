"""A first policy: what is granted, and what is only proposed."""

from __future__ import annotations

import pytest

from mcp_local.cli.policy.draft import write_draft
from mcp_local.cli.policy.proposal import Level, propose
from mcp_local.policy.model import Component, Kind
from mcp_local.policy.reading.parse import parse_policy

READ_ONLY = {"readOnlyHint": True}


def tool(name: str, **annotations: object) -> Component:
    """Return a tool with these annotations."""
    return Component(Kind.TOOL, name, annotations=annotations)


@pytest.mark.parametrize(
    ("component", "level", "granted"),
    [
        (tool("get_report", readOnlyHint=True), Level.READER, True),
        (tool("frobnicate", readOnlyHint=True), Level.READER, True),
        (tool("get_report"), Level.READER, False),
        (tool("getReport"), Level.READER, False),
        (tool("delete_report", readOnlyHint=True), Level.ADMIN, False),
        (tool("set_report", readOnlyHint=True), Level.WRITER, False),
        (tool("look", readOnlyHint=True, destructiveHint=True), Level.ADMIN, False),
        (tool("get_report", readOnlyHint=False), Level.WRITER, False),
        (tool("list_and_purge", readOnlyHint=False), Level.ADMIN, False),
        (tool("set_report"), Level.WRITER, False),
        (tool("get_report", readOnlyHint="true"), Level.READER, False),
        (tool("frobnicate"), Level.ADMIN, False),
        (Component(Kind.RESOURCE, "docs://a"), Level.READER, False),
        (Component(Kind.RESOURCE, "docs://a", annotations=READ_ONLY), Level.READER, True),
        (Component(Kind.PROMPT, "briefing"), Level.READER, False),
    ],
)
def test_what_is_proposed(component: Component, level: Level, granted: bool) -> None:  # noqa: FBT001 - a column of the table
    """Granted is what is marked read-only and nothing contradicts; names only propose."""
    (proposal,) = propose([component])
    assert (proposal.level, proposal.granted) == (level, granted)
    assert proposal.why


def test_of_several_versions_the_most_cautious_counts() -> None:
    """A name grants all its versions: one that isn't marked keeps it in the comments."""
    versions = [tool("get_report", readOnlyHint=True), tool("get_report", readOnlyHint=False)]
    for order in (versions, versions[::-1]):
        (proposal,) = propose(order)
        assert (proposal.level, proposal.granted) == (Level.WRITER, False)


def test_names_that_no_policy_can_say_are_told() -> None:
    """They stand in the head, escaped, since they can't be granted by name."""
    text = write_draft(propose([tool("a\nversion: 2", readOnlyHint=True)]), "server.py")
    assert "# Can't be named in a policy" in text
    assert '"a\\nversion: 2"' in text
    assert parse_policy(text, "policy.yaml").grants == ()


def test_nothing_at_all_is_a_policy_too() -> None:
    """A server that has nothing gets a policy that grants nothing."""
    assert parse_policy(write_draft([], "server.py"), "policy.yaml").grants == ()
