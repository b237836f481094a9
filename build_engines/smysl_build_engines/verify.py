"""Measures a built engine against the float32 reference, and decides whether it may be published.

Knows logits; never how an engine was made or where it goes.
"""

from pathlib import Path

import numpy as np

from smysl_build_engines.checkpoint import LlamaConfig, Weights
from smysl_build_engines.errors import VerificationFailed
from smysl_build_engines.graph import as_stored
from smysl_build_engines.quantise import Float32, Precision
from smysl_build_engines.reference import Reference
from smysl_engines.manifest import Architecture, Verification
from smysl_engines.onnx import OnnxModel

PROMPT_LENGTHS = (5, 23, 48)
DECODING_STEPS = 8
MAX_FP32_DIFFERENCE = 1e-3
"""Absolute, of any logit. The same sums in another order differ by about 1e-4 at most."""
MAX_QUANTISED_DIFFERENCE = 0.05
"""Relative. The runtime also rounds activations to int8, which
costs 1 to 2 %; a wrong graph is at 100 %.
"""


def verify(
    graph: Path,
    architecture: Architecture,
    config: LlamaConfig,
    weights: Weights,
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
    texts = [random.integers(0, config.vocab_size, n + DECODING_STEPS).tolist() for n in lengths]
    measured = run_engine(OnnxModel(graph, architecture, rows=len(texts)), texts)
    stored = Reference(*as_stored(config, weights, precision))
    expected = np.concatenate([stored.forward(text).logits for text in texts])
    del stored
    checkpoint = Reference(config, weights)
    original = np.concatenate([checkpoint.forward(text).logits for text in texts])
    result = compare(measured, expected, original)
    _judge(result, precision)
    return result


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
    engine, checkpoint = _log_softmax(measured), _log_softmax(original)
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


def _judge(result: Verification, precision: Precision) -> None:
    if precision == "fp32":
        value, limit, what = result.max_difference, MAX_FP32_DIFFERENCE, "a logit"
    else:
        value, limit, what = result.relative_difference, MAX_QUANTISED_DIFFERENCE, "the logits"
    # not "value > limit": a difference that is not a number fails too
    if not value <= limit:
        raise VerificationFailed(
            f"the built {precision} engine is {value:.3g} off the reference in {what}; the "
            f"limit is {limit:g}. Nothing was published. Check the checkpoint for values that are "
            "not finite; otherwise this is a bug of the build or the runtime: please report it."
        )


def _agreement(first: Float32, second: Float32) -> float:
    return float((first.argmax(axis=1) == second.argmax(axis=1)).mean())


def _log_softmax(logits: Float32) -> Float32:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float32)
