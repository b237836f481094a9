import asyncio
import gc
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from smysl_build_engines.build import ensure
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.reference import Reference
from smysl_build_engines.store import EngineStore
from smysl_engines import batch
from smysl_engines import onnx as onnx_module
from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    Delta,
    Engine,
    EngineClosed,
    EngineError,
    Finish,
    PromptTooLong,
    Sampling,
    Stream,
)
from smysl_engines.batch import Batch
from smysl_engines.load import open_engine
from smysl_engines.manifest import CorruptEngine
from smysl_engines.onnx import OnnxEngine, OnnxModel
from smysl_engines.pace import Costs

CONFIG = LlamaConfig(
    vocab_size=97,
    hidden_size=48,
    intermediate_size=80,
    num_hidden_layers=2,
    num_attention_heads=3,
    num_key_value_heads=1,
    head_dim=16,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=False,
)
PROMPT = (5, 17, 80, 3, 3, 41, 96, 0)
SAMPLED = Sampling(temperature=1.0, seed=7, max_tokens=12)


class Collected:
    def __init__(self) -> None:
        self.ids: list[int] = []
        self.logprobs: list[float] = []


async def collect(stream: Stream) -> tuple[Collected, Finish]:
    collected, finish = Collected(), None
    async for event in stream:
        assert finish is None
        if isinstance(event, Delta):
            collected.ids += event.ids
            collected.logprobs += event.logprobs
        else:
            finish = event
    assert finish is not None
    return collected, finish


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("source") / "tiny", CONFIG)


