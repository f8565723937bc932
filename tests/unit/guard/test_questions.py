"""The questions of ``ask``: what a yes is good for, and what no model can do about it (M27)."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mcp_local.guard.question import question_of
from mcp_local.guard.questions import MOST_OPEN, Answer, Form, Questions, Reply, is_own_state
from mcp_local.guard.yeses import KEPT, PAUSE, WEARY
from mcp_local.log import Log
from mcp_local.policy.model import Action, Component, Kind
from tests.support.asking import ADA, PURGE, Clock, Nobody, Person, about, asks

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from mcp_local.guard.question import Question

IMPATIENT = 0.05
"""Seconds that a call waits in these tests."""


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine."""
    asyncio.run(work)


def shown(questions: Questions, question: Question) -> Form:
    """Ask between two calls; the form must go out."""
    form = questions.between_calls(question, None)
    assert isinstance(form, Form)
    return form


def test_a_yes_runs_the_call_once() -> None:
    """The call that was shown runs; the same call again is a new question."""

    async def test() -> None:
        questions, person = Questions(), Person()
        person.says("yes", "yes")
        assert await questions.settle(about(), [person]) is Answer.YES
        assert await questions.settle(about(), [person]) is Answer.YES
        assert [asked.call for asked in person.asked] == [about().call] * 2

    run(test())


def test_a_no_is_a_no_and_is_not_asked_again_at_once() -> None:
    """The same call is refused without a question for some seconds; another call may be asked."""

    async def test() -> None:
        clock, person = Clock(), Person()
        questions = Questions(clock=clock)
        person.says("no", "yes", "yes")
        assert await questions.settle(about(), [person]) is Answer.NO
        assert await questions.settle(about(), [person]) is Answer.NO
        assert len(person.asked) == 1
        assert await questions.settle(about({"id": 6}), [person]) is Answer.YES
        clock.now += PAUSE
        assert await questions.settle(about(), [person]) is Answer.YES

    run(test())


def test_a_person_is_not_worn_down() -> None:
    """After some noes in a row nothing about that tool is asked for minutes, whatever changes."""

    async def test() -> None:
        clock, person = Clock(), Person()
        questions = Questions(clock=clock)
        person.says(*["no"] * WEARY, "yes", "yes")
        for number in range(WEARY + 5):
            clock.now += 1
            assert await questions.settle(about({"id": number}), [person]) is Answer.NO
        assert len(person.asked) == WEARY
        other = about(tool=PURGE)
        assert await questions.settle(other, [person]) is Answer.YES
        clock.now += KEPT
        assert await questions.settle(about({"id": 0}), [person]) is Answer.YES

    run(test())


def test_without_a_way_it_is_a_no() -> None:
    """No way at all, or one that turns out to lead nowhere; the next one is tried."""

    async def test() -> None:
        questions, person = Questions(), Person()
        assert await questions.settle(about(), []) is Answer.NO_WAY
        assert await questions.settle(about(), [Nobody()]) is Answer.NO_WAY
        person.says("yes")
        assert await questions.settle(about(), [Nobody(), person]) is Answer.YES

    run(test())


def test_a_question_that_is_taken_back_is_no_answer() -> None:
    """It may be asked anew at once."""

    async def test() -> None:
        questions, person = Questions(), Person()
        person.says("taken back", "yes")
        assert await questions.settle(about(), [person]) is Answer.NO
        assert await questions.settle(about(), [person]) is Answer.YES

    run(test())


def test_a_late_yes_serves_the_identical_retry_once() -> None:
    """The call gives up, the question stays open; its yes is kept for the retry, for it alone."""

    async def test() -> None:
        clock, person = Clock(), Person()
        questions = Questions(clock=clock, patience=IMPATIENT)
        assert await questions.settle(about(), [person]) is Answer.WAITING
        assert await questions.settle(about(), [person]) is Answer.WAITING
        person.says("yes")
        await asyncio.sleep(0.01)
        assert await questions.settle(about({"id": 6}), [Nobody()]) is Answer.NO_WAY
        clock.now += KEPT - 1
        assert await questions.settle(about(), [Nobody()]) is Answer.YES
        assert await questions.settle(about(), [Nobody()]) is Answer.NO_WAY
        assert len(person.asked) == 1

    run(test())


