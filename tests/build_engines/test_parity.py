"""Compiled engines and the numpy reference against transformers, one tiny random checkpoint for
every detail of every family. Needs the extra `parity`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_transformer import logits_of, write_model

from smysl_build_engines.checkpoint import Checkpoint, embedding_at, open_checkpoint
from smysl_build_engines.graph import write_graph
from smysl_build_engines.padding import pad_heads
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.reference import Reference
from smysl_build_engines.rounding import Nearest
from smysl_engines.manifest import Architecture, Attention
from smysl_engines.onnx import GRAPH_FILE, OnnxModel

torch = pytest.importorskip("torch", reason="needs the extra parity: torch")
pytest.importorskip("transformers", reason="needs the extra parity: transformers")

pytestmark = pytest.mark.filterwarnings("ignore")

POSITIONS = 64
CONTINUATION = 64
MAX_DIFFERENCE = 2e-3

LONG = {"original_max_position_embeddings": 32, "rope_theta": 10000.0}
LLAMA3 = LONG | {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}
YARN = LONG | {"rope_type": "yarn", "factor": 4.0}
FACTORS = [1.0 + 0.1 * n for n in range(8)]
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": FACTORS,
    "long_factor": [4 * factor for factor in FACTORS],
}
GEMMA = {"num_hidden_layers": 4, "head_dim": 32, "sliding_window": 20, "query_pre_attn_scalar": 24}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama, tied": ("Llama", {"tie_word_embeddings": True}),
    "llama, one key head": ("Llama", {"num_key_value_heads": 1}),
    "llama, a key head for each": ("Llama", {"num_key_value_heads": 4}),
    "llama, heads of 20": ("Llama", {"head_dim": 20}),
    "llama, biases": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, llama3 positions": ("Llama", {"rope_parameters": LLAMA3}),
    "llama, linear positions": (
        "Llama",
        {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 10000.0}},
    ),
    "llama, yarn positions": ("Llama", {"rope_parameters": YARN}),
    "llama, yarn positions with mscale": (
        "Llama",
        {"rope_parameters": YARN | {"mscale": 0.7, "mscale_all_dim": 1.1, "truncate": False}},
    ),
    "mistral": ("Mistral", {"sliding_window": None}),
    "mistral, window": ("Mistral", {"sliding_window": 12, "head_dim": 32}),
    "qwen2": ("Qwen2", {}),
    "qwen2, upper windows": (
        "Qwen2",
        {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1},
    ),
    "qwen2.5, yarn positions": ("Qwen2", {"rope_parameters": YARN, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 32}),
    "qwen3, heads of 24": ("Qwen3", {"head_dim": 24, "attention_bias": True}),
    "gemma2": ("Gemma2", GEMMA),
    "gemma2, no caps": (
        "Gemma2",
        GEMMA | {"attn_logit_softcapping": None, "final_logit_softcapping": None},
    ),
    "gemma3": ("Gemma3", GEMMA | {"num_key_value_heads": 1}),
    "gemma3, global positions scaled": (
        "Gemma3",
        GEMMA
        | {
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "final_logit_softcapping": 30.0,
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 1000.0},
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 50000.0},
            },
        },
    ),
    "phi3": ("Phi3", {"sliding_window": 30}),
    "phi3, short longrope": (
        "Phi3",
        {"rope_parameters": LONGROPE | {"original_max_position_embeddings": 192}}
        | {"original_max_position_embeddings": 192},
    ),
    "phi4, partly turned heads": (
        "Phi3",
        {
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.75,
            },
            "tie_word_embeddings": True,
        },
    ),
    "granite": (
        "Granite",
        {
            "embedding_multiplier": 3.0,
            "attention_multiplier": 0.2,
            "residual_multiplier": 0.4,
            "logits_scaling": 5.0,
        },
    ),
    "smollm3": ("SmolLM3", {"num_hidden_layers": 4}),
}


def compile_engine(
    checkpoint: Checkpoint, folder: Path, context: int, attention: Attention = "fused"
) -> OnnxModel:
    padded = pad_heads(checkpoint.config.at(context), checkpoint.weights)
    decoder = padded.decoder
    nearest = Nearest(decoder, padded.weights)
    recipe = Recipe(attention=attention)
    write_graph(decoder, padded.weights, recipe, nearest, folder, context)
    architecture = Architecture(
        vocabulary=decoder.vocab_size,
        hidden_size=decoder.hidden_size,
        layers=len(decoder.layers),
        kv_heads=decoder.num_key_value_heads,
        head_dim=decoder.head_dim,
        context=context,
        attention=attention,
    )
    return OnnxModel(folder / GRAPH_FILE, architecture, rows=2, threads=1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def check_parity(folder: Path, model: Any, context: int, attention: Attention = "fused") -> float:
    """Largest logit difference of engine and reference; the greedy continuation must be equal."""
    checkpoint = open_checkpoint(folder)
    tokens = np.random.default_rng(5).integers(0, 131, POSITIONS).tolist()
    expected = logits_of(model, tokens)
    reference = Reference(checkpoint.config.at(context), checkpoint.weights)
    engine = compile_engine(checkpoint, folder, context, attention)
    first = engine.extend(0, tokens[:40], 0, range(40))
    rest = engine.extend(0, tokens[40:], 40, range(POSITIONS - 40))
    found = np.concatenate((first, rest))
    worst = max(
        float(np.abs(each - expected).max()) for each in (reference.forward(tokens).logits, found)
    )
    text, logits = list(tokens), found[-1]
    for _ in range(CONTINUATION):
        text.append(int(logits.argmax()))
        logits = engine.decode(text[-1:], [len(text) - 1])[0]
    # one pass over the engine's continuation: each of its tokens must be the likeliest there
    likeliest = logits_of(model, text)[POSITIONS - 1 : -1].argmax(axis=1)
    assert text[POSITIONS:] == likeliest.tolist()
    return worst


@pytest.mark.parametrize("attention", ["fused", "open"])
@pytest.mark.parametrize("case", CASES)
def test_logits_and_greedy_continuation_are_those_of_transformers(
    case: str, attention: Attention, tmp_path: Path
) -> None:
    kind, settings = CASES[case]
    model = write_model(tmp_path, kind, settings)
    worst = check_parity(tmp_path, model, POSITIONS + CONTINUATION, attention)
    if path := os.environ.get("SMYSL_PARITY_TABLE"):
        with open(path, "a") as file:
            file.write(f"| {case}, {attention} | {worst:.1e} |\n")
    assert worst <= MAX_DIFFERENCE


@pytest.mark.parametrize(
    "case", ["llama, heads of 20", "qwen3, heads of 24", "gemma2", "gemma3", "phi3", "granite"]
)
def test_embeddings_are_made_of_the_hidden_states_of_any_layer(case: str, tmp_path: Path) -> None:
    kind, settings = CASES[case]
    model = write_model(tmp_path, kind, settings)
    checkpoint = open_checkpoint(tmp_path)
    tokens = np.random.default_rng(6).integers(0, 131, POSITIONS).tolist()
    with torch.no_grad():
        found = model(torch.tensor([tokens]), use_cache=False, output_hidden_states=True)
    for layer in range(1, len(checkpoint.config.layers) + 1):
        chosen = embedding_at(checkpoint, layer)
        expected = found.hidden_states[layer][0].numpy()
        reference = Reference(chosen.config.at(POSITIONS), chosen.weights)
        engine = compile_engine(chosen, tmp_path, POSITIONS)
        for states in (reference.forward(tokens).hidden, engine.hidden(tokens)):
            assert np.abs(states - expected).max() <= MAX_DIFFERENCE


def test_a_context_beyond_the_original_takes_the_long_factors(tmp_path: Path) -> None:
    long = {"original_max_position_embeddings": 32}
    model = write_model(tmp_path, "Phi3", {"rope_parameters": LONGROPE | long} | long)
    assert check_parity(tmp_path, model, POSITIONS + CONTINUATION) <= MAX_DIFFERENCE


def test_a_checkpoint_in_shards_is_the_same_model(tmp_path: Path) -> None:
    model = write_model(tmp_path, "Qwen3", {"head_dim": 32}, shard="100KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert check_parity(tmp_path, model, POSITIONS + CONTINUATION) <= MAX_DIFFERENCE
