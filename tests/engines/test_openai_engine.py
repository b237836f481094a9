"""Calls through a server of each flavour: what comes is what the model behind it says, under every constraint."""

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from byte_tokenizer import END, byte_tokenizer
from openai_server import CONTEXT, TEMPLATE, VOCABULARY, FakeServer, greedy, likeliest, logprobs

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    Constraint,
    Delta,
    EngineClosed,
    EngineError,
    Finish,
    JsonSchema,
    Likeliest,
    Mix,
    PromptTooLong,
    Regex,
    Sampling,
)
from smysl_engines.grammar import Grammars
from smysl_engines.openai import judging
from smysl_engines.openai.engine import OpenAIEngine
from smysl_engines.openai.settings import Patience, ServerSettings

EXACT = ("llama.cpp", "vllm")
PROMPT = tuple(byte_tokenizer().encode("the name of Anna").ids)
PATIENCE_S = 60.0


class Said(NamedTuple):
    ids: list[int]
    logprobs: list[float]
    top: list[Likeliest]
    end: Finish

    @property
    def text(self) -> str:
        return str(byte_tokenizer().decode(self.ids, skip_special_tokens=False))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    byte_tokenizer().save(str(path))
    path.with_name("config.json").write_text(f'{{"eos_token_id": {END}}}')
    return path


Open = Callable[..., tuple[FakeServer, OpenAIEngine]]


@pytest.fixture
def opened(tokenizer: Path) -> Iterator[Open]:
    """A server of a flavour, and an engine over it that has seen it."""
    servers: list[FakeServer] = []
    engines: list[OpenAIEngine] = []

    def make(
        flavour: str = "llama.cpp", concurrency: int = 16, **traits: object
    ) -> tuple[FakeServer, OpenAIEngine]:
        server = FakeServer(flavour)
        servers.append(server)
        for name, value in traits.items():
            setattr(server, name, value)
        settings = ServerSettings(
            url=server.url, concurrency=concurrency, patience=Patience(backoff_s=0.01)
        )
        engine = OpenAIEngine(settings, tokenizer)
        engines.append(engine)
        assert engine.connect() is None
        server.requests.clear()
        return server, engine

    yield make
    for engine in engines:
        engine.close()
    for server in servers:
        server.close()


async def said(engine: OpenAIEngine, call: Call) -> Said:
    found = Said([], [], [], _NONE)
    async with asyncio.timeout(PATIENCE_S):
        async for item in engine.submit(call):
            if isinstance(item, Delta):
                found.ids.extend(item.ids)
                found.logprobs.extend(item.logprobs)
                found.top.extend(item.top)
            else:
                return found._replace(end=item)
    raise AssertionError("no finish")


_NONE = Finish(reason="", prompt_tokens=0, cached_tokens=0, generated_tokens=0, seconds=0.0)


def asking(
    tokens: int, constraint: Constraint | None = None, *, seed: int = 0, **sampling: object
) -> Call:
    return Call(
        prompt=PROMPT,
        sampling=Sampling(max_tokens=tokens, seed=seed, **sampling),  # type: ignore[arg-type]
        constraint=constraint,
        logprobs=True,
    )


def masked(tokenizer: Path, call: Call) -> list[int]:
    """What the model says greedily when every step is masked."""
    matcher = Grammars(tokenizer, VOCABULARY, "tiny").matcher(call)
    assert matcher is not None
    ids: list[int] = []
    while len(ids) < call.sampling.max_tokens:
        mask = matcher.mask()
        if matcher.ended:
            break
        fitting = set(np.flatnonzero(mask).tolist())
        token = likeliest((*call.prompt, *ids), fitting.__contains__)
        if not matcher.consume(token):
            break
        ids.append(token)
    return ids


@pytest.mark.parametrize("flavour", EXACT)
async def test_a_greedy_output_is_the_models_own_with_its_log_probabilities(
    opened: Open, flavour: str
) -> None:
    server, engine = opened(flavour)
    wanted = greedy(PROMPT, 40)
    found = await said(engine, asking(40))
    assert found.ids == wanted and found.end.reason == "length"
    text = [*PROMPT, *wanted]
    told = [logprobs(text[: len(PROMPT) + at])[token] for at, token in enumerate(wanted)]
    known = [pair for pair in zip(found.logprobs, told, strict=True) if not math.isnan(pair[0])]
    assert len(known) > 30
    assert all(math.isclose(a, b) for a, b in known)
    assert found.end.cached_tokens == len(PROMPT) - 1
    assert all(isinstance(body["prompt"], list) for _, body in server.requests)


