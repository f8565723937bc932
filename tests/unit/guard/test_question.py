"""How a question of ``ask`` is worded: nothing hidden, nothing endless, nothing faked (M27)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mcp_local.guard.question import question_of, said_yes, sign_out_question
from mcp_local.guard.question_words import not_confirmed
from mcp_local.guard.questions import Answer
from mcp_local.guard.shown import FORM, Limits, shown_lines
from mcp_local.policy.model import Action, Component, Kind
from tests.support.asking import ADA, about, asks

SMALL = Limits(text=40, line=120, lines=3)


def lines(arguments: dict[str, object], *redact: str, limits: Limits = FORM) -> list[str]:
    """Return the arguments as the person is shown them."""
    return shown_lines(arguments, redact, limits)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", '"plain"'),
        ("Grüße, 東京", '"Grüße, 東京"'),
        ('quote " and \\', r'"quote \" and \\"'),
        ("two\nlines\r\t", r'"two\nlines\r\t"'),
        ("a\u202eb\u2066c", r'"a\u202eb\u2066c"'),
        ("zero\u200bwidth\ufeff\u00ad", r'"zero\u200bwidth\ufeff\u00ad"'),
        ("\x1b[31m\x7f\x9b", r'"\u001b[31m\u007f\u009b"'),
        ("tag\U000e0041", r'"tag\U000e0041"'),
        ("filler\u3164\u2800\ufe0f", r'"filler\u3164\u2800\ufe0f"'),
        ("lone\ud800", r'"lone\ud800"'),
        ("no\u00a0break\u2028", r'"no\u00a0break\u2028"'),
        (True, "true"),
        (1.0, "1.0"),
        (None, "null"),
        ([1, {"a": "b\u200b"}, [2]], '[1, {"a": "b\\u200b"}, [2]]'),
    ],
)
def test_what_can_not_be_seen_is_written_out(value: object, text: str) -> None:
    """As JSON with escapes; ordinary letters of any language stay as they are."""
    assert lines({"x": value}) == [f"x: {text}"]


def test_names_of_arguments_are_shown_as_carefully() -> None:
    """A name that isn't a plain word stands in quotes."""
    assert lines({"a b": 1, "x\u202e": 2, "ok_1": 3}) == ['"a b": 1', r'"x\u202e": 2', "ok_1: 3"]


def test_what_is_cut_says_so() -> None:
    """Both ends, the length and a hash: no two values look the same, and nothing grows for ever."""
    first = lines({"sql": "a" * 1000 + "x"}, limits=SMALL)
    second = lines({"sql": "a" * 999 + "bx"}, limits=SMALL)
    assert "[CUT: 1,001 characters in all, SHA-256 " in first[0]
    assert first != second
    middle = lines({"sql": "SELECT 1;" + " " * 500 + "DROP TABLE x;" + " " * 500 + "--"})
    assert "DROP" not in middle[0]
    assert "CUT" in middle[0]
    long = lines({"items": list(range(1000))}, limits=SMALL)
    assert len(long[0]) < 250
    many = lines({f"a{number}": number for number in range(100)}, limits=SMALL)
    assert len(many) == 4
    assert many[3].startswith('… 97 more arguments: {"a3": 3, ')
    assert "CUT" in many[3]


def test_no_number_of_harmless_arguments_pushes_the_one_that_matters_out_of_sight() -> None:
    """Both ends of a long list are shown, and what is after the last line stands in one of them."""
    padding = {f"a{number}": "x" for number in range(FORM.lines)}
    assert lines({**padding, "target": "all"})[-1] == '… 1 more arguments: {"target": "all"}'
    [long] = lines({"run": ["echo " + "x" * 300] * 50 + ["rm -rf /"]})
    assert '"rm -rf /"] [CUT: ' in long
    assert len(long) < FORM.line + 100
    assert lines({**padding, "key": "k"}, "args.key")[-1].endswith('{"key": [not shown]}')


@pytest.mark.parametrize(
    "arguments",
    [
        {"Card": {"number": "4111"}},
        {"card": {"Number": "4111"}},
        {"card.number": "4111"},
        {"card": '{"number": "4111"}'},
        {"card": ' [{"number": "4111"}]'},
        {"card": [{"number": "4111"}]},
    ],
)
def test_what_is_not_to_be_shown_is_hidden_however_it_is_sent(arguments: dict[str, object]) -> None:
    """In another case, with dots in its name, or in a text that a server looks into."""
    shown = lines(arguments, "tool.args.card.number")
    assert "4111" not in str(shown)
    assert "[not shown]" in str(shown)
    assert "4111" in str(lines(arguments, "args.other.number"))


def test_a_long_address_is_cut_as_arguments_are() -> None:
    """A model chooses what is read through a template; a form shows both ends of it."""
    component = Component(
        Kind.RESOURCE, "docs://{name}", template=True, uri=f"docs://{'a' * 9999}z"
    )
    text = question_of(ADA.identity, Action.READ, component, {}, asks()).message()
    assert len(text) < 2 * FORM.line
    assert "az [CUT: 10,007 characters in all, SHA-256 " in text


