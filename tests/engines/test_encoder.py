import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_encoder import CLS, CONFIG, SEP, write_encoder

from smysl_build_engines.build import build, plan
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.encoder_build import build_encoder
from smysl_build_engines.encoder_folder import open_encoder
from smysl_build_engines.encoder_plan import plan_encoder
from smysl_build_engines.encoder_reference import EncoderReference
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.store import EngineStore
from smysl_engines.base import (
    BadCall,
    Call,
    Engine,
    EngineClosed,
    EngineError,
    PromptTooLong,
)
from smysl_engines.encoder import PADDING, EncoderEngine, pooled
from smysl_engines.load import open_engine
from smysl_engines.manifest import (
    AdapterEntry,
    Architecture,
    CorruptEngine,
    FileEntry,
    describe_file,
    fingerprint,
    load_manifest,
    read_manifest,
    write_manifest,
)
from smysl_engines.onnx import OnnxEngine

VOCABULARY = CONFIG["vocab_size"]
TEXTS = st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=32), max_size=12)


def build_into(folder: Path, source: Path) -> Path:
    checkpoint = open_encoder(source)
    wanted = plan_encoder(checkpoint, name="tiny", recipe=Recipe())
    built = build_encoder(checkpoint, wanted, EngineStore(folder), lambda line: None)
    return built.directory


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("source") / "tiny", pooling="mean")


