"""Branches that are not worth going on with: which they are, what is said of them, and that nobody counts them."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import Call, Sampling
from smysl_engines.scripted import Answer, Scripted, ScriptedEngine
from smysl_reasoning import workbench
from smysl_reasoning.calls import Calls, Lines
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.events import RunFinished
from smysl_reasoning.hopeless import CLEARLY, GIVEN_UP, Hope, least, marked, outclassed
from smysl_reasoning.modules.candidate import PATIENCE
from smysl_reasoning.nodes import CandidateData, CheckData, ChoiceData, Node, SearchData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 2", "step n0 / n1", "step n2 + n1", "answer n3"]
TWICE = ["story 2", "step n0 * n1", "step n2 - n1", "answer n3"]
OUTSIDE = ["outside 0"]
Making = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]
Sure = Callable[[Call, int], float]
probabilities = st.floats(1e-6, 1.0)


# ------------------------------------------------------------ the measure


@given(
    st.lists(probabilities, max_size=30), st.integers(1, 12), st.floats(0.0, 1.0, exclude_min=True)
)
def test_hope_fades_where_the_geometric_mean_falls_below_the_least(
    said: list[float], patience: int, wanted: float
) -> None:
    hope = Hope(wanted, patience)
    for count, one in enumerate(said, 1):
        mean = math.exp(sum(map(math.log, said[:count])) / count)
        faded = hope.fades(math.log(one))
        if not math.isclose(mean, wanted, rel_tol=1e-9):
            assert faded == (count >= patience and mean < wanted)


@given(probabilities, probabilities, st.floats(0.0, 1.0))
def test_a_state_is_outclassed_only_below_the_least_and_by_a_clearly_better_or_an_equally_hopeless_one(
    one: float, other: float, wanted: float
) -> None:
    best = max(one, other)
    hopeless = outclassed(one, best, wanted)
    assert not (hopeless and one >= wanted)
    assert not outclassed(best, best, wanted) or best < wanted, (
        "the best falls only with all others"
    )
    if hopeless and best >= wanted:
        assert one < CLEARLY * best
    assert not outclassed(one, best, 0.0), "0 gives nothing up"


def test_the_models_threshold_holds_unless_a_program_has_its_own() -> None:
    assert [least(one, 0.4) for one in (-1.0, 0.0, 0.7)] == [0.4, 0.0, 0.7]
    assert marked("abc", 0.0) == "abc" != marked("abc", 0.4) != marked("abc", 0.5)


@pytest.mark.parametrize("name", ["hopeless_candidate", "hopeless_state"])
def test_a_threshold_is_a_probability_and_off_by_default(name: str) -> None:
    assert getattr(Thresholds(), name) == 0
    with pytest.raises(
        msgspec.ValidationError, match=f"threshold {name} is 1.5; it must be from 0 to 1"
    ):
        msgspec.convert({name: 1.5}, Thresholds)


async def test_a_hopeless_line_frees_its_call_and_a_whole_one_is_kept() -> None:
    script = Scripted(ids=(1, 2, 3, 4, 5, 6, 7, 8), logprobs=(-0.1, -9.0, *[-0.1] * 6))
    for stop, end, hopeless in (((8,), 8, True), ((2, 8), 8, False), ((2,), 2, False)):
        engine = ScriptedEngine(lambda call: script, seconds_per_token=0.001)
        calls = Calls(engine)
        lines = Lines(calls, Sampling(stop=stop), end=end, context=100, line_tokens=50)
        line = await lines.line([0], hope=Hope(0.5, 2))
        assert (line.ids, line.hopeless) == ((1, 2), hopeless)
        assert engine.running == 0, "the row is free before anyone goes on"
        assert engine.stats().finished == {"cancelled" if hopeless else "stop": 1}
        assert calls.usage.generated_tokens < 5
        await calls.settle()
        calls.check()


# ------------------------------------------------------------ sampled derivations


def doubting(plain: ScriptedEngine, sure: Sure, **options: Any) -> ScriptedEngine:
    """Says what `plain` says, each token with the probability `sure(call, its place in the output)`."""

    def answer(call: Call) -> Answer:
        said = plain._answer(call)
        if isinstance(said, Scripted):
            return said
        sures = (sure(call, call.position + number) for number in range(len(said)))
        return Scripted(ids=tuple(said), logprobs=tuple(math.log(one) for one in sures))

    return ScriptedEngine(answer, **{"context": 1024, **options})


def by_turn(*sures: float) -> Sure:
    """Of each sampled call the next of these, of greedy ones 0.99."""
    turns: dict[int, int] = {}

    def sure(call: Call, place: int) -> float:
        if not call.sampling.temperature:
            return 0.99
        turn = turns.setdefault(call.sampling.seed, len(turns))
        return sures[turn % len(sures)]

    return sure


def wavering(call: Call, place: int) -> float:
    """By seed and place alone."""
    if not call.sampling.temperature:
        return 0.99
    return random.Random(f"{call.sampling.seed} {place}").uniform(0.2, 0.9)


async def ask(
    runtime: Runtime, program: str = "vote", question: str = QUESTION, **rest: Any
) -> tuple[str, RunFinished]:
    run = await runtime.start(RunRequest(question=question, program=program, **rest))
    return run.session, await run.result()


def shown(store: Store, session: str) -> list[Node]:
    graph = store.view(session).graph
    return [graph.node(id) for id in graph]


def given_up(store: Store, session: str) -> list[Node]:
    return [node for node in shown(store, session) if GIVEN_UP in node.text]


def said(store: Store, session: str) -> set[tuple[str | None, str, str]]:
    graph = store.view(session).graph
    placed = [graph.placed(id) for id in graph]
    return {(one.place, one.node.status, one.node.text) for one in placed}


async def test_a_hopeless_derivation_is_cut_off_says_why_and_is_no_vote(
    speaking: Making, running: Running, store: Store
) -> None:
    plain = speaking(QUESTION, HALF, sampled=[TWICE, HALF])
    engine = doubting(plain, by_turn(0.3, 0.95))
    session, finished = await ask(running(engine), "best-of", options={"hopeless": 0.5})
    assert finished.answer == "26"
    lost = given_up(store, session)
    assert len(lost) == 3
    for node in lost:
        assert (node.kind, node.status) == ("candidate", "failed")
        assert node.text.endswith("given up: the model's own confidence fell below 50%")
        assert isinstance(node.data, CandidateData) and node.data.value is None
        assert len(node.data.thoughts) < 3, "the rest of it was not waited for"
        assert node.stats.generated_tokens >= PATIENCE
        assert node.stats.confidence == pytest.approx(0.3)
    (choice,) = [node for node in shown(store, session) if isinstance(node.data, ChoiceData)]
    assert isinstance(choice.data, ChoiceData)
    assert choice.data.votes == (("26", 3),) and "no answer: 3" in choice.text
    (agreement,) = [
        node.data.probability
        for node in shown(store, session)
        if isinstance(node.data, CheckData) and node.data.method == "agreement"
    ]
    assert agreement == 0.5, "it counts against the answer as any that reaches none"
    assert finished.verdict == "unverified"


async def test_what_is_given_up_costs_less(speaking: Making, running: Running) -> None:
    spent = []
    for hopeless in (0.0, 0.5):
        plain = speaking(QUESTION, HALF)
        engine = doubting(plain, by_turn(0.3, 0.95, 0.95), fingerprint=f"{hopeless}")
        _, finished = await ask(running(engine), "best-of", options={"hopeless": hopeless})
        assert finished.answer == "26"
        spent.append(engine.stats().generated_tokens - finished.calls)
    # two of six, of which at most a token or two was said beyond what was heard
    assert spent[0] - spent[1] > 2 * 3


async def test_an_unlikely_plan_says_nothing_of_the_thoughts(
    speaking: Making, running: Running, store: Store
) -> None:
    plain = speaking(QUESTION, HALF)
    engine = doubting(plain, lambda call, place: 1e-9 if place < 3 else 0.9)
    session, finished = await ask(running(engine), options={"hopeless": 0.8})
    assert finished.answer == "26" and not given_up(store, session)


async def test_a_vote_goes_on_until_the_others_have_decided(
    speaking: Making, running: Running, store: Store
) -> None:
    plain = speaking(QUESTION, HALF)
    engine = doubting(plain, by_turn(0.3, 0.95))
    session, finished = await ask(running(engine), options={"hopeless": 0.5, "samples": 8})
    assert finished.answer == "26"
    candidates = [node for node in shown(store, session) if node.kind == "candidate"]
    assert len(candidates) == 8, "four of eight are no majority"


async def test_where_every_derivation_is_given_up_there_is_no_answer(
    speaking: Making, running: Running, store: Store
) -> None:
    engine = doubting(speaking(QUESTION, HALF), by_turn(0.3))
    session, finished = await ask(running(engine), options={"hopeless": 0.5, "samples": 4})
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "failed")
    assert finished.message == "not confident: 4 derivations were given up as hopeless"
    assert len(given_up(store, session)) == 4


async def test_greedy_derivations_and_the_end_of_an_answer_are_never_given_up(
    speaking: Making, running: Running, dialect: NativeDialect, store: Store
) -> None:
    runtime = Runtime(
        engine=doubting(speaking(QUESTION, HALF), lambda call, place: 0.1),
        dialect=dialect,
        store=store,
        thresholds=Thresholds(hopeless_candidate=0.9),
    )
    for program, lost in (("chain", 0), ("solve", 4)):
        session, finished = await ask(runtime, program)
        assert finished.answer == "26"
        assert len(given_up(store, session)) == lost, "sampled ones only"
    await runtime.close()
    # an answer whose last token alone is unlikely is whole already
    short = ["story 1", "step n0 / n1", "answer n2"]
    plain = speaking(QUESTION, short)
    whole = len(plain._answer(Call(prompt=tuple(_asked(plain, QUESTION)))))  # type: ignore[arg-type]
    late = doubting(
        plain, lambda call, place: 1e-9 if place == whole - 1 else 0.99, fingerprint="1ate"
    )
    session, finished = await ask(running(late), options={"hopeless": 0.5, "samples": 1})
    assert finished.answer == "24" and not given_up(store, session)


def _asked(engine: ScriptedEngine, question: str) -> Sequence[int]:
    """The prompt of a native derivation."""
    main = engine._answer._main  # type: ignore[attr-defined]
    return main[: main.index(engine._answer._dialect.ids["<solve>"]) + 1]  # type: ignore[attr-defined,no-any-return]


async def test_a_plan_that_finds_the_question_outside_is_heard(
    speaking: Making, running: Running, store: Store
) -> None:
    engine = doubting(speaking(QUESTION, OUTSIDE), lambda call, place: 0.01)
    session, finished = await ask(running(engine), "best-of", options={"hopeless": 0.9})
    assert (finished.answer, finished.verdict) == (None, "failed")
    assert "outside" in finished.message and not given_up(store, session)


async def test_a_question_that_the_plan_finds_outside_is_said_to_be_outside(
    speaking: Making, running: Running, store: Store
) -> None:
    engine = doubting(speaking(QUESTION, OUTSIDE, sampled=[HALF]), lambda call, place: 0.1)
    session, finished = await ask(running(engine), options={"hopeless": 0.9})
    assert "seems to lie outside" in finished.message and given_up(store, session)


async def test_the_models_own_threshold_holds_for_programs_that_say_nothing(
    speaking: Making, dialect: NativeDialect, store: Store
) -> None:
    runtime = Runtime(
        engine=doubting(speaking(QUESTION, HALF), by_turn(0.3, 0.95)),
        dialect=dialect,
        store=store,
        thresholds=Thresholds(hopeless_candidate=0.5),
    )
    session, _ = await ask(runtime, "best-of")
    other, _ = await ask(runtime, "best-of", options={"hopeless": 0.0})
    assert (len(given_up(store, session)), len(given_up(store, other))) == (3, 0)
    await runtime.close()


async def test_a_node_given_up_is_reused_and_replayed_and_made_anew_under_another_threshold(
    speaking: Making, running: Running, store: Store
) -> None:
    engine = doubting(speaking(QUESTION, HALF), by_turn(0.3, 0.95))
    runtime = running(engine)
    session, _ = await ask(runtime, "best-of", options={"hopeless": 0.5})
    report = await runtime.replay(session)
    assert report.different == () and report.same > 6
    before = len(engine.calls)
    again, _ = await ask(runtime, "best-of", options={"hopeless": 0.5})
    assert len(engine.calls) == before and said(store, again) == said(store, session)
    preview = await runtime.preview(session)
    assert (preview.stale, preview.calls) == ((), 0)
    other, _ = await ask(runtime, "best-of", options={"hopeless": 0.2})
    assert len(engine.calls) > before and not given_up(store, other)
    off, _ = await ask(runtime, "best-of")
    prompts = [
        one.recipe.prompt for one in shown(store, off) if one.kind == "candidate" and one.recipe
    ]
    assert not any(" " in prompt for prompt in prompts), (
        "without a threshold recipes are as they were"
    )


async def test_an_edited_question_is_derived_anew_with_the_same_threshold(
    thinking: Making, running: Running, store: Store
) -> None:
    runtime = running(doubting(thinking(), wavering))
    session, _ = await ask(runtime, "best-of", options={"hopeless": 0.5, "samples": 8})
    assert given_up(store, session)
    question = next(node.id for node in shown(store, session) if node.kind == "question")
    changed = QUESTION.replace("48", "60")
    await runtime.edit(Edit(node=question, text=changed))
    await (await runtime.derive(DeriveRequest(session=session))).result()
    assert store.view(session).graph.stale() == []
    fresh, _ = await ask(
        runtime, "best-of", changed, options={"hopeless": 0.5, "samples": 8}, fresh=True
    )
    assert said(store, session) == said(store, fresh)


@pytest.mark.parametrize("seed", range(3))
async def test_a_pause_changes_nothing_of_what_is_given_up(
    thinking: Making, running: Running, store: Store, seed: int
) -> None:
    options: dict[str, object] = {"hopeless": 0.5, "samples": 8}
    whole, _ = await ask(running(doubting(thinking(), wavering)), seed=seed, options=options)
    slow = doubting(thinking(), wavering, seconds_per_token=0.004, fingerprint="0ther")
    runtime = running(slow)
    run = await runtime.start(
        RunRequest(question=QUESTION, program="vote", seed=seed, options=options)
    )
    (walk,) = runtime._walks.values()
    async with asyncio.timeout(60):
        while walk.calls.usage.generated_tokens < 40:
            await asyncio.sleep(0.002)
    await runtime.pause(run.session)
    await runtime.unpause(run.session)
    assert (await run.result()).outcome == "done"
    assert given_up(store, run.session)
    assert said(store, run.session) == said(store, whole)


async def test_a_crash_in_the_middle_changes_nothing_of_what_is_given_up(
    thinking: Making, dialect: NativeDialect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "JOURNAL_S", 0.0)
    request = RunRequest(question=QUESTION, program="vote", options={"hopeless": 0.5, "samples": 8})
    results = []
    for crash in (False, True):
        store = Store.open(tmp_path / f"{crash}.db")
        engine = doubting(thinking(), wavering, seconds_per_token=0.004)
        runtime = Runtime(engine=engine, dialect=dialect, store=store)
        run = await runtime.start(request)
        if crash:
            (walk,) = runtime._walks.values()
            async with asyncio.timeout(60):
                while walk.calls.usage.generated_tokens < 60:
                    await asyncio.sleep(0.002)
            await runtime.suspend()
            await runtime.close()
            engine = doubting(thinking(), wavering)
            runtime = Runtime(engine=engine, dialect=dialect, store=store)
            (run,) = await runtime.resume()
        assert (await run.result()).outcome == "done"
        assert given_up(store, run.session)
        results.append(said(store, run.session))
        await runtime.close()
        store.check()
        store.close()
    assert results[0] == results[1]


# ------------------------------------------------------------ searches


def scoring(*scores: tuple[str, float]) -> Callable[[Sequence[str]], float]:
    """The checker's probability by the last thought that one of `scores` names."""
    return lambda lines: next((p for line, p in scores if line == lines[-1]), 0.9)


