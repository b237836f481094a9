import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fake_model import FakeModel
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_engines import batch as batch_module
from smysl_engines.base import (
    AllowedTokens,
    Call,
    Choice,
    Constraint,
    Delta,
    EngineError,
    Finish,
    Regex,
    Sampling,
    State,
)
from smysl_engines.batch import Batch
from smysl_engines.job import Job
from smysl_engines.prefix_tree import BLOCK
from smysl_engines.sampling import Logits, Sampler, log_probabilities
from smysl_engines.snapshots import Snapshots
from smysl_engines.stream import Channel

VOCABULARY = FakeModel.vocabulary


class Caller:
    """Submits one call to a batch and reads its channel as a consumer would."""

    def __init__(
        self,
        batch: Batch,
        call: Call,
        state: State = (),
        since: int = 0,
        offset: int = 0,
        stepwise: int | None = None,
    ) -> None:
        self.channel = Channel(batch.cancellations)
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.ends: list[Finish | EngineError] = []
        self.job = Job(call, self.channel, None, None, state, since, offset, stepwise)
        batch.add(self.job)

    def read(self) -> None:
        while event := self.channel.take():
            if isinstance(event, Delta):
                assert not self.ends
                self.ids += event.ids
                self.logprobs += event.logprobs
            else:
                self.ends.append(event)

    @property
    def finish(self) -> Finish:
        (end,) = self.ends
        assert isinstance(end, Finish)
        return end


def run(batch: Batch, *callers: Caller) -> None:
    while not batch.idle:
        batch.step()
        batch.check()
    for caller in callers:
        caller.read()


def alone(call: Call) -> Caller:
    batch = Batch(FakeModel())
    caller = Caller(batch, call)
    run(batch, caller)
    return caller


constraints = st.one_of(
    st.none(),
    st.just(AllowedTokens((1, 4))),
    st.lists(
        st.lists(st.integers(0, 6), min_size=1, max_size=3).map(tuple),
        min_size=1,
        max_size=4,
        unique=True,
    ).map(lambda options: Choice(tuple(options))),
)
calls = st.builds(
    Call,
    # few tokens in long runs, so that prompts share prefixes within blocks and across them
    prompt=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([1, 2, 7, 31, 32])), min_size=1, max_size=4
    ).map(lambda runs: tuple(token for token, count in runs for _ in range(count))),
    sampling=st.builds(
        Sampling,
        temperature=st.sampled_from([0.0, 1.0]),
        seed=st.integers(0, 3),
        max_tokens=st.integers(1, 10),
        stop=st.sampled_from([(), (3,), (3, 5)]),
    ),
    constraint=constraints,
    logprobs=st.booleans(),
    echo=st.booleans(),
    priority=st.integers(0, 2),
    session=st.sampled_from(["a", "b"]),
)
states = st.sampled_from([((), 0), ((("v", 1.0),), VOCABULARY), ((("w", 0.5),), 2 * VOCABULARY)])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(calls, st.integers(0, 3), states, st.integers(0, 40)), min_size=1, max_size=10
    ),
    st.sampled_from([3, 64, 512]),
    st.sampled_from([6, 12, 100]),
)
def test_calls_that_share_the_batch_get_what_each_gets_alone_on_a_cold_cache(
    arrivals: list[tuple[Call, int, tuple[State, int], int]], prefill_tokens: int, blocks: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "PREFILL_TOKENS", prefill_tokens)
        batch, callers = Batch(FakeModel(rows=3, blocks=blocks)), []
        for call, steps, (state, offset), since in arrivals:
            since = min(since, len(call.prompt) - 1)
            callers.append(Caller(batch, call, state, since, offset))
            for _ in range(steps):
                batch.step()
                batch.check()
        run(batch, *callers)
        batch.rest()
    for caller, (call, _, (state, offset), _) in zip(callers, arrivals, strict=True):
        other = Batch(FakeModel())
        cold = Caller(other, call, state, caller.job.since if state else 0, offset)
        run(other, cold)
        assert caller.ids == cold.ids
        assert caller.logprobs == pytest.approx(cold.logprobs)
        assert caller.finish.reason == cold.finish.reason
        assert caller.finish.choice == cold.finish.choice
        assert caller.finish.probabilities == pytest.approx(cold.finish.probabilities)
        assert caller.finish.prompt_logprobs == pytest.approx(cold.finish.prompt_logprobs)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(calls, st.booleans()), min_size=1, max_size=10))
