"""One output of the model: its tokens become thoughts, words, calls of tools and scores.

Knows tokens and how they read; never the engine or an API.
"""

from collections.abc import Sequence

import msgspec

from smysl_daemon.http import tools
from smysl_daemon.http.asking import (
    Called,
    Ended,
    Piece,
    Reason,
    Said,
    Thought,
    TokenScore,
    Wish,
)
from smysl_daemon.http.generating import Generator, Voice
from smysl_daemon.http.thinking import Thinking
from smysl_engines.base import Delta, Finish, Likeliest


class Prompt(msgspec.Struct, frozen=True):
    """Where an output goes on from."""

    ids: tuple[int, ...]
    text: str
    """What is repeated where an echo is wanted."""


class Choice:
    """Reads one output as it comes. An echo is said at the end, in one piece: before, its prompt has
    no scores. So are a call of a tool and the reply instead of one."""

    def __init__(
        self,
        number: int,
        generator: Generator,
        wish: Wish,
        prompt: Prompt,
        *,
        echo: bool,
        thinking: Thinking | None,
    ) -> None:
        """`number`: among all outputs of the request. `thinking`: tells marks of thinking; None
        where there are none."""
        self._number = number
        self._generator = generator
        self._wish = wish
        self._prompt = prompt
        self._thinking = thinking
        self._voice = Voice(generator.text, wish.stop)
        self._said = ""
        """What is said at the end."""
        self._kept: list[TokenScore] = []
        """Scores whose text has not been said yet."""
        self.echo = echo
        self.first = number % wish.n == 0
        """Of the outputs that its prompt has."""
        self.reasoning_tokens = 0

    def add(self, delta: Delta) -> list[Piece]:
        """What tokens add."""
        # the token that ends an output has no text
        spoken = [at for at, token in enumerate(delta.ids) if token not in self._generator.ends]
        if self._wish.scores is not None:
            # an echo is for whoever counts tokens: there the one that ends it counts too
            counted = range(len(delta.ids)) if self.echo else spoken
            self._kept += self._scores(delta.ids, delta.logprobs, delta.top, counted)
        if self._thinking is not None and self._thinking.inside:
            self.reasoning_tokens += len(delta.ids)
        return self._words(self._voice.add([delta.ids[at] for at in spoken]))

    def end(self, finish: Finish) -> list[Piece]:
        """What is left, and the end."""
        pieces = self._words(self._voice.rest(finish.stop_text), last=True)
        reason: Reason = "length" if finish.reason in ("length", "deadline") else "stop"
        if self.echo:
            pieces = [self._echoed(finish)]
        elif self._wish.tools:
            pieces = self._called()
            if any(isinstance(piece, Called) for piece in pieces):
                reason = "tool_calls"
        return [*pieces, Ended(reason, self._number, finish.stop_text)]

    def _words(self, text: str, *, last: bool = False) -> list[Piece]:
        if self.echo or self._wish.tools:
            self._said += text
            return []
        thought, said = "", text
        if self._thinking is not None:
            thought, said = self._thinking.add(text)
            if last:
                ending = self._thinking.rest()
                thought, said = thought + ending[0], said + ending[1]
        pieces: list[Piece] = [Thought(thought, self._number)] if thought else []
        if said or (last and self._kept):
            pieces.append(Said(said, self._number, tuple(self._kept)))
            self._kept = []
        return pieces

    def _called(self) -> list[Piece]:
        found = tools.heard(self._said)
        if isinstance(found, tuple):
            return [Called(*found, choice=self._number)]
        # where it was cut off: what there is, as it is
        said = self._said if found is None else found
        return [Said(said, self._number, tuple(self._kept))] if said or self._kept else []

    def _echoed(self, finish: Finish) -> Piece:
        scores: list[TokenScore] = []
        if self._wish.scores is not None:
            first, *following = self._prompt.ids
            places = range(len(following))
            logprobs, top = finish.prompt_logprobs, finish.prompt_top
            scores = [
                self._score(first, None, ()),
                *self._scores(following, logprobs, top, places),
                *self._kept,
            ]
        return Said(f"{self._prompt.text}{self._said}", self._number, tuple(scores))

    def _scores(
        self,
        ids: Sequence[int],
        logprobs: Sequence[float],
        top: Sequence[Likeliest],
        places: Sequence[int],
    ) -> list[TokenScore]:
        return [self._score(ids[at], logprobs[at], top[at] if top else ()) for at in places]

    def _score(self, token: int, logprob: float | None, likeliest: Likeliest) -> TokenScore:
        text = self._generator.token
        top = tuple((text(one), value) for one, value in likeliest)
        return TokenScore(text(token), logprob, top)
