"""What is left of a token past its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_local.identity.grace import Grace, reaches
from mcp_local.settings import Settings
from tests.support.people import person

ADA = person("ada", "reader")


@pytest.mark.parametrize(
    ("seconds", "tags", "granted"),
    [(0.0, (), False), (60.0, (), False), (0.0, ("safe",), False), (60.0, ("safe",), True)],
)
def test_both_settings_are_needed(seconds: float, tags: tuple[str, ...], *, granted: bool) -> None:
    """A grace for nothing is none."""
    settings = Settings(Path("/h"), Path("/c"), offline_grace=seconds, offline_tags=tags)
    assert Grace.of(settings).granted is granted
    assert Grace.of(settings).end(ADA) == ADA.valid_until + (60.0 if granted else 0.0)


def test_a_token_within_its_time_reaches_all() -> None:
    """Tags mean nothing to it."""
    assert reaches(ADA, frozenset())
    assert reaches(ADA, frozenset({"any"}))


def test_past_its_end_it_is_the_same_person_for_less() -> None:
    """One common tag is enough, none is not."""
    late = Grace(60.0, frozenset({"safe", "read"})).extended(ADA)
    assert late.identity is ADA.identity
    assert reaches(late, frozenset({"read", "write"}))
    assert not reaches(late, frozenset({"write"}))
    assert not reaches(late, frozenset())