def states(store: Store, session: str) -> list[Node]:
    return [node for node in shown(store, session) if isinstance(node.data, CandidateData)]


async def test_a_state_with_a_clearly_better_one_beside_it_is_not_gone_on_from(
    judging: Making, running: Running, store: Store
) -> None:
    sampled = [TWICE] * 8
    scores = scoring(("step n0 * n1", 0.04))
    options = {"width": 8, "beam": 2, "hopeless": 0.1}
    engine = judging(QUESTION, HALF, sampled, scores)
    session, finished = await ask(running(engine), "tree", options=options)
    assert finished.answer == "26"
    (lost,) = given_up(store, session)
    assert lost.status == "failed" and lost.kind == "candidate"
    assert lost.text == "48 * 2 = 96\ngiven up: the checker gives it 4.0% (10% needed)"
    assert not any("96 - 2" in node.text for node in shown(store, session))
    with_all = judging(QUESTION, HALF, sampled, scores, fingerprint="0ther")
    _, finished_all = await ask(running(with_all), "tree", options={**options, "hopeless": 0.0})
    assert finished.generated_tokens < finished_all.generated_tokens
    assert (finished_all.answer, finished_all.confidence) == ("26", finished.confidence)


async def test_a_state_that_is_no_worse_than_its_company_is_gone_on_from(
    judging: Making, running: Running, store: Store
) -> None:
    scores = scoring(("step n0 * n1", 0.09), ("step n0 / n1", 0.11))
    engine = judging(QUESTION, HALF, [TWICE] * 8, scores)
    session, _ = await ask(
        running(engine), "tree", options={"width": 8, "beam": 2, "hopeless": 0.1}
    )
    assert any("96 - 2" in node.text for node in shown(store, session))
    assert not given_up(store, session)


