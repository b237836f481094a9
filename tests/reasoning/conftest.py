"""A fake model that speaks the native dialect, and runtimes over it.

A derivation is written as lines: `["story 1", "step n0 / n1", "answer n2"]`.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from smysl_engines.base import Call, Choice
from smysl_engines.scripted import Answer, Scripted, ScriptedEngine
from smysl_reasoning.dialects.native import SPECIALS, NativeDialect, Thought, question_first, read
from smysl_reasoning.nodes import PlanData
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

Lines = Sequence[str]

# a busy machine is no reason to fail, and the dialect is the same for every example
settings.register_profile(
    "reasoning", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("reasoning")


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """The smallest native tokenizer: control tokens, then one token a byte."""
    tokens = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in SPECIALS]
    )
    return tokenizer


@pytest.fixture(scope="session")
def dialect(tokenizer: Tokenizer) -> NativeDialect:
    return NativeDialect(tokenizer)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "smysl.db")
    yield store
    store.check()
    store.close()


def derived(dialect: NativeDialect, question: str, lines: Lines) -> list[int]:
    """Token ids of question and derivation."""
    asked = read(question)
    ids = dialect.question(asked, "solve")
    slot = len(asked.quantities)
    for line in lines:
        kind, _, rest = line.partition(" ")
        match kind:
            case "step":
                ids += dialect.thought(Thought("step", rest), slot)
                slot += 1
            case "fact":
                ids += dialect.thought(Thought("fact", rest))
            case "answer":
                ids += dialect.thought(Thought("answer", rest))
            case _:
                ids += dialect.plan(PlanData(kind, int(rest or 0)))
    return ids


class FakeModel:
    """Says `main` greedily, `sampled` in turn under a temperature, `check` of every derivation."""

    def __init__(
        self,
        dialect: NativeDialect,
        question: str,
        main: Lines,
        sampled: Sequence[Lines],
        reworded: Lines,
        check: float,
        direct: str,
    ) -> None:
        self._dialect = dialect
        self._main = derived(dialect, question, main)
        self._reworded = derived(dialect, question_first(question), reworded)
        self._sampled = [derived(dialect, question, lines) for lines in sampled]
        self._direct = dialect.question(read(question), "direct") + dialect.direct(direct)
        self._check = check
        self._seeds: dict[int, int] = {}

    def __call__(self, call: Call) -> Answer:
        if isinstance(call.constraint, Choice):
            return Scripted(choice=0, probabilities=(self._check, 1 - self._check))
        texts = [self._main, self._reworded, self._direct]
        if call.sampling.temperature > 0:
            turn = self._seeds.setdefault(call.sampling.seed, len(self._seeds))
            texts = [self._sampled[turn % len(self._sampled)]]
        for text in texts:
            if tuple(text[: len(call.prompt)]) == call.prompt:
                return text[len(call.prompt) :]
        raise ValueError(f"nothing to say after {self._dialect.text(call.prompt)}")


@pytest.fixture
def speaking(dialect: NativeDialect) -> Callable[..., ScriptedEngine]:
    """Makes an engine: `speaking(question, main, sampled=, ..., **engine options)`."""

    def make(
        question: str,
        main: Lines,
        *,
        sampled: Sequence[Lines] | None = None,
        reworded: Lines | None = None,
        check: float = 0.97,
        direct: str = "24",
        **options: float,
    ) -> ScriptedEngine:
        model = FakeModel(
            dialect, question, main, sampled or [main], reworded or main, check, direct
        )
        return ScriptedEngine(model, **{"context": 1024, **options})  # type: ignore[arg-type]

    return make


@pytest.fixture
async def running(
    dialect: NativeDialect, store: Store
) -> AsyncIterator[Callable[[ScriptedEngine], Runtime]]:
    """Makes a runtime over an engine; after the test its laws are checked and it is closed."""
    made: list[tuple[Runtime, ScriptedEngine]] = []

    def make(engine: ScriptedEngine) -> Runtime:
        thresholds = Thresholds(agreement=0.8, check=0.9)
        runtime = Runtime(engine=engine, dialect=dialect, store=store, thresholds=thresholds)
        made.append((runtime, engine))
        return runtime

    yield make
    for runtime, engine in made:
        await runtime.close()
        runtime.check()
        assert engine.running == 0, "an engine call outlived its run"
        engine.close()
