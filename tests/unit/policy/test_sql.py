"""What an SQL text holds, judged by a real parser in several dialects (POLICY.md 6)."""

from __future__ import annotations

import logging

import pytest

from mcp_local.errors import PolicyError
from mcp_local.policy.deciding.compile import compile_policy
from mcp_local.policy.model import Action, Component, Effect, Kind, Request
from mcp_local.policy.reading.parse import parse_policy
from mcp_local.policy.vocabulary import sql
from mcp_local.policy.vocabulary.expressions import search
from mcp_local.policy.vocabulary.sql import kinds_of, require_parser, sql_only
from tests.support.judged import call, one_allow, policy
from tests.support.people import person

SELECTS_ONLY = """
version: 1
rules:
  - name: selects-only
    effect: allow
    agents: {roles: [Analyst]}
    tools: {names: [query]}
    when:
      - {field: args.sql, operator: sql_only, value: [select]}
"""
SELECTS = [
    "SELECT 1",
    "select * from t;",
    "SELECT 1; -- done",
    "(SELECT 1)",
    "SELECT a AS b FROM t x JOIN y ON x.i = y.i WHERE n LIKE '%a%' LIMIT 3",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c",
    "SELECT ';' , 'DROP TABLE x'",
    "SELECT close, open FROM prices",
    "SELECT data->>'x' FROM t",
    "SELECT 1; SELECT 2",
    "SELECT x /* why */ FROM t",
]


@pytest.fixture(autouse=True)
def _parser() -> None:  # pyright: ignore[reportUnusedFunction]
    """Have the parser ready, as a policy that judges SQL does."""
    require_parser()


@pytest.mark.parametrize("text", SELECTS)
def test_selects_are_selects(text: str) -> None:
    """One or several, joined, nested, recursive; signs in quotes are no statements."""
    assert kinds_of(text) == {"select"}
    assert sql_only(("select",))(text) is True


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT 1; DROP TABLE x", "drop"),
        ("SELECT 1 -- x\n; DELETE FROM t", "delete"),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "delete"),
        ("WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a", "insert"),
        ("SELECT * INTO t2 FROM t", "create"),
        ("SELECT * FROM t FOR UPDATE", "update"),
        ("EXPLAIN ANALYZE DELETE FROM t", "delete"),
        ("MERGE INTO t USING s ON a = b WHEN MATCHED THEN DELETE", "merge"),
        ("CREATE TABLE x AS SELECT 1", "create"),
        ("ALTER TABLE x ADD y INT", "alter"),
        ("TRUNCATE TABLE t", "truncate"),
        ("PRAGMA writable_schema = 1", "pragma"),
        ("BEGIN; SELECT 1; COMMIT", "transaction"),
        ("COPY t TO PROGRAM 'x'", "other"),
        ("ATTACH 'x' AS y", "other"),
        ("SET x = 1", "other"),
        ("GRANT ALL ON t TO x", "other"),
        ("KILL 1", "other"),
    ],
)
def test_what_writes_is_told(text: str, kind: str) -> None:
    """Every statement counts, wherever it stands; what has no kind is of none that is allowed."""
    assert kind in (kinds_of(text) or ())
    assert sql_only(("select",))(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";;",
        "-- nothing",
        "SELECT (",
        "hello world, how are you",
        "CALL wipe()",
        "VACUUM",
        "DO $$ BEGIN END $$",
        "SELECT 1 INTO OUTFILE '/x'",
        "SELECT 1 /*!50000 ; DROP TABLE x */",
        "SELECT 1 /*M! ; DROP TABLE x */",
        "SELECT 5--1; DROP TABLE x",
        "SELECT 1 /* /* */ ; DROP TABLE x -- */ */",
        "SELECT 'a\\'; DROP TABLE x; --'",
        "SELECT 'a\\'' ; DROP TABLE x --'",
        "SELECT q'[a'; DROP TABLE x; --]' FROM dual",
        "SELECT 1 # ;\n; DROP TABLE x",
        "SELECT 1 -- x\rDROP TABLE x",
        "SELECT * FROM t SHUTDOWN",
        "SELECT * FROM t SETUSER",
        "SELECT * FROM t delete",
        "SELECT 1\x00",
        "SELECT " + "(" * 500 + "1" + ")" * 500,
        "SELECT 1 " + " " * 20_000,
    ],
)
def test_what_databases_could_read_differently_is_unknown(text: str) -> None:
    """A text that is harmless to one of them and two statements to another is neither."""
    assert sql_only(("select",))(text) is None or "drop" in (kinds_of(text) or ())
    assert sql_only(("select",))(text) is not True


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1" + ",1" * 995, ""),
        ("SELECT 1" + ",1" * 1_000, "it has more than 2,000 words and signs"),
        ("SELECT a" + "[1]" * 700, "it has more than 2,000 words and signs"),
        ("SELECT '" + "x" * 19_000 + "'", ""),
        ("SELECT '" + "x" * 20_000 + "'", "it has more than 20,000 characters"),
    ],
)
def test_a_text_that_would_hold_others_up_is_not_read(text: str, why: str) -> None:
    """It allows nothing, and the decision says which limit it is beyond."""
    policy = compile_policy([parse_policy(SELECTS_ONLY, "policy.yaml")])
    request = Request(Action.CALL, {"sql": text})
    decision = policy.decide(
        person("ada", "Analyst").identity, request, Component(Kind.TOOL, "query")
    )
    assert decision.allowed is not bool(why)
    if why:
        condition = '`args.sql sql_only ["select"]`'
        assert (
            decision.reason == f"No rule allows it like this: {condition} can't be judged: {why}."
        )
        assert decision.considered[0].why_not == f"{condition} is unknown: {why}"


