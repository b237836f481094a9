"""Everything a batch can do at once, against each call alone."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from byte_tokenizer import END, byte_tokenizer
from fake_model import FakeModel
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_engines import batch as batch_module
from smysl_engines.base import (
    AllowedTokens,
    Call,
    Choice,
    Delta,
    EngineError,
    Finish,
    Regex,
    Sampling,
    State,
)
from smysl_engines.batch import Batch
from smysl_engines.grammar import Grammars
from smysl_engines.job import Job
from smysl_engines.prefix_tree import BLOCK
from smysl_engines.sampling import Logits
from smysl_engines.snapshots import Snapshots
from smysl_engines.stops import Stops
from smysl_engines.stream import Channel
from smysl_engines.symbols import Symbols

VOCABULARY = 320
MANY_STEPS = 5000
"""More than any of these batches needs: beyond, it goes round in circles."""


class Model(FakeModel):
    """Mostly of a few words, so that texts repeat themselves, stop texts occur and guesses are right."""

    vocabulary = VOCABULARY
    context = 5 * BLOCK

    def __init__(self, rows: int, blocks: int) -> None:
        super().__init__(rows, blocks)
        self.pages = self.pages.astype(np.float32)

    @classmethod
    def logits(cls, text: list[int]) -> Logits:
        found = super().logits(text)
        found[[67, 68, 69, 70, 280]] += np.float32(4)
        # every state has words of its own
        found[(text[-1] * 7 + 3) % 5 + 66] += np.float32(5)
        return found


class Particular(Model):
    """Computes a token alone otherwise than several, as some kernels do."""

    def extend(
        self,
        row: int,
        tokens: Sequence[int],
        length: int,
        asked: Sequence[int],
        state: State,
        since: int,
    ) -> Logits:
        alone = [("!", 1.0)] if len(tokens) == 1 else []
        return super().extend(row, tokens, length, asked, (*state, *alone), since)


class Arrival(msgspec.Struct, frozen=True):
    call: Call
    state: State
    since: int
    steps: int
    """Until the next one."""
    cancelled_after: int | None


class Spoken(msgspec.Struct, frozen=True):
    grammars: Grammars
    stops: Stops


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    path = tmp_path_factory.mktemp("engine") / "tokenizer.json"
    byte_tokenizer().save(str(path))
    where = path, VOCABULARY, "tiny"
    return Spoken(Grammars(*where), Stops(*where))


class Room:
    """A batch, and what an engine has beside it."""

    def __init__(
        self,
        spoken: Spoken,
        rows: int = 4,
        blocks: int = 100,
        snapshots: Snapshots | None = None,
        deterministic: bool = False,
    ) -> None:
        ticks = itertools.count()
        self.symbols = Symbols(VOCABULARY)
        self.spoken = spoken
        self.deterministic = deterministic
        self.batch = Batch(
            Particular(rows, blocks) if deterministic else Model(rows, blocks),
            lambda: next(ticks) / 100,
            self.symbols,
            snapshots,
            deterministic,
        )

    def submit(self, arrival: Arrival) -> Channel:
        call, state = arrival.call, arrival.state
        channel = Channel(self.batch.cancellations)
        stepwise = self.symbols.offset((*state, ("stepwise", 1.0))) if self.deterministic else None
        job = Job(
            call,
            channel,
            self.spoken.grammars.matcher(call),
            self.spoken.stops.texts(call),
            state,
            min(arrival.since, len(call.prompt) - 1),
            self.symbols.offset(state),
            stepwise,
        )
        self.batch.add(job)
        return channel

    def step(self) -> None:
        self.batch.step()
        self.batch.check()

    def run(self) -> None:
        for _ in range(MANY_STEPS):
            if self.batch.idle:
                return
            self.step()
        pytest.fail("the batch makes no progress")


class Answer(msgspec.Struct, frozen=True):
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    top: int
    end: Finish | EngineError


def answer(channel: Channel) -> Answer:
    ids, logprobs, likeliest = list[int](), list[float](), 0
    while isinstance(event := channel.take(), Delta):
        ids += event.ids
        logprobs += event.logprobs
        likeliest += len(event.top)
    assert event is not None
    assert channel.take() is None
    return Answer(tuple(ids), tuple(logprobs), likeliest, event)


def alone(spoken: Spoken, arrival: Arrival, deterministic: bool) -> Answer:
    room = Room(spoken, deterministic=deterministic)
    channel = room.submit(
        msgspec.structs.replace(
            arrival, call=msgspec.structs.replace(arrival.call, timeout_s=None, lookup=())
        )
    )
    room.run()
    return answer(channel)


def call_of(
    prompt: tuple[int, ...],
    sampling: Sampling,
    constraint: Regex | AllowedTokens | Choice | None,
    scores: int,
    echo: bool,
    priority: int,
    session: str,
    timeout_s: float | None,
    lookup: tuple[int, ...],
) -> Call:
    return Call(
        prompt=prompt,
        sampling=sampling,
        constraint=constraint,
        logprobs=scores > 0,
        top_logprobs=0 if isinstance(constraint, Choice) else max(0, scores - 1),
        echo=echo,
        priority=priority,
        session=session,
        timeout_s=timeout_s,
        lookup=lookup,
    )


runs = st.lists(
    st.tuples(st.sampled_from([68, 69]), st.sampled_from([1, 2, 7, 31, 32])), min_size=1, max_size=3
).map(lambda found: tuple(token for token, count in found for _ in range(count)))
constraints = st.one_of(
    st.none(),
    st.none(),
    st.just(AllowedTokens((67, 68, 280))),
    st.sampled_from(
        [
            Regex("(a|b)the end of the text(c|d), the text of the name(, name: the age)?"),
            Regex("[a-z]{3,40}"),
        ]
    ),
    st.lists(
        st.lists(st.integers(66, 69), min_size=1, max_size=40).map(tuple),
        min_size=1,
        max_size=4,
        unique=True,
    ).map(lambda options: Choice(tuple(options))),
)
calls = st.builds(
    call_of,
    runs,
    st.builds(
        Sampling,
        temperature=st.sampled_from([0.0, 0.8]),
        repetition_penalty=st.sampled_from([1.0, 1.0, 1.3]),
        seed=st.integers(0, 3),
        max_tokens=st.integers(1, 50),
        stop=st.sampled_from([(), (END,), (END, 66)]),
        stop_texts=st.sampled_from([(), (), ("dd", "the e")]),
    ),
    constraints,
    st.integers(0, 2),
    st.booleans(),
    st.integers(0, 2),
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, None, None, 0.5, 2.0]),
    st.one_of(st.just(()), runs),
)
STATES: list[State] = [(), (), (("v", 1.0),), (("v", 0.5), ("w", 1.0))]
arrivals = st.builds(
    Arrival,
    calls,
    st.sampled_from(STATES),
    st.sampled_from([0, 0, 1, 31, 40]),
    st.integers(0, 3),
    st.sampled_from([None, None, None, 0, 1, 5]),
)


@pytest.fixture(scope="module")
def folders() -> Iterator[Iterator[Path]]:
    with TemporaryDirectory() as folder:
        yield (Path(folder, str(number)) for number in itertools.count())


@settings(max_examples=60, deadline=None)
@given(
    arrived=st.lists(arrivals, min_size=1, max_size=10),
    prefill_tokens=st.sampled_from([3, 64, 512]),
    rows=st.sampled_from([1, 2, 4]),
    blocks=st.sampled_from([6, 12, 100]),
    deterministic=st.booleans(),
    restarts=st.booleans(),
)
def test_calls_of_every_kind_get_what_each_gets_alone(
    spoken: Spoken,
    folders: Iterator[Path],
    arrived: list[Arrival],
    prefill_tokens: int,
    rows: int,
    blocks: int,
    deterministic: bool,
    restarts: bool,
) -> None:
    folder = next(folders)
    answers: list[tuple[Arrival, Answer]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "PREFILL_TOKENS", prefill_tokens)
        for _ in range(1 + restarts):
            snapshots = Snapshots(folder, "engine", BLOCK * 4)
            room = Room(spoken, rows, blocks, snapshots, deterministic)
            pending: list[tuple[int, Channel]] = []
            channels = []
            step = 0
            for arrival in arrived:
                channels.append(room.submit(arrival))
                if arrival.cancelled_after is not None:
                    pending.append((step + arrival.cancelled_after, channels[-1]))
                for _ in range(arrival.steps):
                    for late in [late for late in pending if late[0] <= step]:
                        late[1].cancel()
                        pending.remove(late)
                    room.step()
                    step += 1
            for _, channel in pending:
                channel.cancel()
            room.run()
            room.batch.rest()
            snapshots.close()
            answers += zip(arrived, map(answer, channels), strict=True)
    for arrival, found in answers:
        expected = alone(spoken, arrival, deterministic)
        assert isinstance(expected.end, Finish)
        assert isinstance(found.end, Finish), found.end
        assert found.top == (len(found.ids) if arrival.call.top_logprobs else 0)
        if found.end.reason in ("cancelled", "deadline"):
            assert arrival.call.timeout_s or arrival.cancelled_after is not None
            assert found.ids == expected.ids[: len(found.ids)]
            continue
        assert found.ids == expected.ids
        assert found.logprobs == pytest.approx(expected.logprobs)
        assert found.end.reason == expected.end.reason
        assert found.end.stop_text == expected.end.stop_text
        assert found.end.choice == expected.end.choice
        assert found.end.probabilities == pytest.approx(expected.end.probabilities)
        assert found.end.prompt_logprobs == pytest.approx(expected.end.prompt_logprobs)
        assert len(found.end.prompt_top) == len(expected.end.prompt_top)
        assert found.end.generated_tokens == len(found.ids)
