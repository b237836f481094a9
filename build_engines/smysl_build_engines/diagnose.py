"""Opens a graph for closer looks: without rounded activations, and layer by layer.

Knows the graph's operators and its names of the residual stream; judges nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.reference import Reference
from smysl_build_engines.tensors import Float32

_FLOAT32_ACTIVATIONS = 1
"""MatMulNBits accuracy level."""
_DIVERGED = 0.005
"""Relative, of the residual stream after a layer: beyond what the order of sums explains."""


def unrounded(graph: Path) -> onnx.ModelProto:
    """The same graph with float32 activations: rounding them hides small mistakes."""
    model = onnx.load(graph, load_external_data=False)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = _FLOAT32_ACTIVATIONS
    return model


@contextmanager
def beside(graph: Path, model: onnx.ModelProto) -> Iterator[Path]:
    """A file of a changed graph beside the weights, which it shares. A runtime that has opened it
    needs it no longer.
    """
    path = graph.with_name(f".{graph.name}.changed")
    try:
        onnx.save_model(model, path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def first_diverged(
    graph: Path,
    reference: Reference,
    tokens: Sequence[int],
    feeds: Mapping[str, npt.NDArray[Any]] | None = None,
) -> str:
    """`layer 3 of 24`, `the embedding` or `the head`: where the difference begins.

    `graph` runs `tokens` as one prompt; `reference` is what it should compute. `feeds`: inputs
    besides those every graph has.
    """
    decoder = reference.decoder
    states = _engine_states(graph, decoder, tokens, feeds or {})
    expected = reference.embed([tokens])[0]
    if _differs(states[0], expected):
        return "the embedding"
    count = len(decoder.layers)
    for number in range(count):
        expected = reference.block(number).forward(expected)
        if _differs(states[number + 1], expected):
            return f"layer {number + 1} of {count}"
    return "the head"


def _differs(found: Float32, expected: Float32) -> bool:
    error = float(np.linalg.norm(found - expected))
    # not "error > limit": a difference that is not a number counts too
    return not error <= _DIVERGED * float(np.linalg.norm(expected))


def _engine_states(
    graph: Path, decoder: Decoder, tokens: Sequence[int], more: Mapping[str, npt.NDArray[Any]]
) -> list[Float32]:
    """The residual stream before the first layer and after each, [tokens, hidden size]."""
    model = unrounded(graph)
    first = next(node for node in model.graph.node if node.op_type.endswith("LayerNormalization"))
    count = len(decoder.layers)
    names = [first.input[0]]
    names += [f"layers.{number}.attention_norm.residual" for number in range(1, count)]
    names.append("norm.residual")
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    with beside(graph, model) as path:
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    length = len(tokens)
    cache = np.zeros((1, decoder.num_key_value_heads, length, decoder.head_dim), np.float32)
    feeds = {
        **more,
        "input_ids": np.array([tokens], np.int64),
        "positions": np.zeros((1, 1, 1), np.int64),
        "seqlens_k": np.array([length - 1], np.int32),
        "total_sequence_length": np.array(length, np.int32),
    }
    for number in range(count):
        feeds |= {f"past_{what}_{number}": cache for what in ("key", "value")}
    return [np.asarray(state)[0] for state in session.run(names, feeds)]
