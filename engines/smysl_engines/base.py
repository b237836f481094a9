"""The seam between reasoning and whatever runs a model: the `Engine` protocol and its value types.

Knows token ids and sampling numbers; never a backend, a thought node, a socket or a file.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is chosen.
    The same `seed` gives the same tokens, whatever else is in the batch.
    """

    temperature: float = 0.0
    """0 is greedy; above it logits are divided by it before softmax."""
    top_k: int = 0
    """Keep the k likeliest tokens; 0 keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of tokens whose probability reaches p (Holtzman et al., 2020)."""
    min_p: float = 0.0
    """Drop tokens whose probability is below min_p times the likeliest one's (Nguyen et al., 2024).
    """
    repetition_penalty: float = 1.0
    """Above 1, logits of tokens that the prompt or the output already holds are divided by it if
    positive, multiplied if negative (Keskar et al., 2019); below 1 it favours them."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Added to these tokens' logits, after the penalty; -inf forbids a token."""
    seed: int = 0
    max_tokens: int = 256
    stop: tuple[int, ...] = ()
    """Token ids that end the call; the stop token itself is delivered as the last id."""
    stop_texts: tuple[str, ...] = ()
    """The call ends as soon as its output's text holds one of these; the token that completes it is
    delivered as the last id."""


class Choice(msgspec.Struct, frozen=True, tag=True):
    """The output must be exactly one of these token sequences.
    The finish carries every option's probability.
    """

    options: tuple[tuple[int, ...], ...]


class AllowedTokens(msgspec.Struct, frozen=True, tag=True):
    """Every output token must be one of these ids."""

    ids: tuple[int, ...]


class Regex(msgspec.Struct, frozen=True, tag=True):
    """The whole output must match, as with `re.fullmatch` and `re.ASCII`."""

    pattern: str
    """In the syntax of Rust's `regex`: no look-around, word boundary or backreference.
    \\d, \\w and \\s are ASCII; \\p{L} is a letter of any script.
    """


class JsonSchema(msgspec.Struct, frozen=True, tag=True):
    """The output must be one JSON value that fits the schema,
    spaced as `json.dumps` does, properties in the schema's order.
    """

    schema: str
    """JSON text. A keyword that cannot be kept to is refused, not ignored."""


class Grammar(msgspec.Struct, frozen=True, tag=True):
    """The output must be a sentence of the grammar."""

    lark: str
    """In llguidance's dialect of Lark; the rule `start` is the sentence."""


Constraint = Choice | AllowedTokens | Regex | JsonSchema | Grammar
"""Under the last three the output is whole whenever the finish says "stop" without a stop text. A stop token ends the
call only where the output so far is whole, and comes nowhere else unless the grammar itself allows
it as text; the call also ends, without one, as soon as nothing can follow. A call that is cut off
says "length".
"""


class Mix(msgspec.Struct, frozen=True):
    """A weighted sum of adapters: each one's change to the base model times its weight."""

    parts: tuple[tuple[str, float], ...]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One generation request."""

    prompt: tuple[int, ...]
    position: int = 0
    """How many tokens of this output the prompt already ends with: a sampled output that was cut off
    goes on with the random numbers that it would have drawn."""
    sampling: Sampling = Sampling()
    constraint: Constraint | None = None
    logprobs: bool = False
    """Also report the natural log-probability of each chosen token,
    under the model's own distribution: untempered, uncut, unconstrained, unbiased.
    """
    top_logprobs: int = 0
    """Beside each chosen token, this many of the likeliest ones; needs `logprobs`."""
    echo: bool = False
    """Also report the prompt's log-probabilities, in the finish. Nothing of the prompt is taken from
    the cache then, because its logits are needed."""
    adapter: str | Mix | None = None
    activation: int | None = None
    """Where in the prompt the adapter sets in; the tokens before see the base model, and share its
    KV. None: at the start, or for an activated adapter (aLoRA; Greenewald et al., 2025) where its
    invocation tokens occur last."""
    priority: int = 0
    """Lower runs first, and may send a call of higher number back to the queue."""
    session: str = ""
    """Calls of one priority take turns by session: the one that was served least is next."""
    timeout_s: float | None = None
    """After this time from its submission the call ends with "deadline", whatever it has."""
    lookup: tuple[int, ...] = ()
    """Text that the output may repeat, besides the prompt: where drafts are looked up (prompt
    lookup; Saxena, 2023). It never changes what is generated."""


class Delta(msgspec.Struct, frozen=True, tag=True):
    """Tokens produced since the last delta."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...] = ()
    top: tuple["Likeliest", ...] = ()
    """For each token, if `top_logprobs` was asked."""


