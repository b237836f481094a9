"""What a client wants, whichever API it speaks, and the pieces that it gets.

Plain values: knows no JSON of any API, no engine and no socket.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, Protocol

import msgspec

from smysl_daemon.protocol import Recall
from smysl_daemon.shapes import Verdict

Role = Literal["system", "user", "assistant"]
Reason = Literal["stop", "length", "tool_calls"]
CHOICES_LIMIT = 128
"""Outputs of one request together."""
TOP_LIMIT = 20
"""Likeliest tokens beside each token of an output."""


class Turn(msgspec.Struct, frozen=True):
    """What one side said. White space around it does not count."""

    role: Role
    text: str


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the client would call."""

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    """A JSON schema of its arguments; None for any object."""


class Taste(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is chosen; defaults are those of the APIs."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: tuple[tuple[int, float], ...] = ()


class Extra(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The field `smysl` of a request: what a run takes and no API knows."""

    options: dict[str, Any] = {}
    """Of the program."""
    adapter: str | None = None
    """Of the loaded model, for every step that names none."""
    fresh: bool = False
    branch: str | None = None
    recall: Recall | None = None
    """Most memories that fall into the question; None means what the daemon's config says."""
    budget_calls: int | None = None
    budget_seconds: float | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    model: str
    turns: tuple[Turn, ...]
    max_tokens: int | None = None
    """Of the output; of a program, of all its calls."""
    stop: tuple[str, ...] = ()
    n: int = 1
    seed: int | None = None
    taste: Taste = Taste()
    scores: int | None = None
    """Log-probabilities are wanted, with this many of the likeliest tokens beside each."""
    schema: str | None = None
    """JSON schema that the output has to fit."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """`auto`, `required`, or the name of a tool behind a colon: `:get_weather`."""
    thinking: bool = True
    """False has a chat model that can think before it speaks speak at once."""
    continued: bool = False
    """The last turn is the beginning of the reply, which goes on from there."""
    session: str | None = None
    extra: Extra = Extra()


class TokenScore(msgspec.Struct, frozen=True):
    """A token of an output, and how likely the model found it."""

    text: bytes
    """UTF-8; may begin or end inside a character."""
    logprob: float | None
    """Natural; None at a prompt's first token, which nothing predicts."""
    top: tuple[tuple[bytes, float], ...] = ()
    """Likeliest first."""


def readable(text: bytes) -> str:
    """A token's text; what is no whole character reads as U+FFFD."""
    return text.decode(errors="replace")


class Thought(msgspec.Struct, frozen=True, tag=True):
    """Reasoning, as it comes."""

    text: str
    choice: int = 0


class Said(msgspec.Struct, frozen=True, tag=True):
    """A piece of an output."""

    text: str
    choice: int = 0
    scores: tuple[TokenScore, ...] = ()


class Called(msgspec.Struct, frozen=True, tag=True):
    """The model would have a tool called."""

    name: str
    arguments: str
    """JSON."""
    choice: int = 0


class Ended(msgspec.Struct, frozen=True, tag=True):
    """An output has come to its end."""

    reason: Reason
    choice: int = 0
    stop: str | None = None
    """Which stop text it was."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    reasoning_tokens: int = 0
    """Of those generated."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to, beyond its words: the field `smysl` of a reply."""

    session: str
    program: str
    model: str
    verdict: Verdict
    answer: str | None
    confidence: float | None
    message: str
    seconds: float
    left_out: tuple[str, ...] = ()
    """Parts of the request that the run was not told."""


class Total(msgspec.Struct, frozen=True, tag=True):
    """The last piece, exactly once."""

    usage: Usage
    outcome: Outcome | None = None
    """Of a run."""


Piece = Thought | Said | Called | Ended | Total


class Reply(Protocol):
    """A request that was accepted. It ends in one `Total`, or raises."""

    @property
    def session(self) -> str | None:
        """Of a run; None of a model by itself."""
        ...

    def pieces(self) -> AsyncIterator[Piece]: ...

    def leave(self) -> None:
        """Nobody wants the rest: stop the work within a step. Idempotent."""
        ...


class Output(msgspec.Struct):
    """One output, put together from its pieces."""

    pieces: list[Thought | Said | Called] = []
    reason: Reason = "stop"
    stop: str | None = None

    @property
    def thoughts(self) -> str:
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Thought))

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Said))

    @property
    def calls(self) -> list[Called]:
        return [piece for piece in self.pieces if isinstance(piece, Called)]

    @property
    def scores(self) -> list[TokenScore]:
        said = (piece for piece in self.pieces if isinstance(piece, Said))
        return [score for piece in said for score in piece.scores]


class Whole(msgspec.Struct):
    """A reply, put together."""

    outputs: list[Output]
    total: Total


async def gathered(reply: Reply, outputs: int) -> Whole:
    """Read a reply to its end."""
    found = [Output() for _ in range(outputs)]
    async for piece in reply.pieces():
        match piece:
            case Thought() | Said() | Called():
                found[piece.choice].pieces.append(piece)
            case Ended(reason, choice, stop):
                found[choice].reason, found[choice].stop = reason, stop
            case Total():
                return Whole(found, piece)
    raise AssertionError("a reply ends in its total")


def system_of(turns: Sequence[Turn]) -> str:
    return "\n\n".join(turn.text for turn in turns if turn.role == "system")