@pytest.fixture(scope="module")
def directory(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure(source, EngineStore(tmp_path_factory.mktemp("store"))).directory


@pytest.fixture(scope="module")
def reference(source: Path) -> Reference:
    checkpoint = open_checkpoint(source)
    return Reference(checkpoint.config, checkpoint.weights)


@pytest.fixture
def engine(directory: Path) -> Iterator[Engine]:
    engine = open_engine(directory, max_batch=4)
    yield engine
    engine.close()


def greedy(reference: Reference, prompt: tuple[int, ...], count: int) -> list[int]:
    text = list(prompt)
    for _ in range(count):
        text.append(int(reference.forward(text).logits[-1].argmax()))
    return text[len(prompt) :]


async def test_greedy_tokens_and_logprobs_are_the_references(
    engine: Engine, reference: Reference
) -> None:
    call = Call(prompt=PROMPT, sampling=Sampling(max_tokens=20), logprobs=True)
    collected, finish = await collect(engine.submit(call))
    assert collected.ids == greedy(reference, PROMPT, 20)
    text = [*PROMPT, *collected.ids]
    logits = reference.forward(text).logits.astype(float)[len(PROMPT) - 1 : -1]
    scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = [float(row[token]) for row, token in zip(scores, collected.ids, strict=True)]
    assert collected.logprobs == pytest.approx(expected, abs=1e-3)
    assert (finish.reason, finish.prompt_tokens, finish.generated_tokens) == ("length", 8, 20)
    assert finish.seconds > 0


async def test_branches_of_different_lengths_decode_together_as_each_would_alone(
    engine: Engine, reference: Reference
) -> None:
    prompts = [PROMPT[:n] for n in (8, 2, 5, 1, 7, 3)]
    calls = [
        Call(prompt=prompt, sampling=Sampling(max_tokens=4 + n)) for n, prompt in enumerate(prompts)
    ]
    results = await asyncio.gather(*(collect(engine.submit(call)) for call in calls))
    for n, (prompt, (collected, _)) in enumerate(zip(prompts, results, strict=True)):
        assert collected.ids == greedy(reference, prompt, 4 + n)


async def test_a_shared_prefix_gives_the_same_tokens_as_a_cold_cache(
    engine: Engine, reference: Reference
) -> None:
    for end in range(2, 9):
        prompt = (*PROMPT, *range(end))
        collected, finish = await collect(
            engine.submit(Call(prompt=prompt, sampling=Sampling(max_tokens=3)))
        )
        assert collected.ids == greedy(reference, prompt, 3)
        assert finish.cached_tokens >= (len(PROMPT) if end > 2 else 0)


async def test_branches_of_one_prompt_reuse_it_and_differ_by_seed(engine: Engine) -> None:
    def call(seed: int) -> Call:
        return Call(prompt=PROMPT, sampling=Sampling(temperature=1.5, seed=seed, max_tokens=12))

    results = await asyncio.gather(*(collect(engine.submit(call(seed))) for seed in range(4)))
    outputs = [tuple(collected.ids) for collected, _ in results]
    assert len(set(outputs)) == 4
    # the first call may run before the others have arrived, so they may have to compute one token
    assert all(finish.cached_tokens >= len(PROMPT) - 1 for _, finish in results[1:])
    for seed in range(4):
        collected, _ = await collect(engine.submit(call(seed)))
        assert tuple(collected.ids) == outputs[seed]


async def test_a_choice_has_the_references_probabilities(
    engine: Engine, reference: Reference
) -> None:
    options = ((4,), (9, 10), (9, 11, 12), (9, 10, 1), (50, 51))
    odds = []
    for option in options:
        logits = reference.forward([*PROMPT, *option]).logits.astype(float)
        scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        start = len(PROMPT) - 1
        odds.append(np.exp(sum(scores[start + at, token] for at, token in enumerate(option))))
    expected = np.array(odds) / np.sum(odds)
    call = Call(prompt=PROMPT, constraint=Choice(options), logprobs=True)
    collected, finish = await collect(engine.submit(call))
    assert finish.probabilities == pytest.approx(expected, rel=1e-3)
    assert finish.choice == expected.argmax()
    assert tuple(collected.ids) == options[expected.argmax()]
    assert np.exp(sum(collected.logprobs)) == pytest.approx(max(odds), rel=1e-3)
    assert finish.reason == "stop"


async def test_allowed_tokens_are_the_only_ones(engine: Engine) -> None:
    call = Call(prompt=PROMPT, sampling=SAMPLED, constraint=AllowedTokens((8, 9)))
    collected, _ = await collect(engine.submit(call))
    assert set(collected.ids) <= {8, 9}
    assert len(collected.ids) == 12


async def test_cancelling_ends_the_stream_and_the_engine_serves_on(engine: Engine) -> None:
    long = Call(prompt=PROMPT, sampling=Sampling(temperature=1.0, max_tokens=56))
    streams = [engine.submit(long) for _ in range(8)]
    for stream in streams:
        stream.cancel()
        stream.cancel()
    for stream in streams:
        _, finish = await asyncio.wait_for(collect(stream), 60)
        assert finish.reason in ("cancelled", "length")
    _, finish = await collect(engine.submit(Call(prompt=PROMPT, sampling=SAMPLED)))
    assert finish.reason == "length"


async def test_a_consumer_that_breaks_off_frees_its_row(directory: Path) -> None:
    engine = OnnxEngine(directory, max_batch=1)
    async for _ in engine.submit(Call(prompt=(1,), sampling=Sampling(max_tokens=60))):
        break
    gc.collect()
    call = Call(prompt=(2,), sampling=Sampling(max_tokens=2))
    _, finish = await asyncio.wait_for(collect(engine.submit(call)), 60)
    assert finish.reason == "length"
    engine.close()


def test_several_event_loops_share_the_engine(engine: Engine, reference: Reference) -> None:
    results: dict[int, list[int]] = {}

    def serve(number: int) -> None:
        async def ask() -> list[int]:
            call = Call(prompt=(number, 5), sampling=Sampling(max_tokens=10))
            return (await collect(engine.submit(call)))[0].ids

        results[number] = asyncio.run(ask())

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: greedy(reference, (number, 5), 10) for number in range(6)}


