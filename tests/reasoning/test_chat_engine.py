"""A chat model (a Qwen2 with a chat template) from its checkpoint folder to the last node, on the real engine. Its
weights are random: its words are noise, but every node must be well-formed and every run must end."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tokenizers import Tokenizer

from smysl_build_engines.build import ensure
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.store import EngineStore
from smysl_engines.base import Engine, Sampling
from smysl_engines.load import open_engine
from smysl_engines.manifest import CHAT_FILES
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.chat import ChatDialect
from smysl_reasoning.errors import EngineUnusable
from smysl_reasoning.nodes import FINAL, ReplyData
from smysl_reasoning.opening import open_runtime
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 1536
CONTROLS = ("<s>", "</s>", "<|im_start|>", "<|im_end|>")
MODULE = """
name = "facts"
summary = "two facts"
output = "derivation"

[chat]
user = "{question}"
schema = '''{"type": "object", "properties": {"answer": {"type": "integer", "minimum": 0, "maximum": 99},
"sure": {"type": "boolean"}}, "required": ["answer", "sure"], "additionalProperties": false}'''
"""
PROGRAM = """
name = "facts"
summary = "facts, by schema"

[[step]]
name = "facts"
module = "facts"
inputs = { question = "question" }

[[step]]
name = "more"
module = "extract"
inputs = { question = "question", derivation = "facts" }

[[step]]
name = "parts"
module = "candidate"
inputs = { question = "question" }
when = "more.text == 'nothing'"

[[step]]
name = "vote"
module = "vote"
inputs = { main = "facts", others = "parts" }

[[step]]
name = "verify"
module = "verify"
inputs = { choice = "vote" }

[[step]]
name = "answer"
module = "answer"
inputs = { choice = "vote", verdict = "verify" }
"""

SUMMARY = """
name = "summary"
summary = "a text"