def test_a_cancelled_call_ends_once_and_disturbs_no_other(
    arrivals: list[tuple[Call, bool]],
) -> None:
    batch = Batch(FakeModel(rows=3))
    callers = [Caller(batch, call) for call, _ in arrivals]
    batch.step()
    for caller, (_, cancelled) in zip(callers, arrivals, strict=True):
        if cancelled:
            caller.channel.cancel()
    batch.step()
    batch.check()
    run(batch, *callers)
    for caller, (call, cancelled) in zip(callers, arrivals, strict=True):
        if caller.finish.reason == "cancelled":
            assert cancelled
            assert caller.ids == alone(call).ids[: len(caller.ids)]
        else:
            assert caller.ids == alone(call).ids


def test_cancelling_frees_the_row_within_one_step() -> None:
    batch = Batch(FakeModel(rows=1))
    first = Caller(batch, Call(prompt=(1,), sampling=Sampling(max_tokens=30)))
    second = Caller(batch, Call(prompt=(2,), sampling=Sampling(max_tokens=1)))
    batch.step()
    first.channel.cancel()
    batch.step()
    for caller in (first, second):
        caller.read()
    assert (first.finish.reason, second.finish.reason) == ("cancelled", "length")


def test_branches_submitted_together_compute_their_prompt_once() -> None:
    model = FakeModel(rows=4)
    batch = Batch(model)
    prompt = (1, 2, 3, 4, 5, 6, 0, 1)
    callers = [
        Caller(
            batch,
            Call(prompt=prompt, sampling=Sampling(temperature=1, seed=seed, max_tokens=1)),
        )
        for seed in range(4)
    ]
    run(batch, *callers)
    assert model.computed == len(prompt)
    assert [caller.finish.cached_tokens for caller in callers] == [0, 8, 8, 8]


def test_a_longer_prompt_computes_only_what_is_new() -> None:
    model = FakeModel()
    batch = Batch(model)
    first = Caller(batch, Call(prompt=(1, 2, 3, 4), sampling=Sampling(max_tokens=3)))
    run(batch, first)
    before = model.computed
    text = (1, 2, 3, 4, *first.ids)
    second = Caller(batch, Call(prompt=(*text, 5, 6), sampling=Sampling(max_tokens=1)))
    run(batch, second)
    # the last generated token was delivered, but its own keys and values never needed
    assert second.finish.cached_tokens == len(text) - 1
    assert model.computed - before == 3


def test_stop_tokens_and_length_end_a_call() -> None:
    free = alone(Call(prompt=(1, 2), sampling=Sampling(max_tokens=6)))
    assert (free.finish.reason, free.finish.generated_tokens, len(free.ids)) == ("length", 6, 6)
    stop = free.ids[2]
    stopped = alone(Call(prompt=(1, 2), sampling=Sampling(max_tokens=6, stop=(stop,))))
    assert stopped.ids == free.ids[: free.ids.index(stop) + 1]
    assert stopped.finish.reason == "stop"


def test_logprobs_are_those_of_the_untempered_unconstrained_model() -> None:
    call = Call(
        prompt=(1, 2),
        sampling=Sampling(temperature=3, seed=1, max_tokens=4),
        constraint=AllowedTokens((0, 1, 2)),
        logprobs=True,
    )
    caller = alone(call)
    assert set(caller.ids) <= {0, 1, 2}
    text = [1, 2]
    for token, logprob in zip(caller.ids, caller.logprobs, strict=True):
        assert logprob == pytest.approx(log_probabilities(FakeModel.logits(text))[token])
        text.append(token)