async def test_older_vllm_tells_ids_as_names(opened: Open, tokenizer: Path) -> None:
    _, engine = opened("vllm", tells_ids=False, version="0.9.1")
    found = await said(engine, Call(prompt=PROMPT, sampling=Sampling(max_tokens=30)))
    assert found.ids == greedy(PROMPT, 30) and found.logprobs == []
    call = asking(20, Regex("[a-c]{3}"))
    assert (await said(engine, call)).ids == masked(tokenizer, call)


@pytest.mark.parametrize("flavour", EXACT)
async def test_an_output_goes_on_after_the_servers_end_token_unless_that_is_a_stop(
    opened: Open, flavour: str
) -> None:
    _, engine = opened(flavour)
    # a prompt after which the model soon says its end token
    text = next(
        (*PROMPT, first, second)
        for first in range(VOCABULARY)
        for second in range(VOCABULARY)
        if END in greedy((*PROMPT, first, second), 3)
    )
    wanted = greedy(text, 8)
    free = Call(prompt=text, sampling=Sampling(max_tokens=8))
    assert (await said(engine, free)).ids == wanted
    stopping = Call(prompt=text, sampling=Sampling(max_tokens=8, stop=(END,)))
    found = await said(engine, stopping)
    assert found.ids == wanted[: wanted.index(END) + 1] and found.end.reason == "stop"


@pytest.mark.parametrize("flavour", EXACT)
async def test_the_same_seed_gives_the_same_tokens(opened: Open, flavour: str) -> None:
    _, engine = opened(flavour)
    drawn = [(await said(engine, asking(20, seed=seed, temperature=1.0))).ids for seed in (1, 2, 1)]
    assert drawn[0] == drawn[2] != drawn[1]


@pytest.mark.parametrize("flavour", EXACT)
@pytest.mark.parametrize(
    "constraint",
    [
        Regex("[a-c]{3}-(red|blue)+"),
        Regex("é{2}日"),
        JsonSchema(
            json.dumps(
                {
                    "type": "object",
                    "properties": {
                        "age": {"type": "integer", "maximum": 99, "minimum": 0},
                        "ok": {"type": "boolean"},
                    },
                    "required": ["age", "ok"],
                    "additionalProperties": False,
                }
            )
        ),
    ],
)
async def test_a_form_is_kept_to_as_if_every_step_were_masked(
    opened: Open, tokenizer: Path, flavour: str, constraint: Constraint
) -> None:
    _, engine = opened(flavour)
    call = asking(40, constraint)
    found = await said(engine, call)
    assert found.ids == masked(tokenizer, call)
    assert found.end.reason == ("length" if len(found.ids) == 40 else "stop")


async def test_a_sampled_form_is_kept_to(opened: Open) -> None:
    _, engine = opened()
    for seed in range(5):
        found = await said(engine, asking(30, Regex("[0-9]{4}"), seed=seed, temperature=1.0))
        assert found.text.isdigit() and len(found.text) == 4 and found.end.reason == "stop"


@pytest.mark.parametrize("flavour", EXACT)
async def test_only_allowed_tokens_come(opened: Open, flavour: str) -> None:
    _, engine = opened(flavour)
    allowed = (7, 70, 170, END)
    found = await said(engine, asking(12, AllowedTokens(allowed)))
    text = list(PROMPT)
    for token in found.ids:
        assert token == likeliest(text, allowed.__contains__)
        text.append(token)
    assert len(found.ids) == 12


