import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from smysl_build_engines.build import Built, build, ensure, plan
from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.checkpoint import embedding_at, open_checkpoint
from smysl_build_engines.errors import (
    BadCheckpoint,
    StoreError,
    UnsupportedModel,
    VerificationFailed,
)
from smysl_build_engines.graph import write_graph
from smysl_build_engines.quantise import Precision
from smysl_build_engines.random_model import LlamaConfig, write_random_model, write_safetensors
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.reference import Reference
from smysl_build_engines.rotary import Rope
from smysl_build_engines.rounding import Nearest
from smysl_build_engines.safetensors import SafetensorsFile
from smysl_build_engines.store import EngineStore
from smysl_build_engines.store_app import survey
from smysl_build_engines.tensors import Held
from smysl_build_engines.verify import verify
from smysl_engines.manifest import describe_file, load_manifest, read_manifest
from smysl_engines.onnx import GRAPH_FILE, OnnxEngine
from smysl_engines.shelf import find_engine, list_engines

CONFIG = LlamaConfig(
    vocab_size=200,
    hidden_size=96,
    intermediate_size=160,
    num_hidden_layers=2,
    num_attention_heads=3,
    num_key_value_heads=1,
    head_dim=32,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=True,
)
SMYSL_BUILD = (sys.executable, "-c", "from smysl_build_engines.app import main; main()")
FULL_DISK = """
import resource, sys
room = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
from smysl_build_engines.app import main; main()
"""
"""As on a disk with so many bytes left for a file."""
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8", "int4")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("source") / "tiny", CONFIG)


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "data" / "engines")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_every_precision_computes_what_the_reference_computes(
    tmp_path: Path, store: EngineStore, precision: Precision, tied: bool, dtype: str
) -> None:
    config = msgspec.structs.replace(CONFIG, tie_word_embeddings=tied)
    folder = write_random_model(tmp_path / "m", config, dtype=dtype)
    found = ensure(folder, store, precision=precision).manifest.verification
    assert found.positions == 5 + 23 + 48 + 3 * 8
    if precision == "fp32":
        assert found.max_difference < 1e-4
        assert found.drift_greedy_agreement == 1
        assert abs(found.drift_divergence) < 1e-6
    else:
        assert found.exact_difference is not None
        assert found.exact_difference < 1e-4 < found.relative_difference < 0.06
        assert found.drift_divergence < (0.01 if precision == "int8" else 0.2)


def test_a_width_no_block_divides_is_padded(tmp_path: Path, store: EngineStore) -> None:
    config = msgspec.structs.replace(CONFIG, hidden_size=100, intermediate_size=90)
    folder = write_random_model(tmp_path / "m", config)
    for precision in PRECISIONS:
        assert ensure(folder, store, precision=precision).manifest.verification.positions > 0


def test_a_wrong_graph_is_refused_and_nothing_is_published(
    source: Path, tmp_path: Path, store: EngineStore
) -> None:
    checkpoint = open_checkpoint(source)
    wanted = plan(checkpoint, name="tiny", precision="fp32")
    for precision in PRECISIONS:
        folder = tmp_path / precision
        folder.mkdir()
        slower = tuple(value * 0.9 for value in checkpoint.config.ropes[0].frequencies)
        wrong = msgspec.structs.replace(checkpoint.config, ropes=(Rope(slower),))
        nearest = Nearest(wrong, checkpoint.weights)
        recipe = Recipe(precision=precision)
        write_graph(wrong, checkpoint.weights, recipe, nearest, folder, 64)
        with pytest.raises(VerificationFailed, match=precision):
            verify(
                folder / GRAPH_FILE,
                wanted.architecture,
                checkpoint.config,
                checkpoint.weights,
                precision,
            )