def test_lower_priority_numbers_run_first() -> None:
    batch = Batch(FakeModel(rows=1))
    calls = [Call(prompt=(n,), sampling=Sampling(max_tokens=1), priority=-n) for n in range(3)]
    callers = [Caller(batch, call) for call in calls]
    order = []
    while not batch.idle:
        batch.step()
        for number, caller in enumerate(callers):
            caller.read()
            if caller.ends and number not in order:
                order.append(number)
    assert order == [2, 1, 0]


@pytest.mark.parametrize("constraint", [None, Choice(((1, 2), (3,)))])
def test_a_failing_step_fails_the_running_calls_and_the_next_calls_run(
    constraint: Constraint | None,
) -> None:
    model = FakeModel()
    batch = Batch(model)
    call = Call(prompt=(1, 2, 3), sampling=Sampling(max_tokens=5), constraint=constraint)
    failing = Caller(batch, call)
    model.fail_next = True
    run(batch, failing)
    (error,) = failing.ends
    assert isinstance(error, EngineError)
    assert "no memory left" in str(error)
    again = Caller(batch, call)
    run(batch, again)
    assert again.ids == alone(call).ids
    assert again.finish.cached_tokens == 0


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("constraint", [None, Choice(((1, 2), (3,)))])
def test_a_call_whose_logits_are_not_numbers_fails_alone(
    monkeypatch: pytest.MonkeyPatch, constraint: Constraint | None, echo: bool
) -> None:
    good = FakeModel.logits

    def broken(text: list[int]) -> Logits:
        return good(text) * np.float32(np.nan if text[0] == 6 else 1)

    monkeypatch.setattr(FakeModel, "logits", staticmethod(broken))
    batch = Batch(FakeModel())
    bad = Caller(batch, Call(prompt=(6, 1), constraint=constraint, echo=echo))
    fine = Caller(batch, Call(prompt=(5, 1), sampling=Sampling(max_tokens=4)))
    run(batch, bad, fine)
    assert isinstance(bad.ends[0], EngineError)
    assert fine.finish.reason == "length"


def test_closing_finishes_running_and_waiting_calls_as_cancelled() -> None:
    batch = Batch(FakeModel(rows=1))
    callers = [Caller(batch, Call(prompt=(n,), sampling=Sampling(max_tokens=9))) for n in range(3)]
    batch.step()
    batch.close()
    assert batch.idle
    for caller in callers:
        caller.read()
        assert caller.finish.reason == "cancelled"


def test_a_call_under_adapters_shares_only_what_the_base_model_computed() -> None:
    model = FakeModel()
    batch = Batch(model)
    prompt = tuple(n % VOCABULARY for n in range(80))
    one = Sampling(max_tokens=1)
    run(batch, Caller(batch, Call(prompt=prompt, sampling=one)))
    ordinary = Caller(batch, Call(prompt=prompt, sampling=one), (("v", 1.0),), 0, VOCABULARY)
    run(batch, ordinary)
    assert ordinary.finish.cached_tokens == 0
    activated = Caller(batch, Call(prompt=prompt, sampling=one), (("w", 1.0),), 70, 2 * VOCABULARY)
    run(batch, activated)
    assert activated.finish.cached_tokens == 70
    again = Caller(batch, Call(prompt=prompt, sampling=one), (("w", 1.0),), 70, 2 * VOCABULARY)
    run(batch, again)
    assert again.finish.cached_tokens >= 79


