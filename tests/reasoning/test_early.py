"""What a run that is cut off answers: the likeliest of what it has finished."""

import asyncio
import math
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import Call, Choice
from smysl_engines.scripted import Scripted, ScriptedEngine
from smysl_reasoning.early import early
from smysl_reasoning.modules.base import Chosen, Derived, Input, Outcome
from smysl_reasoning.nodes import Edge, Node
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 2", "step n0 / n1", "step n2 + n1", "answer n3"]
TWICE = ["story 2", "step n0 * n1", "step n2 - n1", "answer n3"]
SHORT = ["story 2", "answer n0"]
ROOT = Node(id="root", session="s", kind="question", text=QUESTION, status="done")
Judging = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]


def way(
    id: str,
    answer: str | None,
    sure: float | None = None,
    *,
    about: str = "root",
    held: bool = False,
    outside: bool = False,
) -> Derived:
    node = Node(id=id, session="s", kind="candidate", text=id, status="done")
    asked = Node(id=about, session="s", kind="question", text=about, status="done")
    told = (Input("question", asked),)
    return Derived(node, answer, None, outside, sure, held=held, told=told)


def choice(winner: Derived | None, *others: Derived) -> Chosen:
    every = ([winner] if winner else []) + list(others)
    edges = tuple(Edge("other", one.node.id) for one in every)
    id = "choice " + " ".join(edge.node for edge in edges)
    node = Node(id=id, session="s", kind="choice", text="", inputs=edges, status="done")
    return Chosen(winner, None, (), len(every), node)


def outcome(derived: Derived, sure: float) -> Outcome:
    return Outcome(derived.answer, "unverified", sure, "", derived)


def answered(*values: object) -> str | None:
    winner = early(values, "root").winner
    return None if winner is None else winner.answer


def test_nothing_finished_is_no_answer() -> None:
    assert early([], "root") == (None, 0)
    assert answered(way("a", None)) is None


def test_most_of_equals_answer_and_of_a_tie_the_earlier() -> None:
    assert answered(way("a", "1"), way("b", "2"), way("c", "2")) == "2"
    assert answered(way("a", "1"), way("b", "2")) == "1"
    assert answered(way("a", "1"), way("b", "2", 0.9), way("c", "2", 0.9), way("d", "1")) == "2"


def test_an_answer_at_once_that_nobody_believes_gives_way() -> None:
    direct = way("direct", "999", 0.9)
    assert answered(direct, outcome(direct, 0.04), way("chain", "24", 0.8)) == "24"
    assert answered(direct, outcome(direct, 0.95), way("chain", "24", 0.8)) == "999"


def test_a_choice_speaks_for_what_it_was_made_from() -> None:
    best, worse = way("best", "26", 0.9), [way(f"other {i}", "94", 0.9) for i in range(3)]
    assert answered(*worse, best) == "94"
    assert answered(*worse, best, choice(best, *worse)) == "26"
    assert answered(*worse, choice(None, *worse)) is None


def test_the_answer_to_a_part_is_none_to_the_whole() -> None:
    parts = [way(f"part {i}", "3", about=f"part question {i}") for i in range(3)]
    assert early(parts, "root") == (None, 0)
    assert answered(*parts, way("whole", "12")) == "12"


def test_what_a_person_holds_stands_and_what_most_find_outside_does_not() -> None:
    assert answered(way("a", "1"), way("b", "1"), way("mine", "2", held=True)) == "2"
    outside = [way(f"out {i}", None, outside=True) for i in range(2)]
    assert answered(*outside, way("a", "1")) is None
    assert answered(*outside, way("a", "1"), way("b", "1")) == "1"


@given(st.lists(st.tuples(st.sampled_from("123"), st.floats(0.01, 1)), min_size=1, max_size=9))
def test_the_same_derivation_counts_once_however_often_it_passes_through(
    ways: list[tuple[str, float]],
) -> None:
    derived = [way(str(i), answer, sure) for i, (answer, sure) in enumerate(ways)]
    once, often = early(derived, "root"), early([*derived, *derived[:1], *derived], "root")
    assert once == often and once.finished == len(ways)
    assert once.winner in derived


# ------------------------------------------------------------ in runs


class Slow(ScriptedEngine):
    """Stops for ever at a call that `at` names, once `when` says so."""

    def __init__(self, plain: ScriptedEngine, at: Callable[[Call], bool]) -> None:
        super().__init__(plain._answer, context=1024)
        self._at = at
        self.reached = asyncio.Event()

    def submit(self, call: Call):  # type: ignore[no-untyped-def]
        stuck = self._at(call)
        self._seconds_per_token = 60.0 if stuck else 0.0
        if stuck:
            self.reached.set()
        return super().submit(call)


async def finished_early(runtime: Runtime, engine: Slow, program: str, **options: object):  # type: ignore[no-untyped-def]
    run = await runtime.start(RunRequest(question=QUESTION, program=program, options=options))
    await asyncio.wait_for(engine.reached.wait(), 60)
    await runtime.finish(run.session)
    return await asyncio.wait_for(run.result(), 60)


async def test_a_search_that_is_ended_early_answers_with_its_best_finished_state(
    judging: Judging, running: Running
) -> None:
    def score(said: Sequence[str]) -> float:
        return 0.6 if said == ["answer n0"] else 0.95

    plain = judging(QUESTION, SHORT, [SHORT, HALF, HALF, TWICE], score)
    # the second level: what has a step in it is gone on from
    engine = Slow(plain, lambda call: any("step" in line for line in lines(plain, call)))
    finished = await finished_early(running(engine), engine, "tree", beam=3)
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "48", "unverified")
    assert "it was to answer at once" in finished.message


def lines(plain: ScriptedEngine, call: Call) -> list[str]:
    """The derivation that a call goes on from; none of a checker's."""
    judge = plain._answer
    solving = judge._dialect.ids["<solve>"] in call.prompt  # type: ignore[attr-defined]
    if isinstance(call.constraint, Choice) or not solving:
        return []
    return judge.lines(call.prompt)  # type: ignore[attr-defined, no-any-return]


async def test_auto_that_is_ended_early_answers_with_what_it_trusts_most(
    speaking: Callable[..., ScriptedEngine], running: Running
) -> None:
    half = ["story 1", "step n0 / n1", "answer n2"]
    plain = speaking(QUESTION, half, direct="999", check=0.5)
    engine = Slow(plain, lambda call: call.sampling.temperature > 0)

    def unsure(call: Call) -> Scripted:
        said = plain._answer(call)
        if isinstance(said, Scripted):
            return said
        return Scripted(
            ids=tuple(said), logprobs=(math.log(0.4 if len(said) < 8 else 0.9),) * len(said)
        )

    engine._answer = unsure
    finished = await finished_early(running(engine), engine, "auto", enough=1.0)
    assert finished.answer == "24"
