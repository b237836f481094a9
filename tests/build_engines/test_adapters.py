import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import peft_adapter
import pytest
from peft_adapter import ATTENTION, MLP, change_config, merge_by_hand, read_adapter, write_adapter

from smysl_build_engines.adapted_run import Row, run_rows
from smysl_build_engines.adapters import MAX_ADAPTERS, check_names, merge, with_bank
from smysl_build_engines.archive import export_engine, import_engine
from smysl_build_engines.bank_build import verify_bank
from smysl_build_engines.build import Built, build, plan
from smysl_build_engines.checkpoint import Checkpoint, open_checkpoint
from smysl_build_engines.errors import (
    BadAdapter,
    BadCheckpoint,
    BadRequest,
    UnsupportedAdapter,
    UnsupportedModel,
    VerificationFailed,
)
from smysl_build_engines.padding import pad_heads
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.quantise import Precision
from smysl_build_engines.random_model import LlamaConfig, write_random_model, write_safetensors
from smysl_build_engines.reference import Reference
from smysl_build_engines.store import EngineStore
from smysl_engines.bank import ADAPTED_GRAPH_FILE, Bank
from smysl_engines.manifest import describe_file, fingerprint, load_manifest
from smysl_engines.onnx import GRAPH_FILE, OnnxModel
from smysl_engines.shelf import list_engines

Float32 = npt.NDArray[np.float32]

SMYSL_BUILD = (sys.executable, "-c", "from smysl_build_engines.app import main; main()")
LLAMA = msgspec.to_builtins(
    LlamaConfig(
        vocab_size=150,
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        tie_word_embeddings=True,
    )
) | {"model_type": "llama"}
QWEN2 = LLAMA | {"model_type": "qwen2", "head_dim": None}
PHI3 = LLAMA | {"model_type": "phi3", "tie_word_embeddings": False, "head_dim": None}
QWEN3 = LLAMA | {"model_type": "qwen3", "head_dim": 24}
BASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "llama": (LLAMA, ATTENTION + MLP),
    "attention only": (LLAMA, ATTENTION),
    "one part of each product": (LLAMA, ("k_proj", "up_proj")),
    "widened heads": (LLAMA | {"head_dim": 20}, ATTENTION + MLP),
    "widened heads with norms": (QWEN3, ATTENTION),
    "biases": (QWEN2, ATTENTION + MLP),
    "fused": (PHI3, ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")),
    "norms after": (LLAMA | {"model_type": "gemma2", "sliding_window": 8}, ATTENTION + MLP),
}
TOLERANCE = 1e-4


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "store")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_model(tmp_path_factory.mktemp("base") / "tiny", LLAMA, seed=3)


