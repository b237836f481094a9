"""Adds the graph for passes of many tokens to an engine's folder and proves it.

Knows the order of these steps; the graph is `wide_graph`'s.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import VerificationFailed
from smysl_build_engines.reference import Reference
from smysl_build_engines.report import measure
from smysl_build_engines.tensors import Tensors
from smysl_build_engines.verify import MAX_ROUNDED_DIFFERENCE, compare
from smysl_build_engines.wide_graph import write_wide
from smysl_engines.manifest import Architecture, WideReport
from smysl_engines.onnx_model import GRAPH_FILE, WIDE_TOKENS, OnnxModel, wide_rows

LENGTHS = (WIDE_TOKENS, 2 * WIDE_TOKENS + 1)
"""Of the random prompts, each computed in one pass."""


def require_wide(rows: int | None) -> None:
    """`rows`: `wide_rows` of this machine. Raises `VerificationFailed` where no wide graph can be measured."""
    if rows is None:
        raise VerificationFailed(
            "a wide graph cannot be measured here: this processor has no VNNI, without which its int8 "
            "products overflow. Nothing was published. Build without the wide graph, or on a machine "
            "that has it."
        )


def add_wide(
    folder: Path,
    architecture: Architecture,
    decoder: Decoder,
    weights: Tensors,
    held_out: Sequence[Sequence[int]],
) -> WideReport:
    """Write graph and weights beside those that are there, and measure them, also on texts.
    Raises `VerificationFailed`.
    """
    if architecture.context < WIDE_TOKENS:
        raise VerificationFailed(
            f"a context of {architecture.context} never has a pass of {WIDE_TOKENS} tokens; build "
            "without the wide graph"
        )
    write_wide(decoder, weights, folder)
    return verify_wide(folder, architecture, decoder, weights, held_out)


def verify_wide(
    folder: Path,
    architecture: Architecture,
    decoder: Decoder,
    weights: Tensors,
    held_out: Sequence[Sequence[int]] = (),
) -> WideReport:
    """Measure a wide graph that is there. Raises `VerificationFailed`."""
    require_wide(wide_rows())
    random = np.random.default_rng(20261125)
    texts = [
        random.integers(0, decoder.vocab_size, min(length, architecture.context)).tolist()
        for length in LENGTHS
    ]
    model = OnnxModel(folder / GRAPH_FILE, architecture, rows=len(texts))
    rows = [model.extend(row, text, 0, range(len(text))) for row, text in enumerate(texts)]
    del model
    measured = np.concatenate(rows)
    expected = np.concatenate(
        [output.logits for output in Reference(decoder, weights).forward_all(texts)]
    )
    found = compare(measured, expected, expected)
    # not "value > limit": a difference that is not a number fails too
    if not found.relative_difference <= MAX_ROUNDED_DIFFERENCE:
        raise VerificationFailed(
            f"the wide graph is {found.relative_difference:.3g} off the reference in the logits (the "
            f"limit is {MAX_ROUNDED_DIFFERENCE:g}). Nothing was published. Inputs of this model may "
            "be too uneven for one scale a token: build without the wide graph."
        )
    text = None
    if held_out:
        text = measure(folder / GRAPH_FILE, architecture, decoder, weights, held_out, wide=True)
    return WideReport(
        relative_difference=found.relative_difference,
        greedy_agreement=found.greedy_agreement,
        text=text,
    )
