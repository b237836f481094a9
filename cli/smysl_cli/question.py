"""Reads what a person asks: words, standard input and option values, checked before anything else.

Knows text and JSON; never the daemon.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import msgspec

from smysl_cli.diagnostics import UsageError

INPUT_LIMIT = 4 * 1024 * 1024
"""Most bytes read from standard input: no more fits a message to the daemon."""
SEED_LIMIT = 2**63
"""No engine takes this seed or one above it."""
RECALL_LIMIT = 20
"""Most memories that fall into one question."""


def read_piped(stream: BinaryIO) -> str:
    """All of standard input as text. Raises `UsageError` for what is no text, or too much."""
    data = stream.read(INPUT_LIMIT + 1)
    if len(data) > INPUT_LIMIT:
        raise UsageError(
            f"standard input has more than {INPUT_LIMIT:,} bytes, the limit; pipe a part of it"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"standard input is not UTF-8 text (byte 0x{data[error.start]:02x} at position "
            f"{error.start}); smysl reads text only"
        ) from None
    if "\0" in text:
        raise UsageError(
            f"standard input is not text (a NUL byte at position {text.index(chr(0))}); "
            "smysl reads text only"
        )
    return text


def question_and_context(words: Sequence[str], piped: str | None) -> tuple[str, str]:
    """Words are the question and standard input its context; without words, standard input is
    the question. Raises `UsageError` when there is no question."""
    question = " ".join(words).strip()
    context = (piped or "").strip()
    if not words:
        question, context = context, ""
    if not question:
        where = "standard input is empty" if piped is not None and not words else "it has no text"
        raise UsageError(f'the question is empty ({where}); try: smysl "What is 3 * (4 + 5)?"')
    try:
        question.encode()
    except UnicodeEncodeError:
        raise UsageError("the question is not UTF-8 text; check the terminal's encoding") from None
    return question, context


def option_values(pairs: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` with JSON values. Raises `UsageError` naming the key and the value."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"option {pair!r} has no value; write -o KEY VALUE")
        try:
            values[key] = msgspec.json.decode(text.encode(errors="surrogateescape"))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UsageError(
                f"option {key}: {text[:60]!r} is not JSON; "
                f"""numbers and true/false as they are, text in quotes: -o {key} '"text"'"""
            ) from None
    return values


def checked_seed(seed: int) -> int:
    """Raises `UsageError` for a seed that no engine takes."""
    if not 0 <= seed < SEED_LIMIT:
        raise UsageError(f"--seed {seed} is out of range; use 0 to {SEED_LIMIT - 1}")
    return seed


def checked_recall(most: int) -> int:
    """Raises `UsageError` for more memories than a question takes."""
    if not 0 <= most <= RECALL_LIMIT:
        raise UsageError(f"--recall {most} is out of range; use 0 (none) to {RECALL_LIMIT}")
    return most
