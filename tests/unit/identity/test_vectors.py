"""The shared vectors: each token is refused for the reason that stands beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from mcp_local.identity.keyset import parse_jwks
from mcp_local.identity.model import Expectations, Rejection
from tests.support.tokens import refusal
from tests.vectors import generate

VECTORS = json.loads(generate.FILE.read_bytes())
CASES = {case["name"]: generate.Case(**case) for case in VECTORS["cases"]}
EXPECTED = msgspec.convert(VECTORS["expectations"], Expectations)
KEYS = parse_jwks(json.dumps(VECTORS["jwks"]).encode())


@pytest.mark.parametrize("name", CASES)
def test_a_vector_is_refused_for_its_reason(name: str) -> None:
    """The reason is the one that the vector names, or none."""
    case = CASES[name]
    expected = replace(EXPECTED, allow_app_only=case.allow_app_only)
    reason = refusal(case.token, keys=KEYS, expected=expected, now=VECTORS["now"])
    assert (reason or "accepted") == case.expected


def test_every_reason_has_a_vector() -> None:
    """No refusal is left without an example."""
    assert {case.expected for case in CASES.values()} == {*Rejection, "accepted"}


def test_the_file_holds_what_the_table_says() -> None:
    """Whoever changes the table writes the file anew: `python -m tests.vectors.generate`."""
    assert [(case.name, case.table, case.expected) for case in CASES.values()] == [
        (case.name, case.table, case.expected) for case in generate.cases()
    ]