@pytest.mark.parametrize("flavour", EXACT)
@pytest.mark.parametrize("look", [1, 300])
async def test_a_choice_scores_every_option_by_its_whole_likelihood(
    opened: Open, monkeypatch: pytest.MonkeyPatch, flavour: str, look: int
) -> None:
    """Also where the server tells only the likeliest tokens: others are forced, which keeps their odds."""
    monkeypatch.setattr(judging, "FIRST_LOOK", look)
    monkeypatch.setattr(judging, "ALL_LOOK", 0)
    _, engine = opened(flavour)
    options = ((5, 6, 7), (5, 6, 8), (5, 9), (250,), (5, 6, 7, 7))
    scores = []
    for option in options:
        text, score = list(PROMPT), 0.0
        for token in option:
            score += logprobs(text)[token]
            text.append(token)
        scores.append(score)
    odds = np.exp(np.array(scores) - max(scores))
    found = await said(engine, asking(1, Choice(options)))
    assert np.allclose(found.end.probabilities, odds / odds.sum())
    assert (
        found.end.choice == int(np.argmax(odds)) and tuple(found.ids) == options[found.end.choice]
    )
    assert math.isclose(sum(found.logprobs), max(scores))


async def test_a_character_of_several_tokens_arrives_whole(opened: Open) -> None:
    """llama.cpp tells the last of its tokens only; the others follow from its bytes."""
    _, engine = opened()
    found = await said(engine, asking(16, Regex("[é日]{4}")))
    assert found.text.startswith(("é", "日")) and "\ufffd" not in found.text
    assert len(found.text) == 4


@pytest.mark.parametrize("flavour", EXACT)
async def test_a_stop_text_ends_the_call_with_the_token_that_completes_it(
    opened: Open, flavour: str
) -> None:
    _, engine = opened(flavour)
    whole = await said(engine, asking(40))
    # somewhere inside, across tokens
    ending = byte_tokenizer().decode(whole.ids[10:13], skip_special_tokens=True)
    found = await said(engine, asking(40, stop_texts=(ending,)))
    assert found.end.reason == "stop" and found.end.stop_text == ending
    assert found.ids == whole.ids[: len(found.ids)] and ending in found.text


async def test_the_likeliest_tokens_are_told_beside_the_chosen(opened: Open) -> None:
    _, engine = opened()
    call = Call(prompt=PROMPT, sampling=Sampling(max_tokens=1), logprobs=True, top_logprobs=3)
    found = await said(engine, call)
    row = logprobs(PROMPT)
    wanted = sorted(range(VOCABULARY), key=lambda token: -row[token])[:3]
    assert [token for token, _ in found.top[0]] == wanted


async def test_the_prompts_own_log_probabilities_are_told_by_vllm_alone(opened: Open) -> None:
    _, engine = opened("vllm")
    call = Call(prompt=PROMPT, sampling=Sampling(max_tokens=0), echo=True)
    found = await said(engine, call)
    told = [logprobs(PROMPT[:at])[token] for at, token in enumerate(PROMPT) if at]
    assert np.allclose(found.end.prompt_logprobs, told)
    _, engine = opened("llama.cpp")
    with pytest.raises(BadCall, match="echo"):
        engine.submit(call)


async def test_adapters_are_chosen_by_number_or_by_model(opened: Open) -> None:
    server, engine = opened("llama.cpp", adapters=["polite", "terse"])
    assert engine.info.adapters == ("polite", "terse")
    mixed = Mix((("polite", 0.5), ("terse", 0.25)))
    for adapter in (None, "terse", mixed):
        await said(engine, Call(prompt=PROMPT, sampling=Sampling(max_tokens=1), adapter=adapter))
    scales = [[one["scale"] for one in body["lora"]] for _, body in server.requests]
    assert scales == [[0.0, 0.0], [0.0, 1.0], [0.5, 0.25]]
    server, engine = opened("vllm", adapters=["polite"])
    for name in (None, "polite"):
        await said(engine, Call(prompt=PROMPT, sampling=Sampling(max_tokens=1), adapter=name))
    assert [body["model"] for _, body in server.requests] == ["tiny", "polite"]
    with pytest.raises(BadCall, match="mix"):
        half = Mix((("polite", 0.5),))
        engine.submit(Call(prompt=PROMPT, sampling=Sampling(max_tokens=1), adapter=half))


async def test_a_cancelled_call_closes_its_stream(opened: Open) -> None:
    server, engine = opened(seconds_per_token=0.01)
    stream = engine.submit(asking(200))
    async with asyncio.timeout(PATIENCE_S):
        async for item in stream:
            if isinstance(item, Delta):
                stream.cancel()
            else:
                assert item.reason == "cancelled" and 0 < item.generated_tokens < 200
    assert await asyncio.to_thread(server.dropped.acquire, timeout=PATIENCE_S)
    assert engine.stats().finished == {"cancelled": 1}


