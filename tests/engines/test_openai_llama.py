"""The engine for servers against a server nobody here wrote: llama.cpp's, with the bundled model as GGUF, beside the
ONNX engine of the same model."""

import asyncio
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from llama_server import LlamaServer
from tokenizers import Tokenizer

from smysl_build_engines.build import ensure
from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.gguf_export import export_gguf
from smysl_build_engines.gguf_file import Stored
from smysl_build_engines.store import EngineStore
from smysl_engines.base import (
    AllowedTokens,
    Call,
    Choice,
    Constraint,
    Delta,
    Engine,
    Finish,
    JsonSchema,
    Regex,
    Sampling,
)
from smysl_engines.load import open_engine, open_server
from smysl_engines.manifest import read_manifest
from smysl_engines.openai import judging
from smysl_engines.openai.engine import OpenAIEngine
from smysl_engines.openai.settings import Patience, ServerSettings
from smysl_reasoning.dialects.native import NativeDialect

pytest.importorskip("xllamacpp", reason="needs the extra dev: xllamacpp")
pytestmark = pytest.mark.slow

PATIENCE_S = 180.0
QUESTIONS = (
    "Sam has 24 marbles. He loses 6 and then shares the rest equally among 3 friends. How many does each get?",
    "Tom has 12 apples and gives 5 to Anna. How many has he?",
    "What is 17 * 3 + 4?",
    "A train leaves at 10:15 and takes 2 hours 50 minutes. When does it arrive?",
    "Find the next number: 3, 6, 12, 24",
    "Every wug is a dax. Rex is a wug. Is Rex a dax?",
    "Solve for x: 3x + 4 = 19",
    "Ahmed collected 264 eggs. How many dozen is that?",
)


class Said(NamedTuple):
    ids: list[int]
    logprobs: list[float]
    end: Finish


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EngineStore:
    made = EngineStore(tmp_path_factory.mktemp("store"))
    ensure(bundled_model(), made)
    return made


