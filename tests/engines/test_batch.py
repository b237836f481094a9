from collections.abc import Sequence

import numpy as np
import pytest
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
    Sampling,
)
from smysl_engines.batch import Batch, Job
from smysl_engines.sampling import Logits, log_probabilities
from smysl_engines.stream import Channel

VOCABULARY, CONTEXT = 7, 40


class FakeModel:
    """Its memory holds tokens and its logits depend on all of them: a stale cell changes them."""

    def __init__(self, rows: int = 4) -> None:
        self.rows = rows
        self.context = CONTEXT
        self.memory = np.full((rows, CONTEXT), -1)
        self.computed = 0
        self.fail_next = False

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Logits:
        pairs = zip(tokens, lengths, strict=True)
        found = [self.extend(row, [token], n, [0])[0] for row, (token, n) in enumerate(pairs)]
        return np.stack(found)

    def extend(self, row: int, tokens: Sequence[int], length: int, asked: Sequence[int]) -> Logits:
        if self.fail_next:
            self.fail_next = False
            raise RuntimeError("no memory left")
        self.computed += len(tokens)
        self.memory[row, length : length + len(tokens)] = tokens
        return np.stack([self.logits(self.memory[row, : length + at + 1].tolist()) for at in asked])

    @staticmethod
    def logits(text: list[int]) -> Logits:
        seed = [token + 1 for token in text]
        return np.random.default_rng(seed).standard_normal(VOCABULARY).astype(np.float32)

    def swap(self, first: int, second: int, count: int) -> None:
        pair, exchanged = [first, second], [second, first]
        self.memory[pair, :count] = self.memory[exchanged, :count]

    def copy(self, source: int, target: int, count: int) -> None:
        self.memory[target, :count] = self.memory[source, :count]


class Caller:
    """Submits one call to a batch and reads its channel as a consumer would."""

    def __init__(self, batch: Batch, call: Call) -> None:
        self.channel = Channel()
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.ends: list[Finish | EngineError] = []
        batch.add(Job(call, self.channel))

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
    # few tokens, so that prompts share prefixes
    prompt=st.lists(st.integers(0, 1), min_size=1, max_size=20).map(tuple),
    sampling=st.builds(
        Sampling,
        temperature=st.sampled_from([0.0, 1.0]),
        seed=st.integers(0, 3),
        max_tokens=st.integers(1, 10),
        stop=st.sampled_from([(), (3,), (3, 5)]),
    ),
    constraint=constraints,
    logprobs=st.booleans(),
    priority=st.integers(0, 2),
)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(calls, st.integers(0, 3)), min_size=1, max_size=12),
    st.sampled_from([3, 512]),
)
def test_calls_that_share_the_batch_get_what_each_gets_alone_on_a_cold_cache(
    arrivals: list[tuple[Call, int]], prefill_tokens: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "PREFILL_TOKENS", prefill_tokens)
        batch, callers = Batch(FakeModel(rows=3)), []
        for call, steps in arrivals:
            callers.append(Caller(batch, call))
            for _ in range(steps):
                batch.step()
                batch.check()
        run(batch, *callers)
    for caller, (call, _) in zip(callers, arrivals, strict=True):
        cold = alone(call)
        assert caller.ids == cold.ids
        assert caller.logprobs == pytest.approx(cold.logprobs)
        assert caller.finish.reason == cold.finish.reason
        assert caller.finish.choice == cold.finish.choice
        assert caller.finish.probabilities == pytest.approx(cold.finish.probabilities)


@settings(max_examples=20)
@given(st.lists(st.tuples(calls, st.booleans()), min_size=1, max_size=10))
def test_a_cancelled_call_ends_once_and_disturbs_no_other(
    arrivals: list[tuple[Call, bool]],
) -> None:
    batch = Batch(FakeModel(rows=3))
    callers = [Caller(batch, call) for call, _ in arrivals]
    batch.step()
    for caller, (_, cancelled) in zip(callers, arrivals, strict=True):
        caller.channel.cancelled = cancelled
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
    first.channel.cancelled = True
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


@pytest.mark.parametrize("constraint", [None, Choice(((1, 2), (3,)))])
def test_a_call_whose_logits_are_not_numbers_fails_alone(
    monkeypatch: pytest.MonkeyPatch, constraint: Constraint | None
) -> None:
    good = FakeModel.logits

    def broken(text: list[int]) -> Logits:
        return good(text) * (np.nan if text[0] == 6 else 1)

    monkeypatch.setattr(FakeModel, "logits", staticmethod(broken))
    batch = Batch(FakeModel())
    bad = Caller(batch, Call(prompt=(6, 1), constraint=constraint))
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
