"""Text of the kind a model is for, as token ids: what rounding is fitted to and measured on.

Knows lines and the tokenizer's file; never a weight.
"""

from pathlib import Path

import msgspec

from smysl_build_engines.errors import BadCheckpoint, BadRequest

SAMPLE_TOKENS = 256
"""Longer lines are cut."""
MAX_TOKENS = 16_384
"""Of all samples; the lines beyond are left out."""
HELD_OUT = 4
"""Every fourth sample is measured on and never fitted to."""
GENERAL_TEXT = Path(__file__).with_name("general.txt")
"""Lines of several kinds and languages, written for this: enough to see what rounding to nearest
costs, too few to fit to."""


class Calibration(msgspec.Struct, frozen=True):
    fitted: list[list[int]]
    held_out: list[list[int]]

    @property
    def all(self) -> list[list[int]]:
        return [*self.fitted, *self.held_out]


def read_calibration(text: Path, tokenizer: Path, vocabulary: int, context: int) -> Calibration:
    """One sample a line, empty lines left out.

    Raises `BadRequest` for a text that cannot be used, `BadCheckpoint` for a tokenizer that cannot.
    """
    # a compiled library that only this step needs
    from tokenizers import Tokenizer

    try:
        encode = Tokenizer.from_file(str(tokenizer)).encode
    except Exception as error:
        raise BadCheckpoint(f"{tokenizer} is no tokenizer: {error}") from error
    try:
        lines = text.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"the calibration text {text} cannot be read: {error}") from error
    samples, total = [], 0
    for line in lines:
        ids = encode(line).ids[: min(SAMPLE_TOKENS, context)]
        if len(ids) < 2:
            continue
        if max(ids) >= vocabulary:
            raise BadCheckpoint(
                f"{tokenizer} gives the token {max(ids)}; config.json has {vocabulary} tokens"
            )
        samples.append(ids)
        total += len(ids)
        if total >= MAX_TOKENS:
            break
    if len(samples) < HELD_OUT:
        raise BadRequest(
            f"the calibration text {text} has {len(samples)} lines of at least two tokens; "
            f"{HELD_OUT} are needed, some hundreds are good"
        )
    held_out = samples[HELD_OUT - 1 :: HELD_OUT]
    fitted = [sample for at, sample in enumerate(samples) if (at + 1) % HELD_OUT]
    return Calibration(fitted, held_out)
