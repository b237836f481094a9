import json
from pathlib import Path

import pytest

from smysl_build_engines.checkpoint import LlamaConfig, open_checkpoint, read_config
from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.random_model import write_random_model, write_safetensors

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
    assert checkpoint.config == CONFIG
    for name, shape in CONFIG.shapes().items():
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
    config = read_config(path)
    assert (config.num_key_value_heads, config.head_dim) == (2, 16)
    assert (config.rms_norm_eps, config.rope_theta) == (1e-6, 10000.0)
    assert not config.tie_word_embeddings


def test_theta_is_found_where_transformers_5_keeps_it(folder: Path) -> None:
    fields = json.loads((folder / "config.json").read_text())
    del fields["rope_theta"]
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": 500000.0}
    (folder / "config.json").write_text(json.dumps(fields))
    assert read_config(folder / "config.json").rope_theta == 500000.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "gpt2"),
        ("architectures", ["LlamaForSequenceClassification"]),
        ("hidden_act", "gelu"),
        ("attention_bias", True),
        ("mlp_bias", True),
        ("quantization_config", {"bits": 4}),
        ("sliding_window", 128),
        ("partial_rotary_factor", 0.5),
    ],
)
def test_an_unsupported_field_is_refused_by_name(folder: Path, field: str, value: object) -> None:
    with pytest.raises(UnsupportedModel, match=field):
        read_config(change(folder, **{field: value}))


@pytest.mark.parametrize("key", ["rope_scaling", "rope_parameters"])
def test_scaled_positions_are_refused_by_name(folder: Path, key: str) -> None:
    with pytest.raises(UnsupportedModel, match="yarn"):
        read_config(change(folder, **{key: {"rope_type": "yarn", "factor": 2.0}}))


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


def test_a_head_size_the_runtime_cannot_rotate_is_refused(folder: Path) -> None:
    with pytest.raises(UnsupportedModel, match="head_dim is 24"):
        read_config(change(folder, head_dim=24))


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


def test_a_split_checkpoint_is_refused(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(UnsupportedModel, match="several"):
        open_checkpoint(folder)


def test_missing_misshapen_and_unknown_tensors_are_named(folder: Path) -> None:
    weights = dict(open_checkpoint(folder).weights)
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
    weights = dict(open_checkpoint(folder).weights)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    write_safetensors(folder / "model.safetensors", weights)
    assert open_checkpoint(folder).config.tie_word_embeddings
