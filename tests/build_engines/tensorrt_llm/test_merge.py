"""A merged checkpoint is base + change in 16 bits, whole or not there, written some rows at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import ml_dtypes
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from peft_adapter import ATTENTION, MLP, merge_by_hand, write_adapter
from tensorrt_builds import write_model

from smysl_build_engines.adapters import merge
from smysl_build_engines.checkpoint import Checkpoint, open_checkpoint
from smysl_build_engines.errors import BadRequest, StoreError
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.reference import Reference
from smysl_build_engines.tensorrt_llm.merge import merged_bytes, publish_checkpoint
from smysl_build_engines.tensorrt_llm.tensors_out import to_bfloat16
from smysl_build_engines.tensors import CHUNK_BYTES, Float32, Tensors

ALL = (*ATTENTION, *MLP)
SCALE = 2.0


def merged_of(base: Path, adapter: Path, name: str = "a") -> Checkpoint:
    checkpoint = open_checkpoint(base)
    return merge(checkpoint, open_adapter(name, adapter, checkpoint))


def in_16_bits(values: Float32) -> Float32:
    return np.asarray(np.asarray(values, ml_dtypes.bfloat16), np.float32)


@given(arrays(np.float32, 64, elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
def test_rounding_to_16_bits_is_that_of_ml_dtypes(values: Float32) -> None:
    found = to_bfloat16(values)
    with np.errstate(all="ignore"):
        expected = np.asarray(values, ml_dtypes.bfloat16)
    nan = np.isnan(values)
    assert (found[~nan] == expected.view(np.uint16)[~nan]).all()
    assert np.isnan(found.view(ml_dtypes.bfloat16)[nan].astype(np.float32)).all()


@pytest.mark.parametrize(
    ("fields", "modules", "dora"),
    [
        ({}, ALL, False),
        ({"tie_word_embeddings": True}, ATTENTION, False),
        ({"model_type": "qwen2"}, ("q_proj", "down_proj"), False),
        ({"model_type": "phi3", "pad_token_id": 0}, ("qkv_proj", "gate_up_proj"), False),
        ({"model_type": "gemma2", "hidden_act": "gelu_pytorch_tanh"}, ALL, False),
        ({}, ALL, True),
    ],
    ids=["llama", "tied", "biases", "fused", "gemma2", "dora"],
)
def test_a_merged_checkpoint_is_the_base_plus_the_change(
    fields: dict[str, Any], modules: tuple[str, ...], dora: bool, tmp_path: Path
) -> None:
    base = write_model(tmp_path / "base", **fields)
    adapter = write_adapter(tmp_path / "adapter", base, modules, dora=dora)
    target = publish_checkpoint(merged_of(base, adapter), tmp_path / "merged")
    by_hand = open_checkpoint(merge_by_hand(tmp_path / "hand", base, (adapter, SCALE)))
    found = open_checkpoint(target)
    assert found.config == by_hand.config
    for name in by_hand.weights:
        # sums in another order may fall to the other side of a rounding edge: one step of 8 bits
        expected = by_hand.weights[name]
        np.testing.assert_allclose(found.weights[name], expected, rtol=2**-8, atol=1e-6)
        same = np.mean(found.weights[name] == in_16_bits(expected))
        assert same > 0.999
    unchanged = set(by_hand.weights) - set(_changed(base, adapter))
    for name in unchanged:
        assert (found.weights[name] == open_checkpoint(base).weights[name]).all()


def _changed(base: Path, adapter: Path) -> Iterator[str]:
    yield from open_adapter("a", adapter, open_checkpoint(base)).changes


def test_shards_hold_everything_once_and_the_index_says_where(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    adapter = write_adapter(tmp_path / "adapter", base, ALL)
    merged = merged_of(base, adapter)
    whole = publish_checkpoint(merged, tmp_path / "whole")
    shards = publish_checkpoint(merged, tmp_path / "shards", shard_bytes=20_000)
    index = json.loads((shards / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == merged_bytes(merged)
    files = sorted(path.name for path in shards.glob("*.safetensors"))
    assert len(files) > 3 and set(index["weight_map"].values()) == set(files)
    one, several = open_checkpoint(whole), open_checkpoint(shards)
    for name in one.weights:
        assert (one.weights[name] == several.weights[name]).all()
    assert not (whole / "model.safetensors.index.json").exists()


def test_what_a_merged_checkpoint_says_follows_the_merged_reference(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    adapter = write_adapter(tmp_path / "adapter", base, ALL)
    merged = merged_of(base, adapter)
    found = open_checkpoint(publish_checkpoint(merged, tmp_path / "merged"))
    tokens = list(range(3, 30))
    before = Reference(merged.config, merged.weights).forward(tokens).logits
    after = Reference(found.config, found.weights).forward(tokens).logits
    plain = Reference(found.config, open_checkpoint(base).weights).forward(tokens).logits
    # rounding to 16 bits is small beside what the adapter does
    assert np.abs(after - before).max() < 0.1 * np.abs(plain - before).max()


def test_the_config_says_16_bits_and_small_files_come_along(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", torch_dtype="float32")
    (base / "merges.txt").write_text("a b\n")
    adapter = write_adapter(tmp_path / "adapter", base, ALL)
    target = publish_checkpoint(merged_of(base, adapter), tmp_path / "merged")
    config = json.loads((target / "config.json").read_text())
    assert (config["dtype"], config["torch_dtype"]) == ("bfloat16", "bfloat16")
    for name in ("tokenizer.json", "chat_template.jinja", "merges.txt"):
        assert (target / name).read_bytes() == (base / name).read_bytes()


class _Watched(Tensors):
    """Notes the most bytes that were asked for at a time, and fails after some."""

    def __init__(self, inner: Tensors, most: int | None = None) -> None:
        self._inner = inner
        self._left = most
        self.largest = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)

    def __len__(self) -> int:
        return len(self._inner)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._inner.shape(name)

    def rows(self, name: str, start: int, stop: int) -> Float32:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise OSError(28, "No space left on device")
        found = self._inner.rows(name, start, stop)
        self.largest = max(self.largest, found.nbytes)
        return found


def test_no_more_than_some_rows_are_in_memory_at_a_time(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", vocab_size=70_000)
    checkpoint = open_checkpoint(base)
    adapter = open_adapter("a", write_adapter(tmp_path / "x", base, ("q_proj",)), checkpoint)
    watched = _Watched(checkpoint.weights)
    merged = merge(msgspec.structs.replace(checkpoint, weights=watched), adapter)
    publish_checkpoint(merged, tmp_path / "merged")
    table = 4 * 70_000 * 64
    assert watched.largest <= CHUNK_BYTES < table


def test_a_merge_that_fails_leaves_nothing(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    checkpoint = open_checkpoint(base)
    failing = msgspec.structs.replace(checkpoint, weights=_Watched(checkpoint.weights, most=7))
    (tmp_path / "out").mkdir()
    with pytest.raises(StoreError, match="No space left.*room for"):
        publish_checkpoint(failing, tmp_path / "out" / "merged")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    with pytest.raises(BadRequest, match="is there already"):
        publish_checkpoint(open_checkpoint(base), base)