async def test_a_failing_step_fails_its_calls_and_the_next_ones_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise RuntimeError("out of memory")

        patch.setattr(OnnxModel, "decode", fail)
        with pytest.raises(EngineError, match="out of memory"):
            await asyncio.wait_for(
                collect(engine.submit(Call(prompt=PROMPT, sampling=SAMPLED))), 60
            )
    _, finish = await collect(engine.submit(Call(prompt=PROMPT, sampling=SAMPLED)))
    assert finish.reason == "length"


async def test_a_dead_thread_ends_every_call_and_refuses_the_next(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Batch, "step", die)
    engine = open_engine(directory)
    streams = [engine.submit(Call(prompt=PROMPT, sampling=SAMPLED))]
    with suppress(EngineClosed):
        streams.append(engine.submit(Call(prompt=PROMPT, sampling=SAMPLED)))
    for stream in streams:
        with pytest.raises(EngineClosed, match="MemoryError"):
            await asyncio.wait_for(collect(stream), 60)
    with pytest.raises(EngineClosed, match="died"):
        engine.submit(Call(prompt=PROMPT, sampling=SAMPLED))
    engine.close()


async def test_closing_cancels_what_runs_and_refuses_what_comes(directory: Path) -> None:
    engine = open_engine(directory)
    streams = [
        engine.submit(Call(prompt=(n,), sampling=Sampling(max_tokens=60))) for n in range(20)
    ]
    engine.close()
    engine.close()
    for stream in streams:
        _, finish = await asyncio.wait_for(collect(stream), 60)
        assert finish.reason in ("cancelled", "length")
    with pytest.raises(EngineClosed):
        engine.submit(Call(prompt=PROMPT, sampling=SAMPLED))
    with pytest.raises(EngineClosed):
        engine.embed([PROMPT])


def test_an_engine_nobody_holds_ends_its_thread(directory: Path) -> None:
    def threads() -> int:
        return sum(thread.name == "smysl-engine" for thread in threading.enumerate())

    before = threads()
    engine = open_engine(directory)
    assert threads() == before + 1
    del engine
    gc.collect()
    deadline = time.monotonic() + 60
    while threads() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == before


def test_embeddings_are_the_mean_of_the_references_last_states(
    engine: Engine, reference: Reference
) -> None:
    found = engine.embed([PROMPT, PROMPT[:1]])
    for text, vector in zip((PROMPT, PROMPT[:1]), found, strict=True):
        mean = reference.forward(text).hidden.mean(axis=0)
        assert vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert engine.embed([]) == []


def test_a_text_is_embedded_in_pieces(
    engine: Engine, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_module, "PREFILL_TOKENS", 7)
    texts = [tuple(n * k % 97 for n in range(40)) for k in (3, 5)]
    for text, vector in zip(texts, engine.embed(texts), strict=True):
        mean = reference.forward(text).hidden.mean(axis=0)
        assert vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