def test_what_many_signs_take_long_for_is_given_up_early() -> None:
    """Indexes of indexes: one database's reading takes its time squared, another's refuses."""
    assert kinds_of("SELECT a" + "[1]" * 600) is None


@pytest.mark.parametrize("value", [None, 1, ["SELECT 1"], b"SELECT 1", {"sql": "SELECT 1"}])
def test_what_is_no_text_is_unknown(value: object) -> None:
    """Only texts can be read."""
    assert sql_only(("select",))(value) is None


def test_a_regular_expression_cannot_judge_sql() -> None:
    """`^select` lets a second statement past; the parser doesn't."""
    attack = "SELECT 1; DROP TABLE x"
    assert search("(?i)^select")(attack) is True
    assert sql_only(("select",))(attack) is False


def test_no_sql_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The parser's own warnings would carry it; other users of the parser keep theirs."""
    with caplog.at_level(logging.DEBUG, logger="sqlglot"):
        kinds_of("CALL secret_procedure('canary')")
        assert not caplog.records
        logging.getLogger("sqlglot").warning("of somebody else")
    assert [record.message for record in caplog.records] == ["of somebody else"]


def test_the_sql_rule_of_the_documentation() -> None:
    """Analysts may only read, however it is wrapped."""
    compiled = policy("""
roles: {Analyst: {tools: [query]}}
rules:
  - name: selects-only
    effect: deny
    agents: {roles: [Analyst]}
    tools: {names: [query]}
    actions: [call]
    when: [{field: args.sql, operator: sql_not_only, value: [select]}]
    reason: Analysts may only read.
""")
    query = Component(Kind.TOOL, "query")
    assert call(compiled, {"sql": "SELECT 1"}, "Analyst", tool=query).allowed
    for attack in ("SELECT 1; DROP TABLE x", "DELETE FROM t", "SELECT (", "", None, ["SELECT 1"]):
        decision = call(compiled, {"sql": attack}, "Analyst", tool=query)
        assert (decision.effect, decision.reason) == (Effect.DENY, "Analysts may only read.")
    assert not call(compiled, {}, "Analyst", tool=query).allowed


def test_a_policy_that_judges_sql_needs_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra; a policy that doesn't judge SQL never looks for it."""
    monkeypatch.setattr(sql, "find_spec", lambda _name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    one_allow("{field: args.x, operator: regex, value: a}")
    with pytest.raises(PolicyError, match="extra `sql`") as caught:
        one_allow("{field: args.x, operator: sql_only, value: [select]}")
    assert "mcp-local[sql]" in caught.value.hint
