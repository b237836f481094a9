"""Engines with adapters against PEFT on transformers: LoRA and aLoRA from the bank, DoRA merged.
Needs the extra `parity`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from random_transformer import logits_of, write_model

from smysl_build_engines.adapted_run import Row, run_rows
from smysl_build_engines.adapters import merge, with_bank
from smysl_build_engines.bank_build import add_bank
from smysl_build_engines.checkpoint import Checkpoint, open_checkpoint
from smysl_build_engines.graph import write_graph
from smysl_build_engines.low_rank import Merged
from smysl_build_engines.padding import Padded, pad_heads
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.reference import Reference
from smysl_build_engines.rounding import Nearest
from smysl_engines.bank import ADAPTED_GRAPH_FILE, Bank
from smysl_engines.manifest import AdapterEntry, Architecture
from smysl_engines.onnx import GRAPH_FILE, OnnxModel

torch = pytest.importorskip("torch", reason="needs the extra parity: torch")
pytest.importorskip("transformers", reason="needs the extra parity: transformers")
peft = pytest.importorskip("peft", reason="needs the extra parity: peft")

pytestmark = pytest.mark.filterwarnings("ignore")

Float32 = npt.NDArray[np.float32]

POSITIONS = 64
CONTINUATION = 64
CONTEXT = POSITIONS + CONTINUATION
MAX_DIFFERENCE = 2e-3
INVOCATION = [17, 4, 99]
ACTIVATION = 40
ALL = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()
FUSED = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
GEMMA = {"head_dim": 32, "sliding_window": 20, "query_pre_attn_scalar": 24}
GRANITE = {
    "embedding_multiplier": 3.0,
    "attention_multiplier": 0.2,
    "residual_multiplier": 0.4,
    "logits_scaling": 5.0,
}
Settings = dict[str, Any]
CASES: dict[str, tuple[str, Settings, Settings]] = {
    "llama": ("Llama", {}, {"target_modules": ALL}),
    "llama, attention, rslora": (
        "Llama",
        {},
        {"target_modules": ["q_proj", "v_proj"], "use_rslora": True, "lora_alpha": 5},
    ),
    "llama, ranks and alphas by pattern": (
        "Llama",
        {},
        {
            "target_modules": r".*\.(self_attn\.[qk]_proj|mlp\.down_proj)",
            "rank_pattern": {"0.self_attn.q_proj": 7, r".*k_proj": 2},
            "alpha_pattern": {"down_proj": 3},
        },
    ),
    "llama, one layer": ("Llama", {}, {"target_modules": ALL, "layers_to_transform": [1]}),
    "llama, heads of 20": ("Llama", {"head_dim": 20}, {"target_modules": ALL}),
    "qwen2": ("Qwen2", {}, {"target_modules": "all-linear"}),
    "qwen3, heads of 24": ("Qwen3", {"head_dim": 24}, {"target_modules": ALL}),
    "gemma2": ("Gemma2", GEMMA, {"target_modules": ALL}),
    "phi3, fused": ("Phi3", {}, {"target_modules": FUSED}),
    "granite": ("Granite", GRANITE, {"target_modules": ALL}),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def add_adapter(model: Any, folder: Path, settings: Settings) -> Any:
    """A random adapter, saved to `folder`; returns PEFT's model with it."""
    config = peft.LoraConfig(**{"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM"} | settings)
    torch.manual_seed(13)
    adapted = peft.get_peft_model(model, config).float().eval()
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                parameter.normal_(0, parameter.shape[1] ** -0.5)
            elif "lora_magnitude" in name:
                parameter.mul_(torch.rand_like(parameter) + 0.5)
    adapted.save_pretrained(folder)
    return adapted


def some_tokens() -> list[int]:
    tokens: list[int] = np.random.default_rng(5).integers(0, 131, POSITIONS).tolist()
    # an earlier place of the invocation, which must not count
    tokens[10:13] = INVOCATION
    tokens[ACTIVATION : ACTIVATION + len(INVOCATION)] = INVOCATION
    return tokens


def greedy(model: Any, tokens: list[int]) -> list[int]:
    """PEFT's own greedy continuation."""
    with torch.no_grad():
        found = model.generate(
            input_ids=torch.tensor([tokens]),
            attention_mask=torch.ones(1, len(tokens), dtype=torch.long),
            max_new_tokens=CONTINUATION,
            min_new_tokens=CONTINUATION,
            do_sample=False,
        )
    continued: list[int] = found[0].tolist()
    return continued


