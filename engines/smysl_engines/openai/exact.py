"""Generates with a server where tokens go in and come out as they are (`Abilities.exact`).

Constraints are kept to here: the server writes freely, each token is checked as it comes, and at the first one that
does not fit the stream is closed and that one token asked for again among those that fit. Greedy or sampled, that is
the same distribution as masking every step: the first draw stands where it fits, else a draw among what fits takes its
place. Knows rounds, each of which asks for what follows all that is there; never how a call is admitted.
"""

import asyncio
from collections.abc import Collection, Sequence

import numpy as np

from smysl_engines.base import AllowedTokens
from smysl_engines.openai.backoff import delay
from smysl_engines.openai.errors import ServerBroke, ServerFailed
from smysl_engines.openai.replies import Piece
from smysl_engines.openai.requests import Request, Round, request, seed_of
from smysl_engines.openai.run import RemoteCall, Wrong
from smysl_engines.openai.server import Server


async def exactly(server: Server, run: RemoteCall) -> str:
    """Generate a call's output; why it ended. Raises `EngineError`."""
    constraint = run.call.constraint
    allowed = constraint.ids if isinstance(constraint, AllowedTokens) else None
    patience = server.settings.patience
    failures = 0
    while True:
        known = len(run.ids)
        try:
            reason = await _round(server, run, run.left, allowed)
        except Wrong as wrong:
            fitting = np.flatnonzero(wrong.mask).tolist()
            reason = await _round(server, run, 1, fitting)
        except ServerBroke:
            # a greedy output goes on as it would have; a sampled one would be drawn otherwise
            if run.call.sampling.temperature or not run.ids:
                raise
            failures = failures + 1 if len(run.ids) == known else 1
            if failures > patience.retries:
                raise
            await asyncio.sleep(delay(patience, failures - 1, None))
            continue
        if reason is not None:
            return reason


async def _round(
    server: Server, run: RemoteCall, tokens: int, allowed: Collection[int] | None
) -> str | None:
    """Take what the server gives for one request; why the call ends with it, if it does."""
    asked = _request(server, run, tokens, allowed)
    given: list[int] = []
    ended, over = None, None
    try:
        async with server.connection.events(asked.path, asked.body) as events:
            async for data in events:
                said = server.read(data)
                server.count(run, said, len(given))
                ids = await _whole(server, asked, given, said)
                reason = None if over else server.take(run, ids, said)
                given += ids
                ended = ended or said.end
                if reason is not None and not (ended or len(given) == tokens):
                    return reason  # the server would go on
                over = over or reason
    except ServerFailed:
        if over is None:
            raise
    if over is not None:
        return over
    if ended is None:
        raise server.stopped(run)
    if given:
        # the server's own end token is none of the call's, or a character is not whole
        return None
    return await _at_once(server, run, tokens, allowed)


async def _at_once(
    server: Server, run: RemoteCall, tokens: int, allowed: Collection[int] | None
) -> str | None:
    """What a stream keeps to itself, because it ends within a character."""
    said = await server.whole(_request(server, run, tokens, allowed, stream=False))
    ids = server.ids(said)
    if not ids:
        raise ServerBroke(
            f"{server.settings.root} gives no token after {len(run.ids)} of them. Look at the server's log"
        )
    return server.take(run, ids, said)


async def _whole(
    server: Server, asked: Request, given: Sequence[int], said: Piece
) -> tuple[int, ...]:
    """The tokens of an event. llama.cpp streams whole characters, and of one in several tokens tells the last only:
    the others follow from its bytes where these leave no doubt, else from having the same said again at once."""
    ids = server.ids(said)
    count = 0 if said.count is None or not ids else said.count - len(given) - len(ids)
    if count <= 0:
        return ids
    if len(ids) == 1 and (cut := server.words.hidden(said.text, ids[0], count)) is not None:
        return (*cut, *ids)
    again = {"stream": False, "n_predict": len(given) + count + len(ids)}
    whole = server.ids(await server.whole(Request(asked.path, asked.body | again)))
    start, stop = len(given), len(given) + count
    if whole[:start] != tuple(given) or whole[stop:] != ids:
        raise ServerBroke(
            f"{server.settings.root} left out {count} tokens of a character and says something else when asked "
            "again. Ask again, with fewer calls at once"
        )
    return whole[start:]


def _request(
    server: Server,
    run: RemoteCall,
    tokens: int,
    allowed: Collection[int] | None,
    *,
    stream: bool = True,
) -> Request:
    call = run.call
    round = Round(
        prompt=run.text,
        tokens=tokens,
        sampling=call.sampling,
        seed=seed_of(call, len(run.ids)),
        top=server.top(run),
        allowed=allowed,
        vocabulary=server.words.vocabulary,
        adapter=call.adapter,
    )
    return request(server.abilities, round, stream=stream)
