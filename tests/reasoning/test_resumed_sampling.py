"""A sampled text of a real engine that was cut off anywhere goes on with the words that it would have had."""

from collections.abc import Iterator

import pytest

from smysl_build_engines.build import ensure
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.store import EngineStore
from smysl_engines.base import Engine, Sampling
from smysl_engines.load import open_engine
from smysl_reasoning.calls import Calls, Lines

CONFIG = LlamaConfig(
    vocab_size=97,
    hidden_size=48,
    intermediate_size=80,
    num_hidden_layers=2,
    num_attention_heads=3,
    num_key_value_heads=1,
    head_dim=16,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=False,
)
PROMPT = (5, 17, 80, 3, 3, 41, 96, 0)
LINES, LINE_TOKENS = 3, 6
SAMPLED = Sampling(temperature=1.0, seed=7, max_tokens=LINES * LINE_TOKENS)
GREEDY = Sampling(max_tokens=LINES * LINE_TOKENS)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("tiny")
    source = write_random_model(folder / "tiny", CONFIG)
    engine = open_engine(ensure(source, EngineStore(folder / "store")).directory, max_batch=2)
    yield engine
    engine.close()


async def text(
    engine: Engine, sampling: Sampling, known: list[int], pause_at: int = -1
) -> list[int]:
    """Some lines of one call; the first `known` tokens need not be said."""
    calls = Calls(engine)
    lines = Lines(calls, sampling, end=96, context=64, line_tokens=LINE_TOKENS)
    lines.resume(known)
    said: list[int] = []

    def heard(token: int) -> None:
        said.append(token)
        if len(said) == pause_at:
            calls.pause()
            calls.unpause()

    for _ in range(LINES):
        await lines.line([*PROMPT, *said], heard)
    lines.close()
    await calls.settle()
    calls.check()
    if pause_at < 0:
        assert calls.usage.generated_tokens <= sampling.max_tokens - len(known)
    return said


@pytest.mark.parametrize("sampling", [SAMPLED, GREEDY], ids=["sampled", "greedy"])
async def test_a_text_goes_on_after_any_token_as_it_would_have(
    engine: Engine, sampling: Sampling
) -> None:
    whole = await text(engine, sampling, [])
    assert len(whole) > LINE_TOKENS
    for cut in range(len(whole) + 1):
        assert await text(engine, sampling, whole[:cut]) == whole, cut


async def test_a_pause_after_any_token_changes_nothing(engine: Engine) -> None:
    whole = await text(engine, SAMPLED, [])
    for pause in range(1, len(whole), 3):
        assert await text(engine, SAMPLED, [], pause_at=pause) == whole, pause


async def test_another_seed_says_something_else(engine: Engine) -> None:
    other = Sampling(temperature=1.0, seed=8, max_tokens=LINES * LINE_TOKENS)
    assert await text(engine, SAMPLED, []) != await text(engine, other, [])