async def test_a_stream_that_is_dropped_is_closed_too(opened: Open) -> None:
    server, engine = opened(seconds_per_token=0.01)
    stream = engine.submit(asking(200))
    await anext(stream)
    del stream
    assert await asyncio.to_thread(server.dropped.acquire, timeout=PATIENCE_S)


async def test_a_deadline_ends_a_call_with_what_it_has(opened: Open) -> None:
    _, engine = opened(seconds_per_token=0.02)
    call = Call(prompt=PROMPT, sampling=Sampling(max_tokens=200), timeout_s=0.5)
    found = await said(engine, call)
    assert found.end.reason == "deadline" and found.ids == greedy(PROMPT, 200)[: len(found.ids)]


async def test_calls_wait_for_a_place_and_the_most_urgent_is_next(opened: Open) -> None:
    server, engine = opened(concurrency=1)
    hold = server.hold = asyncio.Event()
    order: list[int] = []

    async def ask(priority: int) -> None:
        await said(
            engine,
            Call(prompt=(*PROMPT, priority), sampling=Sampling(max_tokens=1), priority=priority),
        )
        order.append(priority)

    first = asyncio.create_task(ask(9))
    while len(server.requests) < 1:
        await asyncio.sleep(0.01)
    others = [asyncio.create_task(ask(priority)) for priority in (3, 1, 2)]
    while engine.stats().waiting < 3:
        await asyncio.sleep(0.01)
    assert engine.stats().running == 1
    server.soon(hold.set)
    await asyncio.gather(first, *others)
    assert [body["prompt"][-1] for _, body in server.requests] == [9, 1, 2, 3]
    assert engine.stats().finished == {"length": 4}


async def test_a_server_takes_no_more_calls_at_once_than_it_has_slots(opened: Open) -> None:
    _, engine = opened(slots=3)
    assert engine.info.max_batch == 3


async def test_what_can_never_run_is_refused_at_once(opened: Open) -> None:
    _, engine = opened()
    with pytest.raises(PromptTooLong, match=str(CONTEXT)):
        engine.submit(Call(prompt=PROMPT, sampling=Sampling(max_tokens=CONTEXT)))
    with pytest.raises(BadCall, match="Regex"):
        engine.submit(asking(3, Regex("(")))
    engine.close()
    with pytest.raises(EngineClosed):
        engine.submit(asking(3))
    engine.close()


def test_closing_ends_who_waits_for_embeddings(opened: Open) -> None:
    server, engine = opened(embeds=True)
    server.hold = asyncio.Event()
    failed: list[EngineError] = []

    def embed() -> None:
        try:
            engine.embed([PROMPT])
        except EngineError as error:
            failed.append(error)

    embedding = threading.Thread(target=embed, daemon=True)
    embedding.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.requests:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    engine.close()
    embedding.join(PATIENCE_S)
    assert len(failed) == 1 and isinstance(failed[0], EngineClosed)
    assert engine.connect() == str(failed[0])


async def test_closing_cancels_what_runs(opened: Open) -> None:
    _, engine = opened(seconds_per_token=0.01)
    stream = engine.submit(asking(200))
    await anext(stream)
    await asyncio.to_thread(engine.close)
    ends = [item async for item in stream if isinstance(item, Finish)]
    assert [end.reason for end in ends] == ["cancelled"]


async def test_a_server_of_text_alone_is_read_through_the_tokenizer(opened: Open) -> None:
    server, engine = opened("text")
    found = await said(engine, asking(12, stop=(END,)))
    sent = server.requests[0][1]
    assert sent["prompt"] == "the name of Anna" and sent["stop"] == ["<end>"]
    wanted = greedy(PROMPT, 12)
    shown = byte_tokenizer().decode(wanted, skip_special_tokens=True)
    assert found.text.removesuffix("<end>") == shown
    assert found.end.reason == ("stop" if END in wanted else "length")
    # nothing is claimed that the server did not say
    assert len(found.logprobs) == len(found.ids) and all(map(math.isnan, found.logprobs))


