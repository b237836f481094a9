"""Holds a call's output to a regular expression, a JSON schema or a grammar, token by token.

Knows a tokenizer's file and token ids; never logits, a model or a row of the batch. llguidance does
the work and is loaded by the first call that needs it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_engines.base import BadCall, Call, EngineError, Grammar, JsonSchema, Regex
from smysl_engines.tokenizer_file import TokenizerFile

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

Mask = npt.NDArray[np.bool_]
"""[vocabulary]: the tokens that may come next."""

KEPT = 32
"""Compiled grammars kept for the next call that has the same: branches usually do."""
STACK_BYTES = 256 << 20
"""Of the thread that compiles. llguidance descends rule by rule, and an overflow would end the
process: the deepest texts tried, of `checks.GRAMMAR_BYTES`, took 16 to 48 MB. Unused stack is free.
"""
END_TOKENS = frozenset(
    "<end> </s> <eos> <|eos|> <|end|> <|endoftext|> <|end_of_text|> <|eot_id|> <|im_end|>"
    " <end_of_turn> <｜end▁of▁sentence｜>".split()
)
"""Names by which a tokenizer's special tokens are known to end a text: tokenizer.json has no field
for it."""
_MARKER = "<|smysl: the grammar may end here|>"
# starting a thread reads a setting of the whole process
_stack_setting = threading.Lock()


class Tokens:
    """llguidance's view of one tokenizer."""

    def __init__(self, text: bytes, vocabulary: int) -> None:
        """Raises `ValueError` for a tokenizer llguidance cannot use."""
        from llguidance import LLTokenizer  # with the tokenizer it takes megabytes

        fields = msgspec.json.decode(text, type=dict[str, Any])
        added = msgspec.convert(fields.get("added_tokens", []), list[_AddedToken])
        marker = 1 + max([*_ids_of(fields.get("model")), *(token.id for token in added)])
        # llguidance needs one token for "the end": one of our own, so that all of the
        # tokenizer's mean to a grammar what they say
        fields["added_tokens"] = [
            *fields.get("added_tokens", []),
            {"id": marker, "content": _MARKER, "special": True, "normalized": False}
            | dict.fromkeys(("single_word", "lstrip", "rstrip"), False),
        ]
        # what a grammar forces is spelt as the grammar says, not as the tokenizer would fold it
        fields["normalizer"] = None
        size = max(vocabulary, marker + 1)
        self.view = LLTokenizer(msgspec.json.encode(fields).decode(), size, marker)
        if self.view.tokenize_str(_MARKER, parse_special=True) != [marker]:
            raise ValueError("its token ids have gaps")
        self.vocabulary = vocabulary
        self.marker = marker
        self.ends = frozenset(
            token.id
            for token in added
            if token.special and token.content in END_TOKENS and token.id < vocabulary
        )


class _AddedToken(msgspec.Struct):
    id: int
    content: str
    special: bool = False


class Matcher:
    """How far one call's output is in its grammar. One thread uses it at a time."""

    def __init__(self, state: "LLMatcher", tokens: Tokens, stop: Sequence[int]) -> None:
        self._state = state
        self._tokens = tokens
        self._ends = tokens.ends.union(stop)
        self._end_ids = np.array(sorted(self._ends), np.int64)
        self.ended = state.is_stopped()
        """The output is whole and nothing can follow, or an end token has been consumed."""

    @property
    def complete(self) -> bool:
        """The output so far is whole; more may follow."""
        return self.ended or self._state.is_accepting()

    def mask(self) -> Mask:
        """What may come next; end tokens too where the output is complete. Empty once `ended`,
        which this may find out. A new array. Raises `EngineError` where the grammar cannot go on.
        """
        vocabulary, marker = self._tokens.vocabulary, self._tokens.marker
        bits = np.frombuffer(self._state.compute_bitmask(), np.uint8)
        self._require_sound()
        mask = np.unpackbits(bits, count=vocabulary, bitorder="little").view(np.bool_)
        mask[marker : marker + 1] = False
        complete = self.complete
        if self.ended or not mask.any():
            if not complete:
                raise EngineError(f"the output cannot go on under its grammar: {_NO_TOKEN}")
            self.ended = True
            mask[:] = False
        elif complete:
            mask[self._end_ids] = True
        return mask

    def forced(self) -> list[int]:
        """Tokens that must come next, each the only possible one; none where there is a choice."""
        if self.ended:
            return []
        ids = self._state.compute_ff_tokens()
        self._require_sound()
        return list(takewhile(lambda token: token < self._tokens.vocabulary, ids))

    def consume(self, token: int) -> bool:
        """The output goes on with a token; False if that is an end token and no part of the text:
        it ends the output where this is complete. Raises `EngineError` for a token the grammar does
        not allow.
        """
        if token in self._ends and self.complete:
            self.ended = True
            return False
        self._state.consume_token(token)
        self._require_sound()
        self.ended = self._state.is_stopped()
        return True

    def _require_sound(self) -> None:
        if self._state.is_error():
            reason = _reason(self._state.get_error())
            raise EngineError(f"the output cannot go on under its grammar: {reason}")


