"""What a refusal asks for."""

from __future__ import annotations

import pytest

from mcp_local.guard.bridge.credential import Challenge, FixedHeaders, NoCredential, challenge_of


@pytest.mark.parametrize(
    ("status", "headers", "wanted"),
    [
        (200, [], None),
        (401, [], Challenge()),
        (401, ["Basic realm=x"], Challenge()),
        (401, ["Basic realm=x", 'Bearer error="invalid_token"'], Challenge("invalid_token")),
        (403, [], None),
        (403, ["Bearer"], None),
        (
            403,
            ['bearer Error=insufficient_scope, SCOPE="a b"'],
            Challenge("insufficient_scope", "a b"),
        ),
        (
            401,
            ['Bearer realm="", error="insufficient_claims", claims="eyJ9"'],
            Challenge("insufficient_claims", claims="eyJ9"),
        ),
        (
            401,
            ['Bearer resource_metadata="https://a/.well-known/x", error="e\\"q"'],
            Challenge('e\\"q', metadata="https://a/.well-known/x"),
        ),
    ],
)
def test_challenges(status: int, headers: list[str], wanted: Challenge | None) -> None:
    """Scheme and names in any case, values quoted or not; a 403 counts when it asks for more."""
    assert challenge_of(status, headers) == wanted


def test_a_long_header_is_cut() -> None:
    """A hostile server gets no time out of it."""
    assert challenge_of(401, ["Bearer " + "a" * 10_000_000]) == Challenge()


def test_fixed_headers_show_nothing_of_themselves() -> None:
    """They may hold a key; and there are no better ones."""
    fixed = FixedHeaders({"X-Key": "canary"}, "refused")
    assert "canary" not in repr(fixed)
    assert fixed.headers(wait=0)["X-Key"] == "canary"
    with pytest.raises(NoCredential, match="refused"):
        fixed.renew({}, Challenge(), wait=0)
