import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_encoder import CONFIG, random_tensors, write_encoder

from smysl_build_engines.encoder_folder import is_encoder, open_encoder
from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.families.encoders import ENCODERS, describe_encoder
from smysl_build_engines.random_model import write_safetensors
from smysl_build_engines.safetensors import SafetensorsFile


def change(path: Path, **fields: object) -> None:
    values = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(values | fields))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_encoder(tmp_path / "tiny", pooling="mean", normalise=True)


def test_a_folder_of_sentence_transformers_says_how_texts_are_pooled(folder: Path) -> None:
    assert is_encoder(folder) and is_encoder(folder / "config.json")
    found = open_encoder(folder)
    assert (found.entry.pooling, found.entry.normalise, found.longest) == ("mean", True, 32)
    assert set(found.source) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "modules.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
    }
    for name, shape in found.encoder.shapes().items():
        assert found.weights[name].shape == shape


def test_a_bare_folder_is_pooled_by_the_mean_over_all_positions(tmp_path: Path) -> None:
    found = open_encoder(write_encoder(tmp_path / "m"))
    assert (found.entry.pooling, found.entry.normalise, found.longest) == ("mean", False, 40)


def test_the_pooling_folder_is_read_without_a_list_of_modules(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "m", pooling="cls")
    (folder / "modules.json").unlink()
    assert open_encoder(folder).entry.pooling == "cls"


def test_a_decoders_folder_is_no_encoder(tmp_path: Path) -> None:
    assert not is_encoder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert not is_encoder(tmp_path)