@pytest.fixture(scope="module")
def directory(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_into(tmp_path_factory.mktemp("engines"), source)


@pytest.fixture(scope="module")
def engine(directory: Path) -> Iterator[EncoderEngine]:
    opened = open_engine(directory, threads=1)
    assert isinstance(opened, EncoderEngine)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def reference(source: Path) -> EncoderReference:
    checkpoint = open_encoder(source)
    return EncoderReference(checkpoint.encoder, checkpoint.weights)


def mean_of(reference: EncoderReference, text: list[int]) -> Any:
    mean = reference.states([text])[0].mean(axis=0)
    return mean / np.linalg.norm(mean)


@settings(max_examples=30, deadline=None)
@given(texts=TEXTS)
def test_every_vector_is_the_references_whatever_else_is_embedded(
    engine: EncoderEngine, reference: EncoderReference, texts: list[list[int]]
) -> None:
    found = engine.embed(texts)
    assert len(found) == len(texts)
    for vector, text in zip(found, texts, strict=True):
        np.testing.assert_allclose(vector, mean_of(reference, text), atol=1e-5)
        assert np.linalg.norm(vector) == pytest.approx(1)


def test_cls_takes_the_first_state_and_another_fingerprint(
    directory: Path, tmp_path: Path, reference: EncoderReference
) -> None:
    # the same weights, so that nothing but the pooling differs
    other = build_into(tmp_path / "store", write_encoder(tmp_path / "m", pooling="cls"))
    assert load_manifest(other).files == load_manifest(directory).files
    assert other.name != directory.name
    engine = open_engine(other)
    first = reference.states([[CLS, 7, 8, SEP]])[0][0]
    vector = engine.embed([[CLS, 7, 8, SEP]])[0]
    np.testing.assert_allclose(vector, first / np.linalg.norm(first), atol=1e-5)
    engine.close()


def test_a_vector_of_zeros_stays_one() -> None:
    assert not pooled(np.zeros((1, 3, 4), np.float32), [3], "mean").any()


def test_padding_takes_no_part_in_the_mean() -> None:
    states = np.array([[[1.0, 0], [0, 1], [99, 99]]], np.float32)
    np.testing.assert_allclose(pooled(states, [2], "mean"), [[2**-0.5, 2**-0.5]])


def test_alone_a_vector_does_not_depend_on_its_company_to_the_last_bit(directory: Path) -> None:
    engine = open_engine(directory, deterministic=True)
    texts = [[1] * n for n in (5, 9, 5, 30)]
    assert engine.embed(texts) == [engine.embed([text])[0] for text in texts]
    assert engine.stats().steps == 8
    engine.close()


def test_texts_are_tokenised_whole_with_special_tokens(engine: EncoderEngine) -> None:
    words = "the cat sat on a mat and ran far away from it"
    ids = [CLS, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, SEP]
    assert engine.embed_texts([f"  {words.title()}\n", "cat"]) == engine.embed([ids, [CLS, 5, SEP]])


def test_what_cannot_be_embedded_is_refused_with_its_place_value_and_limit(
    engine: EncoderEngine,
) -> None:
    before = engine.stats()
    with pytest.raises(PromptTooLong, match=r"text 1 has 33 tokens; engine 'tiny' takes 32"):
        engine.embed([[1], [1] * 33])
    with pytest.raises(BadCall, match="text 0 has no tokens"):
        engine.embed([[]])
    for token in (-1, VOCABULARY):
        with pytest.raises(BadCall, match=f"text 1 holds token id {token}"):
            engine.embed([[1], [token]])
    with pytest.raises(BadCall, match="text 1 is not Unicode"):
        engine.embed_texts(["cat", "\ud800"])
    with pytest.raises(PromptTooLong, match="42 tokens"):
        engine.embed_texts(["cat " * 40])
    assert engine.embed([]) == engine.embed_texts([]) == []
    assert engine.stats() == before


def test_an_encoder_generates_nothing(engine: EncoderEngine) -> None:
    with pytest.raises(BadCall, match="'tiny' is an encoder"):
        engine.submit(Call(prompt=(1,)))


def test_an_engine_is_opened_by_the_kind_its_manifest_names(
    directory: Path, engine: EncoderEngine
) -> None:
    assert load_manifest(directory).kind == "encoder"
    assert (engine.info.model, engine.info.context) == ("tiny", 32)
    assert engine.info.fingerprint == directory.name
    assert isinstance(open_engine(directory), EncoderEngine)


def test_a_decoder_is_no_encoder(tmp_path: Path) -> None:
    config = LlamaConfig(
        vocab_size=20,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        tie_word_embeddings=True,
    )
    checkpoint = open_checkpoint(write_random_model(tmp_path / "m", config))
    wanted = plan(checkpoint, name="m")
    built = build(checkpoint, wanted, EngineStore(tmp_path / "s"), lambda line: None)
    assert built.manifest.kind == "decoder"
    with pytest.raises(EngineError, match="not an encoder"):
        EncoderEngine(built.directory)
    opened = open_engine(built.directory)
    assert isinstance(opened, OnnxEngine)
    opened.close()


def test_counters_tell_texts_tokens_padding_and_passes(directory: Path) -> None:
    engine = open_engine(directory)
    lengths = [1, 30, 31, 2, 30]
    engine.embed([[1] * length for length in lengths])
    stats = engine.stats()
    assert stats.prompt_tokens == sum(lengths)
    assert stats.steps == 3
    assert sum(lengths) <= stats.computed_tokens <= sum(lengths) / (1 - PADDING)
    assert (stats.running, stats.waiting) == (0, 0)
    assert stats.prefill_tokens_per_s > 0
    assert stats.weights_bytes == (directory / "weights.bin").stat().st_size
    engine.close()


def test_many_threads_get_their_own_vectors(
    engine: EncoderEngine, reference: EncoderReference
) -> None:
    random = np.random.default_rng(3)
    asked = [
        [random.integers(0, VOCABULARY, n).tolist() for n in random.integers(1, 33, 20)]
        for _ in range(8)
    ]
    found: dict[int, list[list[float]]] = {}

    def ask(number: int) -> None:
        found[number] = engine.embed(asked[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, texts in enumerate(asked):
        for vector, text in zip(found[number], texts, strict=True):
            np.testing.assert_allclose(vector, mean_of(reference, text), atol=1e-5)


class Slow:
    """A model whose passes end when they are let go."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.passes: list[int] = []

    def states(self, texts: list[list[int]]) -> Any:
        self.passes.append(texts[0][0])
        self.began.release()
        assert self.go.acquire(timeout=60)
        return np.ones((len(texts), max(map(len, texts)), 2), np.float32)


@pytest.fixture
def slow(directory: Path) -> Iterator[tuple[EncoderEngine, Slow]]:
    engine, model = EncoderEngine(directory, deterministic=True), Slow()
    engine._model = model  # type: ignore[assignment]
    yield engine, model
    for _ in range(100):
        model.go.release()
    engine.close()


def started(work: Any) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_callers_take_turns_pass_by_pass(slow: tuple[EncoderEngine, Slow]) -> None:
    engine, model = slow
    long = started(lambda: engine.embed([[1]] * 4))
    assert model.began.acquire(timeout=60)
    short = started(lambda: engine.embed([[2]]))
    while engine.stats().waiting < 4:
        time.sleep(0.001)
    assert (engine.stats().running, engine.stats().waiting) == (1, 4)
    # the other caller's pass is in the queue by now, or a moment later
    while engine._worker._work_queue.qsize() < 1:
        time.sleep(0.001)
    for _ in range(5):
        model.go.release()
    long.join()
    short.join()
    assert model.passes == [1, 2, 1, 1, 1]
    assert engine.stats().running == engine.stats().waiting == 0


def test_closing_ends_whoever_waits_with_an_error(slow: tuple[EncoderEngine, Slow]) -> None:
    engine, model = slow
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            engine.embed([[1], [2]])
        except EngineError as error:
            errors.append(error)

    callers = [started(ask) for _ in range(3)]
    assert model.began.acquire(timeout=60)
    closing = started(engine.close)
    # the running pass must not end before the queue is shut, or the next one begins
    while not engine._worker._shutdown:
        time.sleep(0.001)
    with engine._worker._shutdown_lock:
        pass
    model.go.release()
    for thread in (*callers, closing):
        thread.join(60)
        assert not thread.is_alive()
    assert [type(error) for error in errors] == [EngineClosed] * 3
    engine.close()
    with pytest.raises(EngineClosed):
        engine.embed([[1]])
    assert engine.stats().waiting == 0


def test_a_pass_that_fails_is_that_callers_error_alone(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = EncoderEngine(directory)
    assert engine._model is not None
    with monkeypatch.context() as patch:
        patch.setattr(engine._model, "states", lambda texts: 1 / 0)
        with pytest.raises(EngineError, match="while embedding: division"):
            engine.embed([[1], [2]])
    assert (engine.stats().running, engine.stats().waiting) == (0, 0)
    assert len(engine.embed([[1]])) == 1
    engine.close()


def test_an_engine_nobody_holds_ends_its_thread(directory: Path) -> None:
    def threads() -> int:
        return sum(thread.name.startswith("smysl-encoder") for thread in threading.enumerate())

    before = threads()
    engine: Engine | None = open_engine(directory)
    assert engine is not None and engine.embed([[1]])
    assert threads() == before + 1
    del engine
    gc.collect()
    deadline = time.monotonic() + 60
    while threads() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == before


@pytest.mark.parametrize(("tokenizer", "complaint"), [(None, "has no"), ("{}", "is no tokenizer")])
def test_without_a_usable_tokenizer_only_ids_are_embedded(
    directory: Path, tmp_path: Path, tokenizer: str | None, complaint: str
) -> None:
    manifest = load_manifest(directory)
    files = {name: entry for name, entry in manifest.files.items() if name != "tokenizer.json"}
    for name in files:
        (tmp_path / name).hardlink_to(directory / name)
    if tokenizer is not None:
        (tmp_path / "tokenizer.json").write_text(tokenizer)
        files["tokenizer.json"] = describe_file(tmp_path / "tokenizer.json")
    deciding = manifest.backend, manifest.precision, manifest.architecture, files
    changed = msgspec.structs.replace(
        manifest, files=files, fingerprint=fingerprint(*deciding, encoder=manifest.encoder)
    )
    write_manifest(tmp_path, changed)
    engine = EncoderEngine(tmp_path)
    assert len(engine.embed([[1]])) == 1
    with pytest.raises(BadCall, match=complaint):
        engine.embed_texts(["cat"])
    engine.close()


def test_a_manifest_whose_pooling_was_changed_is_refused(directory: Path, tmp_path: Path) -> None:
    for name in ("model.onnx", "weights.bin", "tokenizer.json"):
        (tmp_path / name).hardlink_to(directory / name)
    text = (directory / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('"pooling": "mean"', '"pooling": "cls"'))
    with pytest.raises(CorruptEngine, match="fingerprint"):
        open_engine(tmp_path)
    (tmp_path / "manifest.json").write_text(text.replace('"pooling": "mean"', '"pooling": "max"'))
    with pytest.raises(CorruptEngine, match="cannot be read"):
        open_engine(tmp_path)


def test_decoders_manifests_and_fingerprints_are_as_they_were_before_encoders(
    directory: Path, tmp_path: Path
) -> None:
    numbers = Architecture(
        vocabulary=10, hidden_size=16, layers=1, kv_heads=1, head_dim=16, context=8
    )
    files = {"weights.bin": FileEntry(1, "ab" * 32)}
    known = fingerprint("onnx", "fp32", numbers, files)
    assert known == "1876ca16df55803dd067958aadf04647"
    bank = {"x": AdapterEntry(kind="lora", file="weights.bin", ranks={}, widths={})}
    assert fingerprint("onnx", "int4", numbers, files, bank) == "9e57a53615faa796e91305cd01606e1a"
    fields = msgspec.json.decode((directory / "manifest.json").read_bytes())
    fields |= msgspec.to_builtins(
        {"architecture": numbers, "files": files, "fingerprint": known, "adapters": {}}
    )
    del fields["encoder"]
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(fields))
    assert read_manifest(tmp_path).kind == "decoder"
