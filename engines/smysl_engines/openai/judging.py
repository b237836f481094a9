"""Has a server say how likely things are: the options of a choice, the tokens of a prompt.

Knows requests for one token; never a stream.
"""

import math
from collections.abc import Collection, Sequence

from smysl_engines.base import Choice, EngineError, Finish, Sampling
from smysl_engines.choice import OptionTree, choose
from smysl_engines.openai.replies import likeliest, prompt_logprobs
from smysl_engines.openai.requests import Round, request
from smysl_engines.openai.run import RemoteCall
from smysl_engines.openai.server import Server

FIRST_LOOK = 32
"""Likeliest tokens that a choice looks at first."""
ALL_LOOK = 8192
"""A vocabulary up to this size is then looked at whole; in a larger one tokens are forced one by one."""


async def choose_option(server: Server, run: RemoteCall, constraint: Choice) -> Finish:
    """Score every option and deliver the chosen one. Raises `EngineError`."""
    tree = OptionTree(constraint)
    for beginning in tree.wanted:
        await _look(server, run, tree, beginning)
    probabilities = tree.probabilities()
    option = choose(probabilities, run.call.sampling)
    run.deliver_all(constraint.options[option], tree.logprobs(option))
    return run.finish("stop", option, probabilities)


async def echo(server: Server, run: RemoteCall) -> None:
    """vLLM's log-probabilities of the prompt, in a request of their own."""
    call = run.call
    round = Round(
        prompt=call.prompt,
        tokens=1,
        sampling=Sampling(max_tokens=1),
        seed=0,
        vocabulary=server.words.vocabulary,
        adapter=call.adapter,
        guided={"prompt_logprobs": call.top_logprobs},
    )
    asked = request(server.abilities, round, stream=False)
    data = await server.connection.post(asked.path, asked.body)
    rows = prompt_logprobs(server.settings.root, data, call.prompt)
    run.prompt_logprobs = tuple(row[id] for id, row in zip(call.prompt[1:], rows, strict=True))
    if call.top_logprobs:
        run.prompt_top = tuple(likeliest(row, call.top_logprobs) for row in rows)


async def _look(
    server: Server, run: RemoteCall, tree: OptionTree, beginning: tuple[int, ...]
) -> None:
    """Find the log-probability of each option's next token."""
    text = (*run.call.prompt, *beginning)
    abilities = server.abilities
    looks = [min(FIRST_LOOK, abilities.logprobs)]
    if abilities.flavour == "llama.cpp" and server.words.vocabulary <= ALL_LOOK:
        looks.append(server.words.vocabulary)
    for look in looks:
        told = await _told(server, run, text, look, None)
        for token in tree.missing(beginning):
            if token in told:
                tree.note(beginning, token, told[token])
        if not tree.missing(beginning):
            return
    for token in tree.missing(beginning):
        told = {}
        if abilities.exact:
            # what is forced keeps the log-probability that the model gave it
            told = await _told(server, run, text, 1, [token])
        if token not in told:
            raise EngineError(
                f"{server.settings.root} tells the {abilities.logprobs} likeliest tokens, and an option of the "
                "Choice is not among them. Serve the model with llama.cpp or vLLM, which tell every one"
            )
        tree.note(beginning, token, told[token])


async def _told(
    server: Server,
    run: RemoteCall,
    text: Sequence[int],
    look: int,
    allowed: Collection[int] | None,
) -> dict[int, float]:
    """Log-probabilities of what may follow a text."""
    round = Round(
        prompt=server.prompt(text),
        tokens=1,
        sampling=Sampling(max_tokens=1),
        seed=0,
        top=look,
        allowed=allowed,
        vocabulary=server.words.vocabulary,
        adapter=run.call.adapter,
    )
    said = await server.whole(request(server.abilities, round, stream=False))
    server.count(run, said, 0)
    told = server.by_id(said.top[0]) if said.top else {}
    chosen = said.ids or tuple(
        id for token in said.tokens if (id := server.words.id_of(token)) is not None
    )
    if chosen and said.logprobs and not math.isnan(said.logprobs[0]):
        told[chosen[0]] = said.logprobs[0]
    return told
