import json
from pathlib import Path

import numpy as np
import pytest

from smysl_build_engines import rotary
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.families.table import FAMILIES, describe, read_config
from smysl_build_engines.random_model import LlamaConfig, write_random_model, write_safetensors
from smysl_build_engines.safetensors import SafetensorsFile

CONFIG = LlamaConfig(
    vocab_size=19,
    hidden_size=32,
    intermediate_size=24,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=16,
    max_position_embeddings=32,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=True,
)


def change(folder: Path, **fields: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_random_model(tmp_path / "model", CONFIG)


def test_a_complete_folder_is_opened_with_every_tensor(folder: Path) -> None:
    checkpoint = open_checkpoint(folder)
    assert (checkpoint.config.vocab_size, len(checkpoint.config.layers)) == (19, 1)
    assert checkpoint.family == "llama"
    for name, shape in checkpoint.config.shapes().items():
        assert checkpoint.weights[name].shape == shape


def test_absent_fields_mean_what_transformers_assumes(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    fields = {
        "vocab_size": 19,
        "hidden_size": 32,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "head_dim": None,
        "rope_scaling": None,
    }
    path.write_text(json.dumps(fields))
    config = read_config(path).decoder
    assert (config.num_key_value_heads, config.head_dim) == (2, 16)
    assert config.norm_eps == 1e-6
    assert config.ropes[0].frequencies == tuple(rotary.plain(16, 10000.0))
    assert not config.tie_word_embeddings


def test_theta_is_found_where_transformers_5_keeps_it(folder: Path) -> None:
    fields = json.loads((folder / "config.json").read_text())
    del fields["rope_theta"]
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": 500000.0}
    (folder / "config.json").write_text(json.dumps(fields))
    rope = read_config(folder / "config.json").decoder.ropes[0]
    assert rope.frequencies == tuple(rotary.plain(16, 500000.0))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "gpt2"),
        ("architectures", ["LlamaForSequenceClassification"]),
        ("hidden_act", "gelu"),
        ("quantization_config", {"bits": 4}),
        ("sliding_window", 128),
        ("a_field_of_tomorrow", 1),
        ("use_clever_attention", False),
    ],
)
def test_an_unsupported_field_is_refused_by_name(folder: Path, field: str, value: object) -> None:
    with pytest.raises(UnsupportedModel, match=field):
        read_config(change(folder, **{field: value}))


@pytest.mark.parametrize("key", ["rope_scaling", "rope_parameters"])
def test_unknown_scalings_and_their_settings_are_refused_by_name(folder: Path, key: str) -> None:
    with pytest.raises(UnsupportedModel, match="dynamic"):
        read_config(change(folder, **{key: {"rope_type": "dynamic", "factor": 2.0}}))
    with pytest.raises(UnsupportedModel, match="beta_fast"):
        read_config(change(folder, **{key: {"type": "linear", "factor": 2.0, "beta_fast": 1}}))
    with pytest.raises(BadCheckpoint, match="factor"):
        read_config(change(folder, **{key: {"rope_type": "linear"}}))


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_every_family_refuses_what_it_does_not_know(kind: str) -> None:
    fields = {
        "model_type": kind,
        "vocab_size": 19,
        "hidden_size": 32,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32,
        "torch_dtype": "bfloat16",
    }
    assert len(describe("here", fields).decoder.layers) == 2
    for field in ("quantization_config", "router_jitter"):
        with pytest.raises(UnsupportedModel, match=f"here: .*{field}"):
            describe("here", fields | {field: {"a": 1}})
    for bad in ({"layer_types": ["sliding_attention"]}, {"layer_types": ["mamba"] * 2}):
        with pytest.raises((UnsupportedModel, BadCheckpoint), match="layer_types"):
            describe("here", fields | bad)


def test_fields_of_published_checkpoints_that_change_nothing_are_accepted(folder: Path) -> None:
    path = change(
        folder,
        is_llama_config=True,
        rope_interleaved=False,
        pretraining_tp=1,
        torch_dtype="bfloat16",
        eos_token_id=[1, 2],
        rope_scaling=None,
        quantization_config=None,
        **{"transformers.js_config": {"dtype": "q4"}},
    )
    assert read_config(path).decoder == open_checkpoint(folder).config
    with pytest.raises(UnsupportedModel, match="rope_interleaved"):
        read_config(change(folder, rope_interleaved=True))


