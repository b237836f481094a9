"""Measures an artefact on greedy continuations of fixed prompts, and decides whether it may be
published.

The float32 reference reads each prompt with what the artefact wrote after it, so that one different
token does not make all later ones different. Knows tokens and logits; never the library.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadCheckpoint, VerificationFailed
from smysl_build_engines.reference import Reference
from smysl_build_engines.report import log_softmax
from smysl_build_engines.tensorrt_llm.errors import ToolkitFailed
from smysl_build_engines.tensorrt_llm.jobs import Continued
from smysl_build_engines.tensors import Float32, Tensors
from smysl_engines.manifest import Verification
from smysl_engines.tensorrt_llm.artefact import Parity, Precision

PROMPTS = (
    "The capital of France is",
    "Two trains leave at the same time and",
    "def add(a, b):\n    return",
    "Water boils at 100 degrees because",
    "If all cats are animals, then some animals",
    "12 + 30 =",
    "The opposite of hot is",
    "Once upon a time there was a small",
)
DEFAULT_PROMPTS = 4
PROMPT_TOKENS = 24
"""Longer ones are cut: some tokenizers write a byte a token."""
GENERATED = 16
"""Tokens after each prompt."""
MIN_AGREEMENT: dict[Precision, float] = {"bf16": 0.9, "fp8": 0.8, "nvfp4": 0.6}
MAX_DRIFT: dict[Precision, float] = {"bf16": 0.1, "fp8": 0.25, "nvfp4": 0.75}
"""Of the logarithm of the perplexity. A product that is computed wrongly is far beyond both: what it
writes is unlikely to the reference and likely to itself. Chosen, not yet measured on a card."""


class Measured(msgspec.Struct, frozen=True):
    parity: Parity
    largest: float
    """Difference of a generated token's log-probability."""
    squares: float
    """Mean square of these differences."""
    spread: float
    """Root mean square of the reference's centred logits."""
    divergence: float
    """Mean difference, artefact less reference: near 0 where they agree."""


def read_prompts(count: int, tokenizer: Path, vocabulary: int) -> tuple[tuple[int, ...], ...]:
    """Token ids. Raises `BadCheckpoint` for a tokenizer that cannot be used."""
    # a compiled library that only this step needs
    from tokenizers import Tokenizer

    try:
        encode = Tokenizer.from_file(str(tokenizer)).encode
    except Exception as error:
        raise BadCheckpoint(f"{tokenizer} is no tokenizer: {error}") from error
    found = [tuple(encode(text).ids[:PROMPT_TOKENS]) for text in PROMPTS[:count]]
    for prompt in found:
        if not prompt or max(prompt) >= vocabulary:
            raise BadCheckpoint(
                f"{tokenizer} gives the tokens {prompt}; config.json has {vocabulary} tokens"
            )
    return tuple(found)


def measure(
    decoder: Decoder,
    weights: Tensors,
    prompts: Sequence[Sequence[int]],
    continued: Sequence[Continued],
) -> Measured:
    """`weights`: of the 16-bit checkpoint, with the adapter merged where there is one. They are read
    once. Raises `ToolkitFailed` for continuations that cannot be."""
    _check(decoder, prompts, continued)
    texts = [[*prompt, *each.tokens[:-1]] for prompt, each in zip(prompts, continued, strict=True)]
    outputs = Reference(decoder, weights).forward_all(texts)
    agreeing: list[int] = []
    firsts: list[int] = []
    before: list[float] = []
    after: list[float] = []
    squares: list[float] = []
    for prompt, each, output in zip(prompts, continued, outputs, strict=True):
        logits = output.logits[len(prompt) - 1 :]
        same = logits.argmax(axis=1) == np.asarray(each.tokens)
        agreeing += same.tolist()
        firsts += [int(np.argmin(same))] if not same.all() else []
        likely = log_softmax(logits)
        before += likely[np.arange(len(each.tokens)), list(each.tokens)].tolist()
        after += each.logprobs
        squares.append(_spread(logits))
    differences = np.asarray(after) - np.asarray(before)
    parity = Parity(
        prompts=len(prompts),
        tokens=len(agreeing),
        greedy_agreement=sum(agreeing) / len(agreeing),
        first_difference=min(firsts, default=None),
        perplexity_reference=float(np.exp(-np.mean(before))),
        perplexity_artefact=float(np.exp(-np.mean(after))),
    )
    return Measured(
        parity,
        float(np.abs(differences).max()),
        float((differences**2).mean()),
        float(np.sqrt(np.mean(squares))),
        float(differences.mean()),
    )


def judge(name: str, found: Measured, precision: Precision) -> None:
    """Raises `VerificationFailed`. `name`: of what was measured, for the error."""
    parity = found.parity
    least, most = MIN_AGREEMENT[precision], MAX_DRIFT[precision]
    ratio = parity.perplexity_artefact / parity.perplexity_reference
    drift = abs(float(np.log(ratio))) if ratio > 0 else float("nan")
    # not "drift > most": what is not a number fails too
    if parity.greedy_agreement >= least and drift <= most:
        return
    raise VerificationFailed(
        f"{name} at {precision} is not the model that was built: {100 * parity.greedy_agreement:.0f} % "
        f"of {parity.tokens} greedy tokens are the reference's (at least {100 * least:.0f} % are "
        f"demanded), perplexity {parity.perplexity_artefact:.3g} by its own and "
        f"{parity.perplexity_reference:.3g} by the reference's probabilities (a factor of "
        f"{np.exp(most):.2f} is allowed). Nothing was published. Build it with --precision bf16 to see "
        "whether the format is the reason; some cards and versions compute nvfp4 products wrongly "
        "(docs/build.md)."
    )


def verification(found: Measured | None) -> Verification:
    """As a manifest has it: differences are those of generated tokens' log-probabilities. Nothing
    compared is no position."""
    if found is None:
        return Verification(
            positions=0,
            max_difference=0.0,
            relative_difference=0.0,
            greedy_agreement=0.0,
            drift_divergence=0.0,
            drift_greedy_agreement=0.0,
        )
    return Verification(
        positions=found.parity.tokens,
        max_difference=found.largest,
        relative_difference=float(np.sqrt(found.squares)) / found.spread,
        greedy_agreement=found.parity.greedy_agreement,
        drift_divergence=max(0.0, found.divergence),
        drift_greedy_agreement=found.parity.greedy_agreement,
    )


def _spread(logits: Float32) -> float:
    centred = logits - logits.mean(axis=1, keepdims=True)
    return float((centred**2).mean())


def _check(
    decoder: Decoder, prompts: Sequence[Sequence[int]], continued: Sequence[Continued]
) -> None:
    if len(continued) != len(prompts):
        raise ToolkitFailed(
            f"{len(continued)} continuations came for {len(prompts)} prompts. Nothing was published."
        )
    for each in continued:
        wrong = [token for token in each.tokens if not 0 <= token < decoder.vocab_size]
        if not each.tokens or wrong:
            raise ToolkitFailed(
                f"a prompt was continued with the tokens {list(each.tokens)}; the model has the ids 0 "
                f"to {decoder.vocab_size - 1} and {GENERATED} of them were asked. Nothing was "
                "published."
            )