async def test_a_search_without_hope_ends_with_what_is_finished(
    judging: Making, running: Running, store: Store
) -> None:
    short = ["story 2", "answer n0"]
    scores = scoring(("step n0 / n1", 0.02), ("answer n0", 0.05))
    engine = judging(QUESTION, HALF, [short] * 8, scores)
    session, finished = await ask(
        running(engine), "tree", options={"width": 8, "beam": 2, "hopeless": 0.1}
    )
    assert finished.answer == "48" and finished.verdict == "unverified"
    levels = [node for node in shown(store, session) if isinstance(node.data, SearchData)]
    assert len(levels) == 1 and len(given_up(store, session)) == 1


async def test_a_search_without_hope_and_answer_is_not_confident(
    judging: Making, running: Running, store: Store
) -> None:
    engine = judging(QUESTION, HALF, [TWICE] * 8, lambda lines: 0.03)
    runtime = running(engine)
    options = {"width": 8, "beam": 2, "hopeless": 0.1}
    session, finished = await ask(runtime, "tree", options=options)
    assert (finished.answer, finished.verdict) == (None, "failed")
    assert finished.message == "not confident: 2 derivations were given up as hopeless"
    lost = given_up(store, session)
    assert [node.text.splitlines()[0] for node in lost] == ["48 / 2 = 24", "48 * 2 = 96"]
    assert (await runtime.replay(session)).different == ()
    before = len(engine.calls)
    again, _ = await ask(runtime, "tree", options=options)
    assert len(engine.calls) == before and said(store, again) == said(store, session)


