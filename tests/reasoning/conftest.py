"""A fake model that speaks the native dialect, and runtimes over it.

A derivation is written as lines: `["story 1", "step n0 / n1", "answer n2"]`.
"""

import random
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from smysl_engines.base import Call, Choice
from smysl_engines.scripted import Answer, Scripted, ScriptedEngine
from smysl_reasoning.dialects.native import (
    SLOTS,
    SPECIALS,
    NativeDialect,
    Thought,
    question_first,
    read,
)
from smysl_reasoning.library import Library
from smysl_reasoning.nodes import PlanData
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

Lines = Sequence[str]

# a busy machine is no reason to fail, and the dialect is the same for every example
settings.register_profile(
    "reasoning",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
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
def chat_tokenizer() -> Callable[..., Tokenizer]:
    """Makes the smallest tokenizer of a chat model: one token a byte, then control tokens:
    `chat_tokenizer("<|im_start|>", ...)`."""

    def make(*controls: str) -> Tokenizer:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(alphabet)}, []))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(
            [AddedToken(token, normalized=False, special=True) for token in controls]
        )
        return tokenizer

    return make


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
async def running(dialect: NativeDialect, store: Store) -> AsyncIterator[Callable[..., Runtime]]:
    """Makes a runtime over an engine (and a library of programs); after the test its laws are checked and it is
    closed."""
    made: list[tuple[Runtime, ScriptedEngine]] = []

    def make(engine: ScriptedEngine, library: Library | None = None) -> Runtime:
        thresholds = Thresholds(agreement=0.8, check=0.9)
        runtime = Runtime(
            engine=engine, dialect=dialect, store=store, thresholds=thresholds, library=library
        )
        made.append((runtime, engine))
        return runtime

    yield make
    for runtime, engine in made:
        await runtime.close()
        runtime.check()
        assert engine.running == 0, "an engine call outlived its run"
        engine.close()


class Judge:
    """Says `main` greedily and under a temperature one of all that go on as the prompt does, by the seed; its checker
    looks at the lines so far."""

    def __init__(
        self,
        dialect: NativeDialect,
        question: str,
        main: Lines,
        sampled: Sequence[Lines],
        score: Callable[[Sequence[str]], float],
    ) -> None:
        self._dialect = dialect
        self._main = derived(dialect, question, main)
        self._sampled = [derived(dialect, question, lines) for lines in (*sampled, main)]
        self._direct = dialect.question(read(question), "direct") + dialect.direct("24")
        self._score = score

    def __call__(self, call: Call) -> Answer:
        if isinstance(call.constraint, Choice):
            yes = self._score(self.lines(call.prompt))
            return Scripted(choice=0, probabilities=(yes, 1 - yes))
        texts = [self._main, *self._sampled, self._direct]
        if call.sampling.temperature > 0:
            texts = self._sampled[:]
            random.Random(call.sampling.seed).shuffle(texts)
        for text in texts:
            if tuple(text[: len(call.prompt)]) == call.prompt:
                return text[len(call.prompt) :]
        raise ValueError(f"nothing to say after {self._dialect.text(call.prompt)}")

    def lines(self, prompt: Sequence[int]) -> list[str]:
        """The derivation in a prompt as it is written in tests: `["step n0 / n1", "answer n2"]`, without its plan."""
        dialect = self._dialect
        said = list(prompt[list(prompt).index(dialect.ids["<solve>"]) + 1 :])
        found: list[str] = []
        while dialect.end in said:
            end = said.index(dialect.end) + 1
            line, said = said[:end], said[end:]
            if line[0] == dialect.ids["<plan>"]:
                continue
            thought = dialect.read_thought(line)
            found.append(f"{thought.kind} {thought.text}")
            if thought.kind == "step":
                said = said[1:]
        return found


@pytest.fixture
def judging(dialect: NativeDialect) -> Callable[..., ScriptedEngine]:
    """Makes an engine: `judging(question, main, sampled, score, **engine options)`."""

    def make(
        question: str,
        main: Lines,
        sampled: Sequence[Lines] = (),
        score: Callable[[Sequence[str]], float] = lambda lines: 0.97,
        **options: object,
    ) -> ScriptedEngine:
        judge = Judge(dialect, question, main, sampled, score)
        return ScriptedEngine(judge, **{"context": 1024, **options})  # type: ignore[arg-type]

    return make


class Thinker:
    """Has something to say after every prompt of the dialect, always the same.

    A line follows from what a question is about, from the line before it and, under a temperature, from the seed and
    from how much the output has said before: a sampled output that was cut off goes on as it would have only where
    its reader says how far it was.
    """

    def __init__(self, dialect: NativeDialect) -> None:
        self._dialect = dialect

    def __call__(self, call: Call) -> Answer:
        ids = self._dialect.ids
        if isinstance(call.constraint, Choice):
            yes = 0.5 + (zlib.crc32(repr(call.prompt).encode()) % 50) / 100
            return Scripted(choice=0, probabilities=(yes, 1 - yes))
        prompt = list(call.prompt)
        if ids["<direct>"] in prompt:
            said = prompt[prompt.index(ids["<direct>"]) + 1 :]
            return self._dialect.direct(str(len(prompt) - len(said)))[len(said) :]
        start = prompt.index(ids["<solve>"]) + 1
        question, said = prompt[:start], prompt[start:]
        text: list[int] = []
        before: list[int] = []
        while not before or before[0] != ids["<answer>"]:
            line = self._line(said[len(text) :])
            if not self._whole(line):
                position = call.position + len(text) - len(said)
                drawn = (call.sampling.seed, position) if call.sampling.temperature else None
                line = self._next(question, text, before, drawn)
            text, before = text + line, line
        return text[len(said) :]

    def _line(self, said: list[int]) -> list[int]:
        """The first line of what was said, with the slot that a step fills."""
        end = said.index(self._dialect.end) + 1 if self._dialect.end in said else len(said)
        return said[: end + (said[:1] == [self._dialect.ids["<step>"]])]

    def _whole(self, line: list[int]) -> bool:
        step = line[:1] == [self._dialect.ids["<step>"]]
        return line[-1 - step : len(line) - step] == [self._dialect.end]

    def _next(
        self, question: list[int], text: list[int], before: list[int], drawn: object
    ) -> list[int]:
        dialect, ids = self._dialect, self._dialect.ids
        given = sum(ids["<n0>"] <= token < ids["<n0>"] + SLOTS for token in question)
        words = len(question) % 3
        chance = random.Random(repr((words, before, drawn)))
        if not text:
            return dialect.plan(PlanData("arithmetic", 1 + (words + chance.randrange(2)) % 3))
        steps = sum(token == ids["<step>"] for token in text)
        foreseen = dialect.read_plan(text[: text.index(dialect.end) + 1]).steps
        if not given or steps >= foreseen:
            return dialect.thought(Thought("answer", f"n{given + steps - 1}" if given else "yes"))
        first, second = chance.randrange(given + steps), chance.randrange(given + steps)
        step = Thought("step", f"n{first} {chance.choice('+-*')} n{second}")
        return dialect.thought(step, given + steps)


@pytest.fixture
def thinking(dialect: NativeDialect) -> Callable[..., ScriptedEngine]:
    """Makes an engine that has something to say about every question: `thinking(**engine options)`."""

    def make(**options: object) -> ScriptedEngine:
        return ScriptedEngine(Thinker(dialect), **{"context": 1024, **options})  # type: ignore[arg-type]

    return make
