"""What people are told of the authority's errors."""

from __future__ import annotations

import pytest

from mcp_local.broker.authority.aadsts import CATALOGUE, Who
from mcp_local.broker.authority.problems import code_of, problem_from

TRACE = (
    " Trace ID: 11111111-aaaa-bbbb-cccc-222222222222 Correlation ID: 333 "
    "Timestamp: 2026-01-01 00:00:00Z"
)
DOCUMENTED = """
65001 65004 65005 650057 650052 90094 90095 50105 50011 500113 900971 700016 7000112 7000218
700025 7000215 70002 500011 70011 700022 90009 90002 50194 50059 50020 50034 51004 90072 16000
500200 500212 500213 50126 50053 50055 50057 50058 50072 50079 50074 50076 50078 50097 50129 50155
50131 53003 530032 530035 50158 50132 50133 50173 53000 53001 530003 53002 53005 54005 501481 50147
9002325 70000 70008 700082 70043 70044 70016 70018 70019 70020 700003 9002313 50196
"""


def test_every_documented_code_is_there() -> None:
    """The catalogue is ENTRA.md, section 4."""
    assert set(CATALOGUE) == {int(code) for code in DOCUMENTED.split()}


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_row_is_for_people(code: int) -> None:
    """Sentences, a remedy, and somebody who can act."""
    row = CATALOGUE[code]
    assert row.means[0].isupper()
    assert row.means.endswith(".")
    assert row.remedy.endswith(".")
    assert row.who


def test_a_known_code_says_what_and_who() -> None:
    """With the code, for the administrator; without the authority's own noise."""
    problem = problem_from(
        {
            "error": "invalid_grant",
            "error_codes": [65001],
            "error_description": f"AADSTS65001: The user or administrator …{TRACE}",
            "suberror": "consent_required",
        }
    )
    assert problem.code == "AADSTS65001"
    assert problem.message.endswith("(AADSTS65001)")
    assert problem.hint.endswith(f"Who can act: {Who.USER} or {Who.ADMIN}.")
    assert "Trace" not in problem.message + problem.hint


def test_the_redirect_has_a_text_only() -> None:
    """There the code is taken out of the text."""
    error = {"error": "access_denied", "error_description": f"AADSTS65004: User declined{TRACE}"}
    assert code_of(error) == 65004
    assert problem_from(error).code == "AADSTS65004"


def test_an_unknown_code_keeps_the_authoritys_sentence() -> None:
    """What we don't know we pass on, less the trace."""
    text = f"AADSTS999999: Something\r\nnew\x1b[31m\u202e happened.{TRACE}"
    problem = problem_from({"error": "invalid_grant", "error_description": text})
    assert problem.code == "AADSTS999999"
    assert problem.message == ("The authority refuses: AADSTS999999: Something new[31m happened.")


def test_an_error_without_a_code() -> None:
    """Standard errors have words of ours."""
    assert problem_from({"error": "access_denied"}).message == "The sign-in was declined."
    assert "consent" not in problem_from({"error": "interaction_required"}).message


def test_an_error_without_anything() -> None:
    """Even then there is something to say."""
    problem = problem_from({})
    assert problem.code == "unknown_error"
    assert problem.message == "The authority refuses: unknown_error"


def test_a_made_up_error_name_is_not_repeated() -> None:
    """The code is a word, never free text."""
    assert problem_from({"error": "<script>"}).code == "unknown_error"
    assert problem_from({"error": 7, "error_codes": ["x"]}).code == "unknown_error"


def test_nothing_like_a_token_gets_through() -> None:
    """An authority that echoes what it was sent doesn't make us tell it."""
    canary = "1.AXkA" + "c4N4ry_-" * 8
    problem = problem_from({"error": "invalid_scope", "error_description": f"bad {canary} here"})
    assert problem.message == "The authority refuses: bad … here"
