"""Recipes, plans and what a quantised build reports."""

import shutil
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from smysl_build_engines.build import Built, build, plan
from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.calibration import GENERAL_TEXT, read_calibration
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.errors import BadCheckpoint, BadRequest, VerificationFailed
from smysl_build_engines.graph import write_graph
from smysl_build_engines.plan import BuildPlan
from smysl_build_engines.quantise import Precision
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.report import Sums
from smysl_build_engines.rounding import Nearest
from smysl_build_engines.store import EngineStore
from smysl_build_engines.stored import as_stored
from smysl_engines.manifest import TextReport, read_manifest

FIELDS = {
    "model_type": "qwen3",
    "vocab_size": 60,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a tokenizer of words and a text of its own: few words follow each."""
    folder = write_random_model(tmp_path_factory.mktemp("source") / "tiny", FIELDS)
    tokenizer = Tokenizer(WordLevel({f"w{n}": n for n in range(60)}, unk_token="w0"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    random, lines = np.random.default_rng(4), []
    for _ in range(64):
        words = [int(random.integers(60))]
        for _ in range(30):
            words.append((7 * words[-1] + int(random.integers(3))) % 60)
        lines.append(" ".join(f"w{n}" for n in words))
    (folder / "calibration.txt").write_text("\n".join(lines) + "\n")
    return folder


def built(source: Path, store: EngineStore, recipe: Recipe) -> Built:
    checkpoint = open_checkpoint(source)
    wanted = plan(checkpoint, name="tiny", recipe=recipe)
    return build(checkpoint, wanted, store, lambda line: None)


def report_of(engine: Built) -> TextReport:
    assert engine.manifest.quantisation is not None
    assert engine.manifest.quantisation.report is not None
    return engine.manifest.quantisation.report


def test_fitted_rounding_diverges_far_less_at_the_same_size(source: Path, tmp_path: Path) -> None:
    store = EngineStore(tmp_path / "store")
    nearest = built(source, store, Recipe(precision="int4"))
    fitted = built(source, store, Recipe(precision="int4", method="gptq"))
    assert not fitted.reused
    sizes = {engine.manifest.files["weights.bin"].bytes for engine in (nearest, fitted)}
    assert len(sizes) == 1
    assert report_of(fitted).divergence < 0.7 * report_of(nearest).divergence
    assert report_of(fitted).greedy_agreement > report_of(nearest).greedy_agreement
    assert report_of(fitted).tokens == 16 * 30
    assert report_of(fitted).perplexity_before == report_of(nearest).perplexity_before
    assert built(source, store, Recipe(precision="int4", method="gptq")).reused


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(precision="int4", symmetric=False, block=32),
        Recipe(precision="int4", mixed=True),
        Recipe(precision="int4", head_bits=4),
        Recipe(precision="int8", block=16),
        Recipe(precision="int4", symmetric=False, mixed=True, method="gptq", block=16),
    ],
    ids=str,
)
def test_every_recipe_is_verified_and_takes_the_bytes_it_planned(
    source: Path, tmp_path: Path, recipe: Recipe
) -> None:
    wanted = plan(open_checkpoint(source), name="tiny", recipe=recipe)
    engine = built(source, EngineStore(tmp_path / "store"), recipe)
    written = engine.manifest.files["weights.bin"].bytes
    # tensors begin at multiples of 64 bytes
    assert wanted.engine_bytes <= written <= wanted.engine_bytes + 64 * 80
    found = engine.manifest.quantisation
    assert found is not None and found.text == wanted.text_entry
    assert (found.method, found.block) == (recipe.method, recipe.block)
    assert read_manifest(engine.directory).quantisation == found


@pytest.mark.parametrize(
    ("precision", "options"),
    [
        ("fp32", {"block": 32}),
        ("fp32", {"method": "gptq"}),
        ("int8", {"mixed": True}),
        ("int8", {"head_bits": 4}),
        ("fp32", {"wide": True}),
        ("int4", {"block": 48}),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(
    precision: Precision, options: dict[str, object]
) -> None:
    with pytest.raises(BadRequest):
        msgspec.convert({"precision": precision} | options, Recipe)


def test_texts_that_cannot_serve_are_refused_by_name(source: Path, tmp_path: Path) -> None:
    checkpoint, gptq = open_checkpoint(source), Recipe(precision="int4", method="gptq")
    with pytest.raises(BadRequest, match=r"absent\.txt"):
        plan(checkpoint, name="a", recipe=gptq, calibration=tmp_path / "absent.txt")
    with pytest.raises(BadRequest, match="fp32"):
        plan(checkpoint, name="a", calibration=tmp_path / "absent.txt")
    bare = open_checkpoint(write_random_model(tmp_path / "bare", FIELDS))
    with pytest.raises(BadRequest, match="--calibration"):
        plan(bare, name="a", recipe=gptq)
    short = tmp_path / "short.txt"
    short.write_text("w1 w2\n\nw3\n")
    with pytest.raises(BadRequest, match="1 lines"):
        read_calibration(short, source / "tokenizer.json", 60, 64)
    short.write_bytes(b"\xff")
    with pytest.raises(BadRequest, match=r"short\.txt"):
        read_calibration(short, source / "tokenizer.json", 60, 64)
    with pytest.raises(BadCheckpoint, match=r"config\.json"):
        read_calibration(source / "config.json", source / "config.json", 60, 64)
    with pytest.raises(BadCheckpoint, match="30 tokens"):
        read_calibration(source / "calibration.txt", source / "tokenizer.json", 30, 64)


def test_without_a_text_of_its_own_a_model_is_measured_on_a_general_one(
    source: Path, tmp_path: Path
) -> None:
    bare = write_random_model(tmp_path / "bare", FIELDS)
    said: list[str] = []

    def built_bare() -> Built:
        checkpoint = open_checkpoint(bare)
        wanted = plan(checkpoint, name="bare", precision="int8")
        assert any("a short general text" in line for line in wanted.lines())
        return build(checkpoint, wanted, EngineStore(tmp_path / "store"), said.append)

    shutil.copy(source / "tokenizer.json", bare)
    # a tokenizer of words: one it does not know is a token too
    lines = GENERAL_TEXT.read_text("utf-8").splitlines()
    assert report_of(built_bare()).tokens == sum(len(line.split()) - 1 for line in lines)
    assert built_bare().reused
    (bare / "tokenizer.json").write_text("{}")
    quantisation = built_bare().manifest.quantisation
    assert quantisation is not None and quantisation.report is None
    assert any("nothing is measured on text" in line for line in said)


def test_what_is_measured_on_was_never_fitted_to(source: Path) -> None:
    text = read_calibration(source / "calibration.txt", source / "tokenizer.json", 60, 20)
    assert (len(text.fitted), len(text.held_out)) == (48, 16)
    assert {len(sample) for sample in text.fitted} == {20}
    fitted = {tuple(sample) for sample in text.fitted}
    assert not fitted & {tuple(sample) for sample in text.held_out}


def test_a_report_is_zero_for_equal_logits_and_counts_perplexity() -> None:
    sums, logits = Sums(), np.zeros((5, 10), np.float32)
    sums.add([1, 2, 3, 4, 5], logits, logits)
    report = sums.report()
    assert (report.tokens, report.divergence, report.greedy_agreement) == (4, 0.0, 1.0)
    assert report.perplexity_before == pytest.approx(10)
    sums.add([1, 2, 3, 4, 5], logits, logits + 20 * np.eye(5, 10, dtype=np.float32))
    assert sums.report().divergence > 1
    assert sums.report().perplexity_after > 10


def test_a_plan_prints_every_group_and_is_json(source: Path) -> None:
    recipe = Recipe(precision="int4", mixed=True)
    wanted = plan(open_checkpoint(source), name="tiny", recipe=recipe)
    text = "\n".join(wanted.lines())
    for group in wanted.groups:
        assert group.name in text and group.format in text
    assert {"4 bits, blocks of 32, symmetric", "8 bits, blocks of 64, symmetric"} <= {
        group.format for group in wanted.groups
    }
    assert "calibration.txt" in text
    counted = sum(g.parameters for g in wanted.groups if g.name not in ("head", "positions"))
    assert counted == wanted.parameters
    assert msgspec.json.decode(msgspec.json.encode(wanted), type=BuildPlan) == wanted
    with pytest.raises(AttributeError):
        wanted.name = "other"  # type: ignore[misc]


def test_weights_are_streamed(tmp_path: Path) -> None:
    wide = {"vocab_size": 24_000, "hidden_size": 256, "intermediate_size": 512}
    folder = write_random_model(tmp_path / "wide", FIELDS | wide | {"num_hidden_layers": 1})
    checkpoint, recipe = open_checkpoint(folder), Recipe(precision="int4")
    wanted = plan(checkpoint, name="wide", recipe=recipe)
    nearest = Nearest(checkpoint.config, checkpoint.weights)
    tracemalloc.start()
    write_graph(checkpoint.config, checkpoint.weights, recipe, nearest, tmp_path, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the largest tensor takes 25 MB in float32, the same as the head that is rounded from it
    assert peak < wanted.write_memory_bytes < 1.5 * 25e6 + 500e6
    stored = as_stored(tmp_path / "model.onnx", checkpoint.config, checkpoint.weights)
    drift = stored.weights["head.weight"] - checkpoint.weights["embedding.weight"]
    assert 0 < float(np.abs(drift).max()) < 0.01


@pytest.mark.parametrize("times", [0.8, 1.2])
def test_a_tensor_of_another_size_is_refused_though_rounding_could_be_as_far_off(
    source: Path, times: float, tmp_path: Path
) -> None:
    checkpoint, recipe = open_checkpoint(source), Recipe(precision="int4")
    decoder = checkpoint.config
    nearest = Nearest(decoder, checkpoint.weights)
    write_graph(decoder, checkpoint.weights, recipe, nearest, tmp_path, 64)
    name = "layers.1.down"
    model = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    (scales,) = (t for t in model.graph.initializer if t.name == f"{name}.scales")
    place = {entry.key: int(entry.value) for entry in scales.external_data[1:]}
    weights = tmp_path / "weights.bin"
    found = np.frombuffer(weights.read_bytes(), np.float32, place["length"] // 4, place["offset"])
    with weights.open("r+b") as file:
        file.seek(place["offset"])
        file.write((found * np.float32(times)).tobytes())
    stored = as_stored(tmp_path / "model.onnx", decoder, checkpoint.weights)
    assert stored.weights["layers.0.down.weight"].any()
    with pytest.raises(VerificationFailed, match=rf"layers.1.down.weight is {times}\d* times"):
        _ = stored.weights[f"{name}.weight"]


@pytest.mark.slow
def test_fitted_rounding_of_the_bundled_model_halves_its_divergence(tmp_path: Path) -> None:
    text = tmp_path / "some.txt"
    lines = (bundled_model() / "calibration.txt").read_text().splitlines()
    text.write_text("\n".join(lines[:80]))
    checkpoint, store, divergence = open_checkpoint(bundled_model()), EngineStore(tmp_path), {}
    for method in ("nearest", "gptq"):
        recipe = msgspec.convert({"precision": "int4", "method": method}, Recipe)
        wanted = plan(checkpoint, name=method, recipe=recipe, calibration=text, context=256)
        engine = build(checkpoint, wanted, store, lambda line: None)
        divergence[method] = report_of(engine).divergence
    assert divergence["gptq"] < 0.5 * divergence["nearest"]
