"""The loaded model by itself as one reply: calls of the engine side by side.

Knows the generator and its streams; never an API, nor how tokens become words.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

import msgspec

from smysl_daemon.connection import House
from smysl_daemon.http import tools
from smysl_daemon.http.asking import Piece, Total, Usage, Wish
from smysl_daemon.http.choice import Choice, Prompt
from smysl_daemon.http.failures import ApiError, refused
from smysl_daemon.http.following import Following
from smysl_daemon.http.generating import Generator
from smysl_daemon.http.thinking import Thinking
from smysl_engines.base import Call, Constraint, Delta, Finish, JsonSchema, Sampling, Stream
from smysl_engines.checks import ECHOED_PAIRS, check_call

SEED_LIMIT = 2**63


async def ask_model(
    house: House, generator: Generator, wish: Wish, adapter: str | None
) -> "ModelReply":
    """A reply to a conversation. Raises `ApiError`, and what the engine raises for a call that can
    never run."""
    messages = [(turn.role, turn.text) for turn in wish.turns]
    schema = wish.schema
    if wish.tools:
        schema = tools.output_schema(wish.tools, wish.tool_choice)
        messages.insert(0, ("system", tools.instructions(wish.tools, wish.tool_choice)))
    if wish.scores is not None:
        await asyncio.to_thread(generator.learn_tokens)
    ids = await asyncio.to_thread(
        generator.conversation,
        joined(messages),
        thinking=wish.thinking and schema is None,
        continued=wish.continued,
    )
    return begin(
        house,
        generator,
        msgspec.structs.replace(wish, schema=schema),
        [Prompt(tuple(ids), "")],
        adapter,
        conversation=True,
    )


def begin(
    house: House,
    generator: Generator,
    wish: Wish,
    prompts: Sequence[Prompt],
    adapter: str | None,
    *,
    echo: bool = False,
    conversation: bool = False,
) -> "ModelReply":
    """Submit the calls of a request: `wish.n` for each prompt. Raises `TooManyRuns`, `Stopping`, and
    `BadCall` before anything runs."""
    seed = secrets.randbelow(SEED_LIMIT) if wish.seed is None else wish.seed % SEED_LIMIT
    client = secrets.token_hex(8)
    calls = [
        _call(generator, wish, prompt, adapter, (seed + number) % SEED_LIMIT, echo, client)
        for prompt in prompts
        for number in range(wish.n)
    ]
    for call in calls:
        check_call(call, generator.info)
    _check_scores(wish, calls)
    house.admit()
    streams = [generator.engine.submit(call) for call in calls]
    opened = generator.opens and wish.thinking and not wish.continued
    thinks = conversation and wish.schema is None
    choices = [
        Choice(
            number,
            generator,
            wish,
            prompts[number // wish.n],
            echo=echo,
            thinking=Thinking(opened) if thinks else None,
        )
        for number in range(len(calls))
    ]
    return ModelReply(house, streams, choices)


class ModelReply:
    """Calls that were accepted."""

    session = None

    def __init__(self, house: House, streams: Sequence[Stream], choices: Sequence[Choice]) -> None:
        self._choices = choices
        self._following: Following[Delta | Finish] = Following(
            house, _Together(streams), [aiter(stream) for stream in streams]
        )

    async def pieces(self) -> AsyncIterator[Piece]:
        usage = Usage()
        async for number, item in self._following.items():
            choice = self._choices[number]
            if isinstance(item, Delta):
                for piece in choice.add(item):
                    yield piece
                continue
            if item.reason == "cancelled":
                raise ApiError(503, "the daemon is stopping: the output was cut off; ask again")
            # an echo may have a hundred thousand scores, for which others need not wait
            ending = asyncio.to_thread(choice.end, item) if choice.echo else None
            for piece in choice.end(item) if ending is None else await ending:
                yield piece
            usage = Usage(
                # the APIs count a prompt once, however many outputs it has
                prompt_tokens=usage.prompt_tokens + (item.prompt_tokens if choice.first else 0),
                cached_tokens=usage.cached_tokens + (item.cached_tokens if choice.first else 0),
                generated_tokens=usage.generated_tokens + item.generated_tokens,
                reasoning_tokens=usage.reasoning_tokens + choice.reasoning_tokens,
            )
        yield Total(usage)

    def leave(self) -> None:
        self._following.leave()


class _Together:
    """Calls that are stopped together."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = streams

    def cancel(self) -> None:
        for stream in self._streams:
            stream.cancel()


def _call(
    generator: Generator,
    wish: Wish,
    prompt: Prompt,
    adapter: str | None,
    seed: int,
    echo: bool,
    client: str,
) -> Call:
    """`client`: the engine lets them take turns."""
    taste = wish.taste
    room = max(1, generator.info.context - len(prompt.ids))
    constraint: Constraint | None = None if wish.schema is None else JsonSchema(wish.schema)
    return Call(
        prompt=prompt.ids,
        session=client,
        adapter=adapter,
        constraint=constraint,
        echo=echo and wish.scores is not None,
        logprobs=wish.scores is not None,
        top_logprobs=wish.scores or 0,
        sampling=Sampling(
            temperature=taste.temperature,
            top_k=taste.top_k,
            top_p=taste.top_p,
            min_p=taste.min_p,
            repetition_penalty=taste.repetition_penalty,
            logit_bias=taste.logit_bias,
            seed=seed,
            max_tokens=room if wish.max_tokens is None else wish.max_tokens,
            stop=generator.ends,
            stop_texts=wish.stop,
        ),
    )


def _check_scores(wish: Wish, calls: Sequence[Call]) -> None:
    """The engine's limit for one call counts for all calls of a request: one reply holds them."""
    if wish.scores is None:
        return
    pairs = sum(len(call.prompt) for call in calls if call.echo) * (wish.scores + 1)
    if pairs > ECHOED_PAIRS:
        raise refused(
            f"the prompts have {pairs:,} log-probabilities together; the limit is {ECHOED_PAIRS:,}. "
            "Send fewer at once, or ask for fewer likeliest tokens.",
            "prompt",
        )


def joined(messages: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """System messages first and as one, and turns of one side that follow each other as one: many
    templates refuse anything else."""
    system = "\n\n".join(text for role, text in messages if role == "system" and text.strip())
    found = [("system", system)] if system else []
    for role, text in messages:
        if role == "system":
            continue
        if found and found[-1][0] == role:
            found[-1] = (role, f"{found[-1][1]}\n\n{text}")
        else:
            found.append((role, text))
    return found