def test_an_urgent_call_takes_the_row_of_one_that_can_wait() -> None:
    batch = Batch(FakeModel(rows=1))
    patient = Caller(batch, Call(prompt=(1, 2), sampling=Sampling(max_tokens=40), priority=1))
    batch.step()
    urgent = Caller(batch, Call(prompt=(3,), sampling=Sampling(max_tokens=1)))
    batch.step()
    urgent.read()
    assert urgent.finish.reason == "length"
    run(batch, patient)
    assert patient.ids == alone(patient.job.call).ids
    assert batch.counts["preempted"] == 1


def test_calls_that_outgrow_the_memory_take_turns_and_all_end() -> None:
    # each takes three blocks in the end, and there are five
    batch = Batch(FakeModel(rows=3, blocks=5))
    callers = [
        Caller(batch, Call(prompt=(n,) * 20, sampling=Sampling(max_tokens=60))) for n in range(3)
    ]
    run(batch, *callers)
    assert batch.counts["preempted"] > 0
    for caller in callers:
        assert caller.ids == alone(caller.job.call).ids
        assert caller.finish.reason == "length"


def test_the_session_that_was_served_least_is_next() -> None:
    batch = Batch(FakeModel(rows=1))
    one = Sampling(max_tokens=5)
    many = [Caller(batch, Call(prompt=(n,), sampling=one, session="many")) for n in range(5)]
    few = Caller(batch, Call(prompt=(6,), sampling=one, session="few"))
    order: list[Caller] = []
    while not batch.idle:
        batch.step()
        for caller in (*many, few):
            caller.read()
            if caller.ends and caller not in order:
                order.append(caller)
    assert order.index(few) == 1


def steps_until_first(batch: Batch, caller: Caller) -> int:
    for step in itertools.count(1):
        batch.step()
        batch.check()
        caller.read()
        if caller.ids or caller.ends:
            return step
    raise AssertionError


def test_a_long_prompt_does_not_hold_back_another_sessions_short_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_module, "PREFILL_TOKENS", 16)
    one = Sampling(max_tokens=1)
    batch = Batch(FakeModel())
    long = Caller(batch, Call(prompt=(1, 2) * 70, sampling=one, session="long"))
    batch.step()
    short = Caller(batch, Call(prompt=(3,) * 8, sampling=one, session="short"))
    assert steps_until_first(batch, short) <= 2
    long.read()
    assert not long.ids
    # the same session's calls are answered in the order they came
    later = Caller(batch, Call(prompt=(4,) * 8, sampling=one, session="long"))
    assert steps_until_first(batch, later) > steps_until_first(batch, long)
    run(batch, long, short, later)
    for caller in (long, short, later):
        assert caller.ids == alone(caller.job.call).ids


def test_two_long_prompts_advance_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "PREFILL_TOKENS", 16)
    batch = Batch(FakeModel())
    callers = [
        Caller(batch, Call(prompt=(n,) * 128, sampling=Sampling(max_tokens=1), session=str(n)))
        for n in range(2)
    ]
    while not any(caller.ends for caller in callers):
        computed = [caller.job.computed for caller in callers]
        assert abs(computed[0] - computed[1]) <= 32
        batch.step()
        for caller in callers:
            caller.read()


def test_a_prompt_is_admitted_only_where_those_before_it_keep_their_room() -> None:
    """Of two prompts that do not fit together the second waits, instead of being computed in vain."""
    batch = Batch(FakeModel(blocks=6))
    callers = [
        Caller(batch, Call(prompt=(n,) * 140, sampling=Sampling(max_tokens=2), session=str(n)))
        for n in range(2)
    ]
    run(batch, *callers)
    assert batch.counts["preempted"] == 0
    assert batch.counts["computed_tokens"] <= 2 * 142
    for caller in callers:
        assert caller.ids == alone(caller.job.call).ids