async def test_texts_to_embed_take_turns_with_running_calls(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    hidden, decode = OnnxModel.hidden, OnnxModel.decode
    begun, submitted = threading.Event(), threading.Event()

    def noted_hidden(*arguments: Any) -> Any:
        done.append("text")
        begun.set()
        assert submitted.wait(60)
        return hidden(*arguments)

    def noted_decode(*arguments: Any) -> Any:
        done.append("step")
        return decode(*arguments)

    monkeypatch.setattr(OnnxModel, "hidden", noted_hidden)
    monkeypatch.setattr(OnnxModel, "decode", noted_decode)
    # by this clock a text takes as long as a step
    ticks = count()
    monkeypatch.setattr(onnx_module, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    embedding = asyncio.create_task(asyncio.to_thread(engine.embed, [PROMPT] * 25))
    await asyncio.to_thread(begun.wait, 60)
    # drawn, so that nothing repeats itself and each step gives one token
    sampling = Sampling(temperature=1.0, max_tokens=50)
    stream = engine.submit(Call(prompt=PROMPT, sampling=sampling))
    submitted.set()
    await embedding
    await collect(stream)
    first, last = done.index("text"), len(done) - done[::-1].index("text")
    assert done[first:last].count("step") >= 20, done


async def test_modes_that_compute_other_bits_share_no_snapshots(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "SNAPSHOT_S", 0.0)
    call = Call(prompt=tuple(n * 7 % 97 for n in range(50)), sampling=Sampling(max_tokens=5))
    restored = []
    for deterministic in (False, True, True):
        engine = open_engine(directory, snapshots=tmp_path, deterministic=deterministic)
        await collect(engine.submit(call))
        restored.append(engine.stats().restored_tokens)
        engine.close()
    assert restored == [0, 0, 32]


def test_calls_that_can_never_run_are_refused_at_once(engine: Engine) -> None:
    with pytest.raises(PromptTooLong, match="64"):
        engine.submit(Call(prompt=PROMPT, sampling=Sampling(max_tokens=57)))
    with pytest.raises(BadCall, match="97"):
        engine.submit(Call(prompt=(97,), sampling=SAMPLED))
    with pytest.raises(BadCall, match="adapter"):
        engine.submit(Call(prompt=PROMPT, sampling=SAMPLED, adapter="x"))
    for prompt in ([], [1] * 65, [97]):
        with pytest.raises(BadCall):
            engine.embed([prompt])


async def test_the_whole_context_can_be_used(engine: Engine, reference: Reference) -> None:
    prompt = tuple(n % 97 for n in range(60))
    collected, _ = await collect(
        engine.submit(Call(prompt=prompt, sampling=Sampling(max_tokens=4)))
    )
    assert collected.ids == greedy(reference, prompt, 4)
    assert len(engine.embed([[1] * 64])[0]) == CONFIG.hidden_size


def test_info_tells_what_callers_rely_on(engine: Engine, directory: Path) -> None:
    info = engine.info
    assert (info.model, info.fingerprint) == ("tiny", directory.name)
    assert (info.vocabulary, info.context, info.max_batch) == (97, 64, 4)
    assert (info.backend, info.device, info.precision) == ("onnx", "cpu", "fp32")


def test_a_damaged_or_refused_engine_is_an_engine_error(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="max_batch"):
        open_engine(directory, max_batch=0)
    with pytest.raises(CorruptEngine):
        open_engine(tmp_path)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("smysl_engines.base", ("numpy", "onnxruntime")),
        ("smysl_engines.scripted", ("numpy", "onnxruntime")),
        ("smysl_engines.shelf", ("numpy", "onnxruntime")),
        ("smysl_engines.load", ("numpy", "onnxruntime")),
        ("smysl_engines.onnx", ("torch", "onnx")),
        ("smysl_build_engines.app", ("torch", "onnx", "onnxruntime")),
        ("smysl_build_engines.verify", ("torch",)),
    ],
)
def test_importing_a_module_loads_nothing_heavier_than_it_needs(
    module: str, absent: tuple[str, ...]
) -> None:
    code = f"import sys, {module}; print([m for m in {absent} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