[[step]]
name = "summary"
module = "summarise"
inputs = { question = "question" }
"""


@pytest.fixture(scope="module")
def directory(
    tmp_path_factory: pytest.TempPathFactory, chat_tokenizer: Callable[..., Tokenizer]
) -> Path:
    config = {
        "model_type": "qwen2",
        "hidden_act": "silu",
        "vocab_size": 272,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
    }
    source = write_random_model(tmp_path_factory.mktemp("source") / "chatty", config)
    chat_tokenizer(*CONTROLS).save(str(source / "tokenizer.json"))
    (source / "chat_template.jinja").write_text(TEMPLATE)
    (source / "tokenizer_config.json").write_text('{"eos_token": "</s>", "chat_template": "old"}')
    (source / "special_tokens_map.json").write_text('{"bos_token": {"content": "<s>"}}')
    (source / "generation_config.json").write_text(
        '{"eos_token_id": [257, 259, 4000], "do_sample": true, "temperature": 0.7, "top_p": 0.8, "min_p": null}'
    )
    return ensure(source, EngineStore(tmp_path_factory.mktemp("store"))).directory


@pytest.fixture(scope="module")
def engine(directory: Path) -> Iterator[Engine]:
    engine = open_engine(directory)
    yield engine
    engine.close()


def dialect_of(runtime: Runtime) -> ChatDialect:
    dialect = runtime._dialect
    assert isinstance(dialect, ChatDialect)
    return dialect


def test_the_chat_files_travel_with_the_engine(directory: Path) -> None:
    manifest = json.loads((directory / "manifest.json").read_text())
    assert set(CHAT_FILES) <= set(manifest["files"]) and set(CHAT_FILES) <= set(manifest["source"])


async def test_programs_of_a_model_that_speaks_noise_end_and_leave_sound_nodes(
    directory: Path, engine: Engine, store: Store, tmp_path: Path
) -> None:
    for folder, name, text in (
        ("modules", "facts", MODULE),
        ("programs", "facts", PROGRAM),
        ("programs", "summary", SUMMARY),
        ("modules", "broken", "name = "),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.toml").write_text(text)
    runtime = open_runtime(
        engine, directory, store, [tmp_path / "programs"], [tmp_path / "modules"]
    )
    assert dialect_of(runtime).stops == (259, 257)
    assert dialect_of(runtime).advised == Sampling(top_p=0.8)
    smaller: dict[str, dict[str, object]] = {
        "solve": {"samples": 1},
        "vote": {"samples": 2},
        "best-of": {"samples": 2},
        "reflect": {"rounds": 1},
        "tree": {"width": 2, "depth": 2},
        "ensemble": {"samples": 1},
        "least-to-most": {"samples": 0, "most": 2},
        "debate": {"debaters": 2, "rounds": 1},
    }
    programs = [info.name for info in runtime.programs()]
    assert smaller.keys() < set(programs)
    # what the nodes of one program are looked at for stands last
    programs.sort(key=lambda name: name == "facts")
    answers: dict[str, str | None] = {}
    for program in programs:
        options = smaller.get(program, {})
        request = RunRequest(question="2 + 2?", program=program, options=options, fresh=True)
        run = await runtime.start(request)
        finished = await run.result()
        assert finished.outcome == "done", (program, finished.message)
        # noise comes to no answer within the depth of a search
        unanswered = "budget" if program == "tree" else "failed"
        assert finished.verdict in ("unverified", unanswered), program
        assert (finished.answer is None) == (finished.verdict == unanswered), program
        answers[program] = finished.answer
        for node in store.session_nodes(run.session):
            assert node.status in FINAL
            assert node.text
            # a state of a search may be a derivation so far
            whole = node.kind == "answer" or (node.kind == "candidate" and node.stats.calls)
            if isinstance(node.data, ReplyData) and whole:
                assert (node.status == "done") == (node.data.value is not None)
    assert answers["facts"] is not None and 0 <= int(answers["facts"]) <= 99
    texts = [node.text for node in store.session_nodes(run.session) if node.kind == "step"]
    facts = msgspec.json.decode(texts[0])
    assert set(facts) == {"answer", "sure"}
    await runtime.close()
    runtime.check()


def test_the_dialect_is_chosen_by_file_tokenizer_and_template(
    directory: Path,
    store: Store,
    tmp_path: Path,
    tokenizer: Tokenizer,
    chat_tokenizer: Callable[..., Tokenizer],
) -> None:
    engine = ScriptedEngine(lambda call: [])
    path = tmp_path / "tokenizer.json"

    def opened() -> str:
        return open_runtime(engine, tmp_path, store)._dialect.name

    path.write_text(tokenizer.to_str())
    assert opened() == "native"
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": [{"name": "default", "template": TEMPLATE}]})
    )
    assert opened() == "native", "a native tokenizer is native, whatever lies beside it"
    (tmp_path / "dialect.json").write_text('{"dialect": "native", "version": 1}')
    path.write_text(chat_tokenizer(*CONTROLS).to_str())
    with pytest.raises(EngineUnusable, match="not a native tokenizer"):
        opened()
    (tmp_path / "dialect.json").write_text('{"dialect": "chat", "version": 1}')
    assert opened() == "chat"
    (tmp_path / "dialect.json").unlink()
    assert opened() == "chat"
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    runtime = open_runtime(engine, tmp_path, store)
    assert dialect_of(runtime).stops == (257,), "plainly, without a template"
    for name, text, message in (
        ("tokenizer_config.json", "{}", "which token ends a reply"),
        ("tokenizer_config.json", "[", "tokenizer_config.json cannot be read"),
        ("chat_template.jinja", "{% if %}", "template cannot be read"),
        ("generation_config.json", '{"top_p": 1.5}', r"generation_config.json.*<= 1.*top_p"),
    ):
        (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
        (tmp_path / name).write_text(text)
        with pytest.raises(EngineUnusable, match=message):
            opened()