def test_a_late_yes_does_not_keep_for_ever() -> None:
    """Five minutes after it the retry is a new question."""

    async def test() -> None:
        clock, person = Clock(), Person()
        questions = Questions(clock=clock, patience=IMPATIENT)
        assert await questions.settle(about(), [person]) is Answer.WAITING
        person.says("yes")
        await asyncio.sleep(0.01)
        clock.now += KEPT
        assert await questions.settle(about(), [Nobody()]) is Answer.NO_WAY

    run(test())


def test_a_yes_while_the_retry_waits_serves_it() -> None:
    """The identical call joins the open question."""

    async def test() -> None:
        person = Person()
        questions = Questions(patience=IMPATIENT)
        assert await questions.settle(about(), [person]) is Answer.WAITING
        person.says("yes")
        assert await questions.settle(about(), [person]) is Answer.YES
        assert len(person.asked) == 1

    run(test())


def test_a_question_lapses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers in time: the way is told to stop, and the next call asks anew."""
    monkeypatch.setattr("mcp_local.guard.questions.KEPT", 0.05)

    async def test() -> None:
        questions, person = Questions(), Person()
        assert await questions.settle(about(), [person]) is Answer.NO
        assert person.stopped
        person.says("yes")
        assert await questions.settle(about(), [person]) is Answer.YES

    run(test())


def test_the_end_of_the_server_gives_up_what_is_open() -> None:
    """Whoever is asked hears of it, and the call that waits gets its no."""

    async def test() -> None:
        questions, person = Questions(), Person()
        call = asyncio.create_task(questions.settle(about(), [person]))
        await asyncio.sleep(0.01)
        shown(questions, about(tool=PURGE))
        questions.close()
        assert await call is Answer.NO
        assert person.stopped

    run(test())


def test_one_question_at_a_time_is_open_about_a_tool() -> None:
    """However many calls come at once, one is asked; one yes runs one call (floods)."""

    async def test() -> None:
        person = Person()
        questions = Questions(patience=5)
        first = asyncio.create_task(questions.settle(about(), [person]))
        await asyncio.sleep(0)
        for arguments in ({"id": 5}, {"id": 6}):
            assert await questions.settle(about(arguments), [person]) is Answer.BUSY
        person.says("yes")
        assert await first is Answer.YES
        assert len(person.asked) == 1

    run(test())


def test_few_questions_are_open_in_all() -> None:
    """A model with many tools can't fill the screen."""

    async def test() -> None:
        questions, person = Questions(patience=IMPATIENT), Person()
        for number in range(MOST_OPEN + 3):
            question = about(tool=Component(Kind.TOOL, f"tool{number}"))
            answer = await questions.settle(question, [person])
            assert answer is (Answer.WAITING if number < MOST_OPEN else Answer.BUSY)
            assert (questions.between_calls(question, None) is Answer.BUSY) == (number >= MOST_OPEN)
        assert len(person.asked) == MOST_OPEN

    run(test())


def test_a_call_that_is_given_up_leaves_its_question_open() -> None:
    """The client cancels: the person may still answer, and the retry finds it."""

    async def test() -> None:
        questions, person = Questions(), Person()
        call = asyncio.create_task(questions.settle(about(), [person]))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        person.says("yes")
        assert await questions.settle(about(), [person]) is Answer.YES
        assert len(person.asked) == 1

    run(test())


