import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_encoder import CONFIG, random_tensors, write_encoder

from smysl_build_engines.build import Built
from smysl_build_engines.encoder import Encoder
from smysl_build_engines.encoder_build import build_encoder
from smysl_build_engines.encoder_folder import EncoderCheckpoint, open_encoder, stored_name
from smysl_build_engines.encoder_graph import write_encoder_graph
from smysl_build_engines.encoder_plan import plan_encoder
from smysl_build_engines.encoder_reference import EncoderReference
from smysl_build_engines.encoder_verify import TEXT_LENGTHS, verify_encoder
from smysl_build_engines.errors import (
    BadCheckpoint,
    BadRequest,
    UnsupportedModel,
    VerificationFailed,
)
from smysl_build_engines.families.encoders import describe_encoder
from smysl_build_engines.quantise import Precision
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.store import EngineStore
from smysl_build_engines.tensors import Held
from smysl_engines.manifest import Verification, load_manifest
from smysl_engines.onnx_model import GRAPH_FILE
from smysl_engines.shelf import list_engines

SMYSL_BUILD = (sys.executable, "-c", "from smysl_build_engines.app import main; main()")
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8", "int4")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("source") / "tiny", pooling="mean")


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "data" / "engines")


def ensure(source: Path, store: EngineStore, recipe: Recipe | None = None) -> Built:
    checkpoint = open_encoder(source)
    wanted = plan_encoder(checkpoint, name="tiny", recipe=recipe or Recipe())
    return build_encoder(checkpoint, wanted, store, lambda line: None)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_every_precision_computes_what_the_reference_computes(
    tmp_path: Path, store: EngineStore, precision: Precision, activation: str
) -> None:
    folder = write_encoder(tmp_path / "m", hidden_act=activation, pooling="mean")
    found = ensure(folder, store, Recipe(precision=precision)).manifest.verification
    lengths = [min(length, 32) for length in TEXT_LENGTHS]
    assert found.positions == sum(lengths) + lengths[-1]
    if precision == "fp32":
        assert found.max_difference < 2e-5
        assert found.greedy_agreement == found.drift_greedy_agreement == 1
        assert found.drift_divergence < 1e-9
    else:
        assert found.exact_difference is not None
        assert found.exact_difference < 1e-5 < found.relative_difference < 0.05
        assert found.drift_divergence < (0.002 if precision == "int8" else 0.2)


def test_blocks_may_have_a_zero_of_their_own(source: Path, store: EngineStore) -> None:
    built = ensure(source, store, Recipe(precision="int4", block=16, symmetric=False))
    assert built.manifest.quantisation is not None
    assert not built.manifest.quantisation.symmetric
    assert built.manifest.verification.exact_difference is not None


def test_widths_no_block_divides_are_padded(tmp_path: Path, store: EngineStore) -> None:
    folder = write_encoder(
        tmp_path / "m", hidden_size=50, intermediate_size=30, num_attention_heads=5
    )
    for precision in PRECISIONS:
        assert ensure(folder, store, Recipe(precision=precision)).manifest.verification.positions


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, CONFIG["vocab_size"] - 1), min_size=1, max_size=32))
def test_without_positions_the_order_of_tokens_does_not_matter(tokens: list[int]) -> None:
    """Attention sees the whole text, so that only the positions tell one order from another."""
    encoder, weights = positionless()
    order = np.random.default_rng(len(tokens)).permutation(len(tokens))
    reference = EncoderReference(encoder, weights)
    straight = reference.states([tokens])[0]
    shuffled = reference.states([[tokens[index] for index in order]])[0]
    np.testing.assert_allclose(shuffled, straight[order], atol=1e-4)


def positionless() -> tuple[Encoder, Held]:
    encoder, tensors = describe_encoder("here", dict(CONFIG)), random_tensors(CONFIG)
    weights = {name: tensors[stored_name(name)] for name in encoder.shapes()}
    return encoder, Held(weights | {"positions.weight": weights["positions.weight"] * 0})


