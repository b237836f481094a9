"""The clients that people have, against a real daemon with the bundled model."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2 as httpx
import numpy as np
import openai
import pytest
from tokenizers import Tokenizer

from smysl_daemon.client import Client
from smysl_daemon.config import models_dir
from smysl_daemon.protocol import SessionPart, Show
from smysl_engines.base import Call, Delta, Finish, Sampling
from smysl_engines.load import open_engine
from smysl_engines.shelf import find_engine

pytestmark = pytest.mark.slow
QUESTION = "Tom has 12 apples and gives 5 to Anna. How many are left?"
MESSAGES: Any = [{"role": "user", "content": QUESTION}]
SOLVE = "smysl/solve"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(models_dir() / "zerno" / "tokenizer.json"))


@pytest.fixture
def client(daemon: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url="http://localhost/v1", api_key="none", http_client=daemon.client(), max_retries=0
    ) as made:
        yield made


@pytest.fixture
def claude(daemon: Any) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url="http://localhost", api_key="none", http_client=daemon.client(), max_retries=0
    ) as made:
        yield made


def shown(daemon: Any, session: str) -> list[str]:
    """Questions of a session, as any other client sees it."""
    with Client(daemon.dirs.socket) as connection:
        part = connection.ask(Show(id=session))
    assert isinstance(part, SessionPart)
    return [node.text for node in part.nodes if node.kind == "question"]


# ---------------------------------------------------------------- openai


def test_openai_lists_programs_that_run_here_and_the_model(client: openai.OpenAI) -> None:
    names = [one.id for one in client.models.list()]
    assert {SOLVE, "smysl/direct", "zerno"} <= set(names)
    assert "smysl/debate" not in names  # it needs a chat model
    assert client.models.retrieve(SOLVE).id == SOLVE
    with pytest.raises(openai.NotFoundError, match="did you mean 'smysl/solve'"):
        client.models.retrieve("smysl/slove")


def test_openai_gets_an_answer_with_its_reasoning(daemon: Any, client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model=SOLVE, messages=MESSAGES)
    reply = raw.parse()
    message: Any = reply.choices[0].message
    assert message.content == "7" and reply.choices[0].finish_reason == "stop"
    assert "12 - 5 = 7" in message.reasoning_content
    extra: Any = reply
    assert extra.smysl["verdict"] in ("verified", "unverified")
    assert 0 < extra.smysl["confidence"] <= 1
    assert reply.usage is not None and reply.usage.prompt_tokens > 0
    session = raw.headers["x-smysl-session"]
    assert session == extra.smysl["session"]
    assert shown(daemon, session) == [QUESTION]


def test_openai_streams_the_reasoning_and_then_the_answer(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=SOLVE,
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"smysl": {"fresh": True}},
    )
    order, said, usage, outcome = [], "", None, None
    for chunk in stream:
        usage = chunk.usage or usage
        outcome = getattr(chunk, "smysl", None) or outcome
        for choice in chunk.choices:
            thought = getattr(choice.delta, "reasoning_content", None)
            order += ["thought"] if thought else ["said"] if choice.delta.content else []
            said += choice.delta.content or ""
    assert said == "7" and order[-1] == "said" and set(order[:-1]) == {"thought"}
    assert usage is not None and usage.completion_tokens > 0
    assert outcome is not None and outcome["answer"] == "7"


def test_a_session_goes_on_by_its_header(daemon: Any, client: openai.OpenAI) -> None:
    first = client.chat.completions.with_raw_response.create(model=SOLVE, messages=MESSAGES)
    session = first.headers["x-smysl-session"]
    again = client.chat.completions.with_raw_response.create(
        model="smysl/direct",
        messages=[{"role": "user", "content": "What is 6 * 7?"}],
        extra_headers={"X-Smysl-Session": session},
    )
    assert again.headers["x-smysl-session"] == session
    assert shown(daemon, session) == [QUESTION, "What is 6 * 7?"]
    with pytest.raises(openai.NotFoundError, match="no session"):
        client.chat.completions.create(
            model=SOLVE, messages=MESSAGES, extra_headers={"X-Smysl-Session": "0" * 20}
        )


def test_options_and_budgets_of_a_run_come_through(client: openai.OpenAI) -> None:
    reply: Any = client.chat.completions.create(
        model=SOLVE,
        messages=MESSAGES,
        extra_body={"smysl": {"options": {"samples": 0}, "fresh": True}},
    )
    assert "(of 2)" in reply.choices[0].message.reasoning_content
    spent: Any = client.chat.completions.create(
        model=SOLVE, messages=MESSAGES, max_tokens=1, extra_body={"smysl": {"fresh": True}}
    )
    assert spent.smysl["verdict"] == "budget" and spent.choices[0].finish_reason == "length"
    with pytest.raises(openai.BadRequestError, match="sampels"):
        client.chat.completions.create(
            model=SOLVE, messages=MESSAGES, extra_body={"smysl": {"options": {"sampels": 3}}}
        )


def test_a_question_outside_is_no_answer_and_says_so(client: openai.OpenAI) -> None:
    reply: Any = client.chat.completions.create(
        model=SOLVE, messages=[{"role": "user", "content": "What is the capital of France?"}]
    )
    assert reply.smysl["answer"] is None and reply.smysl["verdict"] == "failed"
    assert reply.choices[0].message.content.startswith("(no answer")


def test_the_bundled_model_is_told_one_question_and_the_reply_says_what_was_left_out(
    daemon: Any, client: openai.OpenAI
) -> None:
    reply: Any = client.chat.completions.create(
        model=SOLVE,
        messages=[
            {"role": "system", "content": "You have 99 problems."},
            {"role": "user", "content": "Hello, I am 30 years old."},
            {"role": "assistant", "content": "Hello."},
            *MESSAGES,
        ],
        temperature=0.7,
        top_p=0.9,
    )
    assert reply.choices[0].message.content == "7"
    assert reply.smysl["left_out"] == ["system messages", "2 earlier messages"]
    assert shown(daemon, reply.smysl["session"]) == [QUESTION]


def test_openai_completes_a_text_with_the_bare_model(client: openai.OpenAI) -> None:
    fixed: Any = {"model": "zerno", "max_tokens": 6, "seed": 5, "temperature": 1.0}
    first = client.completions.create(prompt="tom has <n0> apples", **fixed)
    again = client.completions.create(prompt="tom has <n0> apples", **fixed)
    assert first.choices[0].text == again.choices[0].text
    stream = client.completions.create(
        prompt="tom has <n0> apples", stream=True, stream_options={"include_usage": True}, **fixed
    )
    text, usage = "", None
    for chunk in stream:
        text += "".join(choice.text for choice in chunk.choices)
        usage = chunk.usage or usage
    assert text == first.choices[0].text and usage is not None
    assert first.usage is not None and usage.completion_tokens == first.usage.completion_tokens
    many = client.completions.create(
        model="zerno", prompt=["tom has", "anna has"], n=2, max_tokens=2, temperature=0
    )
    assert [one.index for one in many.choices] == [0, 1, 2, 3]
    assert many.choices[0].text == many.choices[1].text


def test_a_stop_text_ends_a_completion_before_itself(client: openai.OpenAI) -> None:
    fixed: Any = {"model": "zerno", "prompt": "tom has <n0> apples", "temperature": 0}
    whole = client.completions.create(max_tokens=6, **fixed).choices[0].text
    stop = whole[len(whole) // 2 :][:3]
    cut = client.completions.create(max_tokens=6, stop=stop, **fixed).choices[0]
    assert cut.text == whole[: whole.index(stop)] and cut.finish_reason == "stop"


async def test_log_likelihoods_are_the_engines_own(
    daemon: Any, client: openai.OpenAI, tokenizer: Tokenizer
) -> None:
    texts = ["tom has <n0> apples and gives <n1> to anna.", "how many are left?"]
    prompts = [tokenizer.encode(text).ids for text in texts]
    reply = client.completions.create(
        model="zerno", prompt=prompts, max_tokens=1, logprobs=3, echo=True, temperature=0
    )
    engine = open_engine(find_engine(daemon.dirs.engines, "zerno").directory)
    try:
        for choice, prompt in zip(reply.choices, prompts, strict=True):
            call = Call(
                prompt=tuple(prompt),
                sampling=Sampling(max_tokens=1),
                echo=True,
                logprobs=True,
                top_logprobs=3,
            )
            delta, finish = [item async for item in engine.submit(call)]
            assert isinstance(delta, Delta) and isinstance(finish, Finish)
            scores = choice.logprobs
            assert scores is not None and scores.token_logprobs is not None
            assert scores.tokens is not None and scores.top_logprobs is not None
            first: Any = scores.token_logprobs[0]
            assert first is None and scores.top_logprobs[0] is None
            expected = [*finish.prompt_logprobs, *delta.logprobs]
            assert np.allclose(scores.token_logprobs[1:], expected, atol=1e-4)
            # the likeliest as the engine has them, with the token itself
            for top, place in zip(scores.top_logprobs[1:], finish.prompt_top, strict=False):
                assert np.isclose(max(top.values()), place[0][1], atol=1e-4)
                assert 3 <= len(top) <= 4
            assert "".join(scores.tokens[: len(prompt)]) == tokenizer.decode(
                prompt, skip_special_tokens=False
            )
            assert scores.text_offset == [
                len("".join(scores.tokens[:at])) for at in range(len(scores.tokens))
            ]
    finally:
        engine.close()


def test_zero_tokens_give_the_prompt_alone(client: openai.OpenAI) -> None:
    reply = client.completions.create(
        model="zerno", prompt="tom has apples", max_tokens=0, logprobs=0, echo=True
    )
    scores = reply.choices[0].logprobs
    assert reply.choices[0].text == "tom has apples" and scores is not None
    assert scores.tokens is not None and "".join(scores.tokens) == "tom has apples"
    assert scores.top_logprobs is None


def test_openai_embeds_texts_the_same_in_both_encodings(daemon: Any, client: openai.OpenAI) -> None:
    texts = ["one apple", "one apple", "two pears and a plum"]
    plain = client.embeddings.create(model="zerno", input=texts, encoding_format="float")
    packed = client.embeddings.create(model="zerno", input=texts)  # base64 on the wire
    a, b = ([one.embedding for one in reply.data] for reply in (plain, packed))
    assert np.allclose(a, b, atol=1e-6) and np.allclose(np.linalg.norm(a, axis=1), 1, atol=1e-4)
    assert a[0] == a[1] != a[2]
    assert plain.usage.prompt_tokens > 0
    with pytest.raises(openai.BadRequestError, match="vectors of 192 numbers"):
        client.embeddings.create(model="zerno", input="x", dimensions=64)


def test_openai_responses_go_on_from_the_one_before(daemon: Any, client: openai.OpenAI) -> None:
    first = client.responses.create(model=SOLVE, input=QUESTION)
    assert first.output_text == "7" and first.status == "completed"
    assert [item.type for item in first.output] == ["reasoning", "message"]
    second = client.responses.create(
        model="smysl/direct", input="What is 6 * 7?", previous_response_id=first.id
    )
    assert second.previous_response_id == first.id
    session = second.id.split("_")[1]
    assert shown(daemon, session) == [QUESTION, "What is 6 * 7?"]
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=SOLVE, input="x", previous_response_id="resp_unknown")


def test_openai_streams_a_response(client: openai.OpenAI) -> None:
    with client.responses.stream(model=SOLVE, input=QUESTION) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == "7"
    assert [event.sequence_number for event in events] == sorted(
        event.sequence_number for event in events
    )
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert kinds.index("response.reasoning_text.delta") < kinds.index("response.output_text.delta")


# ---------------------------------------------------------------- anthropic


def test_anthropic_gets_thinking_and_text(daemon: Any, claude: anthropic.Anthropic) -> None:
    raw = claude.messages.with_raw_response.create(
        model=SOLVE, max_tokens=4000, messages=MESSAGES, system="Be short."
    )
    message = raw.parse()
    thinking, text = message.content
    assert thinking.type == "thinking" and "12 - 5 = 7" in thinking.thinking
    assert text.type == "text" and text.text == "7" and message.stop_reason == "end_turn"
    usage = message.usage
    assert usage.input_tokens + (usage.cache_read_input_tokens or 0) > 0
    assert shown(daemon, raw.headers["x-smysl-session"]) == [QUESTION]


def test_anthropic_streams_blocks(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(model=SOLVE, max_tokens=4000, messages=MESSAGES) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.stop_reason == "end_turn" and kinds.count("content_block_stop") == 2
    # a program's own sequence is cut at the stop text
    cut = claude.messages.create(
        model=SOLVE, max_tokens=4000, messages=MESSAGES, stop_sequences=["7"]
    )
    assert cut.stop_reason == "stop_sequence" and cut.stop_sequence == "7"


def test_anthropic_counts_tokens_and_lists_models(claude: anthropic.Anthropic) -> None:
    short = claude.messages.count_tokens(model=SOLVE, messages=MESSAGES)
    long = claude.messages.count_tokens(
        model=SOLVE, messages=[{"role": "user", "content": QUESTION * 3}]
    )
    assert 0 < short.input_tokens < long.input_tokens
    assert SOLVE in [one.id for one in claude.models.list()]


def test_anthropic_reads_our_errors(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="not_found_error"):
        claude.messages.create(model="claude-9", max_tokens=9, messages=MESSAGES)
    with pytest.raises(anthropic.BadRequestError, match="no chat model"):
        claude.messages.create(model="zerno", max_tokens=9, messages=MESSAGES)
    with pytest.raises(anthropic.BadRequestError, match="calls no tools"):
        claude.messages.create(
            model=SOLVE,
            max_tokens=9,
            messages=MESSAGES,
            tools=[{"name": "f", "input_schema": {"type": "object"}}],
        )


# ---------------------------------------------------------------- tools that speak TCP


@pytest.fixture(scope="module")
def over_tcp(make_daemon: Any) -> Iterator[Any]:
    daemon = make_daemon()
    daemon.start('[http]\ntcp = "127.0.0.1:0"\n')
    log = daemon.dirs.log.read_text()
    daemon.address = log.partition("HTTP on ")[2].split()[0]
    daemon.token = daemon.dirs.http_token.read_text().strip()
    yield daemon
    assert daemon.end() == 0


def test_llm_asks_through_its_openai_compatible_configuration(
    over_tcp: Any, tmp_path: Path
) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: solve\n  model_name: {SOLVE}\n  api_base: http://{over_tcp.address}/v1\n"
        "  api_key_name: smysl\n"
        f"- model_id: zerno\n  model_name: zerno\n  api_base: http://{over_tcp.address}/v1\n"
        "  api_key_name: smysl\n  completion: true\n"
    )
    (tmp_path / "keys.json").write_text(json.dumps({"smysl": over_tcp.token}))
    env = dict(os.environ) | {"LLM_USER_PATH": str(tmp_path)}

    def llm(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "llm", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, input="")

    for words in (("--no-stream",), ()):
        done = llm("-m", "solve", *words, QUESTION)
        assert (done.returncode, done.stdout.strip()) == (0, "7"), done.stderr
    completed = llm("-m", "zerno", "-o", "max_tokens", "4", "tom has")
    assert completed.returncode == 0 and completed.stdout.strip(), completed.stderr
    (tmp_path / "keys.json").write_text(json.dumps({"smysl": "wrong"}))
    refused = llm("-m", "solve", QUESTION)
    assert refused.returncode != 0 and "token is wrong" in refused.stderr


TASK = """
task: smysl_sums
dataset_path: json
dataset_kwargs:
  data_files: {{test: {data}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: gold
metric_list:
  - metric: acc
"""


@pytest.mark.skipif(
    "SMYSL_LM_EVAL" not in os.environ,
    reason="SMYSL_LM_EVAL: a Python with lm_eval[api] and transformers, which are too heavy here",
)
async def test_lm_eval_measures_the_engines_own_log_likelihoods(
    over_tcp: Any, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    question, choices = "tom has <n0> apples and gives", ["<n1> to anna.", "banana", "apples."]
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"question": question, "choices": choices, "gold": 0}) + "\n")
    (tmp_path / "sums.yaml").write_text(TASK.format(data=data))
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<end>", "pad_token": "<pad>"}'
    )
    arguments = (
        f"model=zerno,base_url=http://{over_tcp.address}/v1/completions,tokenizer={folder},"
        "tokenizer_backend=huggingface,num_concurrent=1,max_retries=1,max_length=500"
    )
    done = subprocess.run(
        [
            *(os.environ["SMYSL_LM_EVAL"], "-m", "lm_eval", "--model", "local-completions"),
            *("--model_args", arguments, "--tasks", "smysl_sums", "--include_path", str(tmp_path)),
            *("--output_path", str(tmp_path / "out"), "--log_samples"),
        ],
        env=dict(os.environ)
        | {
            "OPENAI_API_KEY": over_tcp.token,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    sample = json.loads(samples.read_text())
    measured = [float(one[0][0]) for one in sample["resps"]]
    engine = open_engine(find_engine(over_tcp.dirs.engines, "zerno").directory)
    try:
        own = []
        for choice in choices:
            start = len(tokenizer.encode(question).ids)
            ids = tokenizer.encode(f"{question} {choice}").ids
            call = Call(
                prompt=tuple(ids), sampling=Sampling(max_tokens=0), echo=True, logprobs=True
            )
            items = [item async for item in engine.submit(call)]
            assert isinstance(items[-1], Finish)
            own.append(sum(items[-1].prompt_logprobs[start - 1 :]))
    finally:
        engine.close()
    print("lm_eval", measured, "engine", own)
    assert np.allclose(measured, own, atol=1e-3)
    assert max(range(3), key=measured.__getitem__) == max(range(3), key=own.__getitem__)


def test_tcp_without_a_token_is_refused_and_curl_with_one_is_served(over_tcp: Any) -> None:
    base = f"http://{over_tcp.address}"
    assert httpx.get(f"{base}/v1/models").status_code == 401
    headers = {"Authorization": f"Bearer {over_tcp.token}"}
    assert httpx.get(f"{base}/v1/models", headers=headers).status_code == 200
