"""Reads from a tokenizer's file which bytes of text each token stands for.

Knows tokenizer.json; never a call, a model or how text becomes tokens. A token's bytes are those that
the file's own decoder gives, but for what it does at the very start of a text: an output goes on from a
prompt.
"""

from collections.abc import Callable
from typing import Any

import msgspec

Step = Callable[[str], str | bytes]
"""One decoder's work on one token; bytes are final."""


class TokenBytes(msgspec.Struct, frozen=True):
    """The text of every token of an engine."""

    table: list[bytes]
    """By token id. Special tokens, and ids the tokenizer does not know, have no text."""
    specials: dict[str, int]
    """Special tokens by the name that stands for them."""


class _Added(msgspec.Struct):
    id: int
    content: str
    special: bool = False


class _Model(msgspec.Struct):
    vocab: dict[str, int] | list[tuple[str, float]]


class _File(msgspec.Struct):
    model: _Model
    decoder: dict[str, Any] | None = None
    added_tokens: list[_Added] = []


def token_bytes(text: bytes, vocabulary: int) -> TokenBytes:
    """From the content of tokenizer.json, for ids below `vocabulary`: 0.2 s for 150,000 of them.
    Raises `ValueError` or `MsgspecError` for a file that is damaged, or whose decoder joins tokens
    otherwise than byte by byte."""
    file = msgspec.json.decode(text, type=_File)
    spelt = _steps(file.decoder)
    vocab = file.model.vocab
    numbered = (
        vocab.items()
        if isinstance(vocab, dict)
        else ((token, number) for number, (token, _) in enumerate(vocab))
    )
    table = [b""] * vocabulary
    for token, number in numbered:
        if 0 <= number < vocabulary:
            table[number] = _spell(token, spelt)
    specials: dict[str, int] = {}
    for added in file.added_tokens:
        if 0 <= added.id < vocabulary:
            table[added.id] = b"" if added.special else _spell(added.content, spelt)
            if added.special:
                specials[added.content] = added.id
    return TokenBytes(table, specials)


def _spell(token: str, steps: list[Step]) -> bytes:
    for step in steps:
        spelt = step(token)
        if isinstance(spelt, bytes):
            return spelt
        token = spelt
    return token.encode()


def _steps(decoder: dict[str, Any] | None) -> list[Step]:
    """A decoder's work, token by token. Raises `ValueError`."""
    if decoder is None:
        raise ValueError("it has no decoder")
    steps: list[Step] = []
    fused = False
    parts = [decoder]
    if decoder.get("type") == "Sequence":
        parts = msgspec.convert(decoder.get("decoders"), list[dict[str, Any]])
    for part in parts:
        match part:
            case {"type": "ByteLevel"}:
                steps.append(_byte_level)
            case {"type": "ByteFallback"}:
                steps.append(_byte_fallback)
            case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)}:
                steps.append(_replace(old, new))
            case {"type": "Metaspace", "replacement": str(mark)}:
                steps.append(_replace(mark, " "))
            case {"type": "Fuse"}:
                fused = True
            case {"type": "Strip"} if fused:
                pass  # at the ends of the whole text only
            case {"type": "Strip", "content": str(what), "start": int(start), "stop": int(stop)}:
                steps.append(_strip(what, start, stop))
            case _:
                raise ValueError(f"its decoder {part.get('type')} is not known here")
    return steps


def _replace(old: str, new: str) -> Step:
    return lambda token: token.replace(old, new)


def _strip(what: str, start: int, stop: int) -> Step:
    def strip(token: str) -> str:
        first, last = 0, len(token)
        while first < min(start, len(token)) and token[first] == what:
            first += 1
        while last > max(first, len(token) - stop) and token[last - 1] == what:
            last -= 1
        return token[first:last]

    return strip


def _byte_fallback(token: str) -> str | bytes:
    """`<0x0A>` is the byte 10."""
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        try:
            return bytes([int(token[3:5], 16)])
        except ValueError:
            pass
    return token


def _byte_level(token: str) -> bytes:
    """Characters of GPT-2's alphabet are a byte each (Radford et al., 2019); a token with any other
    is text as it stands."""
    try:
        return bytes([_ALPHABET[character] for character in token])
    except KeyError:
        return token.encode()


def _alphabet() -> dict[str, int]:
    """Printable characters of Latin-1 are their own byte; the other bytes follow from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + number): byte for number, byte in enumerate(others)
    }


_ALPHABET = _alphabet()
