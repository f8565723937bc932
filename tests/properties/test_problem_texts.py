"""Laws of what people are told of the authority's errors."""

from __future__ import annotations

from hypothesis import given, strategies as st

from mcp_local.broker.authority.refusal import problem_of, refusal

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(["error", "suberror", "error_description", "error_codes", "claims"]),
        json_like,
    )
)
def test_any_answer_has_a_text(error: dict[str, object]) -> None:
    """Whatever the authority sends, people get one clean line."""
    problem = problem_of(refusal(error))
    assert problem.message
    assert problem.message.isprintable()
    assert len(problem.message) < 600