@pytest.mark.parametrize(
    ("tensor", "where"),
    [
        ("embedding.weight", "the embedding"),
        ("layers.0.o.weight", "layer 1 of 2"),
        ("layers.1.mlp_norm.weight", "layer 2 of 2"),
        ("head.weight", "the head"),
    ],
)
def test_a_failed_verification_says_where_the_difference_begins(
    tmp_path: Path, tensor: str, where: str
) -> None:
    config = msgspec.structs.replace(CONFIG, tie_word_embeddings=False)
    checkpoint = open_checkpoint(write_random_model(tmp_path / "m", config))
    wanted = plan(checkpoint, name="tiny", precision="fp32")
    weights = {name: checkpoint.weights[name] for name in checkpoint.weights}
    wrong = Held(weights | {tensor: weights[tensor] * 1.5})
    decoder = checkpoint.config
    write_graph(decoder, wrong, Recipe(), Nearest(decoder, wrong), tmp_path, 64)
    with pytest.raises(VerificationFailed, match=f"beginning with {where}"):
        verify(tmp_path / GRAPH_FILE, wanted.architecture, decoder, checkpoint.weights, "fp32")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["model.norm.weight", "model.layers.1.mlp.up_proj.weight"])
def test_weights_that_are_not_numbers_are_named_and_nothing_is_published(
    source: Path, tmp_path: Path, store: EngineStore, name: str, value: float
) -> None:
    weights = dict(SafetensorsFile(source / "model.safetensors"))
    weights[name].flat[3] = value
    folder = write_random_model(tmp_path / "m", CONFIG)
    write_safetensors(folder / "model.safetensors", weights)
    for precision in PRECISIONS:
        with pytest.raises(BadCheckpoint, match=rf"model.safetensors: '{name}' .* not finite"):
            ensure(folder, store, precision=precision)
        assert [path.name for path in store.folder.iterdir()] == [".lock"]


@pytest.mark.parametrize("share", [0.0, 0.4, 0.99])
@pytest.mark.parametrize("precision", ["fp32", "int4"])
def test_a_disk_that_fills_up_is_named_and_the_store_stays_as_it_was(
    source: Path, tmp_path: Path, precision: Precision, share: float
) -> None:
    store = EngineStore(tmp_path / "data" / "engines")
    kept = ensure(source, store, name="kept", precision=precision)
    room = int(share * (kept.directory / "weights.bin").stat().st_size)
    words = [str(source), "--store", str(store.folder), "--precision", precision, "--force"]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(room), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "smysl-build:" in line]
    assert "no room for engine tiny" in line and "--store" in line
    assert {path.name for path in store.folder.iterdir()} == {".lock", kept.directory.name}
    assert load_manifest(kept.directory) == kept.manifest


def test_the_manifest_records_source_files_tools_and_figures(
    source: Path, store: EngineStore
) -> None:
    built = ensure(source, store, name="zerno")
    manifest = load_manifest(built.directory)
    assert manifest == built.manifest
    assert built.directory == store.folder / manifest.fingerprint
    assert manifest.model == "zerno"
    assert manifest.source["config.json"] == describe_file(source / "config.json")
    assert set(manifest.files) == {"model.onnx", "weights.bin", "tokenizer.json"}
    assert {"numpy", "onnx", "onnxruntime", "python"} <= set(manifest.tools)
    assert (built.directory / "tokenizer.json").read_bytes() == b"{}"


def test_building_again_finds_the_engine_and_force_builds_the_same_one(
    source: Path, store: EngineStore
) -> None:
    first = ensure(source, store)
    again = ensure(source, store)
    assert (first.reused, again.reused) == (False, True)
    checkpoint = open_checkpoint(source)
    wanted = plan(checkpoint, name="tiny", precision="fp32")
    forced = build(checkpoint, wanted, store, lambda line: None, force=True)
    assert not forced.reused
    assert forced.manifest.fingerprint == first.manifest.fingerprint
    assert len(list_engines(store.folder)) == 1


@pytest.mark.parametrize("name", ["weights.bin", "model.onnx", "tokenizer.json", "manifest.json"])
def test_a_damaged_engine_is_built_again(source: Path, store: EngineStore, name: str) -> None:
    first = ensure(source, store)
    path = first.directory / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    repaired = ensure(source, store)
    assert not repaired.reused
    assert load_manifest(repaired.directory) == first.manifest


