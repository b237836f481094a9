"""Built encoders and their numpy reference against transformers, one tiny random checkpoint for
every detail of every family. Needs the extra `parity`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smysl_build_engines.encoder_folder import EncoderCheckpoint, open_encoder
from smysl_build_engines.encoder_graph import write_encoder_graph
from smysl_build_engines.encoder_reference import EncoderReference
from smysl_build_engines.recipe import Recipe
from smysl_engines.encoder import EncoderModel, pooled
from smysl_engines.onnx_model import GRAPH_FILE

torch = pytest.importorskip("torch", reason="needs the extra parity: torch")
pytest.importorskip("transformers", reason="needs the extra parity: transformers")

pytestmark = pytest.mark.filterwarnings("ignore")

LENGTHS = (1, 3, 17, 64)
MAX_DIFFERENCE = 2e-3

SHAPE = {
    "vocab_size": 131,
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "max_position_embeddings": 80,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", {}),
    "bert, gelu_new": ("Bert", {"hidden_act": "gelu_new"}),
    "bert, relu": ("Bert", {"hidden_act": "relu"}),
    "bert, heads of 12, eps 1e-5": ("Bert", {"num_attention_heads": 8, "layer_norm_eps": 1e-5}),
    "roberta": ("Roberta", {"type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "roberta, padding token 4": ("Roberta", {"type_vocab_size": 1, "pad_token_id": 4}),
    "xlm-roberta": ("XLMRoberta", {"type_vocab_size": 1, "layer_norm_eps": 1e-5}),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_model(folder: Path, kind: str, settings: dict[str, Any]) -> Any:
    """A random model of transformers in float32, saved to `folder`."""
    import transformers

    config = getattr(transformers, f"{kind}Config")(**SHAPE | settings)
    torch.manual_seed(12)
    model = getattr(transformers, f"{kind}Model")(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 1.5 * parameter.shape[1] ** -0.5)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    return model


def padded(texts: list[list[int]], padding: int) -> tuple[Any, Any]:
    """Token ids and mask, as a tokenizer of transformers gives them."""
    longest = max(map(len, texts))
    ids = torch.tensor([text + [padding] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return ids, mask


def compile_encoder(checkpoint: EncoderCheckpoint, folder: Path) -> EncoderModel:
    longest = checkpoint.encoder.longest
    write_encoder_graph(checkpoint.encoder, checkpoint.weights, Recipe(), folder, longest)
    return EncoderModel(folder / GRAPH_FILE, threads=1)


@pytest.mark.parametrize("case", CASES)
def test_states_and_pooled_vectors_are_those_of_transformers(case: str, tmp_path: Path) -> None:
    kind, settings = CASES[case]
    model = write_model(tmp_path, kind, settings)
    random = np.random.default_rng(5)
    # RoBERTa gives the padding token no position of its own
    texts = [random.integers(5, 131, length).tolist() for length in LENGTHS]
    ids, mask = padded(texts, model.config.pad_token_id)
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask).last_hidden_state
    mean = (expected * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    vectors = {"mean": mean, "cls": expected[:, 0]}

    checkpoint = open_encoder(tmp_path)
    found = compile_encoder(checkpoint, tmp_path).states(texts)
    reference = EncoderReference(checkpoint.encoder, checkpoint.weights).states(texts)
    worst = 0.0
    for number, text in enumerate(texts):
        wanted = expected[number, : len(text)].numpy()
        for states in (found[number, : len(text)], reference[number]):
            worst = max(worst, float(np.abs(states - wanted).max()))
    for pooling in ("mean", "cls"):
        wanted = torch.nn.functional.normalize(vectors[pooling], dim=1).numpy()
        worst = max(worst, float(np.abs(pooled(found, LENGTHS, pooling) - wanted).max()))
    if path := os.environ.get("SMYSL_PARITY_TABLE"):
        with open(path, "a") as file:
            file.write(f"| {case} | {worst:.1e} |\n")
    assert worst <= MAX_DIFFERENCE