def test_a_late_call_ends_with_what_it_has() -> None:
    now = 0.0
    batch = Batch(FakeModel(rows=1), clock=lambda: now)
    long = Sampling(max_tokens=100)
    running = Caller(batch, Call(prompt=(1,), sampling=long, timeout_s=5.0))
    waiting = Caller(batch, Call(prompt=(2,), sampling=long, timeout_s=5.0))
    batch.step()
    now = 4.9
    batch.step()
    now = 5.0
    batch.step()
    for caller in (running, waiting):
        caller.read()
        assert caller.finish.reason == "deadline"
    assert running.ids == alone(Call(prompt=(1,), sampling=long)).ids[:2]
    assert waiting.ids == []
    assert batch.idle


def test_time_runs_from_when_a_call_was_submitted() -> None:
    now = 10.0
    batch = Batch(FakeModel(), clock=lambda: now)
    call = Call(prompt=(1,), sampling=Sampling(max_tokens=100), timeout_s=5.0)
    channel = Channel(batch.cancellations)
    job = Job(call, channel)
    job.submitted_at = 6.0
    batch.add(job)
    batch.step()
    assert not batch.idle
    now = 11.0
    batch.step()
    assert batch.idle and batch.counts["deadline"] == 1


def test_echo_tells_what_the_model_thought_of_the_prompt() -> None:
    prompt = (1, 2, 3, 4, 5)
    call = Call(
        prompt=prompt,
        sampling=Sampling(max_tokens=0),
        logprobs=True,
        top_logprobs=2,
        echo=True,
    )
    batch = Batch(FakeModel())
    run(batch, Caller(batch, Call(prompt=prompt, sampling=Sampling(max_tokens=1))))
    caller = Caller(batch, call)
    run(batch, caller)
    assert (caller.ids, caller.finish.reason, caller.finish.cached_tokens) == ([], "length", 0)
    for at, token in enumerate(prompt[1:]):
        scores = log_probabilities(FakeModel.logits(list(prompt[: at + 1])))
        assert caller.finish.prompt_logprobs[at] == pytest.approx(scores[token])
        best = sorted(range(VOCABULARY), key=lambda one: -scores[one])[:2]
        assert [one for one, _ in caller.finish.prompt_top[at]] == best


def test_ten_thousand_calls_may_wait_and_be_cancelled() -> None:
    batch = Batch(FakeModel(rows=2))
    callers = [
        Caller(batch, Call(prompt=(n % 7,), sampling=Sampling(max_tokens=9))) for n in range(10_000)
    ]
    batch.step()
    for caller in callers[5:]:
        caller.channel.cancel()
    batch.step()
    assert batch.waiting == 3
    run(batch, *callers)
    assert [caller.finish.reason for caller in callers[:6]] == ["length"] * 5 + ["cancelled"]


def test_prefixes_outlive_the_batch_in_snapshots(tmp_path: Path) -> None:
    prompt = tuple(n % VOCABULARY for n in range(150))
    call = Call(prompt=prompt, sampling=Sampling(max_tokens=3))

    def ask() -> tuple[Caller, FakeModel]:
        # so slow a model that files are worth it
        model, times = FakeModel(), itertools.count(step=10)
        snapshots = Snapshots(tmp_path, "engine", BLOCK * 4)
        batch = Batch(model, clock=lambda: float(next(times)), snapshots=snapshots)
        model.pages = model.pages.astype(np.float32)
        caller = Caller(batch, call)
        run(batch, caller)
        assert batch.rest()
        snapshots.close()
        return caller, model

    first, _ = ask()
    second, model = ask()
    assert second.ids == first.ids
    assert second.finish.cached_tokens == 4 * BLOCK
    assert model.computed == 150 + 2 - 4 * BLOCK


class Repeating(FakeModel):
    """Mostly goes on counting, so that a text which has come round once can be guessed."""

    @classmethod
    def logits(cls, text: list[int]) -> Logits:
        found = super().logits(text)
        found[(text[-1] + 1) % cls.vocabulary] += np.float32(6)
        return found