async def test_a_server_of_text_holds_json_to_a_schema_itself_and_nothing_else(
    opened: Open,
) -> None:
    server, engine = opened("text")
    await said(engine, asking(4, JsonSchema('{"type": "integer"}')))
    form = server.requests[0][1]["response_format"]
    assert form["json_schema"]["schema"] == {"type": "integer"}
    for constraint, word in (
        (Regex("a+"), "Regex"),
        (Choice(((1,), (2,))), "log-probabilities"),
        (AllowedTokens((5, 6)), "2 tokens"),
    ):
        with pytest.raises(BadCall, match=word):
            engine.submit(asking(4, constraint))


async def test_a_server_of_names_is_asked_to_go_on_after_an_end_that_the_call_does_not_mean(
    opened: Open,
) -> None:
    _, engine = opened("openai")
    words = byte_tokenizer()
    # a prompt after which the model soon says its end token, and nothing that names do not spell
    text = next(
        (*PROMPT, first, second)
        for first in range(VOCABULARY)
        for second in range(VOCABULARY)
        if END in (ahead := greedy((*PROMPT, first, second), 6))[1:5]
        and all(words.decode([token]).isascii() for token in ahead)
    )
    wanted = greedy(text, 6)
    free = Call(prompt=text, sampling=Sampling(max_tokens=6), logprobs=True)
    found = await said(engine, free)
    assert found.ids == wanted and found.end.reason == "length"
    assert math.isnan(found.logprobs[wanted.index(END)])
    stopping = Call(prompt=text, sampling=Sampling(max_tokens=6, stop=(7, END)))
    found = await said(engine, stopping)
    assert found.ids == wanted[: wanted.index(END) + 1] and found.end.reason == "stop"


@pytest.mark.parametrize("flavour", ["chat", "ollama"])
async def test_a_server_that_only_chats_is_sent_the_conversation_that_a_prompt_is(
    opened: Open, tokenizer: Path, flavour: str
) -> None:
    template = tokenizer.with_name("chat_template.jinja")
    template.write_text(TEMPLATE)
    try:
        server, engine = opened(flavour)
    finally:
        template.unlink()
    words = byte_tokenizer()
    text = "<system>short<end><user>the name?<end><assistant>"
    prompt = tuple(words.encode(text).ids)
    found = await said(engine, Call(prompt=prompt, sampling=Sampling(max_tokens=9), logprobs=True))
    shown = words.decode(greedy(prompt, 9), skip_special_tokens=True)
    assert found.text.removesuffix("<end>") == shown.partition("<end>")[0]
    path, body = server.requests[0]
    assert path == "/v1/chat/completions" and "prompt" not in body
    assert body["messages"] == [
        {"role": "system", "content": "short"},
        {"role": "user", "content": "the name?"},
    ]
    # one token after the conversation can be judged, what lies within the reply cannot
    best = likeliest(prompt, lambda token: words.decode([token]).isascii() and token > 2)
    second = likeliest(
        prompt, lambda token: words.decode([token]).isascii() and token not in (best, 0, 1, 2)
    )
    chosen = await said(engine, Call(prompt=prompt, constraint=Choice(((second,), (best,)))))
    assert chosen.ids == [best]
    odds = [math.exp(logprobs(prompt)[token]) for token in (second, best)]
    assert np.allclose(chosen.end.probabilities, [odd / sum(odds) for odd in odds])
    for unfit in (
        Call(prompt=prompt, constraint=Choice(((best, 5), (best, 6)))),
        Call(prompt=(*prompt, 5), sampling=Sampling(max_tokens=1)),
    ):
        with pytest.raises(BadCall, match="only chats"):
            await said(engine, unfit)


async def test_names_of_tokens_with_their_log_probabilities_are_as_good_as_ids(
    opened: Open,
) -> None:
    _, engine = opened("openai")
    abilities = engine.abilities
    assert abilities is not None and abilities.token_prompts and abilities.n
    # a prompt whose continuation is plain ASCII, which every name spells whole
    found = await said(engine, asking(3, AllowedTokens(tuple(range(40, 100)))))
    text = list(PROMPT)
    for token, logprob in zip(found.ids, found.logprobs, strict=True):
        assert token == likeliest(text, range(40, 100).__contains__)
        assert math.isclose(logprob, logprobs(text)[token])
        text.append(token)