def compile_bank(
    checkpoint: Checkpoint, folder: Path
) -> tuple[Padded, Architecture, dict[str, AdapterEntry]]:
    model = pad_heads(checkpoint.config.at(CONTEXT), checkpoint.weights)
    decoder = model.decoder
    write_graph(decoder, model.weights, Recipe(), Nearest(decoder, model.weights), folder, CONTEXT)
    architecture = Architecture(
        vocabulary=decoder.vocab_size,
        hidden_size=decoder.hidden_size,
        layers=len(decoder.layers),
        kv_heads=decoder.num_key_value_heads,
        head_dim=decoder.head_dim,
        context=CONTEXT,
    )
    entries = {}
    if checkpoint.bank:
        entries = add_bank(checkpoint, model, folder, architecture, "fp32")
    return model, architecture, entries


class Described:
    def __init__(self, architecture: Architecture, adapters: dict[str, AdapterEntry]) -> None:
        self.architecture = architecture
        self.adapters = adapters


def note(case: str, worst: float) -> None:
    if path := os.environ.get("SMYSL_PARITY_TABLE"):
        with open(path, "a") as file:
            file.write(f"| {case} | {worst:.1e} |\n")


@pytest.mark.parametrize("activated", [False, True], ids=["lora", "alora"])
@pytest.mark.parametrize("case", CASES)
def test_an_adapter_of_the_bank_is_what_peft_computes(
    case: str, activated: bool, tmp_path: Path
) -> None:
    kind, model_settings, settings = CASES[case]
    if activated:
        settings = settings | {"alora_invocation_tokens": INVOCATION}
    model = write_model(tmp_path, kind, model_settings)
    adapted = add_adapter(model, tmp_path / "adapter", settings)
    tokens = some_tokens()
    expected = logits_of(adapted, tokens)
    continued = greedy(adapted, tokens)

    checkpoint = open_checkpoint(tmp_path)
    adapter = open_adapter("a", tmp_path / "adapter", checkpoint)
    compiled, architecture, entries = compile_bank(with_bank(checkpoint, [adapter]), tmp_path)
    bank = Bank(tmp_path, Described(architecture, entries))
    assert bank.kind("a") == ("alora" if activated else "lora")
    since = bank.activation(tokens, "a")
    assert since == (ACTIVATION if activated else 0)
    row = Row(tuple(continued), (("a", 1.0),), since)
    graph = tmp_path / ADAPTED_GRAPH_FILE
    (found,) = run_rows(graph, compiled.decoder, bank, [row], CONTINUATION)
    merged = Merged(checkpoint.weights, adapter.changes)
    reference = Reference(checkpoint.config.at(CONTEXT), checkpoint.weights, merged, since)
    worst = max(
        float(np.abs(each - expected).max())
        for each in (found[:POSITIONS], reference.forward(tokens).logits)
    )
    note(f"{case}{', aLoRA' if activated else ', LoRA'}", worst)
    assert worst <= MAX_DIFFERENCE
    # each token of PEFT's greedy continuation is the likeliest one here
    assert found[POSITIONS - 1 : -1].argmax(axis=1).tolist() == continued[POSITIONS:]


@pytest.mark.parametrize(
    ("case", "targets"), [("Llama", ["q_proj", "o_proj", "up_proj"]), ("Phi3", FUSED)]
)
def test_a_merged_dora_is_what_peft_computes(case: str, targets: list[str], tmp_path: Path) -> None:
    model = write_model(tmp_path, case, {})
    adapted = add_adapter(
        model, tmp_path / "adapter", {"target_modules": targets, "use_dora": True}
    )
    tokens = some_tokens()
    expected = logits_of(adapted, tokens)
    continued = greedy(adapted, tokens)
    checkpoint = open_checkpoint(tmp_path)
    merged = merge(checkpoint, open_adapter("a", tmp_path / "adapter", checkpoint))
    _, architecture, _ = compile_bank(merged, tmp_path)
    engine = OnnxModel(tmp_path / GRAPH_FILE, architecture, rows=1, threads=1)
    found = engine.extend(0, continued, 0, range(CONTEXT))
    worst = float(np.abs(found[:POSITIONS] - expected).max())
    note(f"{case.lower()}, merged DoRA", worst)
    assert worst <= MAX_DIFFERENCE
    assert found[POSITIONS - 1 : -1].argmax(axis=1).tolist() == continued[POSITIONS:]
