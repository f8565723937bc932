"""docs/sign-in.md is true."""

from __future__ import annotations

from mcp_local.broker.state import Phase
from mcp_local.broker.status import MEANINGS, WORDS
from tests.support.sign_in_tables import PAGE, page


def test_tables_are_current() -> None:
    """``uv run python -m tests.support.sign_in_tables`` writes them."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_state_has_words_and_a_meaning() -> None:
    """None is shown without a word, or with the word of another."""
    assert set(WORDS) == set(MEANINGS) == set(Phase)
    assert len(set(WORDS.values())) == len(WORDS)
