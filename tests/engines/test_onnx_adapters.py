"""A bank of adapters on a real engine: calls in any company get what each gets alone."""

import asyncio
import gc
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from peft_adapter import ATTENTION, MLP, merge_by_hand, write_adapter

from smysl_build_engines.adapters import with_bank
from smysl_build_engines.build import build, plan
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.quantise import Precision
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.reference import Reference
from smysl_build_engines.store import EngineStore
from smysl_engines import batch, onnx_model
from smysl_engines.bank import KEPT_SETS
from smysl_engines.base import Call, Choice, Delta, Engine, EngineError, Finish, Mix, Sampling
from smysl_engines.load import open_engine
from smysl_engines.onnx import OnnxEngine

VOCABULARY, CONTEXT = 150, 160
INVOCATION = (7, 8)
CONFIG = LlamaConfig(
    vocab_size=VOCABULARY,
    hidden_size=48,
    intermediate_size=80,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    max_position_embeddings=CONTEXT,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=True,
)


class Answer(msgspec.Struct, frozen=True):
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish


async def ask(engine: Engine, call: Call) -> Answer:
    ids, logprobs = list[int](), list[float]()
    async for event in engine.submit(call):
        if isinstance(event, Delta):
            ids += event.ids
            logprobs += event.logprobs
        else:
            finish = event
    return Answer(tuple(ids), tuple(logprobs), finish)


def text(seed: int, count: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).integers(9, VOCABULARY, count).tolist())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("base") / "tiny", CONFIG, seed=3)


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of so many columns that a product's kernel depends on how many there are."""
    at = tmp_path_factory.mktemp("adapters")
    verify = write_adapter(
        at / "verify",
        base,
        ATTENTION + MLP,
        rank=8,
        seed=3,
        alora_invocation_tokens=list(INVOCATION),
    )
    return {
        "ask": write_adapter(at / "ask", base, ATTENTION, rank=16, seed=1),
        "plan": write_adapter(at / "plan", base, ATTENTION + MLP, rank=31, seed=2),
        "verify": verify,
    }


def built(base: Path, adapters: dict[str, Path], store: Path, precision: Precision) -> Path:
    checkpoint = open_checkpoint(base)
    bank = [open_adapter(name, folder, checkpoint) for name, folder in adapters.items()]
    banked = with_bank(checkpoint, bank)
    wanted = plan(banked, name="tiny", precision=precision)
    return build(banked, wanted, EngineStore(store), lambda line: None).directory