Likeliest = tuple[tuple[int, float], ...]
"""(token, log-probability) of the likeliest tokens at one place, likeliest first."""


class Finish(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The last thing a stream yields, exactly once."""

    reason: str
    """"stop" (a stop token or text, a completed choice or grammar), "length", "deadline" or
    "cancelled"."""
    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens whose KV was reused."""
    generated_tokens: int
    seconds: float
    """Wall time from admission to the last token."""
    choice: int | None = None
    """Index of the chosen option under a `Choice`."""
    probabilities: tuple[float, ...] = ()
    """Probability of each option of a `Choice`, summing to 1:
    softmax over the options' log-likelihoods.
    """
    stop_text: str | None = None
    """Which of `stop_texts` ended the call."""
    drafted_tokens: int = 0
    """Tokens that were guessed by lookup and computed with the one before them."""
    accepted_tokens: int = 0
    """Guesses that were what the model then chose."""
    prompt_logprobs: tuple[float, ...] = ()
    """Under `echo`: of each prompt token but the first."""
    prompt_top: tuple[Likeliest, ...] = ()
    """Under `echo` with `top_logprobs`: at each prompt token but the first."""


class Stream(Protocol):
    """Iterate for deltas; the last item is one `Finish`.
    A failed call raises `EngineError` instead of it.
    """

    def __aiter__(self) -> AsyncIterator[Delta | Finish]: ...

    def cancel(self) -> None:
        """Free the call's slot within one step.
        The stream then ends in a `Finish` with reason "cancelled".
        Idempotent; does nothing after the finish.
        """
        ...


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may rely on about a loaded engine."""

    model: str
    fingerprint: str
    """Hex hash over everything that decides the output: weights, precision, tokenizer, adapters."""
    backend: str
    vocabulary: int
    context: int
    """Most tokens of prompt and output together."""
    adapters: tuple[str, ...] = ()
    max_batch: int = 1
    device: str = "cpu"
    precision: str = "fp32"


State = tuple[tuple[str, float], ...]
"""Adapters at work and their weights, by name in order; () is the base model."""


class EngineStats(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine holds now, and what it has done since it was opened."""

    running: int = 0
    waiting: int = 0
    block_tokens: int = 0
    """Positions of a block of KV memory."""
    blocks: int = 0
    """The cap: each is held by a running call, cached, or free."""
    held_blocks: int = 0
    cached_blocks: int = 0
    weights_bytes: int = 0
    kv_bytes: int = 0
    """Of held and cached blocks."""
    kv_cap_bytes: int = 0
    prompt_tokens: int = 0
    """Of the calls admitted so far."""
    cached_tokens: int = 0
    """Of those, reused."""
    restored_tokens: int = 0
    """Of those, read from snapshots."""
    computed_tokens: int = 0
    generated_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    steps: int = 0
    """Passes that gave every running call a token."""
    preempted: int = 0
    """Times a running call was sent back to the queue."""
    evicted_blocks: int = 0
    saved_blocks: int = 0
    """Snapshots written."""
    finished: dict[str, int] = {}
    """Calls by the reason of their end; "failed" for those that raised."""
    prefill_tokens_per_s: float = 0.0
    """Lately."""


class Engine(Protocol):
    """A compiled model that answers many calls at once."""

    @property
    def info(self) -> EngineInfo: ...

    def submit(self, call: Call) -> Stream:
        """Queue a call; returns at once.
        Raises `PromptTooLong` or `BadCall` for a call that can never run.
        """
        ...

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Mean of each prompt's hidden states, the last ones or those of the layer that the engine was
        built with, L2-normalised: [len(prompts)][hidden size].
        """
        ...

    def stats(self) -> EngineStats:
        """Any thread; the numbers may be of two neighbouring steps."""
        ...

    def close(self) -> None:
        """Cancel what runs and free the model. Idempotent."""
        ...


# EngineError
# ├── BadCall          the call can never run: names the value, the limit and the remedy
# │   └── PromptTooLong
# └── EngineClosed     submitted after close, or the engine's thread died
class EngineError(Exception):
    """Anything an engine can fail with."""


class BadCall(EngineError):
    """A call that can never run on this engine."""


class PromptTooLong(BadCall):
    """Prompt and requested output do not fit the context."""


class EngineClosed(EngineError):
    """The engine is closed or its thread died; the message says which."""
