"""Finds the first of many stop texts in a call's output, token by token.

Knows a tokenizer's file and token ids; never logits, a model or a row of the batch. Texts are looked
for in bytes, so one may begin and end anywhere in a token, even inside a character.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from smysl_engines.base import BadCall, Call, Choice
from smysl_engines.token_bytes import TokenBytes, token_bytes
from smysl_engines.tokenizer_file import TokenizerFile

KEPT = 4
"""Compiled sets kept for the next call that has the same; the largest takes some 10 MB."""


class StopTexts:
    """How far one call's output is in its stop texts. One thread uses it at a time."""

    def __init__(self, automaton: "_Automaton", tokens: TokenBytes, texts: tuple[str, ...]) -> None:
        self._automaton = automaton
        self._table = tokens.table
        self._texts = texts
        self._named = {tokens.specials[text]: text for text in texts if text in tokens.specials}
        self._state = 0

    def push(self, token: int) -> str | None:
        """The output goes on with a token; the stop text that ends first within it, the longest of
        those that end together."""
        if token in self._named:
            return self._named[token]
        end = self._automaton.walk(self._state, self._table[token])
        self._state = end.state
        return None if end.found < 0 else self._texts[end.found]


class Stops:
    """The stop texts of one engine. Any thread may call."""

    def __init__(self, tokenizer: Path, vocabulary: int, model: str) -> None:
        """`tokenizer` is read only when a call needs it."""
        self._file = TokenizerFile(tokenizer)
        self._vocabulary = vocabulary
        self._model = model
        self._lock = threading.Lock()
        self._tokens: TokenBytes | None = None
        self._compiled: OrderedDict[tuple[str, ...], _Automaton] = OrderedDict()

    def texts(self, call: Call) -> StopTexts | None:
        """The call's stop texts at the start of its output, after what its prompt holds of it
        already: there a text may have begun, and one that ended there counts no more. None for a
        call without any, and for a `Choice`, which is always whole.

        Compiles in a few microseconds per byte; the first call also waits for the tokenizer. Raises
        `BadCall` for an engine whose tokenizer is not known here.
        """
        texts = call.sampling.stop_texts
        if not texts or isinstance(call.constraint, Choice):
            return None
        with self._lock:
            tokens = self._tokens = self._tokens or self._read_tokens()
            if (automaton := self._compiled.get(texts)) is None:
                automaton = self._compiled[texts] = _Automaton(texts)
                if len(self._compiled) > KEPT:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(texts)
        stops = StopTexts(automaton, tokens, texts)
        for token in call.prompt[len(call.prompt) - call.position :]:
            stops.push(token)
        return stops

    def _read_tokens(self) -> TokenBytes:
        if not self._file.exists:
            raise self._refusal("it has no tokenizer.json")
        try:
            return token_bytes(self._file.read(), self._vocabulary)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise self._refusal(f"its tokenizer.json cannot be used ({error})") from error

    def _refusal(self, reason: str) -> BadCall:
        return BadCall(
            f"engine {self._model!r} takes no stop_texts: {reason}. Use stop tokens, or build the "
            "engine from a checkpoint with a byte-level or SentencePiece tokenizer."
        )


class _End(msgspec.Struct, frozen=True):
    """Where a walk came to."""

    state: int
    found: int
    """Number of the text that ended on the way, first of all; -1 if none did."""


class _Automaton:
    """Of Aho and Corasick (1975), over bytes. A state is the longest end of what was read that
    begins a text; 0 is that none does."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._next: dict[int, int] = {}
        """By state * 256 + byte."""
        self._shorter = [0]
        """By state: the next longest end that begins a text."""
        self._found = [-1]
        """By state: the longest text that ends with it."""
        levels: list[list[int]] = []
        for number, text in enumerate(texts):
            self._add(number, text.encode(), levels)
        for level in levels:
            for step in level:
                self._link(step)

    def walk(self, state: int, text: bytes) -> _End:
        """Read on from a state. Takes time in proportion to the text, over a whole output."""
        following, shorter, found = self._next, self._shorter, self._found
        first = -1
        for byte in text:
            while (onward := following.get(state << 8 | byte)) is None and state:
                state = shorter[state]
            state = onward or 0
            if first < 0 and found[state] >= 0:
                first = found[state]
        return _End(state, first)

    def _add(self, number: int, text: bytes, levels: list[list[int]]) -> None:
        state = 0
        for depth, byte in enumerate(text):
            step = state << 8 | byte
            if (onward := self._next.get(step)) is None:
                onward = self._next[step] = len(self._found)
                self._shorter.append(0)
                self._found.append(-1)
                if depth == len(levels):
                    levels.append([])
                levels[depth].append(step)
            state = onward
        if self._found[state] < 0:
            self._found[state] = number

    def _link(self, step: int) -> None:
        """Complete the state that a step leads to; all shorter ones are."""
        before, byte, reached = step >> 8, step & 255, self._next[step]
        onward = None
        while before and onward is None:
            before = self._shorter[before]
            onward = self._next.get(before << 8 | byte)
        self._shorter[reached] = onward or 0
        if self._found[reached] < 0:
            self._found[reached] = self._found[onward or 0]