CHANGED = {
    "arguments": about({"id": 6}),
    "type of an argument": about({"id": "5"}),
    "another number": about({"id": 5.0}),
    "more arguments": about({"id": 5, "force": True}),
    "tool": about(tool=PURGE),
    "version": about(tool=Component(Kind.TOOL, "delete_row", version="2")),
    "namespace": about(tool=Component(Kind.TOOL, "delete_row", namespace="crm")),
    "person": about(who="bob"),
    "rule": about(decision=asks("another-rule")),
    "reason": about(decision=asks(reason="Another.")),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_yes_is_bound_to_all_that_was_shown(change: str) -> None:
    """A kept yes and an answer between two calls serve nothing but the very call (M27)."""

    async def test() -> None:
        other = CHANGED[change]
        assert other.call != about().call
        questions, person = Questions(patience=IMPATIENT), Person()
        assert await questions.settle(about(), [person]) is Answer.WAITING
        person.says("yes")
        await asyncio.sleep(0.01)
        assert await questions.settle(other, [Nobody()]) is Answer.NO_WAY
        between = Questions()
        state = shown(between, about()).state
        answer = between.between_calls(other, Reply(state, yes=True))
        assert answer is Answer.BUSY or isinstance(answer, Form)
        assert between.between_calls(about(), Reply(state, yes=True)) is Answer.YES

    run(test())


def test_the_order_of_arguments_does_not_matter() -> None:
    """Clients may sort them otherwise in a retry."""
    assert about({"a": 1, "b": [1]}).call == about({"b": [1], "a": 1}).call


def test_what_can_not_be_bound_is_not_asked() -> None:
    """Arguments nested without end raise; the guard's edge refuses the call."""
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(RecursionError):
        about({"x": nested})


def test_an_answer_between_calls_is_good_once() -> None:
    """A replay finds a new question, under another state (M27)."""
    questions = Questions()
    form = shown(questions, about())
    assert is_own_state(form.state)
    assert questions.between_calls(about(), Reply(form.state, yes=True)) is Answer.YES
    again = questions.between_calls(about(), Reply(form.state, yes=True))
    assert isinstance(again, Form)
    assert again.state != form.state


@pytest.mark.parametrize("state", ["", "mcp-local-ask.", "mcp-local-ask.guess", "é"])
def test_a_state_that_was_not_given_out_answers_nothing(state: str) -> None:
    """The model can't make one up, nor answer before it was asked."""
    questions = Questions()
    assert isinstance(questions.between_calls(about(), Reply(state, yes=True)), Form)
    assert questions.between_calls(about(), Reply(state, yes=True)) is Answer.WAITING


def test_between_calls_the_form_goes_out_once_in_a_while() -> None:
    """The model repeats its call without an answer: waiting; later the same form goes out again."""
    clock = Clock()
    questions = Questions(clock=clock)
    first = shown(questions, about())
    assert questions.between_calls(about(), None) is Answer.WAITING
    assert questions.between_calls(about({"id": 6}), None) is Answer.BUSY
    clock.now += 41
    second = shown(questions, about())
    late = questions.between_calls(about(), Reply(first.state, yes=True))
    assert late is Answer.WAITING
    assert questions.between_calls(about(), Reply(second.state, yes=True)) is Answer.YES


def test_between_calls_a_question_lapses() -> None:
    """An answer after five minutes counts for nothing."""
    clock = Clock()
    questions = Questions(clock=clock)
    form = shown(questions, about())
    clock.now += KEPT
    assert isinstance(questions.between_calls(about(), Reply(form.state, yes=True)), Form)


def test_between_calls_a_no_is_a_no() -> None:
    """And is not asked again at once."""
    questions = Questions()
    form = shown(questions, about())
    assert questions.between_calls(about(), Reply(form.state, yes=False)) is Answer.NO
    assert questions.between_calls(about(), None) is Answer.NO


def test_a_call_that_waits_elsewhere_is_waiting_between_calls_too() -> None:
    """Both ways look at the same questions."""

    async def test() -> None:
        questions, person = Questions(patience=IMPATIENT), Person()
        assert await questions.settle(about(), [person]) is Answer.WAITING
        assert questions.between_calls(about(), None) is Answer.WAITING
        clock = Clock()
        questions = Questions(clock=clock)
        shown(questions, about())
        assert await questions.settle(about(), [person]) is Answer.WAITING

    run(test())


@pytest.mark.parametrize(("remember", "after"), [(900.0, 900.0), (math.inf, None)])
def test_a_yes_holds_as_long_as_the_rule_says(remember: float, after: float | None) -> None:
    """For that person, tool and rule, whatever the arguments; not for others, and not for ever."""

    async def test() -> None:
        clock, person = Clock(), Person()
        questions = Questions(clock=clock)
        decision = asks(remember=remember)
        person.says("yes")
        assert await questions.settle(about(decision=decision), [person]) is Answer.YES
        clock.now += 899
        for other in (about({"id": 6}, decision=decision), about({"id": 7}, decision=decision)):
            assert await questions.settle(other, [Nobody()]) is Answer.YES
            assert questions.remembered(other)
        strange = (
            about(decision=decision, who="bob"),
            about(decision=decision, tool=PURGE),
            about(decision=replace(decision, rule="another")),
        )
        for question in strange:
            assert await questions.settle(question, [Nobody()]) is Answer.NO_WAY
        if after is not None:
            clock.now = 1000.0 + after
            assert await questions.settle(about(decision=decision), [Nobody()]) is Answer.NO_WAY
        else:
            clock.now += 1e9
            assert await questions.settle(about(decision=decision), [Nobody()]) is Answer.YES

    run(test())


def test_a_yes_to_one_address_holds_for_no_other_of_its_template() -> None:
    """The person was shown the address alone: "every use of it" is every use of that one."""

    async def test() -> None:
        questions, person = Questions(), Person()
        decision = asks(remember=math.inf)

        def reading(uri: str) -> Question:
            note = Component(Kind.RESOURCE, "notes://{name}", template=True, uri=uri)
            return question_of(ADA.identity, Action.READ, note, {}, decision)

        person.says("yes")
        assert await questions.settle(reading("notes://a"), [person]) is Answer.YES
        assert await questions.settle(reading("notes://a"), [Nobody()]) is Answer.YES
        assert await questions.settle(reading("notes://b"), [Nobody()]) is Answer.NO_WAY
        assert reading("notes://a").about == reading("notes://b").about  # asked one at a time

    run(test())


def test_a_new_policy_forgets_what_was_to_hold() -> None:
    """What the person agreed to were the rules of then."""

    async def test() -> None:
        questions, person = Questions(), Person()
        decision = asks(remember=math.inf)
        person.says("yes")
        assert await questions.settle(about(decision=decision), [person]) is Answer.YES
        questions.forget()
        assert await questions.settle(about(decision=decision), [Nobody()]) is Answer.NO_WAY

    run(test())


def test_a_target_that_asks_itself_gets_its_answer() -> None:
    """Its retry with the answer is the identical call: it passes once without a question."""

    async def test() -> None:
        questions = Questions()
        questions.once_more(about())
        assert await questions.settle(about(), [Nobody()]) is Answer.YES
        assert await questions.settle(about(), [Nobody()]) is Answer.NO_WAY

    run(test())


def test_the_log_tells_what_was_asked_and_answered(tmp_path: Path) -> None:
    """One line each, with person, tool and rule, and never the arguments."""

    async def test() -> None:
        questions, person = Questions(Log(tmp_path / "log")), Person()
        person.says("yes")
        await questions.settle(about({"secret-argument": "x"}), [Nobody(), person])
        await questions.settle(about({"id": 6}), [])

    run(test())
    text = (tmp_path / "log").read_text("ascii")
    assert "secret-argument" not in text
    told = [json.loads(line) for line in text.splitlines()]
    assert [(each["event"], each.get("way"), each.get("answer")) for each in told] == [
        ("question_asked", "page", None),
        ("question_asked", "form", None),
        ("question_answered", "form", "yes"),
        ("question_answered", None, "no_way"),
    ]
    assert {(each["oid"], each["component"], each["rule"]) for each in told} == {
        ("ada", "delete_row", "confirm-deletes")
    }
