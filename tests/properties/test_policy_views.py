"""File, builder and export are three views of one policy: each comes to the same decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.views.export import plain, to_json, to_yaml
from mcp_local.policy.views.export_python import to_python
from tests.support.policies import Question, asked, documents

if TYPE_CHECKING:
    from mcp_local.policy.building.builder import Policy
    from mcp_local.policy.document import Document
    from mcp_local.policy.model import Decides, Decision

QUICK = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def run(module: str) -> Policy:
    """Run what was exported as Python."""
    names: dict[str, Any] = {}
    exec(module, names)  # noqa: S102 - that it can be run is the point
    return names["policy"]


def answer(policy: Decides, question: Question) -> Decision:
    """Ask, and leave out what depends on the place in a file and on the clock."""
    decision = policy.decide(*question)
    return replace(decision, evaluation_us=0.0, origin="")


def check_views(document: Document, questions: list[Question]) -> None:
    """Compare a document with all that is made of it."""
    views = [
        parse_policy(to_yaml(document), "again.yaml"),
        parse_policy(to_json(document), "again.json"),
        run(to_python(document)).document,
    ]
    first = compile_policy([document])
    expected = [answer(first, question) for question in questions]
    for view in views:
        compiled = compile_policy([view])
        assert [answer(compiled, question) for question in questions] == expected


@given(documents(), asked(2))
@QUICK
def test_every_view_decides_the_same(document: Document, questions: list[Question]) -> None:
    """YAML, JSON and Python that are written of a policy are that policy."""
    check_views(document, questions)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
@given(documents(), asked())
@settings(QUICK, max_examples=3_000)
def test_every_view_decides_the_same_at_length(
    document: Document, questions: list[Question]
) -> None:
    """The same, for 80,000 questions."""
    check_views(document, questions)


@given(documents())
@QUICK
def test_what_is_written_is_canonical(document: Document) -> None:
    """Read and written again, the text is the same, and so is what it says."""
    text = to_yaml(document)
    again = parse_policy(text, "again.yaml")
    assert to_yaml(again) == text
    assert plain(again) == plain(document)
    assert to_yaml(parse_policy(to_json(document), "again.json")) == text