def write_wrong(checkpoint: EncoderCheckpoint, folder: Path, tensor: str) -> None:
    weights = {name: checkpoint.weights[name] for name in checkpoint.weights}
    wrong = Held(weights | {tensor: weights[tensor] * 1.5})
    write_encoder_graph(checkpoint.encoder, wrong, Recipe(), folder, 32)


def check(checkpoint: EncoderCheckpoint, folder: Path) -> Verification:
    return verify_encoder(
        folder / GRAPH_FILE, checkpoint.encoder, checkpoint.weights, "mean", 32, "fp32"
    )


@pytest.mark.parametrize(
    ("tensor", "where"),
    [
        ("types.weight", "the embedding"),
        ("embedding_norm.bias", "the embedding"),
        ("layers.0.q.weight", "layer 1 of 3"),
        ("layers.1.mlp_norm.weight", "layer 2 of 3"),
        ("layers.2.down.bias", "layer 3 of 3"),
    ],
)
def test_a_wrong_encoder_is_refused_and_the_first_wrong_layer_named(
    source: Path, tmp_path: Path, tensor: str, where: str
) -> None:
    checkpoint = open_encoder(source)
    write_wrong(checkpoint, tmp_path, tensor)
    with pytest.raises(VerificationFailed, match=f"beginning with {where}"):
        check(checkpoint, tmp_path)


def test_an_encoder_that_attends_to_padding_is_refused(source: Path, tmp_path: Path) -> None:
    import onnx

    checkpoint = open_encoder(source)
    write_encoder_graph(checkpoint.encoder, checkpoint.weights, Recipe(), tmp_path, 32)
    model = onnx.load(tmp_path / GRAPH_FILE, load_external_data=False)
    for node in model.graph.node:
        if node.op_type == "MultiHeadAttention":
            del node.input[4:]
    onnx.save_model(model, tmp_path / GRAPH_FILE)
    with pytest.raises(VerificationFailed, match="beginning with padded texts"):
        check(checkpoint, tmp_path)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_that_are_not_numbers_are_refused_and_nothing_is_published(
    source: Path, store: EngineStore, precision: Precision
) -> None:
    checkpoint = open_encoder(source)
    weights = {name: checkpoint.weights[name] for name in checkpoint.weights}
    weights["layers.1.o.weight"] = weights["layers.1.o.weight"] * np.nan
    broken = msgspec.structs.replace(checkpoint, weights=Held(weights))
    wanted = plan_encoder(broken, name="tiny", recipe=Recipe(precision=precision))
    with np.errstate(invalid="ignore"), pytest.raises(VerificationFailed, match="finite"):
        build_encoder(broken, wanted, store, lambda line: None)
    assert list_engines(store.folder) == []
    assert [path.name for path in store.folder.iterdir()] == [".lock"]


def test_the_manifest_says_what_the_engine_is(source: Path, store: EngineStore) -> None:
    built = ensure(source, store)
    manifest = load_manifest(built.directory)
    assert manifest == built.manifest
    assert manifest.kind == "encoder"
    assert manifest.encoder is not None and manifest.encoder.pooling == "mean"
    assert manifest.architecture.context == 32
    assert set(manifest.files) == {"model.onnx", "weights.bin", "tokenizer.json"}
    tokenizer = (built.directory / "tokenizer.json").read_bytes()
    assert tokenizer == (source / "tokenizer.json").read_bytes()


