"""The graph for passes of many tokens computes the same model in int8, and is used where it pays."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from smysl_build_engines.build import build, plan
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.errors import BadRequest, VerificationFailed
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.recipe import Recipe, products
from smysl_build_engines.reference import Reference
from smysl_build_engines.rounding import whole
from smysl_build_engines.store import EngineStore
from smysl_build_engines.wide_build import require_wide, verify_wide
from smysl_build_engines.wide_graph import columns
from smysl_engines.manifest import load_manifest
from smysl_engines.onnx_model import (
    GRAPH_FILE,
    WIDE_GRAPH_FILE,
    WIDE_ROWS,
    WIDE_ROWS_AMX,
    WIDE_TOKENS,
    WIDE_WEIGHTS_FILE,
    OnnxModel,
    wide_rows,
)

CONFIG = LlamaConfig(
    vocab_size=211,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    max_position_embeddings=96,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=True,
)
TEXT = [n * n % 211 for n in range(40)]
ROWS = wide_rows()
needs_vnni = pytest.mark.skipif(ROWS is None, reason="this processor has no VNNI")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("source") / "tiny", CONFIG)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EngineStore:
    return EngineStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def directory(source: Path, store: EngineStore) -> Path:
    if ROWS is None:
        pytest.skip("this processor has no VNNI")
    checkpoint = open_checkpoint(source)
    wanted = plan(checkpoint, name="tiny", recipe=Recipe(precision="int4", wide=True))
    return build(checkpoint, wanted, store, lambda line: None).directory


def test_codes_are_within_half_a_step_of_the_weights(source: Path) -> None:
    checkpoint = open_checkpoint(source)
    for product in products(checkpoint.config):
        codes, scales = columns(product, checkpoint.config, checkpoint.weights)
        weight = whole(product, checkpoint.config, checkpoint.weights).T
        assert codes.shape == weight.shape
        assert np.abs(codes * scales - weight).max() <= 0.5001 * scales.max()
        assert np.abs(codes).max() == 127


def test_long_passes_are_closer_to_the_checkpoint_than_four_bits(
    source: Path, directory: Path
) -> None:
    checkpoint = open_checkpoint(source)
    expected = Reference(checkpoint.config, checkpoint.weights).forward(TEXT).logits
    architecture = load_manifest(directory).architecture
    spread = np.sqrt(((expected - expected.mean(axis=1, keepdims=True)) ** 2).mean())
    off = {}
    for wide in (True, False):
        model = OnnxModel(directory / GRAPH_FILE, architecture, rows=1, wide=wide)
        found = model.extend(0, TEXT, 0, range(len(TEXT)))
        off[wide] = float(np.sqrt(((found - expected) ** 2).mean()) / spread)
    assert off[True] < 0.06
    assert off[True] < off[False]


@needs_vnni
def test_halves_with_biases_are_put_together_again(tmp_path: Path) -> None:
    biased = msgspec.structs.asdict(CONFIG) | {"model_type": "llama", "mlp_bias": True}
    checkpoint = open_checkpoint(write_random_model(tmp_path / "biased", biased))
    wanted = plan(checkpoint, name="biased", recipe=Recipe(precision="int4", wide=True))
    built = build(checkpoint, wanted, EngineStore(tmp_path / "store"), lambda line: None)
    quantisation = built.manifest.quantisation
    assert quantisation is not None
    assert quantisation.wide_report is not None
    assert quantisation.wide_report.relative_difference < 0.06


def test_short_passes_and_deterministic_models_do_not_use_it(directory: Path) -> None:
    assert ROWS is not None
    architecture = load_manifest(directory).architecture
    models = {
        (wide, even): OnnxModel(
            directory / GRAPH_FILE, architecture, rows=ROWS, wide=wide, even=even
        )
        for wide in (True, False)
        for even in (True, False)
    }

    def same(even: bool, tokens: int) -> bool:
        one, other = (
            models[wide, even].extend(0, TEXT[:tokens], 0, [tokens - 1]) for wide in (True, False)
        )
        return bool((one == other).all())

    assert same(False, WIDE_TOKENS - 1)
    assert not same(False, WIDE_TOKENS)
    assert same(True, WIDE_TOKENS)
    for rows in (ROWS - 1, ROWS):
        for each in models.values():
            for row in range(rows):
                each.extend(row, TEXT[:5], 0, [4])
        one, other = (models[wide, False].decode([7] * rows, [5] * rows) for wide in (True, False))
        assert (one.tolist() == other.tolist()) == (rows < ROWS)


def test_the_manifest_tells_what_was_measured_and_files_are_hashed(
    directory: Path, source: Path
) -> None:
    manifest = load_manifest(directory)
    assert {WIDE_GRAPH_FILE, WIDE_WEIGHTS_FILE} <= set(manifest.files)
    assert manifest.quantisation is not None
    report = manifest.quantisation.wide_report
    assert report is not None
    assert 0 < report.relative_difference < 0.1
    checkpoint = open_checkpoint(source)
    again = verify_wide(directory, manifest.architecture, checkpoint.config, checkpoint.weights)
    assert again.relative_difference == pytest.approx(report.relative_difference, rel=1e-3)


@pytest.mark.usefixtures("directory")
def test_the_same_request_finds_it_and_another_builds(source: Path, store: EngineStore) -> None:
    checkpoint = open_checkpoint(source)
    reused = []
    for wide in (True, False, False):
        wanted = plan(checkpoint, name="tiny", recipe=Recipe(precision="int4", wide=wide))
        reused.append(build(checkpoint, wanted, store, lambda line: None).reused)
    assert reused == [True, False, True]
    wanted = plan(checkpoint, name="tiny", recipe=Recipe(precision="int4", wide=True))
    build(checkpoint, wanted, store, lambda line: None)


def test_a_wide_graph_of_other_weights_fails_verification(
    directory: Path, source: Path, tmp_path: Path
) -> None:
    manifest = load_manifest(directory)
    for file in directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = bytearray((tmp_path / WIDE_WEIGHTS_FILE).read_bytes())
    weights[: len(weights) // 2] = bytes(len(weights) // 2)
    (tmp_path / WIDE_WEIGHTS_FILE).write_bytes(weights)
    checkpoint = open_checkpoint(source)
    with pytest.raises(VerificationFailed, match="wide graph"):
        verify_wide(tmp_path, manifest.architecture, checkpoint.config, checkpoint.weights)


def test_what_has_no_rounded_weights_has_no_wide_graph() -> None:
    with pytest.raises(BadRequest, match="fp32"):
        Recipe(wide=True)


def test_how_many_rows_take_it_depends_on_the_cpu(tmp_path: Path) -> None:
    cpu = tmp_path / "cpuinfo"
    assert wide_rows(cpu) is None
    cpu.write_text("model name\t: amx_int8\nflags\t\t: fpu avx512_vnni avx_vnni\n")
    assert wide_rows(cpu) == WIDE_ROWS
    cpu.write_text("processor\t: 0\nflags\t\t: fpu amx_bf16 amx_tile amx_int8 flush_l1d\n")
    assert wide_rows(cpu) == WIDE_ROWS_AMX < WIDE_ROWS
    cpu.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp\n")
    assert wide_rows(cpu) == WIDE_ROWS


def test_a_cpu_whose_int8_products_overflow_has_no_wide_graph(tmp_path: Path) -> None:
    cpu = tmp_path / "cpuinfo"
    cpu.write_text("flags\t\t: fpu avx2 avx512f avx512_bf16\n")
    assert wide_rows(cpu) is None
    with pytest.raises(VerificationFailed, match="no VNNI.*Build without the wide graph"):
        require_wide(wide_rows(cpu))
