import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from byte_tokenizer import END, byte_tokenizer
from fake_model import FakeModel
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_build_engines.build import ensure
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.store import EngineStore
from smysl_engines import batch as batch_module
from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Constraint,
    Delta,
    Engine,
    EngineError,
    Finish,
    Grammar,
    JsonSchema,
    Regex,
    Sampling,
    Stream,
)
from smysl_engines.batch import Batch
from smysl_engines.checks import GRAMMAR_BYTES
from smysl_engines.grammar import Grammars, Matcher
from smysl_engines.job import Job
from smysl_engines.load import open_engine
from smysl_engines.sampling import log_probabilities
from smysl_engines.scripted import ScriptedEngine
from smysl_engines.stream import Channel

VOCABULARY, CONTEXT = 320, 256
"""The tokenizer has fewer ids, as that of many models."""
PROMPT = (5, 17, 80, 3, 3, 41, 96, 2)


def text_of(ids: Sequence[int]) -> str:
    decoded: str = byte_tokenizer().decode(list(ids), skip_special_tokens=False)
    return decoded


def ids_of(text: str) -> tuple[int, ...]:
    return tuple(byte_tokenizer().encode(text).ids)


class Answer(msgspec.Struct, frozen=True):
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish

    @property
    def text(self) -> str:
        return text_of(self.ids)


async def collect(stream: Stream) -> Answer:
    ids: list[int] = []
    logprobs: list[float] = []
    async for event in stream:
        if isinstance(event, Delta):
            ids += event.ids
            logprobs += event.logprobs
        else:
            finish = event
    return Answer(tuple(ids), tuple(logprobs), finish)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        tie_word_embeddings=False,
    )
    source = write_random_model(tmp_path_factory.mktemp("source") / "tiny", config)
    byte_tokenizer().save(str(source / "tokenizer.json"))
    return ensure(source, EngineStore(tmp_path_factory.mktemp("store"))).directory


@pytest.fixture(scope="module")
def engine(directory: Path) -> Iterator[Engine]:
    engine = open_engine(directory, max_batch=4)
    yield engine
    engine.close()


def call(
    constraint: Constraint | None,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    max_tokens: int = 200,
    stop: tuple[int, ...] = (),
    prompt: tuple[int, ...] = PROMPT,
    position: int = 0,
    logprobs: bool = False,
) -> Call:
    return Call(
        prompt=prompt,
        position=position,
        sampling=Sampling(temperature=temperature, seed=seed, max_tokens=max_tokens, stop=stop),
        constraint=constraint,
        logprobs=logprobs,
    )


def schema(fields: dict[str, Any]) -> JsonSchema:
    return JsonSchema(json.dumps(fields))


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


NAME = {"type": "string", "maxLength": 5}
AGE = {"type": "integer", "minimum": -9, "maximum": 130}


class Person(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(max_length=5)]
    age: Annotated[int, msgspec.Meta(ge=-9, le=130)]
    ok: bool


class Team(msgspec.Struct, forbid_unknown_fields=True):
    leader: Person
    colours: Annotated[list[Literal["red", "blue"]], msgspec.Meta(max_length=3)]
    score: float | None


PERSON = closed(name=NAME, age=AGE, ok={"type": "boolean"})
BOUND: list[tuple[dict[str, Any], Any]] = [
    (PERSON, Person),
    ({"enum": ["red", "blue", 3, None]}, Literal["red", "blue", 3, None]),
    (
        {"type": "array", "items": AGE, "minItems": 1, "maxItems": 4},
        Annotated[list[Annotated[int, msgspec.Meta(ge=-9, le=130)]], msgspec.Meta(max_length=4)],
    ),
    (
        closed(
            leader=PERSON,
            colours={"type": "array", "items": {"enum": ["red", "blue"]}, "maxItems": 3},
            score={"type": ["number", "null"], "minimum": 0, "maximum": 1},
        ),
        Team,
    ),
]


