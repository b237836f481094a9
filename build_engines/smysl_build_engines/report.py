"""Measures on real text what rounding changed: divergence, agreement and perplexity.

Knows logits and texts; judges nothing: whether a change matters is for an evaluation to say.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.reference import Reference
from smysl_build_engines.tensors import Float32, Tensors
from smysl_engines.manifest import Architecture, TextReport
from smysl_engines.onnx import OnnxModel


class Sums(msgspec.Struct):
    """Over all predictions so far."""

    tokens: int = 0
    divergence: float = 0.0
    agreeing: int = 0
    surprise_before: float = 0.0
    """Negative log-likelihood of the text under the checkpoint, in nats."""
    surprise_after: float = 0.0

    def add(self, text: Sequence[int], before: Float32, after: Float32) -> None:
        """`before`, `after`: logits [len(text), vocabulary] of checkpoint and engine."""
        following = np.asarray(text[1:])
        first, second = log_softmax(before[:-1]), log_softmax(after[:-1])
        at = np.arange(len(following))
        self.tokens += len(following)
        self.divergence += float((np.exp(first) * (first - second)).sum())
        self.agreeing += int((first.argmax(axis=1) == second.argmax(axis=1)).sum())
        self.surprise_before -= float(first[at, following].sum())
        self.surprise_after -= float(second[at, following].sum())

    def report(self) -> TextReport:
        return TextReport(
            tokens=self.tokens,
            divergence=max(0.0, self.divergence / self.tokens),
            greedy_agreement=self.agreeing / self.tokens,
            perplexity_before=float(np.exp(self.surprise_before / self.tokens)),
            perplexity_after=float(np.exp(self.surprise_after / self.tokens)),
        )


def measure(
    graph: Path,
    architecture: Architecture,
    decoder: Decoder,
    weights: Tensors,
    texts: Sequence[Sequence[int]],
    *,
    wide: bool = False,
) -> TextReport:
    """Run every text of at least two tokens through the engine and the checkpoint in float32.
    `wide`: through the graph for many tokens, texts that are long enough for it.
    """
    reference, sums = Reference(decoder, weights), Sums()
    engine = OnnxModel(graph, architecture, rows=1, wide=wide)
    outputs = reference.finished(reference.states(texts))
    for text, before in zip(texts, outputs, strict=True):
        after = engine.extend(0, text, 0, range(len(text)))
        sums.add(text, before.logits, after)
    return sums.report()


def log_softmax(logits: Float32) -> Float32:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float32)