def test_building_again_finds_the_engine_until_any_file_changes(
    tmp_path: Path, store: EngineStore
) -> None:
    source = write_encoder(tmp_path / "m", pooling="mean")
    first = ensure(source, store)
    assert ensure(source, store).reused
    path = source / "1_Pooling" / "config.json"
    fields = json.loads(path.read_text())
    fields |= {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    path.write_text(json.dumps(fields))
    second = ensure(source, store)
    assert not second.reused
    assert second.manifest.fingerprint != first.manifest.fingerprint
    assert len(list_engines(store.folder)) == 1


def test_the_planned_bytes_are_those_written(source: Path, store: EngineStore) -> None:
    for precision in PRECISIONS:
        recipe = Recipe(precision=precision)
        wanted = plan_encoder(open_encoder(source), name="tiny", recipe=recipe)
        weights = ensure(source, store, recipe).manifest.files["weights.bin"].bytes
        # each tensor begins at a multiple of 64 bytes
        assert wanted.engine_bytes <= weights <= wanted.engine_bytes + 64 * 80


def test_a_plan_refuses_what_cannot_be(source: Path) -> None:
    checkpoint = open_encoder(source)
    for context in (0, 41):
        with pytest.raises(UnsupportedModel, match=f"1 to 40 tokens; {context}"):
            plan_encoder(checkpoint, name="a", recipe=Recipe(), context=context)
    with pytest.raises(BadCheckpoint, match="cannot name"):
        plan_encoder(checkpoint, name="../x", recipe=Recipe())
    for recipe, option in (
        (Recipe(precision="int4", mixed=True), "--mixed"),
        (Recipe(precision="int4", method="gptq"), "gptq"),
    ):
        with pytest.raises(BadRequest, match=f"{option}.*encoder"):
            plan_encoder(checkpoint, name="a", recipe=recipe)


def test_more_than_the_tuned_length_may_be_asked(source: Path) -> None:
    wanted = plan_encoder(open_encoder(source), name="a", recipe=Recipe(), context=40)
    assert wanted.architecture.context == 40


class Result(msgspec.Struct, frozen=True):
    code: int
    out: str
    err: str


def smysl_build(*arguments: str | Path, **environment: str) -> Result:
    done = subprocess.run(
        [*SMYSL_BUILD, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_the_command_plans_builds_and_checks_an_encoder(source: Path, tmp_path: Path) -> None:
    data = {"SMYSL_DATA_DIR": str(tmp_path)}
    dry = smysl_build(source, "--dry-run", **data)
    assert "engine       tiny (bert, encoder, onnx, fp32)" in dry.out, dry.err
    assert "texts        up to 32 tokens; pooled by mean" in dry.out
    planned = json.loads(smysl_build(source, "--dry-run", "--json", **data).out)
    assert planned["engine_bytes"] == sum(group["bytes"] for group in planned["groups"])
    built = smysl_build(source, "--json", "--precision", "int8", **data)
    assert built.code == 0, built.err
    answer = json.loads(built.out)
    assert answer["encoder"] == {"pooling": "mean", "normalise": False}
    checked = smysl_build(source, "--precision", "int8", "--verify", **data)
    assert checked.code == 0, checked.err
    assert "is intact: largest difference of a hidden state" in checked.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--adapter", "a=b"), "--adapter is for decoders; tiny is an encoder"),
        (("--precision", "int8", "--calibration", "x"), "--calibration is for decoders"),
        (("--precision", "int4", "--rounding", "gptq"), "gptq fits the rounding of decoders"),
        (("--hardware",), "--hardware is for decoders"),
    ],
)
def test_options_for_decoders_are_refused_by_name(
    source: Path, tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    found = smysl_build(source, *arguments, SMYSL_DATA_DIR=str(tmp_path), COLUMNS="200")
    assert found.code == 1
    assert complaint in found.err
    assert "Traceback" not in found.err
    assert list_engines(tmp_path / "engines") == []


def test_an_encoder_of_an_unknown_kind_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "m")
    fields = json.loads((folder / "config.json").read_text()) | {"model_type": "mpnet"}
    (folder / "config.json").write_text(json.dumps(fields))
    found = smysl_build(folder, SMYSL_DATA_DIR=str(tmp_path))
    assert found.code == 1
    assert "model_type is 'mpnet'" in found.err and "xlm-roberta" in found.err