@pytest.mark.parametrize(("fields", "wanted"), BOUND)
async def test_an_output_under_a_schema_parses_and_fits_it(
    engine: Engine, fields: dict[str, Any], wanted: Any
) -> None:
    calls = [call(schema(fields), seed=seed) for seed in range(6)]
    calls.append(call(schema(fields), temperature=0))
    answers = await asyncio.gather(*(collect(engine.submit(each)) for each in calls))
    whole = [answer for answer in answers if answer.finish.reason == "stop"]
    assert len(whole) > 4
    for answer in whole:
        msgspec.json.decode(answer.text, type=wanted)
    for answer in answers:
        assert answer.finish.generated_tokens == len(answer.ids)
    assert len({answer.text for answer in whole}) > 1


PATTERNS = [
    r"[a-z]{3,9}",
    r"(yes|no|perhaps), because [a-f ]{1,12}\.",
    r"\d{4}-\d{2}-\d{2}",
    r"[^\n]{0,10}é?",
    r"(?i)the end(ing)?",
    r"[\w/]{4}\s\W",
]


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_an_output_under_a_regex_matches_it_whole(engine: Engine, pattern: str) -> None:
    calls = [call(Regex(pattern), seed=seed, stop=(END,)) for seed in range(6)]
    for answer in await asyncio.gather(*(collect(engine.submit(each)) for each in calls)):
        assert answer.finish.reason == "stop"
        assert re.fullmatch(pattern, answer.text.removesuffix("<end>"), re.ASCII)


LARK = """
start: "(" sum ")"
sum: term (" + " term){0,3}
term: DIGIT | "(" sum ")"
DIGIT: /[0-9]/
"""


async def test_an_output_under_a_grammar_is_a_sentence_of_it(engine: Engine) -> None:
    for seed in range(6):
        answer = await collect(engine.submit(call(Grammar(LARK), seed=seed)))
        if answer.finish.reason == "stop":
            assert set(answer.text) <= set("0123456789+() ")
            eval(answer.text)
        else:
            assert answer.text.count("(") > answer.text.count(")")


async def test_a_grammar_may_name_special_tokens(engine: Engine) -> None:
    lark = 'start: "a" <think> "b" <end>'
    answer = await collect(engine.submit(call(Grammar(lark), stop=(END,))))
    assert (answer.text, answer.finish.reason) == ("a<think>b<end>", "stop")


async def test_a_stop_token_ends_a_call_only_where_the_output_is_whole(engine: Engine) -> None:
    comma = ids_of(",")[0]
    for seed in range(8):
        each = call(Regex("(a,){2}[ab]+(, c)?"), seed=seed, stop=(comma, END), max_tokens=12)
        answer = await collect(engine.submit(each))
        assert answer.text.startswith("a,a,")
        if answer.finish.reason == "stop":
            text = answer.text.removesuffix("<end>").removesuffix(",")
            assert re.fullmatch("(a,){2}[ab]+(, c)?", text)


async def test_the_tokenizers_own_end_token_ends_a_call_and_is_not_delivered(
    engine: Engine,
) -> None:
    # without the end token nothing would stop it: there is always one more letter
    for seed in range(30):
        answer = await collect(engine.submit(call(Regex("[ab]+"), seed=seed)))
        assert re.fullmatch("[ab]+", answer.text)
        if answer.finish.reason == "stop":
            break
    assert answer.finish.reason == "stop"
    assert answer.finish.generated_tokens == len(answer.ids)


async def test_a_grammar_with_one_sentence_gives_it_and_the_empty_one_nothing(
    engine: Engine,
) -> None:
    answer = await collect(engine.submit(call(Regex("the end of the text"), temperature=0)))
    assert (answer.text, answer.finish.reason) == ("the end of the text", "stop")
    answer = await collect(engine.submit(call(Grammar('start: ""'))))
    assert (answer.text, answer.finish.reason) == ("", "stop")


async def test_max_tokens_in_the_middle_ends_a_call_by_length(engine: Engine) -> None:
    for length in range(1, 7):
        answer = await collect(engine.submit(call(schema(PERSON), max_tokens=length)))
        assert (answer.finish.reason, len(answer.ids)) == ("length", length)
        assert '{"name": "'.startswith(answer.text[:10])


