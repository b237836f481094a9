"""A chat model by itself through all three APIs: its template, thinking, tools, schemas, choices; over an
engine that says what a test says."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2 as httpx
import msgspec
import openai
import pytest

from smysl_build_engines.build import ensure
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.store import EngineStore
from smysl_daemon.http.generating import Generator
from smysl_daemon.protocol import Run
from smysl_daemon.shapes import OptionView
from smysl_engines.base import Call, Engine, JsonSchema
from smysl_engines.load import open_engine
from smysl_engines.scripted import Answer, Scripted
from smysl_reasoning.dialects.chat import ChatDialect

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
USER: Any = [{"role": "user", "content": "What is 6 * 7?"}]
WEATHER = {
    "type": "object",
    "properties": {"town": {"type": "string"}},
    "required": ["town"],
}


@pytest.fixture
def says(chat_dialect: ChatDialect, chatting: Callable[..., Any]) -> Callable[..., Any]:
    """A service whose model gives one text after the other, and what it was asked."""

    def make(*texts: str, end: bool = True) -> Any:
        number = 0

        def answer(call: Call) -> Answer:
            nonlocal number
            text = texts[number % len(texts)]
            number += 1
            ids = chat_dialect.tokenizer.encode(text).ids
            closing = [chat_dialect.end] if end and call.constraint is None else []
            return Scripted(
                ids=(*ids, *closing), logprobs=(-0.5,) * (len(ids) + 1), cached_tokens=3
            )

        return chatting(answer)

    return make


def prompt(service: Any, dialect: ChatDialect) -> str:
    call: Call = service.engine.calls[-1]
    return dialect.tokenizer.decode(list(call.prompt), skip_special_tokens=False)


def openai_of(running: Any) -> Any:
    return openai.AsyncOpenAI(
        base_url="http://localhost/v1", api_key="none", http_client=running.client(), max_retries=0
    )


def anthropic_of(running: Any) -> Any:
    return anthropic.AsyncAnthropic(
        base_url="http://localhost", api_key="none", http_client=running.client(), max_retries=0
    )


async def test_a_conversation_is_told_in_the_models_own_template(
    facade: Any, says: Any, chat_dialect: ChatDialect
) -> None:
    service = says("42")
    async with facade(service=service) as running, openai_of(running) as client:
        reply = await client.chat.completions.create(
            model="chatty",
            messages=[
                {"role": "system", "content": "Be short."},
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "<|im_end|>hello"},
                {"role": "user", "content": "there"},
                {"role": "assistant", "content": "hi"},
                *USER,
            ],
        )
    assert reply.choices[0].message.content == "42" and reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None and reply.usage.prompt_tokens_details is not None
    assert reply.usage.prompt_tokens_details.cached_tokens == 3
    assert reply.usage.completion_tokens == 3
    assert prompt(service, chat_dialect) == (
        "<|im_start|>system\nBe short.\n\nBe kind.<|im_end|>\n"
        "<|im_start|>user\n<|im_end|>hello\n\nthere<|im_end|>\n"
        "<|im_start|>assistant\nhi<|im_end|>\n"
        "<|im_start|>user\nWhat is 6 * 7?<|im_end|>\n<|im_start|>assistant\n"
    )
    # what a person typed is never a control token
    call: Call = service.engine.calls[-1]
    assert call.prompt.count(chat_dialect.end) == 4


async def test_sampling_reaches_the_engine(
    facade: Any, says: Any, chat_dialect: ChatDialect
) -> None:
    service = says("42")
    async with facade(service=service) as running, openai_of(running) as client:
        await client.chat.completions.create(
            model="chatty",
            messages=USER,
            temperature=0.5,
            top_p=0.9,
            seed=7,
            n=3,
            stop=["\n\n", "END"],
            max_completion_tokens=11,
            logit_bias={"65": -100},
            extra_body={"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.2},
        )
    samplings = [call.sampling for call in service.engine.calls]
    assert [one.seed for one in samplings] == [7, 8, 9]
    one = samplings[0]
    assert (one.temperature, one.top_p, one.top_k, one.min_p) == (0.5, 0.9, 5, 0.1)
    assert (one.repetition_penalty, one.max_tokens) == (1.2, 11)
    assert one.stop_texts == ("\n\n", "END") and one.logit_bias == ((65, -100.0),)
    assert one.stop == chat_dialect.stops


async def test_an_adapter_is_a_name_of_its_own(
    facade: Any, chatting: Callable[..., Any], chat_dialect: ChatDialect
) -> None:
    service = chatting(lambda call: [chat_dialect.end], adapters=("verify",))
    async with facade(service=service) as running, running.client() as client:
        listed = (await client.get("/v1/models")).json()["data"]
        kinds = {one["id"]: one["smysl"]["kind"] for one in listed}
        assert kinds["chatty+verify"] == "adapter" and kinds["chatty"] == "model"
        for model, adapter in (("chatty+verify", "verify"), ("chatty", None)):
            body = {"model": model, "messages": USER}
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
            assert service.engine.calls[-1].adapter == adapter
            text = {"model": model, "prompt": "hello"}
            assert (await client.post("/v1/completions", json=text)).status_code == 200
            assert service.engine.calls[-1].adapter == adapter


async def test_a_program_is_asked_with_an_adapter_by_its_name_or_by_a_field(
    facade: Any, chatting: Callable[..., Any], chat_dialect: ChatDialect
) -> None:
    service = chatting(lambda call: [chat_dialect.end], adapters=("careful", "terse"))
    start, asked = service.start, []

    async def noted(request: Run) -> Any:
        asked.append((request.program, request.adapter))
        return await start(request)

    service.start = noted
    async with facade(service=service) as running, running.client() as client:

        async def status(model: str, path: str = "/v1/chat/completions", **smysl: str) -> int:
            said = {"prompt": "What is 6 * 7?"} if path == "/v1/completions" else {"messages": USER}
            body = {"model": model, **said, "smysl": smysl}
            return int((await client.post(path, json=body)).status_code)

        assert await status("smysl/solve+careful") == 200
        assert await status("smysl/solve+careful", "/v1/completions") == 200
        assert await status("smysl/direct", adapter="terse") == 200
        assert await status("smysl/direct+terse", adapter="terse") == 200
        assert await status("smysl/solve") == 200
        assert asked == [
            ("solve", "careful"),
            ("solve", "careful"),
            ("direct", "terse"),
            ("direct", "terse"),
            ("solve", None),
        ]
        assert await status("smysl/direct+terse", adapter="careful") == 400
        assert await status("smysl/direct", adapter="brave") == 400
        assert await status("smysl/direct+brave") == 404
        assert await status("chatty", adapter="terse") == 400
        assert await status("chatty+careful+terse") == 404
        # the combinations are found, and not listed
        listed = [one["id"] for one in (await client.get("/v1/models")).json()["data"]]
        assert "smysl/solve" in listed and "smysl/solve+careful" not in listed
        found = (await client.get("/v1/models/smysl/solve+careful")).json()
        assert (found["id"], found["smysl"]["kind"]) == ("smysl/solve+careful", "program")
        assert "with adapter careful" in found["smysl"]["summary"]


async def test_one_output_that_fails_stops_the_others(
    facade: Any, chatting: Callable[..., Any]
) -> None:
    def answer(call: Call) -> Answer:
        broken = call.sampling.seed == 1
        return Scripted(ids=(65,) * (1 if broken else 3000), error="broken" if broken else None)

    service = chatting(answer, seconds_per_token=0.01)
    async with facade(service=service) as running, running.client() as client:
        body = {"model": "chatty", "messages": USER, "n": 3, "seed": 0}
        reply = await client.post("/v1/chat/completions", json=body)
        assert reply.status_code == 500 and "broken" in reply.text
        await running.until(lambda: service.engine.running == 0)
        await running.until(lambda: running.house.runs == 0)


async def test_choices_and_their_usage(facade: Any, says: Any) -> None:
    async with facade(service=says("a", "b")) as running, openai_of(running) as client:
        reply = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            n=2,
        )
        assert sorted(str(one.message.content) for one in reply.choices) == ["a", "b"]
        assert reply.usage is not None and reply.usage.completion_tokens == 4
        stream = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            n=2,
            stream=True,
            stream_options={"include_usage": True},
        )
        texts, ends, usage = {0: "", 1: ""}, {}, None
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
                ends[choice.index] = choice.finish_reason
        assert sorted(texts.values()) == ["a", "b"] and ends == {0: "stop", 1: "stop"}
        assert usage == reply.usage


async def test_thinking_arrives_as_reasoning(facade: Any, says: Any) -> None:
    service = says("<think>6 * 7\nis 42</think>\n\n42")
    async with facade(service=service) as running:
        client = openai_of(running)
        whole = await client.chat.completions.create(
            model="chatty",
            messages=USER,
        )
        message = whole.choices[0].message
        assert message.content == "42"
        assert message.reasoning_content == "6 * 7\nis 42"
        assert whole.usage is not None and whole.usage.completion_tokens_details is not None
        assert 0 < (whole.usage.completion_tokens_details.reasoning_tokens or 0) < 20
        stream = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            stream=True,
        )
        thoughts = said = ""
        async for chunk in stream:
            delta = chunk.choices[0].delta
            thoughts += getattr(delta, "reasoning_content", None) or ""
            said += delta.content or ""
        assert (thoughts, said) == ("6 * 7\nis 42", "42")
        other = anthropic_of(running)
        blocks = await other.messages.create(model="chatty", messages=USER, max_tokens=100)
        assert [block.type for block in blocks.content] == ["thinking", "text"]
        async with other.messages.stream(model="chatty", messages=USER, max_tokens=100) as events:
            final = await events.get_final_message()
        assert [block.type for block in final.content] == ["thinking", "text"]
        await client.close()
        await other.close()


async def test_a_model_is_told_not_to_think_in_the_words_of_each_api(
    facade: Any, chatting: Callable[..., Any], chat_dialect: ChatDialect
) -> None:
    # this template itself begins to think unless it is told not to
    template = TEMPLATE.replace("assistant\n{% endif", "assistant\n<think>\n{% endif")
    service = chatting(lambda call: [chat_dialect.end])
    service.spoken = Generator(service.engine, ChatDialect(chat_dialect.tokenizer, template))
    asked = {"model": "chatty", "messages": USER, "max_tokens": 9}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/v1/chat/completions", asked | {"reasoning_effort": "none"}),
        ("/v1/messages", asked | {"thinking": {"type": "disabled"}}),
        ("/v1/responses", {"model": "chatty", "input": "?", "reasoning": {"effort": "minimal"}}),
        ("/v1/chat/completions", asked | {"reasoning_effort": "high"}),
    ]
    async with facade(service=service) as running, running.client() as client:
        for path, body in requests:
            assert (await client.post(path, json=body)).status_code == 200, path
            assert prompt(service, chat_dialect).rstrip().endswith("</think>") is (
                body.get("reasoning_effort") != "high"
            )


async def test_a_reply_goes_on_from_a_beginning_that_anthropics_api_gives_it(
    facade: Any, says: Any, chat_dialect: ChatDialect
) -> None:
    service = says("2")
    begun = [*USER, {"role": "assistant", "content": "The answer is 4"}]
    body = {"model": "chatty", "messages": begun, "max_tokens": 9}
    async with facade(service=service) as running, running.client() as client:
        reply = (await client.post("/v1/messages", json=body)).json()
        assert reply["content"] == [{"type": "text", "text": "2"}]
        assert prompt(service, chat_dialect).endswith("<|im_start|>assistant\nThe answer is 4")
        await client.post("/v1/chat/completions", json=body)
        assert prompt(service, chat_dialect).endswith("4<|im_end|>\n<|im_start|>assistant\n")


async def test_an_output_that_is_cut_off_says_so(facade: Any, says: Any) -> None:
    async with facade(service=says("abcdefgh", end=False)) as running:
        client = openai_of(running)
        reply = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            max_tokens=3,
        )
        assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == (
            "abc",
            "length",
        )
        response = await client.responses.create(model="chatty", input="?", max_output_tokens=3)
        assert response.status == "incomplete" and response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"
        other = anthropic_of(running)
        message = await other.messages.create(model="chatty", messages=USER, max_tokens=3)
        assert message.stop_reason == "max_tokens"
        await client.close()
        await other.close()


async def test_log_probabilities_are_those_of_what_was_said(facade: Any, says: Any) -> None:
    async with facade(service=says("42")) as running, openai_of(running) as client:
        reply = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            logprobs=True,
            top_logprobs=1,
        )
        scores = reply.choices[0].logprobs
        assert scores is not None and scores.content is not None
        assert [(one.token, one.logprob, one.bytes) for one in scores.content] == [
            ("4", -0.5, [52]),
            ("2", -0.5, [50]),
        ]
        assert [one.top_logprobs[0].token for one in scores.content] == ["4", "2"]


# ---------------------------------------------------------------- schemas and tools


async def test_a_schema_holds_the_output(facade: Any, says: Any) -> None:
    service = says('{"a": 1}')
    async with facade(service=service) as running, openai_of(running) as client:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        reply = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        )
        assert reply.choices[0].message.content == '{"a": 1}'
        constraint = service.engine.calls[-1].constraint
        assert isinstance(constraint, JsonSchema) and json.loads(constraint.schema) == schema
        await client.chat.completions.create(
            model="chatty",
            messages=USER,
            response_format={"type": "json_object"},
        )
        assert service.engine.calls[-1].constraint == JsonSchema('{"type":"object"}')
        await client.responses.create(
            model="chatty",
            input="?",
            text={"format": {"type": "json_schema", "name": "x", "schema": schema}},
        )
        assert service.engine.calls[-1].constraint == constraint


CALL = '{"tool": "weather", "arguments": {"town": "Omsk"}}'


async def test_a_tool_is_called_in_each_api(
    facade: Any, says: Any, chat_dialect: ChatDialect
) -> None:
    service = says(CALL)
    async with facade(service=service) as running:
        client, other = openai_of(running), anthropic_of(running)
        tools: Any = [
            {
                "type": "function",
                "function": {"name": "weather", "description": "of a town", "parameters": WEATHER},
            }
        ]
        reply = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            tools=tools,
        )
        choice = reply.choices[0]
        assert choice.finish_reason == "tool_calls" and choice.message.tool_calls
        function = choice.message.tool_calls[0].function
        assert function.name == "weather" and json.loads(function.arguments) == {"town": "Omsk"}
        assert "- weather: of a town" in prompt(service, chat_dialect)
        stream = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            tools=tools,
            stream=True,
        )
        calls: list[Any] = []
        end = None
        async for chunk in stream:
            calls += chunk.choices[0].delta.tool_calls or []
            end = chunk.choices[0].finish_reason
        assert end == "tool_calls" and json.loads(calls[0].function.arguments) == {"town": "Omsk"}

        flat: Any = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": True}]
        response = await client.responses.create(model="chatty", input="?", tools=flat)
        (item,) = response.output
        assert item.type == "function_call" and json.loads(item.arguments) == {"town": "Omsk"}
        async with client.responses.stream(model="chatty", input="?", tools=flat) as events:
            kinds = [event.type async for event in events]
        assert (
            "response.function_call_arguments.done" in kinds and kinds[-1] == "response.completed"
        )

        message = await other.messages.create(
            model="chatty",
            messages=USER,
            max_tokens=100,
            tools=[{"name": "weather", "input_schema": WEATHER}],
        )
        assert message.stop_reason == "tool_use"
        (block,) = message.content
        assert block.type == "tool_use" and block.input == {"town": "Omsk"}
        async with other.messages.stream(
            model="chatty",
            messages=USER,
            max_tokens=100,
            tools=[{"name": "weather", "input_schema": WEATHER}],
        ) as found:
            final = await found.get_final_message()
        assert final.content[0].type == "tool_use" and final.content[0].input == {"town": "Omsk"}
        await client.close()
        await other.close()


async def test_a_reply_instead_of_a_call_is_plain_text(facade: Any, says: Any) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    async with facade(service=says('{"reply": "Sunny."}')) as running, openai_of(running) as client:
        reply = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            tools=tools,
        )
        assert reply.choices[0].message.content == "Sunny."
        assert reply.choices[0].message.tool_calls is None
        assert reply.choices[0].finish_reason == "stop"
        none = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            tools=tools,
            tool_choice="none",
        )
        assert none.choices[0].message.content == '{"reply": "Sunny."}'


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": [{"type": "function"}]}, "no name"),
        ({"tool_choice": "required"}, "there are no tools"),
        ({"top_logprobs": 3}, "needs logprobs"),
        ({"response_format": {"type": "xml"}}, "'xml'"),
        ({"response_format": {"type": "json_schema"}}, "no schema"),
        ({"max_tokens": 100_000}, "takes 4096 together"),
        ({"smysl": {"fresh": True}}, "smysl.fresh is for programs"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, ""),
        ({"logit_bias": {"x": 1}}, "token ids"),
        ({"logit_bias": {"9999": 1}}, "9999"),
    ],
)
async def test_what_the_model_cannot_do_is_refused_before_anything_runs(
    facade: Any, says: Any, fields: dict[str, Any], said: str
) -> None:
    async with facade(service=says("42")) as running, running.client() as client:
        body = {"model": "chatty", "messages": USER} | fields
        reply = await client.post(
            "/v1/chat/completions",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        assert reply.status_code == 400 and said in reply.json()["error"]["message"]
        assert running.house.accepted == 0


async def test_a_session_is_for_programs(facade: Any, says: Any) -> None:
    async with facade(service=says("42")) as running, running.client() as client:
        headers = {"X-Smysl-Session": "@last"}
        body = {"model": "chatty", "messages": USER}
        reply = await client.post("/v1/chat/completions", json=body, headers=headers)
        assert reply.status_code == 400 and "keeps no session" in reply.json()["error"]["message"]
        first = (await client.post("/v1/responses", json={"model": "chatty", "input": "?"})).json()
        again = {"model": "chatty", "input": "?", "previous_response_id": first["id"]}
        refused = await client.post("/v1/responses", json=again)
        assert refused.status_code == 400 and "keeps no session" in refused.text


async def test_an_engine_that_fails_is_an_error_of_ours(
    facade: Any, chatting: Callable[..., Any]
) -> None:
    service = chatting(lambda call: Scripted(ids=(65,), error="the disk is gone"))
    async with facade(service=service) as running, running.client() as client:
        body = {"model": "chatty", "messages": USER}
        reply = await client.post("/v1/chat/completions", json=body)
        assert reply.status_code == 500 and "the disk is gone" in reply.json()["error"]["message"]
        streamed = await client.post("/v1/messages", json=body | {"max_tokens": 9, "stream": True})
        assert streamed.text.splitlines()[-3] == "event: error"
        await running.until(lambda: running.house.runs == 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_frees_the_engine(
    facade: Any, chatting: Callable[..., Any], stream: bool
) -> None:
    service = chatting(lambda call: Scripted(ids=(65,) * 3000), seconds_per_token=0.02)
    async with facade(service=service) as running:
        async with running.client() as client:
            body = {"model": "chatty", "messages": USER, "n": 4, "stream": stream}
            if stream:
                async with client.stream("POST", "/v1/chat/completions", json=body) as reply:
                    await anext(reply.aiter_lines())
            else:
                with pytest.raises(httpx.ReadTimeout):
                    patience = httpx.Timeout(60, read=0.5)
                    await client.post("/v1/chat/completions", json=body, timeout=patience)
        await running.until(lambda: service.engine.running == 0)
        await running.until(lambda: running.house.runs == 0)


async def test_a_program_with_a_schema_takes_the_response_format(facade: Any, says: Any) -> None:
    service = says("42")
    asked: list[Any] = []
    start, program = service.start, service.program

    async def note(request: Any) -> Any:
        asked.append(request)
        return await start(request)

    async def structured(name: str) -> Any:
        whole = await program(name)
        options = whole.options | {"schema": OptionView(default="{}")}
        return msgspec.structs.replace(whole, options=options) if name == "solve" else whole

    service.start, service.program = note, structured
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    async with facade(service=service) as running, running.client() as client:
        body = {"messages": USER, "response_format": wanted, "smysl": {"options": {"samples": 1}}}
        taken = await client.post("/v1/chat/completions", json=body | {"model": "smysl/solve"})
        assert taken.status_code == 200
        assert json.loads(asked[0].options["schema"]) == schema and asked[0].options["samples"] == 1
        refused = await client.post("/v1/chat/completions", json=body | {"model": "smysl/direct"})
        assert refused.status_code == 400 and "smysl/structured" in refused.text


async def test_programs_of_a_chat_model_are_told_the_whole_conversation(
    facade: Any, says: Any
) -> None:
    service = says("42")
    asked: list[Any] = []
    start = service.start

    async def note(request: Any) -> Any:
        asked.append(request)
        return await start(request)

    service.start = note
    async with facade(service=service) as running, running.client() as client:
        messages = [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Hi."},
            *USER,
        ]
        body = {"model": "smysl/solve", "messages": messages}
        reply = (await client.post("/v1/chat/completions", json=body)).json()
        assert reply["smysl"]["left_out"] == []
        response = await client.post(
            "/v1/responses", json={"model": "smysl/solve", "input": "One?"}
        )
        follow = {
            "model": "smysl/solve",
            "input": "And two?",
            "previous_response_id": response.json()["id"],
        }
        assert (await client.post("/v1/responses", json=follow)).status_code == 200
    assert asked[0].question == "What is 6 * 7?"
    assert asked[0].context == "Be short.\n\nUser: Hello.\nAssistant: Hi."
    assert asked[2].context == "User: One?\nAssistant: 42"
    assert asked[2].session == response.json()["id"].split("_")[1]


# ---------------------------------------------------------------- a real engine


@pytest.fixture(scope="module")
def random_chat(
    tmp_path_factory: pytest.TempPathFactory, chat_dialect: ChatDialect
) -> Iterator[Engine]:
    config = {
        "model_type": "qwen2",
        "hidden_act": "silu",
        "vocab_size": 260,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 1,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
    }
    source: Path = write_random_model(tmp_path_factory.mktemp("source") / "chatty", config)
    chat_dialect.tokenizer.save(str(source / "tokenizer.json"))
    engine = open_engine(ensure(source, EngineStore(tmp_path_factory.mktemp("store"))).directory)
    yield engine
    engine.close()


@pytest.mark.slow
async def test_a_model_that_speaks_noise_still_calls_tools_and_fits_schemas(
    facade: Any, says: Any, random_chat: Engine, chat_dialect: ChatDialect
) -> None:
    service = says("")
    service.spoken = Generator(random_chat, chat_dialect)
    town: dict[str, Any] = {"type": "object", "properties": {"town": {"enum": ["Omsk", "Tomsk"]}}}
    town |= {"required": ["town"], "additionalProperties": False}
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": town}}]
    schema = {
        "type": "object",
        "properties": {"sure": {"type": "boolean"}},
        "required": ["sure"],
        "additionalProperties": False,
    }
    async with facade(service=service) as running, openai_of(running) as client:
        reply = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            tools=tools,
            tool_choice="required",
            seed=1,
        )
        assert reply.choices[0].message.tool_calls
        call = reply.choices[0].message.tool_calls[0].function
        assert json.loads(call.arguments)["town"] in ("Omsk", "Tomsk")
        fits = await client.chat.completions.create(
            model="chatty",
            messages=USER,
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
            seed=1,
        )
        assert list(json.loads(str(fits.choices[0].message.content))) == ["sure"]
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(
                    model="chatty",
                    messages=USER,
                    stream=stream,
                    response_format={
                        "type": "json_schema",
                        "json_schema": {"name": "x", "schema": {"type": "nothing known"}},
                    },
                )
