"""Reading lines of one engine call, and starting another where the model goes its own way."""

from collections.abc import Callable

import pytest

from smysl_engines.base import Call, EngineError, Sampling
from smysl_engines.scripted import Scripted, ScriptedEngine
from smysl_reasoning.calls import Budget, BudgetSpent, Calls, Lines

END = 9


def lines_of(calls: Calls, stop: tuple[int, ...] = ()) -> Lines:
    return Lines(calls, Sampling(stop=stop), end=END, context=100, line_tokens=8)


def telling(text: list[int]) -> Callable[[Call], list[int]]:
    """A model that knows one text by heart."""

    def answer(call: Call) -> list[int]:
        assert tuple(text[: len(call.prompt)]) == call.prompt
        return text[len(call.prompt) :]

    return answer


async def test_lines_that_follow_each_other_share_a_call() -> None:
    engine = ScriptedEngine(telling([1, 2, 3, END, 40, 5, 6, END, 7, END]))
    calls = Calls(engine)
    lines = lines_of(calls)
    first = await lines.line([1, 2])
    second = await lines.line([1, 2, 3, END, 40])
    third = await lines.line([1, 2, 3, END, 40, 5, 6, END])
    assert [line.ids for line in (first, second, third)] == [(3, END), (5, 6, END), (7, END)]
    assert [line.calls for line in (first, second, third)] == [1, 0, 0]
    assert all(line.complete for line in (first, second, third))
    lines.close()
    await calls.settle()
    calls.check()
    assert len(engine.calls) == 1 and engine.running == 0


async def test_a_prompt_that_the_call_did_not_say_begins_a_new_one() -> None:
    def answer(call: Call) -> list[int]:
        return [3, END, 41, 5, END] if len(call.prompt) == 2 else [6, END]

    engine = ScriptedEngine(answer)
    calls = Calls(engine)
    lines = lines_of(calls)
    await lines.line([1, 2])
    second = await lines.line([1, 2, 3, END, 40])
    assert (second.ids, second.calls, second.prompt_tokens) == ((6, END), 1, 5)
    lines.close()
    await calls.settle()
    calls.check()
    assert calls.usage.calls == 2 and calls.usage.prompt_tokens == 7


async def test_a_call_that_stops_at_each_line_is_followed_by_another() -> None:
    engine = ScriptedEngine(telling([1, 2, END, 3, END]))
    calls = Calls(engine)
    lines = lines_of(calls, stop=(END,))
    assert (await lines.line([1])).ids == (2, END)
    assert (await lines.line([1, 2, END])).ids == (3, END)
    assert len(engine.calls) == 2


async def test_a_line_that_does_not_end_is_incomplete() -> None:
    calls = Calls(ScriptedEngine(lambda call: [3] * 50))
    lines = lines_of(calls)
    line = await lines.line([1])
    assert (len(line.ids), line.complete) == (8, False)
    lines.close()
    await calls.settle()
    silent = lines_of(Calls(ScriptedEngine(lambda call: [])))
    assert (await silent.line([1])).ids == ()


async def test_the_token_budget_ends_a_run_of_calls() -> None:
    calls = Calls(ScriptedEngine(lambda call: [3, 4, 5, END]), Budget(tokens=4))
    lines = lines_of(calls, stop=(END,))
    await lines.line([1])
    with pytest.raises(BudgetSpent):
        await lines.line([2])
    await calls.settle()
    calls.check()


async def test_an_engine_error_reaches_the_reader() -> None:
    calls = Calls(ScriptedEngine(lambda call: Scripted(ids=(3,), error="no memory")))
    with pytest.raises(EngineError, match="no memory"):
        await lines_of(calls).line([1])
    with pytest.raises(EngineError, match="no memory"):
        await calls.choose([1], ((2,), (3,)))
    await calls.settle()
    calls.check()


async def test_a_choice_tells_the_probability_of_each_option() -> None:
    engine = ScriptedEngine(lambda call: Scripted(choice=1, probabilities=(0.25, 0.75)))
    chosen = await Calls(engine).choose([1], ((2,), (3,)))
    assert chosen.finish.probabilities == (0.25, 0.75)


async def test_calls_say_whose_they_are_so_that_sessions_take_turns() -> None:
    engine = ScriptedEngine(telling([1, 2, 3, END]))
    calls = Calls(engine, session="mine")
    for each in (calls, calls.part("step")):
        lines = lines_of(each)
        await lines.line([1, 2])
        lines.close()
    await calls.settle()
    assert [call.session for call in engine.calls] == ["mine", "mine"]