async def test_cancelling_in_the_middle_frees_the_row(engine: Engine) -> None:
    endless = call(Regex("[a-z]+"), max_tokens=248)
    streams = [engine.submit(endless) for _ in range(8)]
    for stream in streams:
        stream.cancel()
    for stream in streams:
        answer = await asyncio.wait_for(collect(stream), 60)
        assert answer.finish.reason in ("cancelled", "length", "stop")
    answer = await collect(engine.submit(call(Regex("ab"))))
    assert answer.text == "ab"


async def test_unconstrained_neighbours_get_the_tokens_they_get_alone(engine: Engine) -> None:
    free = [call(None, seed=seed, max_tokens=40) for seed in range(3)]
    bound = [call(schema(PERSON), seed=seed) for seed in range(3)]
    alone = [(await collect(engine.submit(each))).ids for each in (*free, *bound)]
    mixed = await asyncio.gather(
        *(collect(engine.submit(each)) for pair in zip(free, bound, strict=True) for each in pair)
    )
    assert [answer.ids for answer in mixed[0::2]] == alone[:3]
    assert [answer.ids for answer in mixed[1::2]] == alone[3:]
    assert len(set(alone)) == 6


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        (Regex("a(b"), "unclosed group"),
        (Regex("(?=a)b"), "look-around"),
        (Regex(""), "empty"),
        (Regex("a" * (GRAMMAR_BYTES + 1)), str(GRAMMAR_BYTES)),
        (Regex("a\ud800"), "surrogates"),
        (JsonSchema("{nope"), "JsonSchema"),
        (JsonSchema("[1]"), "JsonSchema"),
        (schema({"type": "strin"}), "strin"),
        (schema({"not": {"type": "string"}}), "not"),
        (schema({"not": {"type": "string"}, "x-guidance": {"lenient": True}}), "not"),
        (schema({"enum": []}), "Unsatisfiable"),
        (schema({"$ref": "http://example.org/x"}), "fetch"),
        (schema({"$ref": "#"}), "vocabulary"),
        (JsonSchema('{"items":' * 900 + "{}" + "}" * 900), "recursion"),
        (Grammar('begin: "a"'), "start"),
        (Grammar('start: "a'), "lexer"),
        (Grammar("start: <nope>"), "nope"),
        (Grammar('start: start "a"'), "vocabulary"),
        (Grammar("start: " + "(" * 9000 + '"a"' + ")" * 9000), "nested"),
    ],
)
async def test_what_the_grammar_engine_refuses_is_a_bad_call_and_the_engine_goes_on(
    engine: Engine, constraint: Constraint, said: str
) -> None:
    with pytest.raises(BadCall, match=re.escape(said)) as refused:
        engine.submit(call(constraint))
    assert len(str(refused.value)) < 700
    assert "\n" not in str(refused.value)
    assert (await collect(engine.submit(call(Regex("ab"))))).text == "ab"


@pytest.mark.parametrize(
    "lark",
    [
        "start: r0\n" + "".join(f"r{n}:r{n + 1}\n" for n in range(2500)) + 'r2500:"x"',
        "start: r0\n"
        + "".join(f"r{n}:{'(' * 20}r{n + 1}{')' * 20}\n" for n in range(600))
        + 'r600:"x"',
    ],
)
async def test_rules_too_deep_for_a_usual_stack_do_not_end_the_process(
    engine: Engine, lark: str
) -> None:
    assert len(lark) < GRAMMAR_BYTES
    assert (await collect(engine.submit(call(Grammar(lark))))).text == "x"


async def test_an_engine_without_a_usable_tokenizer_refuses_by_name(
    directory: Path, tmp_path: Path
) -> None:
    for name, text in [("absent", None), ("empty", "{}"), ("words", '{"model": {"vocab": []}}')]:
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        with pytest.raises(BadCall, match=r"'tiny' takes no Regex.*tokenizer\.json"):
            Grammars(path, VOCABULARY, "tiny").matcher(call(Regex("a")))


