"""Measures a built encoder against its float32 reference, and decides whether it may be published.

Knows hidden states and vectors; never how an engine was made or where it goes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from smysl_build_engines.diagnose import beside, unrounded
from smysl_build_engines.encoder import Encoder, parts_of
from smysl_build_engines.encoder_reference import EncoderReference
from smysl_build_engines.errors import VerificationFailed
from smysl_build_engines.quantise import Precision
from smysl_build_engines.stored import Rounded, check_rounding
from smysl_build_engines.tensors import Float32, Tensors
from smysl_build_engines.verify import judge
from smysl_engines.encoder import EncoderModel, pooled
from smysl_engines.manifest import Pooling, Verification

TEXT_LENGTHS = (1, 2, 5, 9, 16, 23, 48, 64)
_DIVERGED = 0.005
"""Relative, of the states after a layer: beyond what the order of sums explains."""


def verify_encoder(
    graph: Path,
    encoder: Encoder,
    weights: Tensors,
    pooling: Pooling,
    context: int,
    precision: Precision,
) -> Verification:
    """Run texts of different lengths, padded together and the longest alone, and compare every hidden
    state. Raises `VerificationFailed`.
    """
    random = np.random.default_rng(20261124)
    lengths = [min(length, context) for length in TEXT_LENGTHS]
    texts = [random.integers(0, encoder.vocab_size, length).tolist() for length in lengths]
    texts.append(texts[-1])
    measured = _run(EncoderModel(graph), texts)
    stored = _as_stored(graph, encoder, weights)
    expected = EncoderReference(encoder, stored).states(texts)
    # an fp32 engine holds the checkpoint's own weights
    rounded = stored is not weights
    original = EncoderReference(encoder, weights).states(texts) if rounded else expected
    result = _compare(measured, expected, original, pooling)
    if rounded:
        with beside(graph, unrounded(graph)) as path:
            exact = _run(EncoderModel(path), texts)
        difference = _compare(exact, expected, original, pooling).relative_difference
        result = msgspec.structs.replace(result, exact_difference=difference)
    if failure := judge(result, precision, "a hidden state", "hidden states"):
        where = _first_diverged(graph, EncoderReference(encoder, stored), texts[-1])
        raise VerificationFailed(
            f"the built {precision} encoder is {failure}, beginning with {where}. Nothing was "
            "published. Check the checkpoint for values that are not finite; otherwise this is a "
            "bug of the build or the runtime: please report it."
        )
    return result


def _run(model: EncoderModel, texts: Sequence[Sequence[int]]) -> list[Float32]:
    """Hidden states of each text: all but the last one in one batch, the last one alone."""
    *together, alone = texts
    states = [*model.states(together), model.states([alone])[0]]
    return [state[: len(text)] for state, text in zip(states, texts, strict=True)]


def _compare(
    measured: Sequence[Float32],
    expected: Sequence[Float32],
    original: Sequence[Float32],
    pooling: Pooling,
) -> Verification:
    """Hidden states of the engine, of its stored weights and of the checkpoint; the last text is the
    one before once more."""
    difference = np.concatenate(measured) - np.concatenate(expected)
    size = np.concatenate(expected)
    engine, stored, checkpoint = (
        np.concatenate([pooled(text[None], [len(text)], pooling) for text in states[:-1]])
        for states in (measured, expected, original)
    )
    nearest = _nearest(engine)
    return Verification(
        positions=len(difference),
        max_difference=float(np.abs(difference).max()),
        relative_difference=float(np.sqrt((difference**2).mean() / (size**2).mean())),
        greedy_agreement=float((nearest == _nearest(stored)).mean()),
        # of equal vectors it is 0, which rounding may miss on either side
        drift_divergence=max(0.0, float(1 - (engine * checkpoint).sum(axis=1).mean())),
        drift_greedy_agreement=float((nearest == _nearest(checkpoint)).mean()),
    )


def _nearest(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Of each text, the other one with the largest cosine."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return np.asarray(cosines.argmax(axis=1), np.intp)


def _first_diverged(graph: Path, reference: EncoderReference, text: Sequence[int]) -> str:
    """`layer 3 of 6` or `the embedding`: where the difference begins."""
    encoder = reference.encoder
    count = encoder.num_hidden_layers
    model = unrounded(graph)
    names = ["embedding_norm.out", *(f"layers.{n}.mlp_norm.out" for n in range(count - 1))]
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    with beside(graph, model) as path:
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds: dict[str, Any] = {
        "input_ids": np.array([text], np.int64),
        "lengths": np.array([len(text)], np.int32),
    }
    found = [np.asarray(state)[0] for state in session.run([*names, "hidden"], feeds)]
    expected = reference.embed([text])[0]
    if _differs(found[0], expected):
        return "the embedding"
    for number in range(count):
        expected = reference.block(number).forward(expected)
        if _differs(found[number + 1], expected):
            return f"layer {number + 1} of {count}"
    return "padded texts"


def _differs(found: Float32, expected: Float32) -> bool:
    error = float(np.linalg.norm(found - expected))
    # not "error > limit": a difference that is not a number counts too
    return not error <= _DIVERGED * float(np.linalg.norm(expected))


def _as_stored(graph: Path, encoder: Encoder, weights: Tensors) -> Tensors:
    """What is rounded is read from the engine, everything else comes from the checkpoint."""
    rounded = Rounded(graph.parent, onnx.load(graph, load_external_data=False))
    return _StoredWeights(encoder, weights, rounded) if rounded.names else weights


class _StoredWeights(Tensors):
    def __init__(self, encoder: Encoder, weights: Tensors, rounded: Rounded) -> None:
        self._weights = weights
        self._rounded = rounded
        self._homes: dict[str, tuple[str, int]] = {}
        """Tensor -> its product and its first row there."""
        for product in encoder.products():
            if product not in rounded.names:
                raise VerificationFailed(
                    f"the engine has no rounded product {product!r}: another version of smysl "
                    "built it. Build it again with --force."
                )
            at = 0
            for part in parts_of(product):
                self._homes[f"{part}.weight"] = product, at
                at += weights.shape(f"{part}.weight")[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._weights.shape(name)

    def rows(self, name: str, start: int, stop: int) -> Float32:
        original = self._weights.rows(name, start, stop)
        if name == "words.weight":
            return original.astype(np.float16).astype(np.float32)
        if name not in self._homes:
            return original
        product, first = self._homes[name]
        found = self._rounded.weight(product)[first + start : first + stop]
        check_rounding(name, found, original)
        return found
