"""Laws of ``policy init``: no server can widen the policy that is written for it by its names."""

from __future__ import annotations

import re

from hypothesis import given, strategies as st

from mcp_local.cli.policy.draft import write_draft
from mcp_local.cli.policy.proposal import Level, propose, why_unnameable
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import USE, Action, Component, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.people import with_role

COMMENT = re.compile(r"^( *)# ", re.MULTILINE)
OTHERS = [Component(kind, name) for kind in Kind for name in ("get_anything", "other")]
NAMES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "*",
            "get_*",
            "[a-z]",
            "?",
            "no",
            "null",
            "1",
            "a: b",
            "- x",
            "# x",
            "x # y",
            "'",
            '"',
            "&a",
        ]
    ),
    st.text(alphabet="*?[]!{}:#-'\"\\\n\r\x85\u2028 ab", max_size=8),
)
COMPONENTS = st.lists(
    st.builds(
        Component,
        st.sampled_from(Kind),
        NAMES,
        annotations=st.fixed_dictionaries(
            {}, optional={"readOnlyHint": st.booleans(), "destructiveHint": st.booleans()}
        ),
    ),
    max_size=8,
)


@given(COMPONENTS)
def test_no_name_widens_it(components: list[Component]) -> None:
    """Whatever a server calls things, only what is marked read-only can be used, by nobody more."""
    text = write_draft(propose(components), "server.py\nversion: 3")
    policy = compile_policy([parse_policy(text, "policy.yaml")])
    marked = {(c.kind, c.name) for c in components if c.annotations.get("readOnlyHint") is True}
    for component in [*components, *OTHERS]:
        for role in Level:
            identity = with_role(role).identity
            for action in (Action.LIST, USE[component.kind]):
                if policy.decide(identity, Request(action), component).allowed:
                    assert (component.kind, component.name) in marked
    for proposal in propose(components):
        if proposal.granted and not why_unnameable(proposal.kind, proposal.name):
            component = Component(proposal.kind, proposal.name)
            identity = with_role(proposal.level).identity
            assert policy.decide(identity, Request(USE[proposal.kind]), component).allowed


@given(COMPONENTS)
def test_taking_up_everything_is_a_policy(components: list[Component]) -> None:
    """Without its comment signs the file is valid, and each role includes the one before."""
    head, body = write_draft(propose(components), "server.py").split("version: 1")
    assert all(line.startswith("# ") for line in head.splitlines())
    document = parse_policy("version: 1" + COMMENT.sub(r"\1", body), "policy.yaml")
    compile_policy([document])
    assert [grant.role for grant in document.grants] == [
        level for level in Level if level in {grant.role for grant in document.grants}
    ]