def test_a_replaced_engine_folder_does_not_matter_to_a_running_engine(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    byte_tokenizer().save(str(path))
    grammars = Grammars(path, VOCABULARY, "tiny")
    path.unlink()
    assert grammars.matcher(call(Regex("a"))) is not None


async def test_an_output_cut_off_goes_on_as_it_would_have(engine: Engine) -> None:
    for seed in range(4):
        whole = await collect(engine.submit(call(schema(PERSON), seed=seed)))
        for cut in (1, 9, len(whole.ids) - 1):
            rest = await collect(
                engine.submit(
                    call(
                        schema(PERSON),
                        seed=seed,
                        prompt=(*PROMPT, *whole.ids[:cut]),
                        position=cut,
                    )
                )
            )
            assert whole.ids[:cut] + rest.ids == whole.ids
    with pytest.raises(BadCall, match="position is 2"):
        engine.submit(call(schema(PERSON), position=2))


async def test_logprobs_are_the_models_own_and_change_no_token(engine: Engine) -> None:
    plain, scored = [
        await collect(engine.submit(call(schema(PERSON), seed=5, logprobs=logprobs)))
        for logprobs in (False, True)
    ]
    assert plain.ids == scored.ids
    assert len(scored.logprobs) == len(scored.ids)
    # a forced token is no certainty to the model
    assert max(scored.logprobs[:5]) < -0.5


def test_importing_and_opening_an_engine_loads_no_llguidance(directory: Path) -> None:
    code = (
        "import sys, smysl_engines.onnx; from smysl_engines.load import open_engine\n"
        f"open_engine({str(directory)!r}).close()\n"
        "print('llguidance' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


async def test_the_scripted_engine_takes_grammars_as_said(engine: Engine) -> None:
    scripted = ScriptedEngine(lambda call: (5, 6))
    answer = await collect(scripted.submit(call(schema(PERSON))))
    assert answer.ids == (5, 6)
    with pytest.raises(BadCall, match="empty"):
        scripted.submit(call(Grammar("")))


class Model(FakeModel):
    vocabulary = VOCABULARY
    context = CONTEXT


@pytest.fixture(scope="module")
def grammars(tmp_path_factory: pytest.TempPathFactory) -> Grammars:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    byte_tokenizer().save(str(path))
    return Grammars(path, VOCABULARY, "tiny")


class Caller:
    def __init__(self, batch: Batch, grammars: Grammars, call: Call) -> None:
        self.channel = Channel()
        batch.add(Job(call, self.channel, grammars.matcher(call)))

    def answer(self) -> Answer | EngineError:
        ids: tuple[int, ...] = ()
        logprobs: tuple[float, ...] = ()
        while isinstance(event := self.channel.take(), Delta):
            ids += event.ids
            logprobs += event.logprobs
        assert event is not None
        return event if isinstance(event, EngineError) else Answer(ids, logprobs, event)


def run(batch: Batch) -> None:
    while not batch.idle:
        batch.step()
        batch.check()


def alone(grammars: Grammars, call: Call) -> Answer:
    """Each token on its own pass, chosen by nothing but the mask."""
    matcher = grammars.matcher(call)
    text, ids, scores, reason = list(call.prompt), list[int](), list[float](), "length"
    job = Job(call, Channel(), matcher)
    while len(ids) < call.sampling.max_tokens:
        logits, allowed = Model.logits(text), None
        if matcher is not None:
            allowed = np.flatnonzero(matcher.mask())
            if matcher.ended:
                reason = "stop"
                break
        token = job.sampler.choose(logits, len(ids), allowed)
        if matcher is not None and not matcher.consume(token) and token not in job.stop:
            reason = "stop"
            break
        text.append(token)
        ids.append(token)
        scores.append(float(log_probabilities(logits)[token]))
        if matcher.ended if matcher is not None else token in job.stop:
            reason = "stop"
            break
    finish = Finish(
        reason=reason,
        prompt_tokens=len(call.prompt),
        cached_tokens=0,
        generated_tokens=len(ids),
        seconds=0,
    )
    return Answer(tuple(ids), tuple(scores) if call.logprobs else (), finish)


calls = st.builds(
    call,
    st.one_of(
        st.none(),
        st.just(AllowedTokens((70, 80))),
        st.sampled_from([schema(fields) for fields, _ in BOUND]),
        st.sampled_from([Regex(pattern) for pattern in PATTERNS]),
        st.just(Grammar(LARK)),
        # forced runs that end in the middle of the output
        st.just(Regex("(a|b)the end of the text(c|d), the text of the name(, name: the age)?")),
    ),
    seed=st.integers(0, 5),
    temperature=st.sampled_from([0.0, 1.0]),
    max_tokens=st.integers(1, 60),
    stop=st.sampled_from([(), (END,), (END, 70)]),
    # few tokens, so that prompts share prefixes
    prompt=st.lists(st.integers(0, 1), min_size=1, max_size=12).map(tuple),
    logprobs=st.booleans(),
)


@settings(max_examples=40)
@given(
    arrivals=st.lists(st.tuples(calls, st.integers(0, 3)), min_size=1, max_size=8),
    prefill_tokens=st.sampled_from([3, 512]),
)
def test_calls_that_share_the_batch_get_what_the_mask_alone_gives(
    grammars: Grammars, arrivals: list[tuple[Call, int]], prefill_tokens: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "PREFILL_TOKENS", prefill_tokens)
        batch, callers = Batch(Model(rows=3)), []
        for each, steps in arrivals:
            callers.append(Caller(batch, grammars, each))
            for _ in range(steps):
                batch.step()
                batch.check()
        run(batch)
    for caller, (each, _) in zip(callers, arrivals, strict=True):
        answer, expected = caller.answer(), alone(grammars, each)
        assert isinstance(answer, Answer)
        assert answer.ids == expected.ids
        assert answer.finish.reason == expected.finish.reason
        assert answer.logprobs == pytest.approx(expected.logprobs)
        assert answer.finish.generated_tokens == len(answer.ids)


def test_what_a_grammar_forces_is_computed_in_one_pass(grammars: Grammars) -> None:
    model = Model(rows=3)
    batch = Batch(model)
    caller = Caller(batch, grammars, call(Regex("(a|b): the end of the text. (c|d)!")))
    run(batch)
    answer = caller.answer()
    assert isinstance(answer, Answer)
    assert model.passes < len(answer.ids) / 2


def test_a_call_whose_grammar_cannot_go_on_fails_alone(grammars: Grammars) -> None:
    batch = Batch(Model(rows=3))
    bad = Caller(batch, grammars, call(Grammar('start: "a" b\nb: b "c"'), prompt=(1,)))
    fine = Caller(batch, grammars, call(Regex("ab"), prompt=(1,)))
    run(batch)
    error, answer = bad.answer(), fine.answer()
    assert isinstance(error, EngineError)
    assert "cannot go on" in str(error)
    assert isinstance(answer, Answer)
    assert answer.text == "ab"


@given(st.integers(0, 2**32), st.sampled_from([Regex(PATTERNS[1]), schema(PERSON), Grammar(LARK)]))
def test_the_mask_is_what_can_be_consumed_and_what_is_forced_is_the_mask(
    grammars: Grammars, seed: int, constraint: Constraint
) -> None:
    matcher = grammars.matcher(call(constraint))
    assert isinstance(matcher, Matcher)
    random = np.random.default_rng(seed)
    for _ in range(40):
        mask, complete, forced = matcher.mask(), matcher.complete, matcher.forced()
        if matcher.ended:
            assert complete and not mask.any()
            break
        assert mask[END] == complete
        assert not mask[300:].any()
        allowed = np.flatnonzero(mask)
        if forced:
            assert allowed.tolist() == forced[:1]
        assert matcher.consume(int(random.choice(allowed))) or complete
    if not matcher.ended:
        refused = np.flatnonzero(~matcher.mask())
        with pytest.raises(EngineError):
            matcher.consume(int(random.choice(refused)))
