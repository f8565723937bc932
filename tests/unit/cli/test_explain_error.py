"""Errors of the authority in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mcp_local.broker.authority.aadsts import CATALOGUE
from mcp_local.cli.error_page import error_page
from mcp_local.cli.main import main
from mcp_local.errors import ExitCode

if TYPE_CHECKING:
    from _pytest.capture import CaptureFixture

ROOT = Path(__file__).parents[3]


def test_every_code_of_the_catalogue_is_explained(capsys: CaptureFixture[str]) -> None:
    """With its meaning, what helps, and who can act."""
    for code, meaning in CATALOGUE.items():
        assert main(["explain-error", str(code)], {}) is ExitCode.OK
        out = capsys.readouterr().out
        assert f"AADSTS{code}: {meaning.means}" in out
        assert meaning.remedy in out
        assert f"Who can act: {meaning.who[0]}" in out


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (["AADSTS50105:", "Your administrator has configured …"], ["AADSTS50105"]),
        (["aadsts65001"], ["AADSTS65001"]),
        (["error_codes: [50076, 53003] Trace ID: 1"], ["AADSTS50076", "AADSTS53003"]),
        (["invalid_grant"], ["invalid_grant"]),
        (["invalid_grant AADSTS700082"], ["AADSTS700082"]),
    ],
)
def test_codes_are_found_in_what_is_pasted(
    words: list[str], codes: list[str], capsys: CaptureFixture[str]
) -> None:
    """A whole message may stand there; its codes say more than its words."""
    assert main(["explain-error", "--json", *words], {}) is ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in answer["errors"]] == codes


@pytest.mark.parametrize("text", ["12345", "it broke", "AADSTS1", ""])
def test_what_is_not_known_is_said(text: str, capsys: CaptureFixture[str]) -> None:
    """Exit 2, and where to ask."""
    assert main(["explain-error", text], {}) is ExitCode.USAGE
    assert "No known error" in capsys.readouterr().err


def test_the_page_of_docs_is_that_of_the_catalogue() -> None:
    """docs/aadsts.md is made anew when the catalogue changes."""
    assert (ROOT / "docs" / "aadsts.md").read_text(encoding="utf-8") == error_page()