def test_position_scalings_keep_fast_turns_and_stretch_slow_ones() -> None:
    plain = rotary.plain(64, 10000.0)
    for scaled in (
        rotary.llama3(plain, 8.0, 1.0, 4.0, 8192),
        rotary.yarn(plain, 10000.0, 8.0, 8192, 32, 1, True),
    ):
        assert scaled[0] == plain[0]
        assert scaled[-1] == pytest.approx(plain[-1] / 8)
        assert (np.diff(scaled) < 0).all()
    assert (rotary.linear(plain, 8.0) == plain / 8).all()


def test_the_context_chooses_between_short_and_long_factors_for_good() -> None:
    rope = rotary.Rope((1.0,), 1.2, (0.5,), 32)
    assert rope.at(32) == rotary.Rope((1.0,), 1.2)
    assert rope.at(33) == rotary.Rope((0.5,), 1.2)
    assert rope.at(33).at(10) == rope.at(33)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_size", "wide"),
        ("hidden_size", None),
        ("vocab_size", 0),
        ("num_key_value_heads", 3),
        ("rms_norm_eps", -1.0),
    ],
)
def test_an_impossible_field_is_refused_by_name(folder: Path, field: str, value: object) -> None:
    with pytest.raises(BadCheckpoint, match=field):
        read_config(change(folder, **{field: value}))


@pytest.mark.parametrize("text", [b"", b"[1]", b"\xff", b"{" * 100_000])
def test_an_unreadable_config_is_refused(folder: Path, text: bytes) -> None:
    (folder / "config.json").write_bytes(text)
    with pytest.raises(BadCheckpoint):
        open_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadCheckpoint, match=name):
        open_checkpoint(folder)


def split(folder: Path, index: object = None) -> Path:
    """The same weights in two files."""
    weights = dict(SafetensorsFile(folder / "model.safetensors"))
    names = sorted(weights)
    places: dict[str, str] = {}
    for part, chosen in enumerate((names[:4], names[4:])):
        file = f"model-{part}.safetensors"
        write_safetensors(folder / file, {name: weights[name] for name in chosen})
        places |= dict.fromkeys(chosen, file)
    (folder / "model.safetensors").unlink()
    text = json.dumps({"weight_map": places} if index is None else index)
    (folder / "model.safetensors.index.json").write_text(text)
    return folder


def test_a_split_checkpoint_has_the_same_tensors(folder: Path) -> None:
    whole = dict(open_checkpoint(folder).weights)
    parts = open_checkpoint(split(folder))
    assert {path.name for path in parts.files} >= {"model-0.safetensors", "model-1.safetensors"}
    for name, tensor in whole.items():
        np.testing.assert_array_equal(parts.weights[name], tensor)


def test_a_missing_or_doubled_shard_is_named(folder: Path) -> None:
    split(folder)
    (folder / "model-1.safetensors").rename(folder / "away")
    with pytest.raises(BadCheckpoint, match="model-1.safetensors"):
        open_checkpoint(folder)
    (folder / "model-0.safetensors").rename(folder / "model-1.safetensors")
    (folder / "away").rename(folder / "model-0.safetensors")
    twice = (folder / "model-0.safetensors").read_bytes()
    (folder / "model-1.safetensors").write_bytes(twice)
    with pytest.raises(BadCheckpoint, match="both have"):
        open_checkpoint(folder)


@pytest.mark.parametrize("index", [{}, {"weight_map": []}, {"weight_map": {"a": "../b"}}])
def test_an_index_that_leads_elsewhere_is_refused(folder: Path, index: object) -> None:
    with pytest.raises(BadCheckpoint, match="index.json"):
        open_checkpoint(split(folder, index))


def test_missing_misshapen_and_unknown_tensors_are_named(folder: Path) -> None:
    weights = dict(SafetensorsFile(folder / "model.safetensors"))
    norm = "model.norm.weight"
    without = {name: tensor for name, tensor in weights.items() if name != norm}
    cases = {
        "has no tensor": without,
        "config.json demands": weights | {norm: weights[norm][:3]},
        "does not use": weights | {"model.extra": weights[norm]},
    }
    for complaint, tensors in cases.items():
        write_safetensors(folder / "model.safetensors", tensors)
        with pytest.raises((BadCheckpoint, UnsupportedModel), match=complaint):
            open_checkpoint(folder)


def test_a_stored_copy_of_a_tied_head_is_accepted(folder: Path) -> None:
    weights = dict(SafetensorsFile(folder / "model.safetensors"))
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    write_safetensors(folder / "model.safetensors", weights)
    assert open_checkpoint(folder).config.tie_word_embeddings
