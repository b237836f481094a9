"""What a request says, before anything is asked: bodies, fields, messages."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_daemon.http import bodies
from smysl_daemon.http.asking import Turn
from smysl_daemon.http.bodies import json_body, parsed
from smysl_daemon.http.chat import FIELDS, ChatRequest, wished
from smysl_daemon.http.completions import FIELDS as COMPLETION_FIELDS
from smysl_daemon.http.completions import CompletionRequest
from smysl_daemon.http.conversation import anthropic_turns, chat_turns, response_turns
from smysl_daemon.http.failures import ApiError
from smysl_daemon.http.fields import checked
from smysl_daemon.http.wishing import chosen, openai_tools, stops

JSON = {"content-type": "application/json"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def refusal(error: pytest.ExceptionInfo[ApiError]) -> tuple[int, str]:
    return error.value.status, error.value.message


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4), st.integers(1, 40))
async def test_a_body_is_what_was_sent_however_it_was_cut(value: dict[str, Any], size: int) -> None:
    whole = msgspec.json.encode(value)
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert await json_body(JSON, chunks(*parts)) == value


@given(st.binary(max_size=60))
def test_bytes_are_an_object_or_are_refused(body: bytes) -> None:
    try:
        assert isinstance(parsed(body), dict)
    except ApiError as error:
        assert error.status == 400 and error.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a": 1,\n "b": }', "line 2, column 7"),
        (b'{"a": 1,\n', "(byte 9, line 2, column 1)"),
        (b"", "not JSON"),
        (b"[1]", "must be a JSON object, not list"),
        (b"null", "not null"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": ' * 100_000, "nested too deeply"),
    ],
)
def test_a_mistake_in_json_is_placed(body: bytes, said: str) -> None:
    with pytest.raises(ApiError) as error:
        parsed(body)
    assert error.value.status == 400 and said in error.value.message


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "missing"),
        ({"content-type": "text/plain"}, "text/plain"),
        ({"content-type": "application/x-www-form-urlencoded"}, "x-www-form-urlencoded"),
        ({"content-type": "application/json; charset=latin-1"}, "latin-1"),
        (JSON | {"content-encoding": "gzip"}, "gzip"),
    ],
)
async def test_another_content_type_is_refused(headers: dict[str, str], said: str) -> None:
    with pytest.raises(ApiError) as error:
        await json_body(headers, chunks(b"{}"))
    assert error.value.status == 415 and said in error.value.message


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/a+json"]
)
async def test_json_has_several_names(kind: str) -> None:
    assert await json_body({"content-type": kind}, chunks(b"{}")) == {}


async def test_a_body_over_the_limit_is_read_to_its_end_and_never_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "BODY_LIMIT", 100)
    read = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(50):
            read += 1
            yield b"x" * 10

    with pytest.raises(ApiError) as error:
        await json_body(JSON, flood())
    assert refusal(error) == (
        413,
        "the body has 110 or more bytes; the limit is 100. Send less at once.",
    )
    assert read == 50


async def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("asked for the body")
        yield b""

    with pytest.raises(ApiError) as error:
        headers = JSON | {"content-length": "100000000", "expect": "100-continue"}
        await json_body(headers, never())
    assert error.value.status == 413


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    with pytest.raises(ApiError) as error:
        await json_body(JSON, slow())
    assert error.value.status == 408


# ---------------------------------------------------------------- fields


def chat(**fields: Any) -> ChatRequest:
    given = {"model": "m", "messages": [{"role": "user", "content": "?"}]} | fields
    return checked(given, FIELDS, ChatRequest)


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"temprature": 1}, "temprature", "did you mean 'temperature'?"),
        ({"zzz": 1}, "zzz", "Fields: "),
        ({"temperature": 3}, "temperature", "<= 2"),
        ({"temperature": "hot"}, "temperature", "got `str`"),
        ({"n": 0}, "n", ">= 1"),
        ({"n": True}, "n", "got `bool`"),
        ({"messages": "hi"}, "messages", "got `str`"),
        ({"smysl": {"option": {}}}, "smysl", "unknown field `option`"),
        ({"frequency_penalty": 0.5}, "frequency_penalty", "repetition_penalty"),
        ({"audio": {}}, "audio", "output is text"),
        ({"modalities": ["audio"]}, "modalities", "output is text"),
        ({"functions": [{}]}, "functions", "tools"),
        ({"stream_options": {"include_usage": 3}}, "stream_options.include_usage", "got `int`"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str, said: str) -> None:
    with pytest.raises(ApiError) as error:
        chat(**fields)
    assert error.value.status == 400 and error.value.param == param and said in error.value.message


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ApiError, match="missing required field `messages`"):
        checked({"model": "m"}, FIELDS, ChatRequest)


def test_what_changes_nothing_is_taken() -> None:
    plain = chat()
    assert plain == chat(
        user="eve",
        metadata={},
        store=True,
        frequency_penalty=0,
        presence_penalty=0.0,
        modalities=["text"],
        temperature=None,
        audio=None,
    )


@given(
    st.dictionaries(st.sampled_from([*FIELDS.honoured, *FIELDS.harmless, "x"]), VALUES, max_size=6)
)
def test_any_fields_make_a_wish_or_a_refusal_that_names_one(fields: dict[str, Any]) -> None:
    try:
        wished(checked(fields, FIELDS, ChatRequest), None)
    except ApiError as error:
        assert error.status in (400, 404) and error.message


@given(VALUES)
def test_any_messages_make_turns_or_a_refusal(messages: Any) -> None:
    for read in (chat_turns, lambda m: anthropic_turns(m, None), lambda m: response_turns(m, None)):
        try:
            assert all(isinstance(turn, Turn) for turn in read(messages))
        except ApiError as error:
            assert error.status == 400 and error.message


def test_a_completion_request_takes_zero_tokens() -> None:
    made = checked(
        {"model": "m", "prompt": [1, 2], "max_tokens": 0}, COMPLETION_FIELDS, CompletionRequest
    )
    assert made.max_tokens == 0 and made.prompt == [1, 2]


def test_best_of_more_is_refused() -> None:
    with pytest.raises(ApiError, match="'best_of' is not supported"):
        checked({"model": "m", "prompt": "", "best_of": 2}, COMPLETION_FIELDS, CompletionRequest)


# ---------------------------------------------------------------- messages


def test_chat_messages_become_turns() -> None:
    messages = [
        {"role": "developer", "content": "be kind"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "3"},
    ]
    assert chat_turns(messages) == (
        Turn("system", "be kind"),
        Turn("user", "hello"),
        Turn("assistant", '{"tool":"f","arguments":{"a":1}}'),
        Turn("user", "Result of f: 3"),
    )


def test_anthropic_messages_become_turns_without_their_thinking() -> None:
    messages = [
        {"role": "user", "content": "hello"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": ""},
                {"type": "text", "text": "well"},
                {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "3"}]},
    ]
    turns = anthropic_turns(messages, [{"type": "text", "text": "be kind"}])
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "assistant", "user"]
    assert {turn.text for turn in turns} == {
        "be kind",
        "hello",
        "well",
        '{"tool":"f","arguments":{"a":1}}',
        "Result of f: 3",
    }


def test_response_items_become_turns() -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {"type": "reasoning", "id": "rs", "summary": []},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "3"},
    ]
    assert response_turns(items, "be kind") == (
        Turn("system", "be kind"),
        Turn("user", "hello"),
        Turn("assistant", '{"tool":"f","arguments":{}}'),
        Turn("user", "Result of f: 3"),
    )


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"role": "robot", "content": "x"}], "messages[0].role is 'robot'"),
        ([3], "messages[0] must be an object"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "messages[0].content[0]: parts of type 'image_url'",
        ),
        ([{"role": "user"}], "messages[0].content must be a text or a list"),
    ],
)
def test_a_message_that_is_none_is_named(messages: Any, said: str) -> None:
    with pytest.raises(ApiError) as error:
        chat_turns(messages)
    assert error.value.status == 400 and said in error.value.message


def test_an_empty_stop_text_is_refused() -> None:
    with pytest.raises(ApiError, match="empty text"):
        stops(["a", ""])


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("required", "required"),
        ({"type": "any"}, "required"),
        ({"type": "function", "function": {"name": "f"}}, ":f"),
        ({"type": "function", "name": "f"}, ":f"),
        ({"type": "tool", "name": "f"}, ":f"),
    ],
)
def test_a_choice_of_tool_has_the_forms_of_three_apis(choice: Any, wanted: str) -> None:
    tools = openai_tools([{"type": "function", "function": {"name": "f"}}])
    assert chosen(tools, choice) == (tools, wanted)
    assert chosen(tools, "none") == ((), "auto")


@pytest.mark.parametrize(
    ("names", "said"), [(["f", "g", "f"], "'f' twice"), (map(str, range(129)), "limit is 128")]
)
def test_tools_have_names_of_their_own_and_are_not_too_many(names: Any, said: str) -> None:
    with pytest.raises(ApiError, match=said):
        openai_tools([{"type": "function", "function": {"name": name}} for name in names])


def test_what_a_client_sent_is_never_quoted_whole() -> None:
    with pytest.raises(ApiError) as error:
        chat_turns([{"role": "x" * 100_000}])
    assert len(error.value.message) < 2100
    with pytest.raises(ApiError) as unknown:
        chat(**{"x" * 1_000_000: 1})
    assert len(unknown.value.message) < 2100


def test_a_tool_that_is_no_function_is_refused() -> None:
    with pytest.raises(ApiError, match=r"tools\[0\].type is 'web_search'"):
        openai_tools([{"type": "web_search"}])