def stepwise(model: type[FakeModel], call: Call) -> list[int]:
    """Each token chosen on its own."""
    text = list(call.prompt)
    sampler = Sampler(call.sampling)
    for position in range(call.sampling.max_tokens):
        text.append(sampler.choose(model.logits(text), position))
        if text[-1] in call.sampling.stop:
            break
    return text[len(call.prompt) :]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([FakeModel, Repeating]),
    st.sampled_from([0.0, 1.0]),
    st.integers(0, 3),
    st.integers(1, 60),
    st.sampled_from([(), (3,)]),
    st.integers(1, 3),
)
def test_guesses_change_nothing_but_the_number_of_passes(
    kind: type[FakeModel],
    temperature: float,
    seed: int,
    count: int,
    stop: tuple[int, ...],
    together: int,
) -> None:
    now = itertools.count()
    batch = Batch(kind(), clock=lambda: next(now) / 100)
    sampling = Sampling(temperature=temperature, seed=seed, max_tokens=count, stop=stop)
    prompts = [tuple(n % 7 for n in range(first, first + 20)) for first in range(together)]
    callers = [Caller(batch, Call(prompt=prompt, sampling=sampling)) for prompt in prompts]
    run(batch, *callers)
    for caller in callers:
        assert caller.ids == stepwise(kind, caller.job.call)
        assert 0 <= caller.finish.accepted_tokens <= caller.finish.drafted_tokens


def test_a_text_that_repeats_itself_takes_fewer_passes() -> None:
    model, passes = Repeating(), itertools.count()
    # a pass takes as long for many tokens as for one
    batch = Batch(model, clock=lambda: float(next(passes)))
    prompt = tuple(n % 7 for n in range(30))
    caller = Caller(batch, Call(prompt=prompt, sampling=Sampling(max_tokens=100)))
    run(batch, caller)
    assert caller.finish.accepted_tokens > 40
    assert model.passes < 60


def test_guesses_may_come_from_a_text_that_is_not_in_the_prompt() -> None:
    lookup = tuple(n % 7 for n in range(30))

    def accepted(lookup: tuple[int, ...]) -> int:
        batch = Batch(Repeating())
        call = Call(prompt=(5, 6), sampling=Sampling(max_tokens=6), lookup=lookup)
        caller = Caller(batch, call)
        run(batch, caller)
        assert caller.ids == stepwise(Repeating, call)
        return caller.finish.accepted_tokens

    assert accepted(lookup) > accepted(()) == 0


def test_a_stop_text_ends_a_call_with_the_token_that_completes_it() -> None:
    free = alone(Call(prompt=(1, 2), sampling=Sampling(max_tokens=9))).ids
    sampling = Sampling(max_tokens=9, stop_texts=("ab",))

    class Texts:
        def __init__(self) -> None:
            self.text: list[int] = []

        def push(self, token: int) -> str | None:
            self.text.append(token)
            return "ab" if self.text[-2:] == free[2:4] else None

    batch = Batch(FakeModel())
    channel = Channel(batch.cancellations)
    batch.add(Job(Call(prompt=(1, 2), sampling=sampling), channel, stops=Texts()))  # type: ignore[arg-type]
    run(batch)
    delta, finish = channel.take(), channel.take()
    assert isinstance(delta, Delta)
    assert isinstance(finish, Finish)
    assert list(delta.ids) == free[:4]
    assert (finish.reason, finish.stop_text) == ("stop", "ab")


