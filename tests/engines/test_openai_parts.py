"""The parts of the engine for servers that need no server: waits, turns, request bodies, text read back."""

import asyncio
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from byte_tokenizer import byte_tokenizer
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    Constraint,
    Grammar,
    JsonSchema,
    Regex,
    Sampling,
)
from smysl_engines.openai.abilities import Abilities, Flavour
from smysl_engines.openai.backoff import delay, retry_after
from smysl_engines.openai.requests import Round, check_supported, guided_fields, request, seed_of
from smysl_engines.openai.settings import Patience, ServerSettings
from smysl_engines.openai.texts import Reencoder, Words
from smysl_engines.openai.turnstile import Turnstile

SCHEMA = '{"type": "object"}'


@cache
def words() -> Words:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        byte_tokenizer().save(str(path))
        return Words(path)


def abilities(flavour: Flavour, **fields: Any) -> Abilities:
    return Abilities(flavour=flavour, model="tiny", identity="", **fields)


def body(flavour: Flavour, sampling: Sampling, allowed: list[int] | None = None) -> dict[str, Any]:
    round = Round(prompt=(1, 2), tokens=5, seed=3, vocabulary=6, sampling=sampling, allowed=allowed)
    return request(abilities(flavour), round).body


@given(st.integers(0, 60), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_within_the_limit(repetition: int, draw: float) -> None:
    patience = Patience(backoff_s=0.5, backoff_limit_s=20.0)
    wait = delay(patience, repetition, None, lambda: draw)
    whole = min(0.5 * 2**repetition, 20.0)
    assert whole / 2 <= wait <= whole


def test_a_server_says_how_long_to_wait_within_the_limit() -> None:
    patience = Patience(backoff_limit_s=20.0)
    assert delay(patience, 0, 7.0) == 7.0
    assert delay(patience, 0, 7000.0) == 20.0
    assert retry_after("120", 0.0) == 120.0
    assert retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40.0) == 60.0
    assert retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 400.0) == 0.0
    for nonsense in (None, "", "soon", "nan", "inf"):
        assert retry_after(nonsense, 0.0) is None


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://host:8080", "http://host:8080"),
        ("http://host:8080/v1/", "http://host:8080"),
        ("https://host/api/v1", "https://host/api"),
    ],
)
def test_an_address_may_end_in_v1(url: str, root: str) -> None:
    assert ServerSettings(url=url).root == root


async def test_a_turn_that_is_given_up_is_the_next_ones() -> None:
    gate = Turnstile(1)
    entered: list[str] = []

    async def pass_through(name: str, priority: int) -> None:
        async with gate.place(priority):
            entered.append(name)

    async with gate.place(0):
        waiting = [asyncio.create_task(pass_through(name, 1)) for name in "abc"]
        urgent = asyncio.create_task(pass_through("urgent", 0))
        await asyncio.sleep(0)
        waiting[0].cancel()
    # the turn has come, and its owner goes away before it takes it
    urgent.cancel()
    await asyncio.gather(urgent, *waiting, return_exceptions=True)
    assert entered == ["b", "c"]
    async with asyncio.timeout(60):
        await pass_through("later", 0)


async def test_more_places_admit_those_who_wait() -> None:
    gate = Turnstile(1)
    async with gate.place(0):
        second = asyncio.create_task(_enter(gate))
        await asyncio.sleep(0)
        gate.resize(1)
        async with asyncio.timeout(60):
            await second


async def _enter(gate: Turnstile) -> None:
    async with gate.place(0):
        pass


def test_a_server_is_told_the_order_in_which_tokens_are_cut() -> None:
    sampling = Sampling(temperature=0.7, top_k=5, top_p=0.9, min_p=0.1, repetition_penalty=1.2)
    said = body("llama.cpp", sampling)
    assert said["samplers"] == ["penalties", "temperature", "top_k", "top_p", "min_p"]
    assert (said["repeat_penalty"], said["repeat_last_n"]) == (1.2, 7)
    assert body("llama.cpp", Sampling())["samplers"] == ["top_k"]
    said = body("vllm", sampling)
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed")
    assert [said[name] for name in names] == [0.7, 5, 0.9, 0.1, 1.2, 3]