@pytest.fixture(scope="module")
def directory(
    base: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return built(base, adapters, tmp_path_factory.mktemp("store"), "fp32")


@pytest.fixture
def engine(directory: Path) -> Iterator[OnnxEngine]:
    engine = OnnxEngine(directory, max_batch=4)
    yield engine
    engine.close()


SAMPLED = Sampling(temperature=1.0, seed=5, max_tokens=12)
SHARED = text(0, 40)
CALLS = [
    Call(prompt=SHARED, sampling=SAMPLED, logprobs=True),
    Call(prompt=SHARED, sampling=Sampling(max_tokens=20), logprobs=True, adapter="ask"),
    Call(prompt=SHARED, sampling=SAMPLED, logprobs=True, adapter="plan"),
    Call(
        prompt=SHARED,
        sampling=Sampling(max_tokens=9),
        logprobs=True,
        adapter=Mix((("ask", 0.5), ("plan", 0.75))),
    ),
    Call(
        prompt=(*SHARED, *INVOCATION, 11),
        sampling=Sampling(max_tokens=15),
        logprobs=True,
        adapter="verify",
    ),
    Call(prompt=(*SHARED, *text(1, 9)), sampling=SAMPLED, logprobs=True, adapter="ask"),
    Call(
        prompt=(*SHARED, *text(2, 5)),
        sampling=SAMPLED,
        logprobs=True,
        adapter="plan",
        activation=33,
    ),
    Call(
        prompt=(*SHARED, *INVOCATION),
        constraint=Choice(((12, 13), (14,), (12, 20, 21))),
        adapter="verify",
    ),
    Call(prompt=text(3, 20), sampling=SAMPLED, logprobs=True, adapter="ask", echo=True),
]


async def alone(directory: Path, call: Call, deterministic: bool = False) -> Answer:
    engine = open_engine(directory, max_batch=4, deterministic=deterministic)
    answer = await ask(engine, call)
    engine.close()
    return answer


def same(found: Answer, expected: Answer) -> None:
    assert found.ids == expected.ids
    assert found.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
    assert found.finish.choice == expected.finish.choice
    assert found.finish.probabilities == pytest.approx(expected.finish.probabilities, abs=1e-4)
    assert found.finish.prompt_logprobs == pytest.approx(expected.finish.prompt_logprobs, abs=1e-4)


async def test_calls_of_all_adapters_at_once_get_what_each_gets_alone(
    engine: OnnxEngine, directory: Path
) -> None:
    expected = [await alone(directory, call) for call in CALLS]
    assert len({answer.ids for answer in expected[:4]}) == 4
    for order in (1, -1):
        # the second time much is cached, under each adapter its own
        together = await asyncio.gather(*(ask(engine, call) for call in CALLS[::order]))
        for found, wanted in zip(together, expected[::order], strict=True):
            same(found, wanted)


@pytest.mark.parametrize(("name", "scale"), [("ask", 2.0), ("plan", 2.0)])
async def test_an_adapter_answers_as_the_merged_checkpoint_beside_others(
    engine: OnnxEngine,
    base: Path,
    adapters: dict[str, Path],
    tmp_path: Path,
    name: str,
    scale: float,
) -> None:
    merged = open_checkpoint(merge_by_hand(tmp_path / "merged", base, (adapters[name], scale)))
    reference = Reference(merged.config.at(CONTEXT), merged.weights)
    call = Call(prompt=SHARED, sampling=Sampling(max_tokens=12), logprobs=True, adapter=name)
    others = [each for each in CALLS if each.adapter != name]
    answer, *_ = await asyncio.gather(*(ask(engine, each) for each in (call, *others)))
    logits = reference.forward([*SHARED, *answer.ids]).logits.astype(float)[len(SHARED) - 1 : -1]
    assert answer.ids == tuple(logits.argmax(axis=1))
    scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = [row[token] for row, token in zip(scores, answer.ids, strict=True)]
    assert answer.logprobs == pytest.approx(expected, abs=1e-3)


async def test_an_activated_adapter_reuses_what_the_base_computed(engine: OnnxEngine) -> None:
    await ask(engine, CALLS[0])
    verified = await ask(engine, CALLS[4])
    assert verified.finish.cached_tokens == len(SHARED)
    ordinary = await ask(engine, CALLS[1])
    assert ordinary.finish.cached_tokens == 0
    # and the base what was computed before the activation
    other = Call(prompt=(*text(4, 30), *INVOCATION), sampling=SAMPLED, adapter="verify")
    await ask(engine, other)
    plain = msgspec.structs.replace(other, adapter=None)
    assert (await ask(engine, plain)).finish.cached_tokens == 30


async def test_prefixes_under_adapters_outlive_the_engine(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a tiny model computes a block sooner than a file is read
    monkeypatch.setattr(batch, "SNAPSHOT_S", 0.0)
    answers = []
    for order in (1, -1):  # states are numbered as they come
        engine = open_engine(directory, snapshots=tmp_path)
        found = [await ask(engine, call) for call in CALLS[:5][::order]]
        answers.append(found[::order])
        restored = engine.stats().restored_tokens
        engine.close()
    # the activated adapter's block is the base's
    assert restored == 4 * 32
    for before, after in zip(*answers, strict=True):
        same(after, before)


@pytest.mark.parametrize("precision", ["fp32", "int4"])
async def test_a_deterministic_engine_gives_the_same_bits_in_company_of_other_adapters(
    base: Path, adapters: dict[str, Path], tmp_path: Path, precision: Precision
) -> None:
    directory = built(base, adapters, tmp_path, precision)
    expected = [await alone(directory, call, deterministic=True) for call in CALLS]
    engine = open_engine(directory, max_batch=5, deterministic=True)
    together = await asyncio.gather(*(ask(engine, call) for call in CALLS))
    engine.close()
    for found, wanted in zip(together, expected, strict=True):
        assert found.ids == wanted.ids
        assert found.logprobs == wanted.logprobs
        assert found.finish.probabilities == wanted.finish.probabilities


async def test_a_damaged_adapter_fails_its_calls_only(directory: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(directory, tmp_path / "engine")
    engine = open_engine(folder, max_batch=4)
    (folder / "adapter.plan.npz").write_bytes(b"half of it")
    fine = asyncio.create_task(ask(engine, CALLS[1]))
    await asyncio.sleep(0)
    with pytest.raises(EngineError, match="plan"):
        await ask(engine, CALLS[2])
    same(await fine, await alone(directory, CALLS[1]))
    engine.close()


async def test_an_engine_that_was_replaced_still_has_its_adapters(
    directory: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(directory, tmp_path / "engine")
    engine = open_engine(folder, max_batch=4)
    shutil.rmtree(folder)
    for call in CALLS[1:4]:
        same(await ask(engine, call), await alone(directory, call))
    engine.close()


async def test_adapters_that_have_been_side_by_side_leave_no_memory_behind(
    base: Path, tmp_path: Path
) -> None:
    names = "abcde"
    made = {
        name: write_adapter(tmp_path / name, base, ATTENTION, rank=1, seed=n)
        for n, name in enumerate(names)
    }
    engine = OnnxEngine(built(base, made, tmp_path / "store", "fp32"), max_batch=4)
    select, alive = engine._bank.select, list[weakref.ref[object]]()

    def watched(wanted: tuple[str, ...]) -> object:
        selected = select(wanted)
        if not any(known() is selected for known in alive):
            alive.append(weakref.ref(selected))
        return selected

    engine._bank.select = watched  # type: ignore[method-assign, assignment]
    mixes = [
        Mix(tuple((name, 1.0) for at, name in enumerate(names) if pattern >> at & 1))
        for pattern in range(1, 2 ** len(names))
    ]
    for mix in sorted(mixes, key=lambda mix: len(mix.parts)):
        await ask(engine, Call(prompt=(1, 2), sampling=Sampling(max_tokens=2), adapter=mix))
    gc.collect()
    assert len(alive) == len(mixes)
    assert sum(known() is not None for known in alive) <= len(names) + KEPT_SETS
    engine.close()


async def test_a_large_model_is_kept_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [await alone(directory, call) for call in CALLS]
    monkeypatch.setattr(onnx_model, "ONE_THREAD_BYTES", 0)
    opened: list[str] = []
    real = onnx_model.open_session

    def watched(graph: Path, threads: int | None) -> object:
        opened.append(graph.name)
        return real(graph, threads)

    monkeypatch.setattr(onnx_model, "open_session", watched)
    engine = open_engine(directory, threads=1, max_batch=4)
    for call, wanted in zip(CALLS, expected, strict=True):
        same(await ask(engine, call), wanted)
    engine.close()
    # the first call is the base model's, and no call comes back to its graph
    assert opened == ["model.onnx", "adapted.onnx"]