class Grammars:
    """The grammars of one engine. Any thread may call; each matcher then is its call's own."""

    def __init__(self, tokenizer: Path, vocabulary: int, model: str) -> None:
        """`tokenizer` is read only when a call needs it."""
        self._file = TokenizerFile(tokenizer)
        self._vocabulary = vocabulary
        self._model = model
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None
        self._compiled: OrderedDict[Regex | JsonSchema | Grammar, LLMatcher] = OrderedDict()

    def matcher(self, call: Call) -> Matcher | None:
        """A matcher at the call's start, after what its prompt holds of the output already;
        None for a call without a grammar.

        Compiles in a few milliseconds, a large schema in a second; the first call also waits for the
        tokenizer. Raises `BadCall` for a grammar that cannot be used.
        """
        constraint = call.constraint
        if not isinstance(constraint, Regex | JsonSchema | Grammar):
            return None
        with self._lock:
            tokens = self._tokens = self._tokens or self._read_tokens()
            if (compiled := self._compiled.get(constraint)) is None:
                compiled = _on_a_deep_stack(lambda: _compile(constraint, tokens.view))
                self._compiled[constraint] = compiled
                if len(self._compiled) > KEPT:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(constraint)
            state = compiled.deep_copy()
        matcher = Matcher(state, tokens, call.sampling.stop)
        try:
            for token in call.prompt[len(call.prompt) - call.position :]:
                matcher.consume(token)
        except EngineError as error:
            raise BadCall(
                f"position is {call.position}, but the prompt's last {call.position} tokens are no "
                f"output of {type(constraint).__name__}: {error}. Go on with what the same "
                "constraint gave."
            ) from error
        return matcher

    def _read_tokens(self) -> Tokens:
        if not self._file.exists:
            raise self._refusal("it has no tokenizer.json")
        try:
            return Tokens(self._file.read(), self._vocabulary)
        except ImportError as error:
            raise EngineError(
                f"Regex, JsonSchema and Grammar need llguidance ({error}): pip install llguidance"
            ) from error
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise self._refusal(f"its tokenizer.json cannot be used ({error})") from error

    def _refusal(self, reason: str) -> BadCall:
        return BadCall(
            f"engine {self._model!r} takes no Regex, JsonSchema or Grammar: {reason}. Use Choice or "
            "AllowedTokens, or build the engine from a checkpoint with a byte-level tokenizer."
        )


def _compile(constraint: Regex | JsonSchema | Grammar, tokens: "LLTokenizer") -> "LLMatcher":
    """A matcher at the start, to be copied. Raises `BadCall`."""
    from llguidance import LLMatcher, LLParserLimits, regex_to_lark

    try:
        match constraint:
            case Regex(pattern):
                # llguidance's own wrapping of a regex would let \d be a digit of any script
                written = regex_to_lark(pattern, use_ascii="dws")
                source = LLMatcher.grammar_from_lark(f"start: /{written}/")
            case JsonSchema(schema):
                # one spelling, json.dumps' own: free white space can go on for ever
                source = LLMatcher.grammar_from_json_schema(
                    schema,
                    defaults={
                        "whitespace_flexible": False,
                        "item_separator": ", ",
                        "key_separator": ": ",
                    },
                    overrides={"lenient": False},
                )
            case Grammar(lark):
                source = LLMatcher.grammar_from_lark(lark)
    except ValueError as error:
        raise _bad(constraint, str(error)) from error
    limits = LLParserLimits(verbose_errors=False)
    state = LLMatcher(tokens, source, log_level=0, limits=limits)
    if not state.is_error():
        # finds a grammar no output fits, and makes what copies share
        state.compute_bitmask()
    if state.is_error():
        raise _bad(constraint, _reason(state.get_error()))
    return state


_NO_TOKEN = "no token of this engine's vocabulary fits"


def _bad(constraint: Regex | JsonSchema | Grammar, reason: str) -> BadCall:
    match constraint:
        case Regex():
            remedy = (
                "Use Rust's regex syntax, which has no look-around, word boundary or backreference."
            )
        case JsonSchema():
            remedy = "Use only the keywords and formats that docs/engines.md lists."
        case Grammar():
            remedy = "Use llguidance's dialect of Lark; the first rule is named start."
    return BadCall(f"{type(constraint).__name__} cannot be used: {reason}. {remedy}")


def _reason(error: str) -> str:
    """llguidance's message in a line: without the excerpt of the grammar, which may be long."""
    if "NoExtensionBias" in error:
        return _NO_TOKEN
    lines = [line.strip() for line in error.splitlines()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    reason = next(iter(said or lines), "") or "llguidance refuses it"
    return (reason if len(reason) <= 300 else f"{reason[:300]}...").rstrip(".")


def _ids_of(model: Any) -> list[int]:
    """Token ids of tokenizer.json's `model`: by name, or in the order of a list."""
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    match vocabulary:
        case dict():
            return msgspec.convert(list(vocabulary.values()), list[int])
        case list():
            return [len(vocabulary) - 1]
        case _:
            raise ValueError("it holds no vocabulary")


def _on_a_deep_stack(work: Callable[[], "LLMatcher"]) -> "LLMatcher":
    """The result of `work`, or what it raises."""
    result: Future[LLMatcher] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    thread = threading.Thread(target=run, name="smysl-grammar", daemon=True)
    with _stack_setting:
        usual = threading.stack_size(STACK_BYTES)
        try:
            thread.start()
        except RuntimeError as error:
            raise EngineError(f"no memory to compile a grammar: {error}") from error
        finally:
            threading.stack_size(usual)
    thread.join()
    return result.result()