async def test_a_prefix_outlives_the_engine(
    source: Path, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a tiny model computes a block sooner than a file is read
    monkeypatch.setattr(batch, "SNAPSHOT_S", 0.0)
    prompt = tuple(n * 7 % 97 for n in range(50))
    call = Call(prompt=prompt, sampling=Sampling(max_tokens=5), logprobs=True)
    answers, cached = [], []
    for _ in range(2):
        engine = open_engine(directory, snapshots=tmp_path)
        collected, finish = await collect(engine.submit(call))
        answers.append(collected)
        cached.append(finish.cached_tokens)
        restored = engine.stats().restored_tokens
        engine.close()
    assert cached == [0, 32]
    assert restored == 32
    assert answers[0].ids == answers[1].ids
    assert answers[0].logprobs == pytest.approx(answers[1].logprobs, abs=1e-5)


async def test_a_deterministic_engine_gives_the_same_bits_in_any_company(source: Path) -> None:
    with tempfile.TemporaryDirectory() as store:
        built = ensure(source, EngineStore(Path(store)), precision="int4")
        engine = open_engine(built.directory, max_batch=5, deterministic=True)
        calls = [
            Call(
                prompt=tuple((first + at * at) % 97 for at in range(length)),
                sampling=Sampling(temperature=temperature, seed=first, max_tokens=8),
                logprobs=True,
            )
            for first, (length, temperature) in enumerate(
                [(33, 0.0), (2, 1.0), (50, 0.0), (33, 1.0), (1, 0.0), (20, 1.0), (34, 0.0)]
            )
        ]
        alone = [await collect(engine.submit(call)) for call in calls]
        for _ in range(3):
            longer = [
                msgspec.structs.replace(call, prompt=call.prompt[: n + 1])
                for n, call in enumerate(calls)
            ]
            mixed = await asyncio.gather(
                *(collect(engine.submit(call)) for call in (*longer, *calls))
            )
            for (before, _), (after, _) in zip(alone, mixed[len(calls) :], strict=True):
                assert after.ids == before.ids
                assert after.logprobs == before.logprobs
        engine.close()


async def test_a_text_that_repeats_itself_is_guessed_and_stays_the_same(
    engine: Engine, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    # for a tiny model guesses are dearer than steps
    monkeypatch.setattr(Costs, "observe", lambda self, tokens, seconds: None)
    call = Call(prompt=PROMPT, sampling=Sampling(max_tokens=50))
    collected, finish = await collect(engine.submit(call))
    assert collected.ids == greedy(reference, PROMPT, 50)
    known = msgspec.structs.replace(call, lookup=(*PROMPT, *collected.ids))
    again, guessed = await collect(engine.submit(known))
    assert again.ids == collected.ids
    assert guessed.accepted_tokens > 0
    assert finish.drafted_tokens >= finish.accepted_tokens


async def test_echo_gives_the_references_view_of_the_prompt(
    engine: Engine, reference: Reference
) -> None:
    call = Call(
        prompt=PROMPT, sampling=Sampling(max_tokens=0), logprobs=True, top_logprobs=3, echo=True
    )
    collected, finish = await collect(engine.submit(call))
    assert (collected.ids, finish.reason) == ([], "length")
    logits = reference.forward(PROMPT).logits.astype(float)
    scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = [scores[at, token] for at, token in enumerate(PROMPT[1:])]
    assert finish.prompt_logprobs == pytest.approx(expected, abs=1e-3)
    assert [best[0][0] for best in finish.prompt_top] == scores[:-1].argmax(axis=1).tolist()


async def test_a_call_that_is_late_ends_with_what_it_has(directory: Path) -> None:
    engine = OnnxEngine(directory, max_batch=1)
    first = engine.submit(Call(prompt=(1,), sampling=Sampling(max_tokens=60)))
    late = engine.submit(Call(prompt=(2,), sampling=Sampling(max_tokens=60), timeout_s=1e-9))
    _, finish = await asyncio.wait_for(collect(late), 60)
    assert finish.reason == "deadline"
    _, finish = await collect(first)
    assert finish.reason == "length"
    engine.close()


async def test_stats_tell_what_was_done_and_what_is_held(engine: Engine) -> None:
    call = Call(prompt=PROMPT, sampling=Sampling(max_tokens=4))
    for _ in range(2):
        await collect(engine.submit(call))
    stats = engine.stats()
    assert (stats.prompt_tokens, stats.generated_tokens) == (16, 8)
    assert stats.cached_tokens >= 7
    assert stats.finished == {"length": 2}
    assert (stats.running, stats.waiting, stats.held_blocks) == (0, 0, 0)
    assert 0 < stats.kv_bytes == stats.cached_blocks * stats.kv_cap_bytes // stats.blocks
    assert stats.weights_bytes > 0