def test_a_changed_source_replaces_the_engine_of_its_name(
    tmp_path: Path, store: EngineStore
) -> None:
    first = ensure(write_random_model(tmp_path / "m", CONFIG, seed=1), store)
    other = ensure(write_random_model(tmp_path / "n", CONFIG, seed=1), store)
    second = ensure(write_random_model(tmp_path / "m", CONFIG, seed=2), store)
    assert second.manifest.fingerprint != first.manifest.fingerprint
    assert find_engine(store.folder, "m").directory == second.directory
    # the same weights under another name took the first engine's place
    assert other.directory == first.directory
    assert find_engine(store.folder, "n").directory == other.directory


def test_two_processes_that_build_at_once_build_it_once(source: Path, store: EngineStore) -> None:
    command = [*SMYSL_BUILD, str(source), "--json", "--store", str(store.folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    assert sorted(answer["reused"] for answer in answers) == [False, True]
    assert len(list_engines(store.folder)) == 1


def test_what_a_killed_build_left_is_swept_by_the_next(source: Path, store: EngineStore) -> None:
    left = store.folder / ".staging-dead"
    left.mkdir(parents=True)
    (left / "weights.bin").write_bytes(b"half")
    ensure(source, store)
    assert not left.exists()


def test_a_deleted_engine_is_gone(source: Path, store: EngineStore) -> None:
    ensure(source, store)
    with store.lock():
        store.delete(find_engine(store.folder, "tiny"))
    assert list_engines(store.folder) == []
    assert [path.name for path in store.folder.iterdir()] == [".lock"]


def test_an_unwritable_store_is_refused_with_the_remedy(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--store"):
        ensure(source, EngineStore(tmp_path / "file" / "engines"))


def test_a_plan_refuses_names_and_contexts_that_cannot_be(source: Path) -> None:
    checkpoint = open_checkpoint(source)
    for name in ("", "../x", ".hidden", "a b", "-x"):
        with pytest.raises(BadCheckpoint, match="cannot name"):
            plan(checkpoint, name=name, precision="fp32")
    for context in (0, 65):
        with pytest.raises(UnsupportedModel, match="64"):
            plan(checkpoint, name="a", precision="fp32", context=context)


def test_the_plan_counts_parameters_and_cuts_the_context(source: Path) -> None:
    wanted = plan(open_checkpoint(source), name="a", precision="int8", context=32)
    attention = 96 * 96 + 2 * 32 * 96 + 96 * 96
    layer = attention + 3 * 160 * 96 + 2 * 96
    assert wanted.parameters == 200 * 96 + 2 * layer + 96
    assert wanted.architecture.context == 32


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


def test_the_command_builds_checks_and_answers_in_json(source: Path, tmp_path: Path) -> None:
    data = {"SMYSL_DATA_DIR": str(tmp_path)}
    dry = smysl_build(source, "--dry-run", **data)
    assert dry.code == 0
    assert "engine       tiny (llama, onnx, fp32)" in dry.out
    planned = json.loads(smysl_build(source, "--dry-run", "--json", **data).out)
    assert planned["engine_bytes"] == sum(group["bytes"] for group in planned["groups"])
    missing = smysl_build(source, "--verify", **data)
    assert missing.code == 1
    assert "no engine 'tiny'" in missing.err
    layer = ("--embedding-layer", "1")
    built = smysl_build(source, "--json", "--precision", "int8", *layer, **data)
    assert built.code == 0, built.err
    answer = json.loads(built.out)
    assert answer["embedding_layer"] == 1
    assert answer["reused"] is False
    assert answer["precision"] == "int8"
    assert answer["directory"] == str(tmp_path / "engines" / answer["fingerprint"])
    checked = smysl_build(source, "--precision", "int8", "--verify", **data)
    assert checked.code == 0, checked.err
    assert "is intact" in checked.out
    damaged = Path(answer["directory"]) / "weights.bin"
    damaged.write_bytes(b"")
    refused = smysl_build(source, "--precision", "int8", "--verify", **data)
    assert refused.code == 1
    assert "weights.bin has changed" in refused.err


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("nowhere",), 1, "nowhere"),
        (("/nowhere/at/all",), 1, "config.json"),
        ((), 2, "SOURCE"),
        ((".", "--bundled"), 2, "either"),
        ((".", "--precision", "int2"), 2, "int2"),
    ],
)
def test_the_command_names_what_is_wrong_in_one_line_or_usage(
    tmp_path: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    found = smysl_build(*arguments, SMYSL_DATA_DIR=str(tmp_path), COLUMNS="200")
    assert found.code == code
    assert complaint in found.err
    assert found.out == ""
    assert "Traceback" not in found.err


def test_a_bundled_model_that_is_not_there_is_named() -> None:
    with pytest.raises(BadCheckpoint, match="'unheard-of'"):
        bundled_model("unheard-of")


def test_a_built_engine_names_what_it_reused(source: Path, store: EngineStore) -> None:
    built: Built = ensure(source, store)
    assert read_manifest(built.directory).hardware


def test_embeddings_are_made_of_the_layer_that_was_asked_for(
    source: Path, store: EngineStore
) -> None:
    checkpoint = open_checkpoint(source)
    tokens, vectors, prints = [5, 100, 7, 31], {}, {}
    for layer in (None, 2, 1):
        chosen = embedding_at(checkpoint, layer)
        wanted = plan(chosen, name="tiny", precision="fp32")
        built = build(chosen, wanted, store, lambda line: None)
        assert built.reused == (layer == 2), "the last layer is the default"
        assert built.manifest.embedding_layer == (1 if layer == 1 else None)
        assert built.manifest.verification.embedding_difference is not None
        assert any("after layer 1" in line for line in wanted.lines()) == (layer == 1)
        engine = OnnxEngine(built.directory)
        (vectors[layer],) = engine.embed([tokens])
        engine.close()
        mean = Reference(chosen.config.at(64), chosen.weights).forward(tokens).hidden.mean(axis=0)
        assert vectors[layer] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
        prints[layer] = built.manifest.fingerprint
    assert vectors[1] != pytest.approx(vectors[2], abs=1e-3) and prints[1] != prints[2]
    assert [one.embedding_layer for one in survey(store.folder, verify=True)] == [1]
    for layer in (0, 3):
        with pytest.raises(UnsupportedModel, match="layers 1 to 2"):
            embedding_at(checkpoint, layer)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_states_of_another_layer_are_refused(
    source: Path, tmp_path: Path, precision: Precision
) -> None:
    checkpoint = open_checkpoint(source)
    wanted = plan(checkpoint, name="tiny", precision=precision)
    wrong = embedding_at(checkpoint, 1).config
    nearest = Nearest(wrong, checkpoint.weights)
    write_graph(wrong, checkpoint.weights, Recipe(precision=precision), nearest, tmp_path, 64)
    with pytest.raises(VerificationFailed, match="the states of embeddings"):
        verify(
            tmp_path / GRAPH_FILE,
            wanted.architecture,
            checkpoint.config,
            checkpoint.weights,
            precision,
        )


def test_a_models_dialect_file_travels_with_its_engine(tmp_path: Path) -> None:
    source = write_random_model(tmp_path / "spoken", CONFIG)
    (source / "dialect.json").write_text('{"dialect": "native", "version": 1}')
    store = EngineStore(tmp_path / "store")
    built = ensure(source, store)
    assert (built.directory / "dialect.json").read_bytes() == (source / "dialect.json").read_bytes()
    assert "dialect.json" in built.manifest.files
    (source / "dialect.json").write_text('{"dialect": "native", "version": 2}')
    again = ensure(source, store)
    assert not again.reused and again.manifest.fingerprint != built.manifest.fingerprint
