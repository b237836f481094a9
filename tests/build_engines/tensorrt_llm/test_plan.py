"""The rules, one by one: what a plan refuses, what it decides and what it says of memory and speed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peft_adapter import ATTENTION, MLP, change_config, write_adapter
from tensorrt_builds import CARD, PLANS, quantised_copy, write_model

from smysl_build_engines.errors import BadRequest, BuildError, UnsupportedAdapter, UnsupportedModel
from smysl_build_engines.fit import GpuPrecision, gpu_need
from smysl_build_engines.gpus import CARDS, Gpu
from smysl_build_engines.nvml import Gpus
from smysl_build_engines.tensorrt_llm.command import run
from smysl_build_engines.tensorrt_llm.models import read_model
from smysl_build_engines.tensorrt_llm.plan import TensorRTPlan
from smysl_build_engines.tensorrt_llm.prepare import Asked

PRO = CARDS["rtx-pro-6000"]
SAME: dict[str, GpuPrecision] = {"bf16": "fp16/bf16", "fp8": "fp8", "nvfp4": "nvfp4"}


def planned(source: Path, tmp_path: Path, card: Gpu = PRO, **fields: Any) -> TensorRTPlan:
    own: dict[str, Any] = {"source": source, "name": "model", "store": tmp_path / "engines"}
    asked = Asked(**(own | {"card": card, "dry_run": True, "as_json": True} | fields))
    (wanted,) = run(asked, lambda line: None, gpus=Gpus)
    assert isinstance(wanted, TensorRTPlan)
    return wanted


def refused(error: type[BuildError], words: str, source: Path, tmp_path: Path, **f: Any) -> None:
    with pytest.raises(error, match=words):
        planned(source, tmp_path, **f)


def config_with(tmp_path: Path, base: str = "14b", **fields: Any) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    values = json.loads((PLANS / base / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | fields))
    return folder


@pytest.mark.parametrize("size", ["14b", "32b"])
@pytest.mark.parametrize("precision", ["bf16", "fp8", "nvfp4"])
def test_weights_and_speed_are_those_of_the_machine_view(
    size: str, precision: str, tmp_path: Path
) -> None:
    memory = planned(PLANS / size, tmp_path, precision=precision, context=4096, batch=2).memory
    shape = read_model(PLANS / size).held
    assert memory is not None and shape is not None
    need = gpu_need(shape, SAME[precision])
    assert memory.weights_bytes == need.weights_bytes
    assert memory.tokens_per_second == 1792e9 / need.read_bytes
    # 8 bits of keys and values where the weights are fitted anyway
    share = 1 if precision == "bf16" else 2
    assert memory.kv_bytes == need.kv_bytes_per_token // share * 4096 * 2


def test_the_longest_context_and_the_largest_batch_that_are_named_fit_and_one_more_does_not(
    tmp_path: Path,
) -> None:
    memory = planned(PLANS / "32b", tmp_path, context=16384, batch=8).memory
    assert memory is not None and memory.fits is False
    assert memory.longest_context is not None and memory.largest_batch is not None
    for context, batch, fits in (
        (memory.longest_context, 8, True),
        (memory.longest_context + 1, 8, False),
        (16384, memory.largest_batch, True),
        (16384, memory.largest_batch + 1, False),
    ):
        found = planned(PLANS / "32b", tmp_path, context=context, batch=batch).memory
        assert found is not None and found.fits is fits, (context, batch)


def test_a_card_that_is_too_small_is_said_with_what_would_fit(tmp_path: Path) -> None:
    wanted = planned(PLANS / "32b", tmp_path, context=16384, batch=8)
    assert any("--batch 7" in each and "--context" in each for each in wanted.missing)
    small = planned(PLANS / "32b", tmp_path, card=CARDS["l4"])
    assert any("a larger card or a smaller precision" in each for each in small.missing)


def test_nvfp4_of_a_16_bit_checkpoint_is_quantised_by_model_optimizer_first(tmp_path: Path) -> None:
    wanted = planned(PLANS / "14b", tmp_path, precision="nvfp4")
    assert [step.name for step in wanted.steps] == ["quantise", "compile", "self-check"]
    assert wanted.options["quant_config"] == {
        "quant_algo": "NVFP4",
        "kv_cache_quant_algo": "FP8",
    }
    assert "calib_config" not in wanted.options


def test_nvfp4_takes_merged_adapters_only(
    model: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    pair = (("plan", adapters["plan"]),)
    refused(
        BadRequest,
        "nvfp4 layers take no adapters call by call.*--adapters merged.*fp8 or bf16",
        model,
        tmp_path,
        precision="nvfp4",
        adapters=pair,
        how="runtime",
    )
    # without being told, it merges
    wanted = planned(model, tmp_path, precision="nvfp4", adapters=pair)
    assert [step.name for step in wanted.steps][:2] == ["merge", "quantise"]
    assert wanted.name == "model+plan"


@pytest.mark.parametrize("precision", ["fp8", "bf16"])
def test_fp8_and_bf16_take_adapters_call_by_call(
    precision: str, model: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    wanted = planned(model, tmp_path, precision=precision, adapters=tuple(adapters.items()))
    assert [adapter.how for adapter in wanted.adapters] == ["runtime", "runtime"]
    assert wanted.options["enable_lora"] and wanted.options["lora_config"]["max_lora_rank"] == 4
    # the library copies only the rank into the build of its own accord
    assert wanted.options["build_config"]["lora_config"] == {
        "max_lora_rank": 4,
        "lora_target_modules": wanted.options["lora_config"]["lora_target_modules"],
    }
    assert wanted.memory is not None and wanted.memory.adapter_bytes > 0


def test_fp8_keys_and_values_go_through_the_quantisation_of_an_engine(tmp_path: Path) -> None:
    engine = planned(PLANS / "14b", tmp_path, precision="fp8")
    assert engine.options["quant_config"]["kv_cache_quant_algo"] == "FP8"
    assert "kv_cache_config" not in engine.options
    later = planned(PLANS / "14b", tmp_path, precision="fp8", artefact="checkpoint")
    assert later.options["kv_cache_config"] == {"dtype": "fp8"}
    assert "quant_config" not in later.options


def test_fp8_scales_of_an_engine_are_fitted_by_the_library_unless_there_is_a_text(
    model: Path, tmp_path: Path
) -> None:
    wanted = planned(PLANS / "14b", tmp_path, precision="fp8")
    assert wanted.options["calib_config"] and not wanted.has("quantise")
    assert any("fetches from the hub" in note for note in wanted.notes)
    text = tmp_path / "text"
    text.write_text("one\n")
    fitted = planned(PLANS / "14b", tmp_path, precision="fp8", calibration=text)
    assert fitted.has("quantise") and "calib_config" not in fitted.options
    # the later versions read scales from a checkpoint only
    later = planned(PLANS / "14b", tmp_path, precision="fp8", artefact="checkpoint")
    assert later.has("quantise")


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("FP8_BLOCK_SCALES", "FP8 with a scale per block"),
        ("FP8_PER_CHANNEL_PER_TOKEN", "FP8 with a scale per row"),
        ("W4A16_AWQ", "AWQ"),
        ("W4A8_AWQ", "AWQ"),
        ("W4A16_GPTQ", "GPTQ"),
        ("W8A16_GPTQ", "GPTQ"),
        ("W4A8_QSERVE_PER_GROUP", "W4A8_QSERVE_PER_GROUP"),
    ],
)
def test_stored_formats_that_the_card_does_not_support_are_refused_by_name(
    algorithm: str, name: str, model: Path, tmp_path: Path
) -> None:
    source = quantised_copy(model, tmp_path / "small", algorithm)
    words = rf"{name}.*does not support on {PRO.name}.*--precision nvfp4.*--precision fp8"
    refused(UnsupportedModel, words, source, tmp_path)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "FP8 with a scale per block"),
        ({"quant_method": "awq", "bits": 4}, "AWQ"),
        ({"quant_method": "gptq", "bits": 4}, "GPTQ"),
        ({"quant_method": "compressed-tensors"}, "compressed-tensors"),
    ],
)
def test_so_are_those_that_a_config_names(
    settings: dict[str, Any], name: str, tmp_path: Path
) -> None:
    source = config_with(tmp_path, quantization_config=settings)
    refused(UnsupportedModel, f"is stored as {name}", source, tmp_path)


def test_keys_and_values_in_nvfp4_are_refused_with_the_alternative(
    model: Path, tmp_path: Path
) -> None:
    source = quantised_copy(model, tmp_path / "small", "NVFP4", kv="NVFP4")
    refused(UnsupportedModel, "keys and values in NVFP4.*--kv fp8", source, tmp_path)


def test_a_newer_export_says_it_in_config_json(tmp_path: Path) -> None:
    settings = {
        "quant_method": "modelopt",
        "quant_algo": "NVFP4",
        "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
    }
    wanted = planned(config_with(tmp_path, quantization_config=settings), tmp_path)
    assert (wanted.precision, wanted.kv_precision) == ("nvfp4", "fp8")
    assert not wanted.has("quantise")


def test_a_quantised_checkpoint_is_not_quantised_otherwise(model: Path, tmp_path: Path) -> None:
    source = quantised_copy(model, tmp_path / "small", "FP8")
    refused(BadRequest, "stored as fp8; --precision nvfp4", source, tmp_path, precision="nvfp4")


def test_keys_and_values_without_scales_stay_in_16_bits(model: Path, tmp_path: Path) -> None:
    wanted = planned(quantised_copy(model, tmp_path / "small", "NVFP4", kv=None), tmp_path)
    assert wanted.kv_precision == "bf16" and any("--kv fp8" in note for note in wanted.notes)
    assert wanted.options["quant_config"] == {"quant_algo": "NVFP4"}


def test_adapters_are_merged_into_16_bits_only(
    model: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    source = quantised_copy(model, tmp_path / "small", "NVFP4")
    pair = (("plan", adapters["plan"]),)
    words = "adapters are merged into 16-bit weights"
    refused(BadRequest, words, source, tmp_path, adapters=pair, how="merged")


@pytest.mark.parametrize(
    ("card", "precision", "words"),
    [
        ("h100", "nvfp4", "--precision fp8 or bf16"),
        ("a100", "fp8", "--precision bf16"),
        ("a100", "nvfp4", "--precision bf16"),
    ],
)
def test_a_card_that_does_not_multiply_a_format_is_told_so(
    card: str, precision: str, words: str, tmp_path: Path
) -> None:
    refused(BadRequest, words, PLANS / "14b", tmp_path, card=CARDS[card], precision=precision)


def test_a_mixture_of_experts_holds_all_of_them_and_reads_the_chosen_ones(tmp_path: Path) -> None:
    wanted = planned(PLANS / "30b-mixture", tmp_path, self_check="off")
    memory = wanted.memory
    assert wanted.kind == "engine" and memory is not None
    # 30.5 B parameters, 3.3 B of them for a token (its model card)
    assert memory.weights_bytes == pytest.approx(2 * 30.5e9, rel=0.01)
    assert memory.tokens_per_second is not None
    read = 1792e9 / memory.tokens_per_second
    assert read == pytest.approx(2 * 3.0e9, rel=0.1)


def test_a_mixture_has_no_reference_to_be_checked_against(tmp_path: Path) -> None:
    wanted = planned(PLANS / "30b-mixture", tmp_path)
    assert any("--self-check off" in each for each in wanted.missing)


def test_a_newer_architecture_is_promised_no_engine(tmp_path: Path) -> None:
    source = config_with(tmp_path, architectures=["Qwen3NextForCausalLM"], model_type="qwen3_next")
    wanted = planned(source, tmp_path, self_check="off")
    assert (wanted.kind, wanted.memory) == ("checkpoint", None)
    assert any("no engine is promised" in note for note in wanted.notes)
    words = "through PyTorch only. Ask for --artefact checkpoint"
    refused(UnsupportedModel, words, source, tmp_path, artefact="engine")


def test_adapters_of_a_model_of_unknown_shape_are_refused(
    adapters: dict[str, Path], tmp_path: Path
) -> None:
    source = config_with(tmp_path, architectures=["GptOssForCausalLM"], model_type="gpt_oss")
    words = "no adapter can be checked against it"
    refused(BadRequest, words, source, tmp_path, adapters=(("plan", adapters["plan"]),))


def test_a_rank_above_the_maximum_is_refused_by_name(model: Path, tmp_path: Path) -> None:
    large = write_adapter(tmp_path / "large", model, ("q_proj",), rank=65)
    words = "adapter large has rank 65.*up to 64.*--adapters merged"
    refused(BadRequest, words, model, tmp_path, adapters=(("large", large),))
    wanted = planned(model, tmp_path, adapters=(("large", large),), how="merged")
    assert wanted.adapters[0].rank == 65
    fits = write_adapter(tmp_path / "fits", model, ("q_proj",), rank=64)
    assert planned(model, tmp_path, adapters=(("fits", fits),)).adapters[0].rank == 64


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"alora_invocation_tokens": [5, 6]}, "sets in at tokens of its own.*bank"),
        ({"rank_pattern": {"layers.0.self_attn.q_proj": 3}}, "rank_pattern.*--adapters merged"),
        ({"alpha_pattern": {"layers.0.self_attn.q_proj": 9}}, "alpha_pattern.*--adapters merged"),
    ],
)
def test_adapters_that_the_library_would_misread_are_refused(
    fields: dict[str, Any], words: str, model: Path, tmp_path: Path
) -> None:
    folder = write_adapter(tmp_path / "a", model, ATTENTION, rank=3)
    change_config(folder, **fields)
    refused(UnsupportedAdapter, words, model, tmp_path, adapters=(("a", folder),))


def test_dora_is_merged_only(model: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", model, MLP, dora=True)
    words = "is DoRA.*--adapters merged"
    refused(UnsupportedAdapter, words, model, tmp_path, adapters=(("a", folder),))
    assert planned(model, tmp_path, adapters=(("a", folder),), how="merged").has("merge")


def test_a_changed_head_and_fused_layers_are_merged_only(model: Path, tmp_path: Path) -> None:
    head = write_adapter(tmp_path / "head", model, ("lm_head",))
    words = "changes head.weight.*--adapters merged"
    refused(UnsupportedAdapter, words, model, tmp_path, adapters=(("head", head),))
    fused = write_model(tmp_path / "phi", model_type="phi3", pad_token_id=0)
    adapter = write_adapter(tmp_path / "fused", fused, ("qkv_proj",))
    words = "the fused layer model.layers.0.self_attn.qkv_proj"
    refused(UnsupportedAdapter, words, fused, tmp_path, adapters=(("fused", adapter),))


def test_one_of_query_key_and_value_asks_for_all_three(model: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", model, ("v_proj",))
    wanted = planned(model, tmp_path, adapters=(("a", folder),))
    assert wanted.adapters[0].modules == ("attn_q", "attn_k", "attn_v")


@pytest.mark.parametrize(("field", "value"), [("context", 0), ("context", 40961)])
def test_a_context_the_model_does_not_take_is_refused(
    field: str, value: int, tmp_path: Path
) -> None:
    words = "contexts of 1 to 40960"
    refused(UnsupportedModel, words, PLANS / "14b", tmp_path, **{field: value})


@pytest.mark.parametrize("batch", [0, 257])
def test_a_batch_out_of_bounds_is_refused(batch: int, tmp_path: Path) -> None:
    refused(BadRequest, f"--batch {batch}", PLANS / "14b", tmp_path, batch=batch)


@pytest.mark.parametrize("asked", ["0", "9", "all"])
def test_a_self_check_out_of_bounds_is_refused(asked: str, tmp_path: Path) -> None:
    refused(BadRequest, "1 to 8, or off", PLANS / "14b", tmp_path, self_check=asked)


def test_the_cost_of_the_self_check_is_printed_and_grows_with_the_adapters(
    model: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    def cost(**fields: Any) -> str:
        return next(
            s.what for s in planned(model, tmp_path, **fields).steps if s.name == "self-check"
        )

    assert "reads the 16-bit weights once" in cost()
    assert "8 prompts" in cost(self_check="8")
    assert "3 times" in cost(adapters=tuple(adapters.items()))
    assert not planned(model, tmp_path, self_check="off").has("self-check")


def test_every_size_is_said_because_the_library_has_others(tmp_path: Path) -> None:
    options = planned(PLANS / "14b", tmp_path, context=32768, batch=4).options
    built = options["build_config"]
    for where in (options, built):
        assert where["max_input_len"] == where["max_seq_len"] == 32768
        assert (where["max_batch_size"], where["max_num_tokens"]) == (4, 8192)
    # prompts longer than a pass are read in pieces
    assert options["enable_chunked_prefill"] is True


def test_a_plan_prints_memory_speed_steps_and_what_is_missing(tmp_path: Path) -> None:
    text = "\n".join(planned(PLANS / "14b", tmp_path, precision="nvfp4").lines())
    for words in ("weights 10.54 GB", "fits: ", "at most 199 tokens/s alone", "step 1", "missing"):
        assert words in text


def test_a_plan_for_the_card_that_is_here_counts_what_is_free_of_it(tmp_path: Path) -> None:
    memory = planned(PLANS / "14b", tmp_path, card=CARD).memory
    assert memory is not None and memory.room_bytes == CARD.free_bytes


def test_plans_need_no_card_here_but_the_name_of_one(ask: Callable[..., Asked]) -> None:
    with pytest.raises(BuildError, match="no NVIDIA GPU here.*--dry-run --gpu NAME"):
        run(ask(dry_run=True), lambda line: None, gpus=Gpus)
