"""Guided decoding: xgrammar's EBNF, read here and followed by llguidance.

Knows the notation and a tokenizer; never a request.
"""

import re
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher, LLTokenizer

_RULE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*::=\s*")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<class>\[(?:[^\]\\]|\\.)*\])
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<times>\{\d+(?:,\d*)?\})
    | (?P<mark>[()|*+?])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "'": "'", "-": "-", "]": "]"}


class Guide:
    """How far one output is."""

    def __init__(self, matcher: LLMatcher, vocabulary: int, end: int, marker: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._end = end
        self._marker = marker

    def mask(self) -> npt.NDArray[np.bool_]:
        """[vocabulary]; where the output is whole, the end token too, and where nothing can follow it
        alone."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        mask = np.unpackbits(bits, count=self._vocabulary, bitorder="little").view(np.bool_)
        if self._matcher.is_accepting() or self._matcher.is_stopped():
            if self._matcher.is_stopped():
                mask[:] = False
            mask[self._end] = True
        return mask

    def consume(self, token: int) -> None:
        if token != self._end:
            self._matcher.consume_token(token)
            assert not self._matcher.is_error(), self._matcher.get_error()


class Guides:
    """Of one tokenizer."""

    def __init__(self, tokenizer: Path, vocabulary: int, end: int) -> None:
        fields = msgspec.json.decode(tokenizer.read_bytes())
        marker = vocabulary
        added = {"id": marker, "content": "<|fake end|>", "special": True, "normalized": False}
        added |= dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
        fields["added_tokens"] = [*fields.get("added_tokens", []), added]
        fields["normalizer"] = None
        text = msgspec.json.encode(fields).decode()
        self._view = LLTokenizer(text, vocabulary + 1, marker)
        self._numbers = vocabulary, end, marker

    def guide(self, grammar: str) -> Guide:
        """Raises `ValueError` for what is no grammar."""
        matcher = LLMatcher(self._view, LLMatcher.grammar_from_lark(to_lark(grammar)), log_level=0)
        if matcher.is_error():
            raise ValueError(f"the grammar cannot be compiled: {matcher.get_error()}")
        return Guide(matcher, *self._numbers)


def to_lark(grammar: str) -> str:
    """Raises `ValueError` with the place of what xgrammar would not read either."""
    lines = []
    for line in grammar.splitlines():
        if not line.strip():
            continue
        head = _RULE.match(line)
        if head is None:
            raise ValueError(f"no rule: {line[:60]!r}")
        name = head[1]
        lines.append(f"{_named(name)}: {_body(line, head.end())}")
    if not lines or not lines[0].startswith("start:"):
        raise ValueError("the grammar has no rule root at its beginning")
    return "\n".join(lines) + "\n"


def _named(name: str) -> str:
    return "start" if name == "root" else f"rule_{name.lower()}"


def _body(line: str, at: int) -> str:
    written = []
    while line[at:].strip():
        found = _TOKEN.match(line, at)
        if found is None:
            raise ValueError(f"at {at}: {line[at : at + 20]!r}")
        at = found.end()
        match found.lastgroup:
            case "text":
                written.append(_literal(found["text"][1:-1]))
            case "class":
                written.append(_class(found["class"][1:-1]))
            case "name":
                written.append(_named(found["name"]))
            case _:
                written.append(found[0].strip())
    return " ".join(written)


def _literal(text: str) -> str:
    return msgspec.json.encode("".join(map(chr, _codes(text)))).decode()


def _class(text: str) -> str:
    negated = text.startswith("^")
    text = text[negated:]
    members = []
    at = 0
    while at < len(text):
        first, at = _code(text, at)
        last = first
        if text[at : at + 1] == "-" and at + 1 < len(text):
            last, at = _code(text, at + 1)
        members.append(f"\\u{{{first:x}}}-\\u{{{last:x}}}")
    if not members:
        raise ValueError("an empty class")
    return f"/[{'^' if negated else ''}{''.join(members)}]/"


def _codes(text: str) -> list[int]:
    codes, at = [], 0
    while at < len(text):
        code, at = _code(text, at)
        codes.append(code)
    return codes


def _code(text: str, at: int) -> tuple[int, int]:
    """One character, escaped or not, and the place after it."""
    if text[at] != "\\":
        return ord(text[at]), at + 1
    found = _ESCAPE.match(text, at)
    if found is None:
        raise ValueError(f"an escape in {text[:40]!r}")
    if digits := found[1] or found[2] or found[3]:
        return int(digits, 16), found.end()
    if found[4] not in _LETTERS:
        raise ValueError(f"the escape \\{found[4]}")
    return ord(_LETTERS[found[4]]), found.end()