@pytest.mark.parametrize("kind", sorted(ENCODERS))
def test_positions_begin_where_the_family_counts_from(kind: str) -> None:
    fields = CONFIG | {"model_type": kind, "architectures": [ENCODERS[kind].architecture]}
    plain = describe_encoder("here", fields)
    moved = describe_encoder("here", fields | {"pad_token_id": 4})
    assert (plain.longest, moved.longest) == ((40, 40) if kind == "bert" else (38, 35))
    with pytest.raises(UnsupportedModel, match="architectures is 'XForMaskedLM'"):
        describe_encoder("here", fields | {"architectures": ["XForMaskedLM"]})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("position_embedding_type", "relative_key"),
        ("hidden_act", "silu"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("quantization_config", {"bits": 4}),
        ("embedding_size", 128),
        ("a_field_of_tomorrow", 1),
        ("directionality", "left"),
    ],
)
def test_a_field_that_changes_the_computation_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(UnsupportedModel, match=f"here: .*{field}"):
        describe_encoder("here", CONFIG | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_size", 50),
        ("hidden_size", "wide"),
        ("vocab_size", 0),
        ("num_hidden_layers", None),
        ("layer_norm_eps", -1.0),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(BadCheckpoint, match=field):
        describe_encoder("here", CONFIG | {field: value})


def test_positions_that_leave_no_room_for_a_text_are_refused() -> None:
    fields = CONFIG | {"model_type": "roberta", "architectures": [], "pad_token_id": 39}
    with pytest.raises(BadCheckpoint, match="max_position_embeddings is 40"):
        describe_encoder("here", fields)
    with pytest.raises(BadCheckpoint, match="pad_token_id is -1"):
        describe_encoder("here", fields | {"pad_token_id": -1})


def test_fields_of_published_checkpoints_that_change_nothing_are_accepted() -> None:
    more = {
        "gradient_checkpointing": False,
        "classifier_dropout": None,
        "pad_token_id": 0,
        "use_cache": True,
        "is_decoder": False,
        "tie_word_embeddings": True,
        "directionality": "bidi",
        "pooler_fc_size": 768,
        "pooler_type": "first_token_transform",
        "id2label": {"0": "LABEL_0"},
    }
    assert describe_encoder("here", CONFIG | more) == describe_encoder("here", CONFIG)


def test_missing_misshapen_and_unknown_tensors_are_named(folder: Path) -> None:
    weights = random_tensors(CONFIG)
    norm = "encoder.layer.1.attention.output.LayerNorm.bias"
    cases = {
        f"has no tensor '{norm}'": {n: t for n, t in weights.items() if n != norm},
        "config.json demands \\[48\\]": weights | {norm: weights[norm][:3]},
        "'encoder.layer.3.x'.* does not use": weights | {"encoder.layer.3.x": weights[norm]},
    }
    for complaint, tensors in cases.items():
        write_safetensors(folder / "model.safetensors", tensors)
        with pytest.raises((BadCheckpoint, UnsupportedModel), match=complaint):
            open_encoder(folder)


def test_what_no_vector_goes_through_may_be_stored_or_not(folder: Path) -> None:
    weights = random_tensors(CONFIG)
    before = {name: open_encoder(folder).weights[name] for name in open_encoder(folder).weights}
    write_safetensors(
        folder / "model.safetensors",
        weights
        | {
            "pooler.dense.weight": np.ones((48, 48), np.float32),
            "pooler.dense.bias": np.ones(48, np.float32),
        },
    )
    with_whole_numbers(folder / "model.safetensors", "embeddings.position_ids")
    after = open_encoder(folder).weights
    for name, tensor in before.items():
        np.testing.assert_array_equal(after[name], tensor)


def with_whole_numbers(path: Path, name: str) -> None:
    """Add a tensor of int64, as older versions of transformers stored one."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    places = [len(data), len(data) + 320]
    header[name] = {"dtype": "I64", "shape": [1, 40], "data_offsets": places}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data + bytes(320))


def test_whole_numbers_in_any_other_place_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    with_whole_numbers(path, "embeddings.position_ids")
    with pytest.raises(BadCheckpoint, match="'embeddings.position_ids' as I64"):
        SafetensorsFile(path)
    with_whole_numbers(path, "encoder.ids")
    with pytest.raises(BadCheckpoint, match="'encoder.ids' as I64"):
        open_encoder(folder)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}, "mode_max_tokens"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "pooling_mode_mean_sqrt_len_tokens"),
        ({"pooling_mode_weightedmean_tokens": True}, "pooling_mode_weightedmean_tokens"),
        ({"pooling_mode_lasttoken": True}, "pooling_mode_lasttoken"),
        ({"pooling_mode_cls_token": True}, "by mean and cls"),
        ({"pooling_mode_mean_tokens": False}, "by nothing"),
        ({"pooling_mode": "max"}, "pooling_mode is 'max'"),
        ({"include_prompt": False}, "include_prompt is False"),
        ({"a_field_of_tomorrow": 1}, "a_field_of_tomorrow"),
        ({"word_embedding_dimension": 47}, "word_embedding_dimension is 47"),
    ],
)
def test_other_poolings_are_refused_by_name(
    folder: Path, fields: dict[str, Any], complaint: str
) -> None:
    change(folder / "1_Pooling" / "config.json", **fields)
    with pytest.raises((BadCheckpoint, UnsupportedModel), match=complaint):
        open_encoder(folder)


def test_a_pooling_may_be_named_in_one_word(folder: Path) -> None:
    for mode in ("mean", "cls"):
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
        assert open_encoder(folder).entry.pooling == mode


def modules(*kinds: str) -> list[dict[str, Any]]:
    return [
        {
            "idx": n,
            "path": f"{n}_{kind}" if n else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for n, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        (modules("Transformer", "Pooling", "Dense", "Normalize"), "the module 'Dense'"),
        (modules("Transformer", "Normalize", "Pooling"), "Transformer, Normalize, Pooling"),
        (modules("Transformer"), "the modules Transformer"),
        ([], "the modules none"),
        ([modules("Transformer")[0] | {"path": "0_BERT"}, modules("", "Pooling")[1]], "'0_BERT'"),
        ([modules("Transformer")[0], modules("", "Pooling")[1] | {"path": "../x"}], r"'\.\./x'"),
        (
            [modules("Transformer")[0], modules("", "Pooling")[1] | {"path": "9_P"}],
            "has no 9_P/conf",
        ),
        ({"a": 1}, "cannot be read"),
    ],
)
def test_other_modules_are_refused_by_name(folder: Path, found: object, complaint: str) -> None:
    (folder / "modules.json").write_text(json.dumps(found))
    with pytest.raises((BadCheckpoint, UnsupportedModel), match=complaint):
        open_encoder(folder)


@pytest.mark.parametrize(
    ("file", "fields", "complaint"),
    [
        ("sentence_bert_config.json", {"do_lower_case": True}, "do_lower_case is True"),
        ("sentence_bert_config.json", {"max_seq_length": 0}, "max_seq_length"),
        ("sentence_bert_config.json", {"a_field_of_tomorrow": 1}, "a_field_of_tomorrow"),
        (
            "config_sentence_transformers.json",
            {"default_prompt_name": "query", "prompts": {"query": "ask: "}},
            "default_prompt_name is 'query'",
        ),
    ],
)
def test_settings_that_change_vectors_are_refused_by_name(
    folder: Path, file: str, fields: dict[str, Any], complaint: str
) -> None:
    change(folder / file, **fields)
    with pytest.raises((BadCheckpoint, UnsupportedModel), match=complaint):
        open_encoder(folder)


def test_a_model_whose_vectors_lengths_count_is_refused(tmp_path: Path) -> None:
    for normalise, accepted in ((True, True), (False, False)):
        folder = write_encoder(tmp_path / str(normalise), pooling="mean", normalise=normalise)
        settings = folder / "config_sentence_transformers.json"
        change(settings, similarity_fn_name="dot", prompts={"a": ""}, default_prompt_name="a")
        if accepted:
            assert open_encoder(folder).entry.normalise
        else:
            with pytest.raises(UnsupportedModel, match="similarity_fn_name is 'dot'"):
                open_encoder(folder)
            change(settings, similarity_fn_name="cosine")
            assert "config_sentence_transformers.json" in open_encoder(folder).files


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BadCheckpoint, match=name):
        open_encoder(folder)


def test_a_longer_setting_than_the_table_of_positions_is_cut_to_it(folder: Path) -> None:
    change(folder / "sentence_bert_config.json", max_seq_length=512)
    assert open_encoder(folder).longest == 40


def test_an_encoder_in_shards_is_the_same_model(folder: Path) -> None:
    before = dict(open_encoder(folder).weights)
    weights = random_tensors(CONFIG)
    names = sorted(weights)
    places: dict[str, str] = {}
    for part, chosen in enumerate((names[:9], names[9:])):
        file = f"model-{part}.safetensors"
        write_safetensors(folder / file, {name: weights[name] for name in chosen})
        places |= dict.fromkeys(chosen, file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    for name, tensor in open_encoder(folder).weights.items():
        np.testing.assert_array_equal(before[name], tensor)
