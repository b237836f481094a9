"""What fits where: equations between shapes, bytes and speeds."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.families.table import describe
from smysl_build_engines.fit import (
    CPU_PRECISIONS,
    CPU_RESERVE_BYTES,
    GPU_BYTES,
    GPU_RESERVE_BYTES,
    Fit,
    cpu_need,
    fit,
    gpu_need,
)
from smysl_build_engines.gpus import GIB, Gpu, find_card
from smysl_build_engines.hardware import Cpu, Hardware, Memory
from smysl_build_engines.machine import read_shape, view_machine
from smysl_build_engines.plan import plan
from smysl_build_engines.quantise import Precision
from smysl_build_engines.random_model import write_random_model

TINY: dict[str, Any] = {
    "model_type": "qwen2",
    "vocab_size": 200,
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}
QWEN_32B: dict[str, Any] = {
    "model_type": "qwen2",
    "vocab_size": 152064,
    "hidden_size": 5120,
    "intermediate_size": 27648,
    "num_hidden_layers": 64,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
}
LLAMA_13B: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 40,
    "num_attention_heads": 40,
    "max_position_embeddings": 4096,
}


def decoder_of(fields: dict[str, Any]) -> Decoder:
    return describe("config.json", dict(fields)).decoder


def machine(
    available: int | None, bandwidth: float | None, *gpus: Gpu, cache: int | None = None
) -> Hardware:
    cpu = Cpu(
        model=None,
        architecture="x86_64",
        features=None,
        physical_cores=None,
        logical_cores=None,
        usable_cores=None,
        cache_bytes=cache,
    )
    memory = Memory(total_bytes=available, available_bytes=available, bandwidth=bandwidth)
    return Hardware(cpu=cpu, memory=memory, gpus=gpus)


def rows_of(fields: dict[str, Any], hardware: Hardware, *cards: str) -> dict[tuple[str, str], Fit]:
    table = fit("m", decoder_of(fields), hardware, [find_card(card) for card in cards], 4096)
    return {(row.device, row.precision): row for row in table.rows}


@pytest.mark.parametrize("precision", CPU_PRECISIONS)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("heads", [3, 4])  # heads of 32, and of 24, which are widened
def test_the_cpus_figures_are_those_of_the_plan(
    precision: Precision, tied: bool, heads: int, tmp_path: Path
) -> None:
    fields = TINY | {"tie_word_embeddings": tied, "num_attention_heads": heads}
    checkpoint = open_checkpoint(write_random_model(tmp_path / "m", fields))
    planned = plan(checkpoint, name="m", precision=precision, context=48)
    need = cpu_need(checkpoint.config, precision)
    a = planned.architecture
    kv = 2 * 4 * a.layers * a.kv_heads * a.head_dim * a.context
    # the rotary tables are the only weights that grow with the context
    assert need.weights_bytes + 48 * need.kv_bytes_per_token == planned.engine_bytes + kv


def test_a_32b_model_on_a_card_of_96_gb() -> None:
    rows = rows_of(QWEN_32B, machine(16 * GIB, 40e9), "rtx-pro-6000")
    card = "NVIDIA RTX PRO 6000 Blackwell"
    assert [rows[card, p].fits for p in GPU_BYTES] == [False, True, True, True, True, True]
    half = rows[card, "fp16/bf16"]
    assert half.weights_bytes == pytest.approx(2 * 32.76e9, rel=1e-3)
    assert half.kv_bytes == 4096 * 2 * 2 * 64 * 8 * 128
    assert half.longest_context == 32768
    assert half.tokens_per_second == pytest.approx(1.792e12 / (2 * 31.98e9), rel=1e-2)
    four = rows[card, "nvfp4"]
    assert 19e9 < four.weights_bytes < 22e9 and not four.note
    assert 85 < (four.tokens_per_second or 0) < 105
    assert not any(rows["CPU", p].fits for p in CPU_PRECISIONS)
    assert rows["CPU", "int4"].longest_context == 0


def test_a_13b_model_on_a_card_of_24_gb() -> None:
    rows = rows_of(LLAMA_13B, machine(16 * GIB, 40e9), "rtx-4090")
    card = "NVIDIA GeForce RTX 4090"
    assert rows[card, "fp16/bf16"].fits is False
    assert rows[card, "fp8"].fits is True
    assert "sm_100" in rows[card, "nvfp4"].note
    assert rows["CPU", "int4"].fits is True


def test_unknown_memory_or_bandwidth_leaves_the_answer_unknown() -> None:
    blank = Gpu(name="card", compute_capability=None, memory_bytes=None, bandwidth=None)
    rows = rows_of(LLAMA_13B, machine(None, None, blank))
    assert {row.fits for row in rows.values()} == {None}
    assert {row.longest_context for row in rows.values()} == {None}
    assert {row.tokens_per_second for row in rows.values()} == {None}
    text = "\n".join(fit("m", decoder_of(LLAMA_13B), machine(None, None, blank)).lines())
    assert text.count("unknown") == len(rows) * 5


def test_a_present_cards_free_memory_counts() -> None:
    card = find_card("rtx-4090")
    busy = Gpu(
        name="busy",
        compute_capability="8.9",
        memory_bytes=card.memory_bytes,
        free_bytes=GIB,
        bandwidth=card.bandwidth,
    )
    rows = rows_of(LLAMA_13B, machine(GIB, None, busy))
    assert rows["busy", "int4"].fits is False and rows["busy", "int4"].room_bytes == GIB


@settings(max_examples=60)
@given(gigabytes=st.floats(0, 100), context=st.integers(1, 32768))
def test_the_longest_context_is_where_fitting_ends(gigabytes: float, context: int) -> None:
    room = int(gigabytes * 1e9)
    decoder = decoder_of(QWEN_32B)
    card = Gpu(name="card", compute_capability=None, memory_bytes=room, bandwidth=1e12)
    table = fit("m", decoder, machine(room, 1e11, card), context=context)
    for row in table.rows:
        assert row.longest_context is not None and row.tokens_per_second is not None
        assert row.fits is (row.context <= row.longest_context)
        assert row.longest_context <= 32768
        assert row.tokens_per_second_full is not None
        assert row.tokens_per_second_full < row.tokens_per_second
        reserve = CPU_RESERVE_BYTES if row.device == "CPU" else GPU_RESERVE_BYTES
        assert row.needed_bytes == row.weights_bytes + row.kv_bytes + reserve


def test_fewer_bytes_a_weight_never_take_more() -> None:
    decoder = decoder_of(QWEN_32B)
    sizes = [gpu_need(decoder, precision).weights_bytes for precision in GPU_BYTES]
    fp32, half, fp8, int8, int4, nvfp4 = sizes
    assert fp32 > half > int8 > fp8 > nvfp4 > int4
    on_cpu = [cpu_need(decoder, precision).read_bytes for precision in CPU_PRECISIONS]
    assert on_cpu == sorted(on_cpu, reverse=True)


def test_a_shape_is_read_without_weights(tmp_path: Path) -> None:
    folder = write_random_model(tmp_path / "tiny", TINY)
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).unlink()
    shape = read_shape(folder)
    assert shape == read_shape(folder / "config.json")
    assert shape.name == "tiny"
    view = view_machine(shape, [find_card("h200")], 32, machine(GIB, 1e10))
    assert view.fit is not None and view.fit.context == 32
    assert len(view.fit.rows) == len(CPU_PRECISIONS) + len(GPU_BYTES)
    assert any("(not here)" in line for line in view.lines)
    with pytest.raises(BadCheckpoint, match="nowhere"):
        read_shape(tmp_path / "nowhere")
    with pytest.raises(UnsupportedModel, match="64"):
        view_machine(shape, context=65, hardware=machine(GIB, 1e10))


def test_lines_are_a_table(tmp_path: Path) -> None:
    title, head, *rows = fit("m", decoder_of(TINY), machine(GIB, 1e10)).lines()
    assert title.startswith("fit          m: ")
    assert len(rows) == len(CPU_PRECISIONS)
    assert "longest context" in head
    # the first column is as wide as its widest cell, and numbers end where their title ends
    for row in rows:
        assert row[: head.index("weights") + len("weights")].endswith(" MB")


def test_weights_that_lie_in_the_cache_are_not_bound_by_memory() -> None:
    small = decoder_of(TINY)
    for cache, bound in ((GIB, False), (1000, True), (None, True)):
        table = fit("m", small, machine(GIB, 1e10, cache=cache))
        assert [row.tokens_per_second is not None for row in table.rows] == [bound] * 3
        assert ["cache" in row.note for row in table.rows] == [not bound] * 3