def test_a_deterministic_batch_computes_pairs_of_a_prompt_and_single_steps_of_an_output() -> None:
    model = FakeModel(rows=2)
    sizes: list[int] = []
    extend = model.extend

    def watched(
        row: int, tokens: Sequence[int], length: int, asked: Sequence[int], state: State, since: int
    ) -> Logits:
        sizes.append(len(tokens))
        return extend(row, tokens, length, asked, state, since)

    model.extend = watched  # type: ignore[method-assign]
    batch = Batch(model, deterministic=True)

    def ask(prompt: tuple[int, ...], count: int) -> Caller:
        call = Call(prompt=prompt, sampling=Sampling(max_tokens=count))
        caller = Caller(batch, call, stepwise=VOCABULARY)
        run(batch, caller)
        assert caller.ids == stepwise(FakeModel, call)
        return caller

    first = ask((1,) * 41, 6)
    pieces = [size for size in sizes if size > 1]
    assert pieces == [40]
    # what was decoded before is a prompt now, and computed as one
    again = ask((*(1,) * 41, *first.ids), 3)
    assert again.finish.cached_tokens == 40
    assert [size for size in sizes if size > 1] == [40, 6]


def test_a_call_that_is_cancelled_before_it_arrives_is_cancelled() -> None:
    batch = Batch(FakeModel())
    channel = Channel(batch.cancellations)
    channel.cancel()
    batch.step()  # others were running
    batch.add(Job(Call(prompt=(1,), sampling=Sampling(max_tokens=30)), channel))
    batch.step()
    end = channel.take()
    assert isinstance(end, Finish)
    assert (end.reason, end.generated_tokens) == ("cancelled", 0)
    assert batch.idle


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_call_that_lost_its_row_with_a_little_left_to_compute_goes_on_beside_others(
    monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    batch = Batch(FakeModel(rows=2), deterministic=deterministic)
    stepwise = VOCABULARY if deterministic else None
    long = Caller(batch, Call(prompt=(0,), sampling=Sampling(max_tokens=150)), stepwise=stepwise)
    sampling = Sampling(max_tokens=20)
    call = Call(prompt=(1,) * 40, sampling=sampling, echo=True, priority=1)
    patient = Caller(batch, call, stepwise=stepwise)
    for _ in range(5):
        batch.step()
    assert patient.job.generated > 0
    Caller(batch, Call(prompt=(2,), sampling=Sampling(max_tokens=1)), stepwise=stepwise)
    left = 40 if deterministic else len(patient.job.tokens)
    monkeypatch.setattr(batch_module, "PREFILL_TOKENS", left - 2)
    for _ in range(50):
        batch.step()
    assert batch.counts["preempted"] == 1
    for caller in (long, patient):
        caller.read()
    assert not long.ends
    assert patient.ids == alone(call).ids


def test_what_a_grammar_forces_is_computed_beside_others_under_echo() -> None:
    class Forcing:
        """After each token two more must follow."""

        ended = False

        def mask(self) -> npt.NDArray[np.bool_]:
            return np.ones(VOCABULARY, np.bool_)

        def consume(self, token: int) -> bool:
            return True

        def forced(self) -> list[int]:
            return [1, 2]

    batch = Batch(FakeModel(rows=3))
    others = [Caller(batch, Call(prompt=(n,), sampling=Sampling(max_tokens=150))) for n in range(2)]
    call = Call(
        prompt=(3,) * 9, sampling=Sampling(max_tokens=12), constraint=Regex(".*"), echo=True
    )
    channel = Channel(batch.cancellations)
    job = Job(call, channel, Forcing())  # type: ignore[arg-type]
    batch.add(job)
    for _ in range(30):
        batch.step()
    assert batch.running == len(others)
    assert job.generated == 12
    assert job.tokens[10:12] == job.tokens[13:15] == [1, 2]


def test_deadlines_of_calls_that_have_ended_are_forgotten() -> None:
    batch = Batch(FakeModel())
    for n in range(1000):
        call = Call(prompt=(n % 7,), sampling=Sampling(max_tokens=1), timeout_s=3600.0)
        run(batch, Caller(batch, call))
    assert len(batch._deadlines) < 200


def test_an_urgent_prompt_does_not_wait_for_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "PREFILL_TOKENS", 32)
    batch = Batch(FakeModel())
    long = Caller(batch, Call(prompt=(1,) * 150, sampling=Sampling(max_tokens=1), priority=1))
    batch.step()
    urgent = Caller(batch, Call(prompt=(2,) * 20, sampling=Sampling(max_tokens=1)))
    batch.step()
    urgent.read()
    assert urgent.ends
    run(batch, long)
    assert long.ids == alone(long.job.call).ids