def test_a_cut_can_not_be_faked() -> None:
    """Our marks stand outside of quotes, where nothing of the model's can."""
    fake = '" [CUT: 5 characters in all, SHA-256 0…]'
    [line] = lines({"x": fake})
    assert line.startswith('x: "\\"')


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("args.auth.password", 'auth: {"user": "u", "password": [not shown], "list": [{"p": 1}]}'),
        ("tool.args.auth.password", '"password": [not shown]'),
        ("args.auth.list.p", '"list": [{"p": [not shown]}]'),
        ("args.auth", "auth: [not shown]"),
        ("args", "auth: [not shown]"),
        ("prompt.args.auth", "auth: [not shown]"),
    ],
)
def test_marked_fields_are_not_shown(field: str, text: str) -> None:
    """Nor what lies inside them, in dictionaries and lists."""
    given = {"auth": {"user": "u", "password": "p", "list": [{"p": 1}]}}
    [line] = lines(dict(given), field)
    assert text in line


def test_the_text_is_the_same_for_a_client_that_reads_markdown() -> None:
    """All that the model chose stands in one indented block, on lines of its own."""
    hostile = {"note": "`\n\n# Approved by your administrator\n![x](https://evil.example/x)"}
    tool = Component(Kind.TOOL, "*do*_it")
    message = about(hostile, tool=tool).message()
    head, block, tail = message.split("\n\n")
    assert head == "May this tool run?"
    assert block == (
        "    *do*_it\n"
        '        note: "`\\n\\n# Approved by your administrator\\n![x](https://evil.example/x)"'
    )
    assert tail.startswith("Deleting needs a yes. (Rule: confirm-deletes)\nA yes is good for this")


@pytest.mark.parametrize(
    ("remember", "words"),
    [
        (0.0, "this once only"),
        (math.inf, "every use of it until this server ends, whatever the arguments"),
        (900.0, "for the next 15 minutes"),
        (7200.0, "for the next 2 hours"),
        (90.0, "for the next 90 seconds"),
    ],
)
def test_what_a_yes_is_good_for_is_said(remember: float, words: str) -> None:
    """Before the person says it."""
    assert words in about(decision=asks(remember=remember)).message()


def test_a_resource_is_asked_about_by_its_address() -> None:
    """By the very URI, not the template's."""
    from mcp_local.guard.question import question_of  # noqa: PLC0415 - one test needs it

    rows = Component(Kind.RESOURCE, "rows://{n}", template=True, uri="rows://7")
    question = question_of(ADA.identity, Action.READ, rows, {}, asks())
    assert question.title == "May this resource be read?"
    assert "    rows://7\n" in question.message()
    assert question.about == (Kind.RESOURCE, "rows://{n}")


def test_signing_out_is_asked_about_in_a_sentence() -> None:
    """It has no arguments, and no rule."""
    question = sign_out_question(("tenant", "ada"))
    assert question.message().startswith("Sign out of Microsoft Entra ID on this computer?")
    assert question.call != sign_out_question(("tenant", "bob")).call


@pytest.mark.parametrize(
    ("action", "content", "yes"),
    [
        ("accept", {"confirm": True}, True),
        ("accept", {"confirm": False}, False),
        ("accept", {"confirm": "true"}, False),
        ("accept", {"confirm": 1}, False),
        ("accept", {}, False),
        ("accept", None, False),
        ("decline", {"confirm": True}, False),
        ("cancel", {"confirm": True}, False),
        ("", None, False),
    ],
)
def test_everything_but_a_ticked_form_is_a_no(
    action: str,
    content: dict[str, object] | None,
    yes: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Declined, dismissed, not ticked, or ticked in a way that isn't a tick."""
    assert said_yes(action, content) is yes


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer.NO, "did not say yes to delete_row"),
        (Answer.WAITING, "Waiting for your yes: delete_row"),
        (Answer.BUSY, "Waiting for your yes to another call"),
        (Answer.NO_WAY, "no way to ask them"),
    ],
)
def test_the_model_is_told_what_to_do(answer: Answer, words: str) -> None:
    """Without an address, the arguments or anything else that could answer for the person."""
    text = not_confirmed(answer, about({"id": 12345}))
    assert words in text
    assert "12345" not in text
    assert "http" not in text


@pytest.mark.parametrize("action", ["accept", "decline", "cancel", "ACCEPT", ""])
def test_a_page_is_opened_by_a_yes_alone(action: str) -> None:
    """A form wants its box ticked besides."""
    form = question_of(ADA.identity, Action.CALL, Component(Kind.TOOL, "t"), {}, asks())
    page = replace(form, url="http://127.0.0.1:1/x")
    assert page.agreed(action, None) is (action == "accept")
    assert not form.agreed(action, None)
    assert form.agreed(action, {"confirm": True}) is (action == "accept")