async def test_a_state_that_a_person_pins_is_gone_on_from_all_the_same(
    judging: Making, running: Running, store: Store
) -> None:
    runtime = running(judging(QUESTION, HALF, [TWICE] * 8, lambda lines: 0.03))
    options = {"width": 8, "beam": 2, "hopeless": 0.1}
    session, _ = await ask(runtime, "tree", options=options)
    lost = next(node for node in given_up(store, session) if node.text.startswith("48 / 2"))
    await runtime.pin(lost.id, True)
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    assert finished.answer == "26", finished.message
    grown = [node for node in states(store, session) if node.text.startswith("48 / 2 = 24\n24")]
    assert grown and not any(GIVEN_UP in node.text for node in grown)
    assert store.view(session).graph.stale() == []


@given(
    scores=st.lists(st.floats(0.01, 0.99), min_size=40, max_size=40),
    hopeless=st.floats(0.0, 1.0),
    beam=st.integers(1, 3),
)
async def test_no_state_at_or_above_the_least_is_given_up_and_none_below_it_beside_a_better_one_is_gone_on_from(
    scores: list[float],
    hopeless: float,
    beam: int,
    judging: Making,
    running: Running,
    store: Store,
) -> None:
    def score(lines: Sequence[str]) -> float:
        return scores[sum(map(len, lines)) * 7 % 40]

    more = ["story 2", "step n0 + n1", "step n2 + n0", "answer n3"]
    engine = judging(QUESTION, HALF, [TWICE, more], score, fingerprint=repr((scores[:3], hopeless)))
    session, _ = await ask(
        running(engine), "tree", options={"width": 4, "beam": beam, "hopeless": hopeless}
    )
    graph = store.view(session).graph
    for node in states(store, session):
        sure = node.stats.confidence
        assert sure is not None
        level = next(graph.node(edge.node) for edge in node.inputs if edge.role == "choice")
        assert isinstance(level.data, SearchData)
        best = max(one.score for one in level.data.expansions)
        lost = GIVEN_UP in node.text
        open = isinstance(node.data, CandidateData) and node.data.value is None
        if lost:
            assert sure < hopeless and open
        elif open and sure < hopeless:
            assert sure >= CLEARLY * best
        gone_on = [id for id in graph if any(e.node == node.id for e in graph.node(id).inputs)]
        after = [id for id in gone_on if graph.node(id).kind == "candidate"]
        assert not (lost and after)
