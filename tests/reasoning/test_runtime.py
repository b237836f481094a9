"""Runs over a fake model: what they answer, write, cost and leave behind."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from smysl_engines.base import Call
from smysl_engines.scripted import Scripted, ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect, read
from smysl_reasoning.errors import BadRequest, EngineUnusable, RuntimeClosed, UnknownId
from smysl_reasoning.events import Event, NodeDelta, NodeFinished, NodeStarted, RunFinished
from smysl_reasoning.nodes import FINAL, AnswerData, CheckData, ChoiceData, Node, StepData
from smysl_reasoning.opening import open_runtime
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.run import Run
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import RunRecord, Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]
TWICE = ["story 1", "step n0 * n1", "answer n2"]
MORE = ["story 1", "step n0 + n1", "answer n2"]

PATIENCE_S = 60.0
"""A machine that does other work is slow, not broken."""

Speaking = Callable[..., ScriptedEngine]
Running = Callable[[ScriptedEngine], Runtime]


async def events_of(run: Run) -> list[Event]:
    return [event async for event in run.watch()]


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not met():
            await asyncio.sleep(0.002)


async def ask(
    runtime: Runtime, question: str = QUESTION, **rest: object
) -> tuple[Run, RunFinished]:
    run = await runtime.start(RunRequest(question=question, **rest))  # type: ignore[arg-type]
    return run, await run.result()


async def test_solve_shows_its_work_and_verifies_what_independent_derivations_agree_on(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF)
    run, finished = await ask(running(engine))
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "24", "verified")
    assert finished.confidence == pytest.approx(0.97)
    nodes = store.session_nodes(run.session)
    assert Counter(node.kind for node in nodes) == {
        "question": 1,
        "plan": 1,
        "step": 1,
        "computed": 1,
        "answer": 1,
        "candidate": 5,
        "choice": 1,
        "check": 2,
    }
    assert [n.text for n in nodes if n.kind in ("plan", "step", "computed", "answer")] == [
        "story, 1 step",
        "48 / 2",
        "48 / 2 = 24",
        "24",
    ]
    assert all(node.status == "done" for node in nodes)
    assert [n.data for n in nodes if n.kind == "step"] == [StepData("n0 / n1")]
    assert [n.data for n in nodes if n.kind == "choice"] == [ChoiceData((("24", 6),))]
    checks = {n.data.method: n.data for n in nodes if isinstance(n.data, CheckData)}
    assert checks["agreement"].passed and checks["checker"].passed
    assert store.finished(run.id) == finished


async def test_usage_counts_every_call_once(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF)
    run, finished = await ask(running(engine))
    # plan, main derivation, reworded, 4 samples, checker
    assert finished.calls == len(engine.calls) == 8
    assert finished.prompt_tokens == sum(len(call.prompt) for call in engine.calls)
    assert sum(node.stats.calls for node in store.session_nodes(run.session)) == 8


async def test_a_question_asked_again_costs_no_call_and_still_writes_its_nodes(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF)
    runtime = running(engine)
    first, one = await ask(runtime)
    before = len(engine.calls)
    second, two = await ask(runtime)
    assert len(engine.calls) == before
    assert (two.calls, two.generated_tokens) == (0, 0)
    assert two.cached_tokens == two.prompt_tokens == one.prompt_tokens
    assert (two.answer, two.verdict, two.confidence) == (one.answer, one.verdict, one.confidence)
    said = [
        [(n.kind, n.text, n.data) for n in store.session_nodes(r.session)] for r in (first, second)
    ]
    assert sorted(map(str, said[0])) == sorted(map(str, said[1]))


async def test_another_seed_samples_anew_and_reuses_what_is_greedy(
    speaking: Speaking, running: Running
) -> None:
    engine = speaking(QUESTION, HALF)
    runtime = running(engine)
    await ask(runtime, seed=1)
    before = len(engine.calls)
    await ask(runtime, seed=2)
    assert len(engine.calls) - before == 4
    assert all(call.sampling.temperature > 0 for call in engine.calls[before:])


async def test_other_numbers_in_the_context_are_not_taken_from_an_earlier_run(
    speaking: Speaking, running: Running
) -> None:
    question = "How many does each get?"
    engine = speaking(f"Tom shares 48 apples among 2.\n{question}", HALF)
    runtime = running(engine)
    _, one = await ask(runtime, question, context="Tom shares 48 apples among 2.")
    _, two = await ask(runtime, question, context="Tom shares 60 apples among 3.")
    assert (one.answer, two.answer) == ("24", "20")


async def test_a_majority_of_the_others_outvotes_the_greedy_derivation_and_says_so(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, TWICE, sampled=[HALF], reworded=HALF)
    run, finished = await ask(running(engine))
    assert finished.answer == "24"
    nodes = {node.id: node for node in store.session_nodes(run.session)}
    answers = [node for node in nodes.values() if node.kind == "answer"]
    assert [node.text for node in answers] == ["96", "24"]
    assert {edge.role: nodes[edge.node].kind for edge in answers[-1].inputs} == {
        "derivation": "candidate",
        "choice": "choice",
        "instead of": "answer",
    }
    assert any("outvoted" in node.text for node in nodes.values() if node.kind == "check")


async def test_a_split_vote_leaves_the_greedy_answer_unverified(
    speaking: Speaking, running: Running
) -> None:
    engine = speaking(QUESTION, HALF, sampled=[TWICE, MORE, HALF, TWICE])
    _, finished = await ask(running(engine))
    assert (finished.answer, finished.verdict) == ("24", "unverified")
    assert "3 of 6 derivations agree" in finished.message


async def test_a_doubting_checker_prevents_verified(speaking: Speaking, running: Running) -> None:
    _, finished = await ask(running(speaking(QUESTION, HALF, check=0.5)))
    assert (finished.answer, finished.verdict) == ("24", "unverified")
    assert "checker gives 50.0%" in finished.message


async def test_too_little_agreement_gives_no_answer_but_keeps_the_candidate(
    speaking: Speaking, running: Running, store: Store
) -> None:
    others = [TWICE, MORE, ["story 1", "step n1 * n1", "answer n2"], ["story 0", "answer n0"]]
    engine = speaking(QUESTION, HALF, sampled=others, reworded=["story 0", "answer n0"])
    run, finished = await ask(running(engine))
    assert (finished.answer, finished.verdict) == (None, "failed")
    assert "not confident" in finished.message
    assert any(n.kind == "answer" and n.text == "24" for n in store.session_nodes(run.session))


async def test_a_question_outside_ends_as_not_confident(
    speaking: Speaking, running: Running
) -> None:
    question = "Who wrote Hamlet?"
    engine = speaking(question, ["outside"], model="grain", direct="unknown")
    runtime = running(engine)
    for program in ("solve", "vote", "direct"):
        _, finished = await ask(runtime, question, program=program)
        assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "failed")
        assert "lie outside what grain was trained on" in finished.message


@pytest.mark.parametrize(
    "broken",
    [
        ["story 1", "step n0 / (n1 - n1)", "answer n2"],
        ["story 1", "step n7 + n0", "answer n2"],
        ["story 1", "answer n30"],
        ["story 1", "story 1", "answer n0"],
    ],
)
async def test_a_derivation_without_a_value_is_discarded_by_the_vote(
    broken: list[str], speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(QUESTION, broken, sampled=[HALF], reworded=broken))
    run, finished = await ask(runtime)
    assert (finished.answer, finished.verdict) == ("24", "unverified")
    statuses = Counter((n.kind, n.status) for n in store.session_nodes(run.session))
    assert statuses["candidate", "failed"] == 1
    assert sum(count for (_, status), count in statuses.items() if status == "failed") == 2
    _, again = await ask(runtime)
    assert again.calls == 0


async def test_a_model_that_never_ends_a_thought_fails_its_derivation(
    dialect: NativeDialect, running: Running
) -> None:
    start = dialect.ids["<step>"]
    engine = ScriptedEngine(lambda call: [start] * 300, context=1024)
    _, finished = await ask(running(engine))
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "failed")


async def test_direct_answers_at_once_and_is_never_verified(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF, direct="24")
    run, finished = await ask(running(engine), program="direct")
    assert (finished.answer, finished.verdict) == ("24", "unverified")
    assert [n.kind for n in store.session_nodes(run.session) if n.kind != "plan"] == [
        "question",
        "answer",
    ]


async def test_vote_takes_the_majority_of_its_samples(speaking: Speaking, running: Running) -> None:
    engine = speaking(QUESTION, TWICE, sampled=[HALF, HALF, TWICE])
    _, finished = await ask(running(engine), program="vote", options={"samples": 3})
    assert (finished.answer, finished.verdict) == ("24", "unverified")


async def test_an_option_sets_the_number_of_branches(speaking: Speaking, running: Running) -> None:
    engine = speaking(QUESTION, HALF)
    await ask(running(engine), options={"samples": 2, "temperature": 1})
    assert sum(call.sampling.temperature == 1.0 for call in engine.calls) == 2


async def test_words_are_answered_through_facts(
    speaking: Speaking, running: Running, store: Store
) -> None:
    question = "All cats are animals. Tom is a cat. Is Tom an animal?"
    main = ["logic 1", "fact tom is an animal", "answer yes"]
    run, finished = await ask(running(speaking(question, main)), question)
    assert (finished.answer, finished.verdict) == ("yes", "verified")
    assert "tom is an animal" in [n.text for n in store.session_nodes(run.session)]


async def test_events_tell_of_every_node_once_and_end_once(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(QUESTION, HALF))
    run = await runtime.start(RunRequest(question=QUESTION))
    durable: list[bool] = []
    events = []
    async for event in run.watch():
        events.append(event)
        if isinstance(event, NodeFinished):
            durable.append(store.node(event.node.id) == event.node)
    assert all(durable)
    assert [isinstance(event, RunFinished) for event in events].count(True) == 1
    assert isinstance(events[-1], RunFinished)
    finished = [event.node.id for event in events if isinstance(event, NodeFinished)]
    assert len(set(finished)) == len(finished)
    assert set(finished) == {node.id for node in store.session_nodes(run.session)}
    known: set[str] = set()
    for event in events:
        match event:
            case NodeStarted(node):
                known.add(node.id)
            case NodeDelta(node, _):
                assert node in known
            case NodeFinished(node):
                assert {edge.node for edge in node.inputs} <= set(finished)


async def test_a_late_watcher_gets_what_is_finished_first_then_the_rest(
    speaking: Speaking, running: Running
) -> None:
    runtime = running(speaking(QUESTION, HALF, seconds_per_token=0.002))
    run = await runtime.start(RunRequest(question=QUESTION))
    early = asyncio.create_task(events_of(run))
    await asyncio.sleep(0.05)
    late = asyncio.create_task(events_of(run))
    everything, seen_late = await early, await late
    after = await events_of(run)
    ids = [
        {e.node.id for e in seen if isinstance(e, NodeFinished)}
        for seen in (everything, seen_late, after)
    ]
    assert ids[0] == ids[1] == ids[2]
    assert everything[-1] == seen_late[-1] == after[-1]
    assert all(isinstance(event, NodeFinished) for event in after[:-1])


async def test_a_watcher_that_leaves_or_stalls_does_not_hold_the_run(
    speaking: Speaking, running: Running
) -> None:
    runtime = running(speaking(QUESTION, HALF))
    run = await runtime.start(RunRequest(question=QUESTION))
    stalled = run.watch()
    await anext(stalled)
    leaving = run.watch()
    await anext(leaving)
    await leaving.aclose()  # type: ignore[attr-defined]
    assert (await run.result()).outcome == "done"
    assert [event async for event in stalled][-1] == run.finished


async def test_cancel_frees_the_engine_and_ends_every_node(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF, seconds_per_token=3600.0)
    run = await running(engine).start(RunRequest(question=QUESTION))
    await until(lambda: engine.running == 6)
    run.cancel()
    run.cancel()
    finished = await asyncio.wait_for(run.result(), PATIENCE_S)
    assert (finished.outcome, finished.answer) == ("cancelled", None)
    assert engine.running == 0
    nodes = store.session_nodes(run.session)
    assert Counter(node.status for node in nodes) == {"done": 1, "cancelled": 6}
    run.cancel()


async def test_an_engine_failure_fails_the_run_with_its_message(
    running: Running, store: Store
) -> None:
    engine = ScriptedEngine(lambda call: Scripted(error="out of memory"), context=1024)
    run, finished = await ask(running(engine))
    assert (finished.outcome, finished.verdict) == ("failed", "failed")
    assert "out of memory" in finished.message
    assert all(node.status in FINAL for node in store.session_nodes(run.session))


async def test_a_failure_of_the_engine_is_not_remembered(
    speaking: Speaking, running: Running, dialect: NativeDialect, store: Store
) -> None:
    broken = ScriptedEngine(lambda call: Scripted(error="out of memory"), context=1024)
    await ask(running(broken))
    _, finished = await ask(running(speaking(QUESTION, HALF)))
    assert finished.answer == "24"


async def test_a_spent_time_budget_answers_with_what_is_there(
    speaking: Speaking, running: Running, dialect: NativeDialect
) -> None:
    quick = speaking(QUESTION, HALF)
    assert quick is not None

    def answer(call: Call) -> Scripted:
        # only the checker is slow: every derivation is there when the time is up
        if call.constraint is not None:
            return Scripted(choice=0, probabilities=(0.9, 0.1))
        text = quick._answer(call)
        return text if isinstance(text, Scripted) else Scripted(ids=tuple(text))

    class SlowCheck(ScriptedEngine):
        def submit(self, call: Call):  # type: ignore[no-untyped-def]
            self._seconds_per_token = 3600.0 if call.constraint is not None else 0.0
            return super().submit(call)

    engine = SlowCheck(answer, context=1024)
    runtime = running(engine)
    run = await runtime.start(RunRequest(question=QUESTION, budget_seconds=60))
    await until(lambda: any(call.constraint is not None for call in engine.calls))
    (walk,) = runtime._walks.values()
    # as if it had worked for an hour by now
    walk.calls.clock._counted += 3600
    assert walk.calls.clock.on_change is not None
    walk.calls.clock.on_change()
    finished = await asyncio.wait_for(run.result(), PATIENCE_S)
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "24", "budget")
    assert "60 s" in finished.message


async def test_a_spent_token_budget_stops_the_run(speaking: Speaking, running: Running) -> None:
    engine = speaking(QUESTION, HALF)
    _, finished = await ask(running(engine), budget_tokens=10)
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "budget")
    assert "10 tokens" in finished.message
    assert finished.generated_tokens < 40


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (RunRequest(question="  \n "), ["empty"]),
        (RunRequest(question="a" * 40_000), ["40000", "32768", "Shorten"]),
        (RunRequest(question="a", context="b" * 40_000), ["40001", "32768"]),
        (RunRequest(question="\ud800"), ["text"]),
        (RunRequest(question=QUESTION, program="slove"), ["slove", "solve"]),
        (RunRequest(question=QUESTION, program="xyzzy"), ["xyzzy", "direct", "solve", "vote"]),
        (RunRequest(question=QUESTION, options={"sample": 3}), ["sample", "samples"]),
        (RunRequest(question=QUESTION, options={"samples": -1}), ["samples", "-1", "0"]),
        (RunRequest(question=QUESTION, options={"samples": 2.5}), ["samples", "2.5"]),
        (RunRequest(question=QUESTION, options={"samples": True}), ["samples", "True"]),
        (RunRequest(question=QUESTION, options={"samples": [4]}), ["samples", "[4]"]),
        (RunRequest(question=QUESTION, options={"temperature": 1e400}), ["temperature", "inf"]),
        (RunRequest(question=QUESTION, options={"temperature": float("nan")}), ["nan"]),
        (RunRequest(question=QUESTION, seed=-1), ["seed", "-1"]),
        (RunRequest(question=QUESTION, budget_tokens=0), ["budget", "0"]),
        (RunRequest(question=QUESTION, budget_seconds=-2.0), ["budget", "-2.0"]),
        (RunRequest(question="1 " * 60), ["60 numbers"]),
        (RunRequest(question="word " * 400), ["tokens", "Shorten"]),
    ],
)
async def test_a_bad_request_is_refused_before_anything_is_written(
    request_: RunRequest, names: list[str], speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF)
    with pytest.raises(BadRequest) as error:
        await running(engine).start(request_)
    assert all(name in str(error.value) for name in names)
    assert store.sessions() == [] and not engine.calls


async def test_a_session_is_continued_by_its_id_or_prefix(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(QUESTION, HALF))
    first, _ = await ask(runtime)
    second, _ = await ask(runtime, session=first.session[:8])
    third, _ = await ask(runtime, session="@last")
    assert first.session == second.session == third.session
    (summary,) = store.sessions()
    assert summary.nodes == len(store.session_nodes(first.session))
    with pytest.raises(UnknownId):
        await ask(runtime, session="zzzzzzzz")


async def test_the_question_is_durable_when_start_returns(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(QUESTION, HALF, seconds_per_token=5.0))
    run = await runtime.start(RunRequest(question=QUESTION, context="About fruit."))
    assert [n.kind for n in store.session_nodes(run.session)] == ["context", "question"]
    assert [record.id for record in store.unfinished_runs()] == [run.id]


async def test_a_start_that_is_given_up_leaves_no_run_behind(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(QUESTION, HALF))
    starting = asyncio.create_task(runtime.start(RunRequest(question=QUESTION)))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    while store.unfinished_runs():
        await asyncio.sleep(0.01)
    runtime.check()


async def test_many_runs_go_on_side_by_side(speaking: Speaking, running: Running) -> None:
    runtime = running(speaking(QUESTION, HALF, seconds_per_token=0.001))
    runs = [await runtime.start(RunRequest(question=QUESTION, seed=seed)) for seed in range(4)]
    assert [(await run.result()).answer for run in runs] == ["24"] * 4


async def test_a_run_cut_off_by_a_crash_is_resumed_with_what_it_had(
    speaking: Speaking, dialect: NativeDialect, tmp_path: Path
) -> None:
    path = tmp_path / "crashed.db"
    store = Store.open(path)
    slow = speaking(QUESTION, HALF, seconds_per_token=0.01)
    crashed = Runtime(engine=slow, dialect=dialect, store=store)
    run = await crashed.start(RunRequest(question=QUESTION))
    async for event in run.watch():
        if isinstance(event, NodeFinished) and event.node.kind == "computed":
            break
    store.close()  # whatever is still under way can no longer be written
    await crashed.close()

    store = Store.open(path)
    before = store.session_nodes(run.session)
    assert {"question", "plan", "step", "computed"} <= {node.kind for node in before}
    engine = speaking(QUESTION, HALF)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    (resumed,) = await runtime.resume()
    assert (resumed.id, resumed.session) == (run.id, run.session)
    events = await events_of(resumed)
    assert isinstance(events[-1], RunFinished) and events[-1].answer == "24"
    after = store.session_nodes(run.session)
    assert after[: len(before)] == before
    assert Counter(n.kind for n in after)["plan"] == Counter(n.kind for n in after)["step"] == 1
    assert store.unfinished_runs() == [] and await runtime.resume() == []
    plan_prompt = tuple(dialect.question(read(QUESTION), "solve"))
    plans = [call for call in engine.calls if call.prompt == plan_prompt]
    assert all(call.sampling.temperature > 0 for call in plans), "the plan was made before"
    await runtime.close()
    store.check()
    store.close()


async def test_a_run_that_cannot_be_resumed_ends_as_failed(
    speaking: Speaking, running: Running, store: Store
) -> None:
    question = Node(id="q", session="s", kind="question", text="?", status="done")
    record = RunRecord(id="r", session="s", question="q", program="gone", request=b"{}")
    store.begin_run(record, [question], "title").result()
    assert await running(speaking(QUESTION, HALF)).resume() == []
    end = store.finished("r")
    assert end is not None and end.outcome == "failed" and "cannot be resumed" in end.message


async def test_close_cancels_what_runs_and_refuses_what_comes(
    speaking: Speaking, running: Running
) -> None:
    runtime = running(speaking(QUESTION, HALF, seconds_per_token=5.0))
    run = await runtime.start(RunRequest(question=QUESTION))
    await runtime.close()
    assert run.finished is not None and run.finished.outcome == "cancelled"
    with pytest.raises(RuntimeClosed):
        await runtime.start(RunRequest(question=QUESTION))


async def test_open_runtime_reads_tokenizer_and_thresholds(
    speaking: Speaking, tokenizer: Tokenizer, store: Store, tmp_path: Path
) -> None:
    engine = speaking(QUESTION, HALF, check=0.95)
    with pytest.raises(EngineUnusable, match="tokenizer.json"):
        open_runtime(engine, tmp_path, store)
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_str())
    cautious = open_runtime(engine, tmp_path, store)
    assert (await ask(cautious))[1].verdict == "unverified"
    (tmp_path / "dialect.json").write_text(
        '{"dialect": "native", "version": 1, "later": 1, '
        '"thresholds": {"agreement": 0.8, "check": 0.9}}'
    )
    measured = open_runtime(engine, tmp_path, store)
    assert (await ask(measured))[1].verdict == "verified"
    assert {"direct", "solve", "vote"} <= {program.name for program in measured.programs()}
    for bad in ('{"dialect": "other"}', '{"version": 2}', "{", '{"thresholds": {"check": 2}}'):
        (tmp_path / "dialect.json").write_text(bad)
        with pytest.raises(EngineUnusable, match="dialect.json"):
            open_runtime(engine, tmp_path, store)
    await cautious.close()
    await measured.close()


async def test_answers_are_compared_in_normal_form(
    speaking: Speaking, running: Running, store: Store
) -> None:
    run, finished = await ask(running(speaking(QUESTION, HALF, direct="24.0")), program="direct")
    assert finished.answer == "24"
    (answer,) = [n for n in store.session_nodes(run.session) if n.kind == "answer"]
    assert answer.data == AnswerData("24")
