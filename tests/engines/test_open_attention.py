"""Attention in the open computes what the operator does, whatever the rows' lengths."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_build_engines.build import build
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.plan import OPEN_BYTES, plan
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import Attention
from smysl_engines.onnx_model import GRAPH_FILE, OnnxModel
from smysl_engines.rows import Run

CONFIG = LlamaConfig(
    vocab_size=97,
    hidden_size=48,
    intermediate_size=80,
    num_hidden_layers=2,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=700,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=False,
)
ROWS = 3
CLOSE = 2e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attention")


def model(folder: Path, attention: Attention, even: bool = False) -> OnnxModel:
    source = folder / "source"
    if not source.exists():
        write_random_model(source, msgspec.structs.asdict(CONFIG) | {"model_type": "llama"})
    checkpoint = open_checkpoint(source)
    wanted = plan(checkpoint, name=attention, recipe=Recipe(attention=attention))
    found = build(checkpoint, wanted, EngineStore(folder / "store"), lambda line: None)
    graph = found.directory / GRAPH_FILE
    return OnnxModel(graph, found.manifest.architecture, rows=ROWS, threads=1, even=even)


@pytest.fixture(scope="module")
def both(folder: Path) -> tuple[OnnxModel, OnnxModel]:
    return model(folder, "fused"), model(folder, "open")


def tokens_of(seed: int, count: int) -> list[int]:
    found: list[int] = np.random.default_rng(seed).integers(0, CONFIG.vocab_size, count).tolist()
    return found


@settings(max_examples=25)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=ROWS), st.integers(1, 4))
def test_rows_of_all_lengths_get_what_the_operator_computes(
    both: tuple[OnnxModel, OnnxModel], lengths: list[int], steps: int
) -> None:
    for row, length in enumerate(lengths):
        first, other = (
            each.extend(row, tokens_of(length, length), 0, [length - 1]) for each in both
        )
        assert np.abs(first - other).max() < CLOSE
    for step in range(steps):
        held = [length + step for length in lengths]
        first, other = (each.decode(tokens_of(step, len(held)), held) for each in both)
        assert np.abs(first - other).max() < CLOSE


def test_a_row_grows_from_arena_to_arena(both: tuple[OnnxModel, OnnxModel]) -> None:
    text = tokens_of(3, 660)
    for each in both:
        each.extend(0, text[:250], 0, [0])
    for length in range(250, 330):
        first, other = (each.decode([text[length]], [length]) for each in both)
        assert np.abs(first - other).max() < CLOSE
    first, other = (each.extend(0, text[330:], 330, [329]) for each in both)
    assert np.abs(first - other).max() < CLOSE


def test_rows_of_other_lengths_run_apart_where_that_costs_less(folder: Path) -> None:
    one = model(folder, "open")
    for row, length in enumerate((600, 20, 20)):
        one.extend(row, tokens_of(row, length), 0, [0])
    one.decode([1, 2, 3], [600, 20, 20])
    runs = one._rows.gather([601, 21, 21])
    assert sorted(runs) == [Run(256, (1, 2)), Run(700, (0,))]


def test_copies_and_pages_are_the_same_in_every_arena(
    both: tuple[OnnxModel, OnnxModel],
) -> None:
    results = []
    for each in both:
        each.extend(0, tokens_of(1, 300), 0, [0])
        each.copy(0, 1, 280)
        each.store(1, 256, 0, 24)
        each.load(0, 2, 0, 24)
        results.append(
            (each.decode([4, 5, 6], [300, 280, 24]).copy(), each.read_page(0)[..., :24, :])
        )
    for first, other in zip(*results, strict=True):
        assert np.abs(first - other).max() < CLOSE


def test_a_deterministic_row_has_the_same_bits_in_any_company(folder: Path) -> None:
    one = model(folder, "open", even=True)
    text = tokens_of(8, 20)
    one.extend(0, text, 0, [19])
    alone = one.decode([7], [20])[0].copy()
    one.extend(1, tokens_of(9, 600), 0, [0])
    one.extend(2, text, 0, [19])
    together = one.decode([7, 9, 7], [20, 600, 20])
    assert (together[0] == alone).all() and (together[2] == alone).all()


def test_a_vector_of_a_long_text_does_not_depend_on_the_rows(
    both: tuple[OnnxModel, OnnxModel],
) -> None:
    text = tokens_of(2, 500)
    vectors = []
    for each in both:
        each.extend(0, tokens_of(1, 10), 0, [0])
        vectors.append(np.concatenate((each.hidden(text[:256]), each.hidden(text[256:], 256))))
    assert np.abs(vectors[0] - vectors[1]).max() < CLOSE


def test_a_plan_takes_the_form_that_pays(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(
        write_random_model(tmp_path, msgspec.structs.asdict(CONFIG) | {"model_type": "llama"})
    )
    wanted = plan(checkpoint, name="small")
    assert wanted.engine_bytes < OPEN_BYTES
    assert wanted.architecture.attention == wanted.recipe.attention == "fused"
    asked = plan(checkpoint, name="small", recipe=Recipe(attention="open"))
    assert asked.architecture.attention == "open"
