"""Generates with a server of text: it gives names of tokens at best, and its own fields hold an output to a form.

What is sure there is the text and where it ends. Knows rounds and the tokenizer; never how a call is admitted.
"""

from collections.abc import Sequence

import msgspec

from smysl_engines.base import AllowedTokens, Grammar, JsonSchema, Regex
from smysl_engines.openai.conversation import Conversation
from smysl_engines.openai.replies import Piece
from smysl_engines.openai.requests import Request, Round, guided_fields, request, seed_of
from smysl_engines.openai.run import RemoteCall
from smysl_engines.openai.server import Server
from smysl_engines.openai.texts import Reencoder

STOPS = 4
"""Texts that OpenAI's `stop` takes."""


async def roughly(server: Server, run: RemoteCall) -> str:
    """Generate a call's output; why it ended. Raises `EngineError`."""
    guided = isinstance(run.call.constraint, Regex | JsonSchema | Grammar)
    while True:
        reason = await _round(server, run)
        if reason is not None:
            return reason
        # an end token is no text: the server has ended at one, and does not say which
        end = _end(server, run)
        if end is None:
            return "stop"
        reason = run.take(end)
        if reason is not None or guided or not server.abilities.completions:
            return reason or "stop"


async def _round(server: Server, run: RemoteCall) -> str | None:
    """Take what the server gives for one request; why the call ends with it. None: at an end token."""
    prompt = server.prompt(run.text)
    asked = _request(server, run, prompt)
    text = Reencoder(server.words)
    thinking = _Thinking(isinstance(prompt, Conversation) and prompt.opened)
    given = len(run.ids)
    ended = None
    async with server.connection.events(asked.path, asked.body) as events:
        async for data in events:
            said = server.read(data)
            server.count(run, said, len(run.ids) - given)
            reason = _take(server, run, thinking.told(said), text)
            if reason is not None:
                return reason
            ended = ended or said.end
    if ended is None:
        raise server.stopped(run)
    for token in text.end():
        reason = run.take(token)
        if reason is not None:
            return reason
    return None if ended == "stop" else ended


class _Thinking:
    """Puts what a server takes apart as thoughts back to where the model had it."""

    def __init__(self, opened: bool) -> None:
        """`opened`: the prompt has begun the section."""
        self._before = "" if opened else "<think>\n"
        self._inside = False

    def told(self, said: Piece) -> Piece:
        text = said.text
        if said.thought:
            text = (said.thought if self._inside else f"{self._before}{said.thought}") + text
            self._inside = True
        if self._inside and said.text:
            text = text.removesuffix(said.text) + f"\n</think>\n\n{said.text}"
            self._inside = False
        return said if text == said.text else msgspec.structs.replace(said, text=text)


def _take(server: Server, run: RemoteCall, said: Piece, text: Reencoder) -> str | None:
    ids = [server.words.id_of(token) for token in said.tokens]
    known = [id for id in ids if id is not None]
    named = len(known) == len(ids) == len(said.logprobs) and not text.waiting
    if known and named and "".join(said.tokens) == said.text:
        return server.take(run, known, said)
    for token in text.push(said.text):
        reason = run.take(token)
        if reason is not None:
            return reason
    return None


def _end(server: Server, run: RemoteCall) -> int | None:
    """The end token that a server has likely come to: one of the call's, the model's own first."""
    stops, ends = run.call.sampling.stop, server.words.ends
    likely = [end for end in ends if end in stops] or [*stops, *ends]
    return likely[0] if likely else None


def _request(
    server: Server, run: RemoteCall, prompt: Sequence[int] | str | Conversation
) -> Request:
    call = run.call
    constraint, guided = call.constraint, {}
    if isinstance(constraint, Regex | JsonSchema | Grammar):
        guided = guided_fields(server.abilities, constraint)
    round = Round(
        prompt=prompt,
        tokens=run.left,
        sampling=call.sampling,
        seed=seed_of(call, len(run.ids)),
        top=server.top(run),
        allowed=constraint.ids if isinstance(constraint, AllowedTokens) else None,
        vocabulary=server.words.vocabulary,
        adapter=call.adapter,
        guided=guided,
        stop=[text for id in call.sampling.stop[:STOPS] if (text := server.words.text([id]))],
    )
    return request(server.abilities, round)