def test_biases_are_sent_as_each_server_reads_them() -> None:
    sampling = Sampling(logit_bias=((2, 1.5), (3, float("-inf"))))
    assert body("llama.cpp", sampling)["logit_bias"] == [[2, 1.5], [3, False]]
    assert body("openai", sampling)["logit_bias"] == {"2": 1.5, "3": -100.0}
    forbidden = body("llama.cpp", Sampling(), allowed=[1, 4])["logit_bias"]
    assert forbidden == [[0, False], [2, False], [3, False], [5, False]]
    said = body("vllm", sampling, allowed=[4, 1])
    assert said["allowed_token_ids"] == [1, 4] and said["logit_bias"] == {"2": 1.5, "3": -100.0}


def test_an_output_that_goes_on_draws_from_its_place() -> None:
    first = Call(prompt=(1, 2, 3), sampling=Sampling(seed=7))
    later = Call(prompt=(1, 2, 3, 4), position=1, sampling=Sampling(seed=7))
    assert seed_of(first, 1) == seed_of(later, 0) != seed_of(first, 0)
    assert 0 <= seed_of(Call(prompt=(1,), sampling=Sampling(seed=2**64 - 1)), 0) < 2**31


@pytest.mark.parametrize(
    ("guided", "constraint", "fields"),
    [
        (
            "structured_outputs",
            JsonSchema(SCHEMA),
            {"structured_outputs": {"json": {"type": "object"}}},
        ),
        ("structured_outputs", Regex("a+"), {"structured_outputs": {"regex": "a+"}}),
        (
            "structured_outputs",
            Grammar("start: A"),
            {"structured_outputs": {"grammar": "start: A"}},
        ),
        ("guided", JsonSchema(SCHEMA), {"guided_json": {"type": "object"}}),
        ("guided", Regex("a+"), {"guided_regex": "a+"}),
        ("guided", Grammar("start: A"), {"guided_grammar": "start: A"}),
        (
            "response_format",
            JsonSchema(SCHEMA),
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "output", "strict": True, "schema": {"type": "object"}},
                }
            },
        ),
        ("response_format", Regex("a"), None),
        ("response_format", Grammar("start: A"), None),
        (None, JsonSchema(SCHEMA), None),
    ],
)
def test_a_form_is_asked_for_in_the_servers_own_words(
    guided: Any, constraint: Constraint, fields: dict[str, Any] | None
) -> None:
    found = abilities("vllm", guided=guided)
    if fields is not None:
        assert guided_fields(found, constraint) == fields
        return
    with pytest.raises(BadCall, match=type(constraint).__name__):
        guided_fields(found, constraint)
    # tokens that go in and come out as they are need no words for it
    exact = abilities("vllm", token_prompts=True, token_ids=True, logprobs=20)
    check_supported(Call(prompt=(1,), constraint=constraint), exact)


def test_what_a_server_cannot_do_is_refused_by_name() -> None:
    plain = abilities("openai", token_prompts=True)
    many = AllowedTokens(tuple(range(301)))
    for call, reason in (
        (Call(prompt=(1,), constraint=many), "301 tokens"),
        (Call(prompt=(1,), constraint=Choice(((1,),))), "Choice"),
        (Call(prompt=(1,), logprobs=True, top_logprobs=2), "top_logprobs"),
        (Call(prompt=(1,), echo=True), "echo"),
        (Call(prompt=(1,), adapter="a", activation=0), "activation"),
    ):
        with pytest.raises(BadCall, match=reason):
            check_supported(call, plain)


@given(st.lists(st.text(alphabet='the name ofAn日é{}:"', max_size=6), max_size=8))
def test_text_that_comes_in_pieces_is_the_same_text_in_tokens(pieces: list[str]) -> None:
    reencoder = Reencoder(words())
    ids: list[int] = []
    for piece in pieces:
        ids += reencoder.push(piece)
    ids += reencoder.end()
    assert words().text(ids) == "".join(pieces)
    assert not reencoder.waiting


@given(st.text(alphabet="é日😀", min_size=1, max_size=1))
def test_tokens_within_a_character_follow_from_its_bytes(character: str) -> None:
    ids = words().ids(character)
    assert words().hidden(character, ids[-1], len(ids) - 1) == tuple(ids[:-1])
    assert words().hidden("\ufffd", ids[-1], 1) is None
    assert words().hidden(character, ids[-1], len(ids)) is None
