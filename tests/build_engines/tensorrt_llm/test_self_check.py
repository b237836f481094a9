"""What is measured of continuations, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_build_engines.checkpoint import Checkpoint, open_checkpoint
from smysl_build_engines.errors import BadCheckpoint, VerificationFailed
from smysl_build_engines.reference import Reference
from smysl_build_engines.report import log_softmax
from smysl_build_engines.tensorrt_llm.errors import ToolkitFailed
from smysl_build_engines.tensorrt_llm.jobs import Continued
from smysl_build_engines.tensorrt_llm.self_check import (
    MAX_DRIFT,
    MIN_AGREEMENT,
    PROMPT_TOKENS,
    PROMPTS,
    Measured,
    judge,
    measure,
    read_prompts,
    verification,
)
from smysl_engines.tensorrt_llm.artefact import Parity, Precision

PROMPT = (5, 9, 40)


@pytest.fixture(scope="module")
def checkpoint(model: Path) -> Checkpoint:
    return open_checkpoint(model)


def continued(checkpoint: Checkpoint, *, other_at: int | None = None, count: int = 6) -> Continued:
    """Greedy, but for one place where the second likeliest token stands."""
    reference = Reference(checkpoint.config, checkpoint.weights)
    tokens: list[int] = []
    logprobs: list[float] = []
    for step in range(count):
        line = log_softmax(reference.forward([*PROMPT, *tokens]).logits[-1:])[0]
        token = int(np.argsort(line)[-2 if step == other_at else -1])
        tokens.append(token)
        logprobs.append(float(line[token]))
    return Continued(tuple(tokens), tuple(logprobs))


def measured(checkpoint: Checkpoint, *texts: Continued) -> Measured:
    prompts = [PROMPT] * len(texts)
    return measure(checkpoint.config, checkpoint.weights, prompts, texts)


def test_the_reference_s_own_continuation_agrees_and_has_no_drift(checkpoint: Checkpoint) -> None:
    found = measured(checkpoint, continued(checkpoint))
    assert (found.parity.greedy_agreement, found.parity.first_difference) == (1.0, None)
    assert found.parity.drift == pytest.approx(0, abs=1e-5)
    assert found.largest < 1e-4


def test_one_other_token_counts_once_because_the_reference_reads_what_was_written(
    checkpoint: Checkpoint,
) -> None:
    found = measured(checkpoint, continued(checkpoint), continued(checkpoint, other_at=2))
    assert found.parity.greedy_agreement == 11 / 12
    assert (found.parity.tokens, found.parity.first_difference) == (12, 2)


def test_other_probabilities_of_the_same_tokens_are_drift(checkpoint: Checkpoint) -> None:
    said = continued(checkpoint)
    surer = Continued(said.tokens, tuple(each + 0.25 for each in said.logprobs))
    found = measured(checkpoint, surer)
    assert found.parity.greedy_agreement == 1.0
    assert found.parity.perplexity_artefact == pytest.approx(
        found.parity.perplexity_reference * np.exp(-0.25)
    )
    kept = verification(found)
    assert kept.max_difference == pytest.approx(0.25, abs=1e-4)
    assert kept.drift_divergence == pytest.approx(0.25, abs=1e-4)
    assert (kept.positions, kept.greedy_agreement) == (6, 1.0)


@pytest.mark.parametrize("tokens", [(), (300,), (-1,)])
def test_continuations_that_cannot_be_are_refused(
    tokens: tuple[int, ...], checkpoint: Checkpoint
) -> None:
    with pytest.raises(ToolkitFailed, match="was continued with the tokens"):
        measured(checkpoint, Continued(tokens, (0.0,) * len(tokens)))
    with pytest.raises(ToolkitFailed, match="0 continuations came for 1"):
        measure(checkpoint.config, checkpoint.weights, [PROMPT], [])


def with_figures(agreement: float, artefact: float, reference: float) -> Measured:
    parity = Parity(
        prompts=1,
        tokens=16,
        greedy_agreement=agreement,
        first_difference=None,
        perplexity_reference=reference,
        perplexity_artefact=artefact,
    )
    return Measured(parity, 0.0, 0.0, 1.0, 0.0)


@given(
    precision=st.sampled_from(["bf16", "fp8", "nvfp4"]),
    agreement=st.floats(0, 1),
    drift=st.floats(-3, 3),
    reference=st.floats(1, 1000),
)
def test_only_what_keeps_both_limits_is_published(
    precision: Precision, agreement: float, drift: float, reference: float
) -> None:
    found = with_figures(agreement, reference * float(np.exp(drift)), reference)
    log_ratio = abs(np.log(found.parity.perplexity_artefact / reference))
    if agreement >= MIN_AGREEMENT[precision] and log_ratio <= MAX_DRIFT[precision]:
        judge("x", found, precision)
        return
    with pytest.raises(VerificationFailed, match="Nothing was published"):
        judge("x", found, precision)


@pytest.mark.parametrize("artefact", [float("nan"), float("inf"), 0.0])
def test_what_is_no_number_is_refused(artefact: float) -> None:
    with pytest.raises(VerificationFailed):
        judge("x", with_figures(1.0, artefact, 2.0), "nvfp4")


def test_nothing_compared_is_no_position() -> None:
    assert verification(None).positions == 0


def test_prompts_are_token_ids_of_the_artefact_s_tokenizer(model: Path) -> None:
    found = read_prompts(len(PROMPTS), model / "tokenizer.json", 300)
    assert len(found) == len(PROMPTS) == len(set(found))
    assert all(0 < len(prompt) <= PROMPT_TOKENS for prompt in found)
    with pytest.raises(BadCheckpoint, match="config.json has 10 tokens"):
        read_prompts(1, model / "tokenizer.json", 10)
    with pytest.raises(BadCheckpoint, match="is no tokenizer"):
        read_prompts(1, model / "config.json", 300)