def test_options_are_scored_even_where_memory_has_to_be_made() -> None:
    # there is room for either, and for both prompts
    batch = Batch(FakeModel(rows=2, blocks=5))
    long = Caller(batch, Call(prompt=(0,) * 60, sampling=Sampling(max_tokens=90)))
    options = tuple((n,) * 60 for n in range(3))
    scored = Caller(batch, Call(prompt=(1,) * 60, constraint=Choice(options)))
    run(batch, long, scored)
    expected = alone(scored.job.call).finish.probabilities
    assert scored.finish.probabilities == pytest.approx(expected)
    assert long.ids == alone(long.job.call).ids


def test_options_count_as_served_and_computed() -> None:
    batch = Batch(FakeModel())
    run(batch, Caller(batch, Call(prompt=(1, 2, 3), constraint=Choice(((4, 5, 6), (5, 6, 0))))))
    # of each option the last token is not fed
    assert batch.counts["computed_tokens"] == 3 + 4


def test_a_guess_costs_no_call_its_row() -> None:
    now = itertools.count()
    # both calls need two blocks, and a guess that goes beyond them a fifth one
    batch = Batch(Repeating(rows=2, blocks=5), clock=lambda: float(next(now)))
    run(batch, Caller(batch, Call(prompt=(1, 2), sampling=Sampling(max_tokens=40))))
    prompts = [tuple(n % 7 for n in range(first, first + 40)) for first in range(2)]
    callers = [Caller(batch, Call(prompt=p, sampling=Sampling(max_tokens=50))) for p in prompts]
    for _ in range(3):
        batch.step()
    assert sum(caller.job.accepted for caller in callers) > 0
    run(batch, *callers)
    assert batch.counts["preempted"] == 0


def test_infinite_logits_fail_their_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    good = FakeModel.logits

    def broken(text: list[int]) -> Logits:
        return np.full_like(good(text), np.inf) if text[0] == 6 else good(text)

    monkeypatch.setattr(FakeModel, "logits", staticmethod(broken))
    batch = Batch(FakeModel())
    fine = Caller(batch, Call(prompt=(5, 1), sampling=Sampling(max_tokens=4)))
    batch.step()
    bad = Caller(batch, Call(prompt=(6, 1)))
    run(batch, bad, fine)
    assert isinstance(bad.ends[0], EngineError)
    assert fine.finish.reason == "length"


def test_a_batch_whose_snapshots_cannot_be_written_comes_to_rest(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    snapshots, times = Snapshots(tmp_path / "file", "engine", BLOCK * 4), itertools.count(step=10)
    batch = Batch(FakeModel(), clock=lambda: float(next(times)), snapshots=snapshots)
    run(batch, Caller(batch, Call(prompt=(1,) * 80, sampling=Sampling(max_tokens=1))))
    assert batch.rest()


def test_of_a_prefix_that_does_not_fit_the_folder_the_beginning_is_kept(tmp_path: Path) -> None:
    prompt = tuple(n % VOCABULARY for n in range(150))

    def ask() -> int:
        model, times = FakeModel(), itertools.count(step=10)
        model.pages = model.pages.astype(np.float32)
        size = BLOCK * 4 + 24
        snapshots = Snapshots(tmp_path, "engine", BLOCK * 4, round(2.5 * size))
        batch = Batch(model, clock=lambda: float(next(times)), snapshots=snapshots)
        caller = Caller(batch, Call(prompt=prompt, sampling=Sampling(max_tokens=1)))
        run(batch, caller)
        assert batch.rest()
        snapshots.close()
        return caller.finish.cached_tokens

    assert ask() == 0
    assert ask() == 2 * BLOCK