@pytest.fixture(scope="module")
def folders(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three adapters of the base, of different modules, ranks and kinds."""
    at = tmp_path_factory.mktemp("adapters")
    return {
        "ask": write_adapter(at / "ask", base, ATTENTION, seed=1),
        "plan": write_adapter(at / "plan", base, ("q_proj", "down_proj"), rank=5, seed=2),
        "verify": write_adapter(
            at / "verify", base, ATTENTION + MLP, rank=2, seed=3, alora_invocation_tokens=[7, 8]
        ),
    }


def banked(base: Path, folders: dict[str, Path]) -> Checkpoint:
    checkpoint = open_checkpoint(base)
    adapters = [open_adapter(name, folder, checkpoint) for name, folder in folders.items()]
    return with_bank(checkpoint, adapters)


def built(
    checkpoint: Checkpoint, store: EngineStore, precision: Precision = "fp32", name: str = "tiny"
) -> Built:
    wanted = plan(checkpoint, name=name, precision=precision)
    return build(checkpoint, wanted, store, lambda line: None)


@pytest.fixture(scope="module")
def engine(base: Path, folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Built:
    return built(banked(base, folders), EngineStore(tmp_path_factory.mktemp("engine")))


def run(directory: Path, base: Path, rows: Sequence[Row], steps: int = 4) -> list[Float32]:
    checkpoint, manifest = open_checkpoint(base), load_manifest(directory)
    decoder = pad_heads(
        checkpoint.config.at(manifest.architecture.context), checkpoint.weights
    ).decoder
    bank = Bank(directory, manifest)
    return run_rows(directory / ADAPTED_GRAPH_FILE, decoder, bank, rows, steps)


def expected(folder: Path, tokens: Sequence[int]) -> Float32:
    checkpoint = open_checkpoint(folder)
    return Reference(checkpoint.config.at(64), checkpoint.weights).forward(tokens).logits


def some_tokens(seed: int = 0, count: int = 20) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).integers(9, 150, count).tolist())


def difference(first: Float32, second: Float32) -> float:
    return float(np.abs(first - second).max())


@pytest.mark.parametrize("case", BASES)
def test_an_adapter_of_the_bank_computes_what_the_merged_checkpoint_computes(
    tmp_path: Path, store: EngineStore, case: str
) -> None:
    fields, modules = BASES[case]
    base = write_random_model(tmp_path / "m", fields, seed=5)
    adapter = write_adapter(tmp_path / "a", base, modules)
    merged = merge_by_hand(tmp_path / "merged", base, (adapter, 2.0))
    found = built(banked(base, {"a": adapter}), store)
    entry = found.manifest.adapters["a"]
    assert entry.verification is not None
    assert entry.verification.max_difference < TOLERANCE
    tokens = some_tokens()
    (logits,) = run(found.directory, base, [Row(tokens, (("a", 1.0),))])
    assert difference(logits, expected(merged, tokens)) < TOLERANCE
    assert difference(logits, expected(base, tokens)) > 0.1


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
@pytest.mark.parametrize("case", ["llama", "biases"])
def test_without_an_adapter_the_adapted_graph_is_the_plain_one_to_the_last_bit(
    tmp_path: Path, store: EngineStore, case: str, precision: Precision
) -> None:
    fields, modules = BASES[case]
    base = write_random_model(tmp_path / "m", fields, seed=5)
    found = built(
        banked(base, {"a": write_adapter(tmp_path / "a", base, modules)}), store, precision
    )
    tokens = some_tokens(count=16)
    (logits,) = run(found.directory, base, [Row(tokens)], steps=1)
    model = OnnxModel(found.directory / GRAPH_FILE, found.manifest.architecture, rows=1, threads=1)
    plain = [*model.extend(0, tokens[:7], 0, range(7)), *model.extend(0, tokens[7:15], 7, range(8))]
    plain.append(model.decode(tokens[15:], [15])[0])
    assert np.array_equal(logits, np.stack(plain))


def test_rows_of_one_batch_each_compute_under_their_own_adapters(
    engine: Built, base: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    mix = (("ask", -0.5), ("plan", 1.5))
    merged = {
        "": base,
        "ask": merge_by_hand(tmp_path / "ask", base, (folders["ask"], 2.0)),
        "plan": merge_by_hand(tmp_path / "plan", base, (folders["plan"], 2.0)),
        "mix": merge_by_hand(
            tmp_path / "mix", base, (folders["ask"], 2.0 * -0.5), (folders["plan"], 2.0 * 1.5)
        ),
    }
    states = [(), (("ask", 1.0),), (("plan", 1.0),), mix]
    texts = [some_tokens(n, 16 + n) for n in range(4)]
    found = run(
        engine.directory, base, [Row(t, s) for t, s in zip(texts, states, strict=True)], steps=5
    )
    for logits, text, folder in zip(found, texts, merged.values(), strict=True):
        assert difference(logits, expected(folder, text)) < TOLERANCE


def test_an_activated_adapter_leaves_the_tokens_before_it_to_the_base(
    engine: Built, base: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    entry = engine.manifest.adapters["verify"]
    assert (entry.kind, entry.invocation) == ("alora", (7, 8))
    text = (*some_tokens(1, 12), 7, 8, *some_tokens(2, 6))
    state = (("verify", 1.0),)
    before, after = run(engine.directory, base, [Row(text), Row(text, state, since=12)])
    assert np.array_equal(before[:12], after[:12])
    assert difference(before[12:], after[12:]) > 0.1
    merged = merge_by_hand(tmp_path / "merged", base, (folders["verify"], 2.0))
    assert difference(after, expected(merged, text)) > 0.1
    checkpoint, changed = open_checkpoint(base), open_checkpoint(merged)
    reference = Reference(checkpoint.config.at(64), checkpoint.weights, changed.weights, 12)
    assert difference(after, reference.forward(text).logits) < TOLERANCE
    (whole,) = run(engine.directory, base, [Row(text, state, since=0)])
    assert difference(whole, expected(merged, text)) < TOLERANCE


@pytest.mark.parametrize("stable", [False, True])
def test_ranks_and_alphas_by_pattern_and_rank_stabilised_scaling(
    tmp_path: Path, base: Path, store: EngineStore, stable: bool
) -> None:
    ranks = {
        "model.layers.0.self_attn.q_proj": 7,
        "model.layers.1.self_attn.q_proj": 2,
        "model.layers.0.mlp.down_proj": 2,
    }
    adapter = write_adapter(
        tmp_path / "a",
        base,
        ("q_proj", "v_proj", "down_proj"),
        ranks=ranks,
        use_rslora=stable,
        lora_alpha=12,
        # the first pattern that fits counts
        rank_pattern={"layers.0.self_attn.q_proj": 7, "q_proj": 2, r".*\.0\.mlp\.down_proj": 2},
        alpha_pattern={"v_proj": 5},
    )
    scale = peft_adapter.stable_scale if stable else peft_adapter.plain_scale
    modules = {
        key.removeprefix("base_model.model.").removesuffix(".lora_A.weight"): len(tensor)
        for key, tensor in read_adapter(adapter).items()
        if key.endswith(".lora_A.weight")
    }
    scales = {
        name: scale(5 if name.endswith("v_proj") else 12, rank) for name, rank in modules.items()
    }
    found = built(banked(base, {"a": adapter}), store)
    assert found.manifest.adapters["a"].ranks == {"qkv": 10, "down": 3}
    tokens = some_tokens()
    merged = merge_by_hand(tmp_path / "merged", base, (adapter, scales))
    (logits,) = run(found.directory, base, [Row(tokens, (("a", 1.0),))])
    assert difference(logits, expected(merged, tokens)) < TOLERANCE


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"target_modules": ["self_attn.q_proj", "up_proj"]}, ("q_proj", "up_proj")),
        ({"target_modules": r"model\.layers\.\d\.self_attn\.[qv]_proj"}, ("q_proj", "v_proj")),
        ({"target_modules": r".*\.1\.mlp\.up_proj"}, ("1.mlp.up_proj",)),
        ({"target_modules": "all-linear"}, ATTENTION + MLP),
        ({"target_modules": None}, ("k_proj",)),
        ({"target_modules": ["model.layers.1.mlp.up_proj"]}, ("1.mlp.up_proj",)),
        ({"target_modules": ["q_proj"], "layers_to_transform": [1]}, ("1.self_attn.q_proj",)),
        (
            {"target_modules": ["q_proj"], "layers_to_transform": 0, "layers_pattern": "layers"},
            ("0.self_attn.q_proj",),
        ),
        (
            {"target_modules": ["q_proj", "k_proj"], "exclude_modules": ["1.self_attn.k_proj"]},
            ("q_proj", "0.self_attn.k_proj"),
        ),
        ({"target_modules": ["q_proj", "k_proj"], "exclude_modules": ".*k_proj"}, ("q_proj",)),
        ({"target_modules": ["q_proj"], "some_future_setting": False}, ("q_proj",)),
        ({"target_modules": ["q_proj"], "init_lora_weights": "gaussian"}, ("q_proj",)),
    ],
)
def test_which_modules_an_adapter_changes_is_read_as_peft_reads_it(
    tmp_path: Path, base: Path, fields: dict[str, Any], names: tuple[str, ...]
) -> None:
    folder = write_adapter(tmp_path / "a", base, names, **fields)
    adapter = open_adapter("a", folder, open_checkpoint(base))
    stored = {
        key.split(".lora_")[0].removeprefix("base_model.model.") for key in read_adapter(folder)
    }
    assert {change.module for change in adapter.changes.values()} == stored


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_quantised_engine_is_verified_under_each_adapter(
    base: Path, folders: dict[str, Path], store: EngineStore, precision: Precision
) -> None:
    found = built(banked(base, folders), store, precision)
    for entry in found.manifest.adapters.values():
        assert entry.verification is not None
        assert entry.verification.exact_difference is not None
        assert entry.verification.exact_difference < 1e-4
        assert entry.verification.relative_difference < 0.1


def test_an_engine_with_other_adapters_in_its_files_is_refused(
    engine: Built, base: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    staged = tmp_path / "copy"
    staged.mkdir()
    for path in engine.directory.iterdir():
        (staged / path.name).write_bytes(path.read_bytes())
    manifest = engine.manifest
    file = staged / manifest.adapters["plan"].file
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["layers.1.down.b"] = 1.5 * arrays["layers.1.down.b"]
    np.savez(file, **arrays)
    checkpoint = banked(base, folders)
    model = pad_heads(checkpoint.config.at(64), checkpoint.weights)
    with pytest.raises(VerificationFailed, match="of plan is .* beginning with layer 2 of 2"):
        verify_bank(checkpoint, model, staged, manifest.adapters, manifest.architecture, "fp32")


def test_the_manifest_describes_each_adapter(engine: Built, folders: dict[str, Path]) -> None:
    manifest = load_manifest(engine.directory)
    assert manifest == engine.manifest
    assert list(manifest.adapters) == ["ask", "plan", "verify"]
    plan_entry = manifest.adapters["plan"]
    assert plan_entry.ranks == {"qkv": 5, "down": 5}
    assert plan_entry.widths["down"].inputs == 80 and plan_entry.widths["down"].outputs == 48
    assert plan_entry.source["adapter_config.json"] == describe_file(
        folders["plan"] / "adapter_config.json"
    )
    assert manifest.adapters["ask"].ranks == {"qkv": 9, "o": 3}
    assert {"adapted.onnx", "adapter.ask.npz", "adapter.plan.npz"} <= set(manifest.files)
    assert (engine.directory / "adapted.onnx").stat().st_size < 100_000


def test_an_activation_is_part_of_the_fingerprint_and_no_adapters_are_none(engine: Built) -> None:
    m = engine.manifest
    entry = msgspec.structs.replace(m.adapters["verify"], invocation=(7, 9))
    moved = m.adapters | {"verify": entry}
    assert m.fingerprint == fingerprint(m.backend, m.precision, m.architecture, m.files, m.adapters)
    assert m.fingerprint != fingerprint(m.backend, m.precision, m.architecture, m.files, moved)
    plain = fingerprint(m.backend, m.precision, m.architecture, m.files)
    assert plain == fingerprint(m.backend, m.precision, m.architecture, m.files, {})


def test_an_engine_without_adapters_is_as_it_was_before_there_were_any(
    base: Path, store: EngineStore
) -> None:
    found = built(open_checkpoint(base), store)
    assert not (found.directory / ADAPTED_GRAPH_FILE).exists()
    path = found.directory / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["adapters"]
    path.write_text(json.dumps(fields))
    assert load_manifest(found.directory) == found.manifest


def test_the_same_adapters_are_a_store_hit_and_others_replace_the_engine(
    base: Path, folders: dict[str, Path], store: EngineStore, tmp_path: Path
) -> None:
    first = built(banked(base, {"ask": folders["ask"]}), store)
    again = built(banked(base, {"ask": folders["ask"]}), store)
    assert (first.reused, again.reused) == (False, True)
    renamed = built(banked(base, {"asking": folders["ask"]}), store)
    more = built(banked(base, {"ask": folders["ask"], "plan": folders["plan"]}), store)
    none = built(open_checkpoint(base), store)
    assert not (renamed.reused or more.reused or none.reused)
    assert len({each.manifest.fingerprint for each in (first, renamed, more, none)}) == 4
    assert len(list_engines(store.folder)) == 1


def test_an_engine_with_a_bank_is_exported_and_imported(engine: Built, tmp_path: Path) -> None:
    export_engine(engine.directory, tmp_path / "e.tar")
    imported = import_engine(tmp_path / "e.tar", EngineStore(tmp_path / "other"))
    assert imported.manifest == engine.manifest


def test_a_merged_adapter_is_an_engine_of_its_own(
    base: Path, folders: dict[str, Path], store: EngineStore, tmp_path: Path
) -> None:
    checkpoint = open_checkpoint(base)
    built(checkpoint, store)
    for name in ("ask", "plan"):
        adapter = open_adapter(name, folders[name], checkpoint)
        found = built(merge(checkpoint, adapter), store)
        assert found.manifest.model == f"tiny+{name}"
        assert found.manifest.adapters == {}
        assert found.manifest.source[f"{name}/adapter_config.json"] == describe_file(
            folders[name] / "adapter_config.json"
        )
        by_hand = merge_by_hand(tmp_path / name, base, (folders[name], 2.0))
        same = built(open_checkpoint(by_hand), EngineStore(tmp_path / "other"))
        first = np.fromfile(found.directory / "weights.bin", np.float32)
        second = np.fromfile(same.directory / "weights.bin", np.float32)
        assert np.allclose(first, second, atol=1e-5)
        assert built(merge(checkpoint, adapter), store).reused
    assert {e.manifest.model for e in list_engines(store.folder) if e.manifest} == {
        "tiny",
        "tiny+ask",
        "tiny+plan",
    }


@pytest.mark.parametrize("fields", [LLAMA, PHI3])
def test_a_merged_dora_has_the_rows_lengths_of_its_magnitudes(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    base = write_random_model(tmp_path / "m", fields)
    modules = ("qkv_proj", "down_proj") if fields is PHI3 else ("q_proj", "up_proj")
    folder = write_adapter(tmp_path / "a", base, modules, dora=True)
    by_hand = open_checkpoint(merge_by_hand(tmp_path / "merged", base, (folder, 2.0))).weights
    checkpoint = open_checkpoint(base)
    weights = merge(checkpoint, open_adapter("a", folder, checkpoint)).weights
    for name in checkpoint.weights:
        assert np.allclose(weights[name], by_hand[name], atol=1e-6), name
        pieces = np.concatenate(
            [weights.rows(name, 0, 5), weights.rows(name, 5, len(weights[name]))]
        )
        assert np.allclose(pieces, weights[name], atol=1e-6)


def test_a_head_of_its_own_is_merged_and_nothing_else(tmp_path: Path) -> None:
    base = write_random_model(tmp_path / "m", LLAMA | {"tie_word_embeddings": False})
    folder = write_adapter(tmp_path / "a", base, ("lm_head", "q_proj"))
    checkpoint = open_checkpoint(base)
    adapter = open_adapter("a", folder, checkpoint)
    with pytest.raises(UnsupportedAdapter, match="head.*merged"):
        with_bank(checkpoint, [adapter])
    by_hand = open_checkpoint(merge_by_hand(tmp_path / "merged", base, (folder, 2.0))).weights
    assert np.allclose(merge(checkpoint, adapter).weights["head.weight"], by_hand["head.weight"])


def test_what_can_be_had_in_one_way_only_is_refused_the_other_way(
    tmp_path: Path, base: Path, folders: dict[str, Path]
) -> None:
    checkpoint = open_checkpoint(base)
    dora = open_adapter(
        "d", write_adapter(tmp_path / "d", base, ("q_proj",), dora=True), checkpoint
    )
    with pytest.raises(UnsupportedAdapter, match="use_dora.*--adapters merged"):
        with_bank(checkpoint, [dora])
    verify = open_adapter("verify", folders["verify"], checkpoint)
    with pytest.raises(UnsupportedAdapter, match="alora_invocation_tokens.*--adapters bank"):
        merge(checkpoint, verify)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3'"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"bias": "lora_only"}, "bias is 'lora_only'"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"lora_bias": True}, "lora_bias"),
        ({"use_qalora": True}, "use_qalora"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
        ({"target_parameters": ["x"]}, "target_parameters"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
        ({"init_lora_weights": "olora"}, "init_lora_weights is 'olora'"),
        ({"some_future_setting": 3}, "some_future_setting"),
        ({"layers_pattern": ["blocks"], "layers_to_transform": 0}, "layers_pattern"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, "embed_tokens"),
        ({"target_modules": ["q_proj", "lm_head"]}, "lm_head"),
        ({"target_modules": ".*"}, "embed_tokens"),
        ({"use_dora": True, "alora_invocation_tokens": [1]}, "use_dora"),
    ],
)
def test_an_adapter_of_a_kind_that_is_not_built_is_refused_by_name(
    tmp_path: Path, base: Path, fields: dict[str, Any], complaint: str
) -> None:
    folder = write_adapter(tmp_path / "a", base, ("q_proj",), **fields)
    with pytest.raises(UnsupportedModel, match=complaint) as caught:
        open_adapter("a", folder, open_checkpoint(base))
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"target_modules": ["q_proj", "w1"]}, "'w1'.*it has .*down_proj"),
        ({"target_modules": "nothing"}, "'nothing'"),
        ({"target_modules": ["k_proj"]}, "no tensors of .*k_proj"),
        ({"target_modules": ["q_proj", "k_proj"]}, "no tensors of .*k_proj"),
        ({"exclude_modules": ["0.self_attn.q_proj"]}, "does not name"),
        ({"exclude_modules": ["q_proj"]}, "no module"),
        ({"r": 4}, r"\[3, 48\].*demand \[4, 48\]"),
        ({"r": 0}, "r is 0"),
        ({"r": "many"}, "r is 'many'"),
        ({"rank_pattern": {"q_proj": 0}}, "rank_pattern"),
        ({"rank_pattern": {"(": 3}}, "no pattern"),
        ({"alora_invocation_tokens": [5, 150]}, "150.*0 to 149"),
        ({"alora_invocation_tokens": [-1]}, "-1"),
        ({"peft_type": None}, "peft_type"),
        ({"use_dora": True}, "lora_magnitude_vector"),
        ({"base_model_files": {"config.json": {"bytes": 1, "blake2b": "00"}}}, "another base"),
    ],
)
def test_a_contradictory_adapter_is_refused_with_the_remedy(
    tmp_path: Path, base: Path, fields: dict[str, Any], complaint: str
) -> None:
    folder = write_adapter(tmp_path / "a", base, ("q_proj",))
    change_config(folder, **fields)
    with pytest.raises(BadCheckpoint, match=complaint) as caught:
        open_adapter("a", folder, open_checkpoint(base))
    assert str(folder) in str(caught.value)


def test_an_adapter_that_names_its_base_by_hash_fits_that_base(tmp_path: Path, base: Path) -> None:
    entry = describe_file(base / "model.safetensors")
    named = {"model.safetensors": msgspec.to_builtins(entry)}
    folder = write_adapter(tmp_path / "a", base, ("q_proj",), base_model_files=named)
    assert open_adapter("a", folder, open_checkpoint(base)).changes
    other = write_random_model(tmp_path / "other", LLAMA, seed=4)
    with pytest.raises(BadAdapter, match="another base"):
        open_adapter("a", folder, open_checkpoint(other))


@pytest.mark.parametrize(
    "fields",
    [{"hidden_size": 64}, {"num_hidden_layers": 1}, {"num_attention_heads": 6}],
)
def test_an_adapter_of_another_base_is_refused(
    tmp_path: Path, base: Path, fields: dict[str, int]
) -> None:
    folder = write_adapter(tmp_path / "a", base, ("q_proj", "o_proj"))
    other = write_random_model(tmp_path / "other", LLAMA | fields)
    with pytest.raises(BadAdapter, match="another base"):
        open_adapter("a", folder, open_checkpoint(other))


def test_tensors_that_are_damaged_foreign_or_not_finite_are_refused(
    tmp_path: Path, base: Path
) -> None:
    checkpoint = open_checkpoint(base)
    folder = write_adapter(tmp_path / "a", base, ("q_proj",))
    sound = read_adapter(folder)
    first = next(iter(sound))

    def refusal(tensors: dict[str, Float32]) -> str:
        write_safetensors(folder / peft_adapter.ADAPTER, tensors)
        with pytest.raises((BadCheckpoint, UnsupportedAdapter)) as caught:
            open_adapter("a", folder, checkpoint)
        assert str(folder) in str(caught.value)
        return str(caught.value)

    for wrong in (math.nan, math.inf):
        assert "not finite" in refusal(sound | {first: np.full_like(sound[first], wrong)})
    assert "lora_A and lora_B" in refusal({n: t for n, t in sound.items() if n != first})
    extra = "base_model.model.model.embed_tokens"
    assert "lora_embedding_A" in refusal(sound | {f"{extra}.lora_embedding_A": sound[first]})
    assert extra in refusal(sound | {f"{extra}.weight": sound[first]})
    path = folder / peft_adapter.ADAPTER
    write_safetensors(path, sound)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(BadCheckpoint, match="Download or export it again"):
        open_adapter("a", folder, checkpoint)
    path.unlink()
    with pytest.raises(BadAdapter, match="no adapter_model.safetensors"):
        open_adapter("a", folder, checkpoint)
    with pytest.raises(BadAdapter, match="no adapter_config.json"):
        open_adapter("a", tmp_path / "nowhere", checkpoint)


def test_a_refused_adapter_leaves_the_store_as_it_was(
    base: Path, folders: dict[str, Path], store: EngineStore
) -> None:
    # an invocation longer than the context leaves no room to verify it
    checkpoint = banked(base, {"verify": folders["verify"]})
    long = msgspec.structs.replace(checkpoint.bank[0], invocation=(7,) * 60)
    checkpoint = msgspec.structs.replace(checkpoint, bank=(long,))
    with pytest.raises(VerificationFailed, match="60 tokens; at least 68"):
        built(checkpoint, store)
    assert [path.name for path in store.folder.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["a", "a"], "two adapters are called 'a'"),
        (["../a"], "cannot name"),
        ([""], "cannot name"),
        ([".a"], "cannot name"),
        (["a+b"], "cannot name"),
        (["x" * 65], "cannot name"),
        ([f"a{n}" for n in range(MAX_ADAPTERS + 1)], "33 adapters"),
    ],
)
def test_names_that_cannot_be_are_refused(names: list[str], complaint: str) -> None:
    with pytest.raises(BadRequest, match=complaint):
        check_names(names)


def smysl_build(*arguments: str | Path, data: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [*SMYSL_BUILD, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SMYSL_DATA_DIR": str(data), "COLUMNS": "200"},
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_plans_builds_and_verifies_a_bank(
    base: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    options = [f"--adapter={name}={folder}" for name, folder in folders.items()]
    code, out, _ = smysl_build(base, *options, "--dry-run", data=tmp_path)
    assert code == 0
    assert "adapter      lora   plan                 ranks qkv 5, down 5" in out
    assert "adapter      alora  verify               ranks qkv 6, o 2, gate_up 4, down 2" in out
    planned = json.loads(smysl_build(base, *options, "--dry-run", "--json", data=tmp_path)[1])
    sizes = {adapter["name"]: adapter["bytes"] for adapter in planned["bank"]}
    assert sizes["plan"] == 4 * 2 * 5 * ((48 + 128) + (80 + 48))
    code, out, err = smysl_build(base, *options, "--json", data=tmp_path)
    assert code == 0, err
    answer = json.loads(out)
    assert {n: a["kind"] for n, a in answer["adapters"].items()} == {
        "ask": "lora",
        "plan": "lora",
        "verify": "alora",
    }
    for each in ([], options):
        code, out, err = smysl_build(base, *each, "--verify", data=tmp_path)
        assert code == 0, err
        assert "adapter verify: largest logit difference" in out
    other = write_adapter(tmp_path / "other", base, ("q_proj",), seed=9)
    code, _, err = smysl_build(base, f"--adapter=ask={other}", "--verify", data=tmp_path)
    assert code == 1
    assert "no adapter ask built from the one given" in err


def test_the_command_builds_an_engine_for_each_merged_adapter(
    base: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    options = [f"--adapter={name}={folders[name]}" for name in ("ask", "plan")]
    merged = [*options, "--adapters", "merged"]
    planned = json.loads(smysl_build(base, *merged, "--dry-run", "--json", data=tmp_path)[1])
    assert [each["name"] for each in planned["engines"]] == ["tiny+ask", "tiny+plan"]
    assert [each["merged"]["name"] for each in planned["engines"]] == ["ask", "plan"]
    code, out, err = smysl_build(base, *merged, "--name", "t", "--json", data=tmp_path)
    assert code == 0, err
    assert [each["model"] for each in json.loads(out)["engines"]] == ["t+ask", "t+plan"]
    code, out, err = smysl_build(base, *merged, "--name", "t", "--verify", data=tmp_path)
    assert code == 0, err
    assert out.count("is intact") == 2


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--adapter", "noequals"], 2, "NAME=DIR"),
        (["--adapter", "a="], 2, "NAME=DIR"),
        (["--adapters", "merged"], 2, "at least one"),
        (["--adapters", "anyhow"], 2, "anyhow"),
        (["--adapters", "runtime"], 1, "--adapters runtime is for the backend tensorrt-llm"),
        (["--adapter", "a=/nowhere"], 1, "adapter_config.json"),
        (["--adapter", "a=x", "--adapter", "a=y"], 1, "two adapters"),
    ],
)
def test_the_command_names_what_is_wrong_with_adapters(
    base: Path, tmp_path: Path, options: list[str], code: int, complaint: str
) -> None:
    found, out, err = smysl_build(base, *options, data=tmp_path)
    assert found == code, err
    assert complaint in err
    assert out == ""
    assert "Traceback" not in err
