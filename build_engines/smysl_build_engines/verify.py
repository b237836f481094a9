"""Measures a built engine against the float32 reference, and decides whether it may be published.

Knows logits; never how an engine was made or where it goes.
"""

from pathlib import Path

import msgspec
import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.diagnose import beside, first_diverged, unrounded
from smysl_build_engines.errors import VerificationFailed
from smysl_build_engines.quantise import Precision
from smysl_build_engines.reference import Reference
from smysl_build_engines.report import log_softmax
from smysl_build_engines.stored import as_stored
from smysl_build_engines.tensors import Float32, Tensors
from smysl_engines.manifest import Architecture, Verification
from smysl_engines.onnx import OnnxModel

PROMPT_LENGTHS = (5, 23, 48)
DECODING_STEPS = 8
MAX_FP32_DIFFERENCE = 1e-3
"""Absolute, of any logit. The same sums in another order differ by about 1e-4 at most."""
MAX_EXACT_DIFFERENCE = 2e-3
"""Relative, of a quantised graph whose activations stay float32."""
MAX_ROUNDED_DIFFERENCE = 0.5
"""Relative, of a quantised engine as it runs: rounding activations to int8 costs 1 to 5 % in few
layers, more in many; a wrong product is beyond 1.
"""


def verify(
    graph: Path,
    architecture: Architecture,
    decoder: Decoder,
    weights: Tensors,
    precision: Precision,
) -> Verification:
    """Run prompts through prefill and decoding and compare every logit.
    Raises `VerificationFailed`.
    """
    room = architecture.context - DECODING_STEPS
    if room < 2:
        raise VerificationFailed(
            f"a context of {architecture.context} is too small to verify; "
            f"at least {DECODING_STEPS + 2} are needed"
        )
    lengths = [min(length, room) for length in PROMPT_LENGTHS]
    random = np.random.default_rng(20261123)
    texts = [random.integers(0, decoder.vocab_size, n + DECODING_STEPS).tolist() for n in lengths]
    opened = OnnxModel(graph, architecture, rows=len(texts), wide=False)
    measured = run_engine(opened, texts)
    embedded = opened.hidden(texts[-1])
    del opened
    stored = as_stored(graph, decoder, weights)
    outputs = Reference(stored.decoder, stored.weights).forward_all(texts)
    expected = np.concatenate([output.logits for output in outputs])
    # an fp32 engine holds the checkpoint's own weights
    rounded = stored.weights is not weights
    original = _logits(Reference(decoder, weights), texts) if rounded else expected
    result = compare(measured, expected, original)
    if rounded:
        with beside(graph, unrounded(graph)) as path:
            opened = OnnxModel(path, architecture, rows=len(texts), wide=False)
        exact = run_engine(opened, texts)
        embedded = opened.hidden(texts[-1])
        del opened
        difference = compare(exact, expected, original).relative_difference
        result = msgspec.structs.replace(result, exact_difference=difference)
    states = outputs[-1].hidden
    off = float(np.linalg.norm(embedded - states) / (np.linalg.norm(states) or 1.0))
    result = msgspec.structs.replace(result, embedding_difference=off)
    if failure := judge(result, precision):
        where = first_diverged(graph, Reference(stored.decoder, stored.weights), texts[-1])
        raise VerificationFailed(
            f"the built {precision} engine is {failure}, beginning with {where}. Nothing was "
            "published. Check the checkpoint for values that are not finite; otherwise this is a "
            "bug of the build or the runtime: please report it."
        )
    return result


def _logits(reference: Reference, texts: list[list[int]]) -> Float32:
    return np.concatenate([output.logits for output in reference.forward_all(texts)])


def run_engine(model: OnnxModel, texts: list[list[int]]) -> Float32:
    """Logits after every token, [all tokens, vocabulary]: prefill in two chunks,
    then rows decode together.
    """
    logits: list[list[Float32]] = []
    for row, text in enumerate(texts):
        prompt = text[:-DECODING_STEPS]
        half = len(prompt) // 2
        first = model.extend(row, prompt[:half], 0, range(half))
        rest = model.extend(row, prompt[half:], half, range(len(prompt) - half))
        logits.append([*first, *rest])
    for step in range(-DECODING_STEPS, 0):
        decoded = model.decode([t[step] for t in texts], [len(t) + step for t in texts])
        for row, line in enumerate(decoded):
            logits[row].append(line.copy())
    return np.stack([line for row in logits for line in row])


def compare(measured: Float32, expected: Float32, original: Float32) -> Verification:
    """All are [positions, vocabulary]: the engine, its stored weights and the checkpoint."""
    difference = measured - expected
    centred = expected - expected.mean(axis=1, keepdims=True)
    engine, checkpoint = log_softmax(measured), log_softmax(original)
    divergence = (np.exp(checkpoint) * (checkpoint - engine)).sum(axis=1).mean()
    return Verification(
        positions=len(measured),
        max_difference=float(np.abs(difference).max()),
        relative_difference=float(np.sqrt((difference**2).mean() / (centred**2).mean())),
        greedy_agreement=_agreement(measured, expected),
        # of equal distributions it is 0, which rounding may miss on either side
        drift_divergence=max(0.0, float(divergence)),
        drift_greedy_agreement=_agreement(measured, original),
    )


def judge(
    result: Verification, precision: Precision, one: str = "a logit", several: str = "the logits"
) -> str | None:
    """What is wrong, if anything is; `one`, `several`: of what was compared."""
    if precision == "fp32":
        checks = [(one, result.max_difference, MAX_FP32_DIFFERENCE)]
    else:
        exact = float("nan") if result.exact_difference is None else result.exact_difference
        checks = [
            (f"{several} without rounded activations", exact, MAX_EXACT_DIFFERENCE),
            (several, result.relative_difference, MAX_ROUNDED_DIFFERENCE),
        ]
    if result.embedding_difference is not None:
        what = "the states of embeddings"
        checks.append((what, result.embedding_difference, MAX_EXACT_DIFFERENCE))
    for what, value, limit in checks:
        # not "value > limit": a difference that is not a number fails too
        if not value <= limit:
            return f"{value:.3g} off the reference in {what} (the limit is {limit:g})"
    return None


def _agreement(first: Float32, second: Float32) -> float:
    return float((first.argmax(axis=1) == second.argmax(axis=1)).mean())