@pytest.fixture(scope="module", params=["f32", "f16"])
def server(
    request: pytest.FixtureRequest, store: EngineStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LlamaServer]:
    stored: Stored = request.param
    (engine,) = [path for path in store.folder.iterdir() if (path / "manifest.json").is_file()]
    file = tmp_path_factory.mktemp("gguf") / f"zerno-{stored}.gguf"
    export_gguf(read_manifest(engine), None, file, stored)
    made = LlamaServer(file)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def served(server: LlamaServer) -> Iterator[OpenAIEngine]:
    settings = ServerSettings(url=server.url, patience=Patience(retries=2))
    engine = open_server(settings, bundled_model() / "tokenizer.json")
    assert engine.connect() is None
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def onnx(store: EngineStore) -> Iterator[Engine]:
    (folder,) = [path for path in store.folder.iterdir() if (path / "manifest.json").is_file()]
    engine = open_engine(folder, threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def dialect() -> NativeDialect:
    return NativeDialect(Tokenizer.from_file(str(bundled_model() / "tokenizer.json")))


def prompts(dialect: NativeDialect) -> list[tuple[int, ...]]:
    read = map(dialect.read, QUESTIONS)
    return [tuple(dialect.question(question, "solve")) for question in read]


async def said(engine: Engine, call: Call) -> Said:
    ids: list[int] = []
    logprobs: list[float] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in engine.submit(call):
            if isinstance(item, Delta):
                ids += item.ids
                logprobs += item.logprobs
            else:
                return Said(ids, logprobs, item)
    raise AssertionError("no finish")


async def test_greedy_answers_are_those_of_the_onnx_engine(
    served: OpenAIEngine, onnx: Engine, dialect: NativeDialect
) -> None:
    calls = [
        Call(prompt=prompt, sampling=Sampling(max_tokens=30), logprobs=True)
        for prompt in prompts(dialect)
    ]
    theirs = await asyncio.gather(*(said(served, call) for call in calls))
    ours = await asyncio.gather(*(said(onnx, call) for call in calls))
    same = [a.ids == b.ids for a, b in zip(theirs, ours, strict=True)]
    # a near tie may fall the other way under float16 keys and values
    assert sum(same) >= len(calls) - 1
    for a, b, equal in zip(theirs, ours, same, strict=True):
        if equal:
            assert np.allclose(a.logprobs, b.logprobs, atol=0.05)
    assert served.info.vocabulary == onnx.info.vocabulary
    assert served.info.context == onnx.info.context


@pytest.mark.parametrize("look", [judging.ALL_LOOK, 0])
async def test_a_choice_has_the_onnx_engines_probabilities(
    served: OpenAIEngine,
    onnx: Engine,
    dialect: NativeDialect,
    monkeypatch: pytest.MonkeyPatch,
    look: int,
) -> None:
    """With a vocabulary looked at whole, and with tokens that are forced one by one."""
    monkeypatch.setattr(judging, "ALL_LOOK", look)
    plans = [
        tuple(dialect.ids[f"<{name}>"] for name in ("plan", kind))
        for kind in ("story", "legs", "time")
    ]
    options = (*plans, (dialect.yes,), (*plans[0], 110), (*plans[0], 111))
    for prompt in prompts(dialect)[:3]:
        call = Call(prompt=prompt, constraint=Choice(options), logprobs=True)
        theirs, ours = await said(served, call), await said(onnx, call)
        assert theirs.ids == ours.ids and theirs.end.choice == ours.end.choice
        assert np.allclose(theirs.end.probabilities, ours.end.probabilities, atol=0.01)


@pytest.mark.parametrize(
    "constraint",
    [
        Regex("[0-9]{3}-(é|日)+x"),
        AllowedTokens((110, 111, 112, 2)),
        JsonSchema(
            json.dumps(
                {"type": "array", "items": {"enum": ["é日", "bird"]}, "minItems": 2, "maxItems": 2}
            )
        ),
    ],
)
async def test_forms_are_kept_to_as_by_the_onnx_engine(
    served: OpenAIEngine, onnx: Engine, dialect: NativeDialect, constraint: Constraint
) -> None:
    for prompt in prompts(dialect)[:3]:
        call = Call(prompt=prompt, sampling=Sampling(max_tokens=16), constraint=constraint)
        theirs, ours = await said(served, call), await said(onnx, call)
        assert theirs.end.reason == ours.end.reason
        assert theirs.ids == ours.ids


async def test_seeds_and_stops_hold_and_log_probabilities_are_the_models_own(
    served: OpenAIEngine, onnx: Engine, dialect: NativeDialect
) -> None:
    prompt = prompts(dialect)[0]
    sampling = Sampling(
        max_tokens=30, temperature=1.5, top_p=0.9, seed=11, stop=(dialect.ids["<answer>"],)
    )
    call = Call(prompt=prompt, sampling=sampling, logprobs=True)
    first, second = await said(served, call), await said(served, call)
    assert first.ids == second.ids
    told = [logprob for logprob in first.logprobs if not math.isnan(logprob)]
    scored = Call(prompt=(*prompt, *first.ids), sampling=Sampling(max_tokens=0), echo=True)
    known = (await said(onnx, scored)).end.prompt_logprobs[len(prompt) - 1 :]
    assert len(told) == len(known) and np.allclose(told, known, atol=0.05)


async def test_a_killed_server_is_named_and_later_calls_work_when_it_is_back(
    served: OpenAIEngine, server: LlamaServer, dialect: NativeDialect
) -> None:
    call = Call(prompt=prompts(dialect)[0], sampling=Sampling(max_tokens=12))
    before, fingerprint = await said(served, call), served.info.fingerprint
    await asyncio.to_thread(server.kill)
    try:
        with pytest.raises(Exception, match=f"{server.url} does not answer") as caught:
            await said(served, call)
        assert type(caught.value).__name__ == "ServerUnreachable"
    finally:
        await asyncio.to_thread(server.start)
    assert (await said(served, call)).ids == before.ids
    assert served.info.fingerprint == fingerprint


def test_the_bundled_models_checkpoint_is_found(tmp_path: Path, store: EngineStore) -> None:
    (engine,) = [path for path in store.folder.iterdir() if (path / "manifest.json").is_file()]
    done = export_gguf(read_manifest(engine), None, tmp_path / "zerno.gguf", "f16")
    assert done.source == bundled_model() and done.left_out == ("the normaliser",)
    assert (tmp_path / "zerno.gguf").stat().st_size < 6_200_000
