"""The loaded model by itself: prompts in, words out, without a program.

Knows the `Engine` protocol, a dialect and its tokenizer; never an API, a run or a socket.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec
from tokenizers import Tokenizer

from smysl_daemon.http.failures import refused
from smysl_engines.base import Engine
from smysl_engines.token_bytes import token_bytes
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.chat import Begun, ChatDialect, Message, Part, Role, ids_of
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.dialects.template import BadTemplate


@runtime_checkable
class Generating(Protocol):
    """A service that lets its model speak without a program."""

    def generator(self) -> "Generator":
        """Of the model that answers new questions now."""
        ...


class Generator:
    """One engine and how it is spoken to."""

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self.engine = engine
        self.info = engine.info
        assert isinstance(dialect, NativeDialect | ChatDialect)
        self._dialect = dialect
        self._tokenizer = _whole(dialect.tokenizer)
        self._tokens: list[bytes] | None = None

    @property
    def chats(self) -> bool:
        """It takes conversations."""
        return isinstance(self._dialect, ChatDialect)

    @property
    def opens(self) -> bool:
        """A conversation's prompt ends inside a thinking section."""
        return isinstance(self._dialect, ChatDialect) and self._dialect.opens

    @property
    def ends(self) -> tuple[int, ...]:
        """Tokens that end an output."""
        dialect = self._dialect
        return dialect.stops if isinstance(dialect, ChatDialect) else (dialect.end,)

    def ids(self, text: str) -> list[int]:
        """Token ids of a plain prompt, as the model's tokenizer makes them: control tokens in it
        count as such. Raises `ApiError` for what is no Unicode text."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise refused(
                f"the text is not Unicode: {error.reason}; leave out lone surrogates"
            ) from None
        return list(self._tokenizer.encode(text).ids)

    def conversation(
        self, messages: Sequence[tuple[str, str]], *, thinking: bool, continued: bool = False
    ) -> list[int]:
        """Token ids of turns, each a role and a text, up to the model's next words. `continued`: the
        last turn is the beginning of these. Raises `ApiError` where the model's template takes no
        such conversation."""
        assert isinstance(self._dialect, ChatDialect)
        begun = None
        if continued:
            *messages, (_, text) = messages
            begun = Begun("", (Part("reply", text),))
        try:
            told = [Message(_role(role), (Part(role, text),)) for role, text in messages]
            return ids_of(self._dialect.prompt(told, thinking=thinking, begun=begun))
        except BadTemplate as error:
            raise refused(
                f"{self.info.model} takes no such conversation: {error}", "messages"
            ) from None

    def text(self, ids: Sequence[int]) -> str:
        """As people read it; of a model of typed thoughts with its control tokens."""
        return self._dialect.text(ids)

    def learn_tokens(self) -> None:
        """Read what each token stands for, once: takes 0.2 s for 150,000 of them. Any thread."""
        if self._tokens is not None:
            return
        file = self._tokenizer.to_str().encode()
        try:
            found = token_bytes(file, self.info.vocabulary)
        except (ValueError, msgspec.MsgspecError):
            # a decoder that joins tokens otherwise than byte by byte
            self._tokens = [self.text([token]).encode() for token in range(self.info.vocabulary)]
            return
        for name, token in found.specials.items():
            found.table[token] = name.encode()
        self._tokens = found.table

    def token(self, token: int) -> bytes:
        """What a token stands for; of a control token its name. After `learn_tokens`."""
        assert self._tokens is not None
        return self._tokens[token]

    def is_of(self, engine: Engine, dialect: Dialect) -> bool:
        return self.engine is engine and self._dialect is dialect


class Voice:
    """Text of an output as its tokens come. Keeps back what may be half of a character, or the
    beginning of a text that ends it."""

    def __init__(self, text: Callable[[Sequence[int]], str], stops: Sequence[str] = ()) -> None:
        self._decoded = text
        self._stops = [stop for stop in stops if stop]
        self._ids: list[int] = []
        self._from = self._told = 0
        self._kept = ""

    def add(self, ids: Sequence[int]) -> str:
        """The text that is certain now."""
        for token in ids:
            self._ids.append(token)
            # the window begins at what was told before: how a token reads may depend on the one before
            before = self._decoded(self._ids[self._from : self._told])
            now = self._decoded(self._ids[self._from :])
            if now.endswith("\ufffd"):
                continue
            self._kept += now[len(before) :]
            if self._decoded(self._ids[self._told :]):
                self._from = self._told
            self._told = len(self._ids)
        certain = len(self._kept) - self._doubtful()
        said, self._kept = self._kept[:certain], self._kept[certain:]
        return said

    def rest(self, stop: str | None = None) -> str:
        """What is left at the end, up to the stop text that ended it."""
        before = self._decoded(self._ids[self._from : self._told])
        left = self._kept + self._decoded(self._ids[self._from :])[len(before) :]
        self._kept, self._from, self._told = "", len(self._ids), len(self._ids)
        at = left.find(stop) if stop else -1
        return left if at < 0 else left[:at]

    def _doubtful(self) -> int:
        """Characters at the end from which on a stop text may have begun."""
        kept = self._kept
        for stop in self._stops:
            if stop in kept:
                return len(kept) - kept.index(stop)
        lengths = (
            size
            for stop in self._stops
            for size in range(min(len(stop) - 1, len(kept)), 0, -1)
            if kept.endswith(stop[:size])
        )
        return max(lengths, default=0)


def _role(role: str) -> Role:
    match role:
        case "system" | "user" | "assistant":
            return role
    raise AssertionError(role)


def _whole(tokenizer: Tokenizer) -> Tokenizer:
    """One that cuts nothing off and adds nothing to fill up."""
    if tokenizer.truncation is None and tokenizer.padding is None:
        return tokenizer
    own = Tokenizer.from_str(tokenizer.to_str())
    own.no_truncation()
    own.no_padding()
    return own
