"""Compiling programs: what is refused before anything runs, and what a plan foresees."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import EngineInfo
from smysl_reasoning.builder import Build
from smysl_reasoning.checking import Find, parse
from smysl_reasoning.compiler import ITEMS, compile_flat, compile_plan
from smysl_reasoning.costs import Cost, step_key
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.modules.base import (
    CallShape,
    Inputs,
    Module,
    Option,
    Planning,
    Port,
    Settings,
)
from smysl_reasoning.plan import Plan, PlannedStep
from smysl_reasoning.prefixes import computed
from smysl_reasoning.program import Program
from smysl_reasoning.workbench import Workbench


async def nothing(bench: Workbench, inputs: Inputs, settings: Settings) -> object:
    await asyncio.sleep(0)
    return None


def module(name: str, inputs: Mapping[str, Port], output: str, **rest: Any) -> Module:
    return Module(name, 1, "", inputs, output, nothing, **rest)


def calling(*shapes: CallShape) -> Callable[[Planning], Sequence[CallShape]]:
    return lambda planning: shapes


QUESTION = Port("question")
SEVERAL = Port("derivation", many=True, optional=True)
MODULES = {
    one.name: one
    for one in (
        module(
            "think",
            {"question": QUESTION, "before": SEVERAL},
            "derivation",
            options={"heat": Option(default=0.5, minimum=0.0, maximum=1.0)},
            shape=calling(CallShape((1, 2, 3), generates=5)),
        ),
        module("note", {"question": QUESTION}, "text", effect=True),
        module("split", {"question": QUESTION}, "question", many=True),
        module("look", {"derivation": Port("derivation")}, "critique"),
        module("mend", {"critique": Port("critique")}, "critique"),
        module("join", {"derivations": SEVERAL}, "outcome"),
        module("need", {"derivations": Port("derivation", many=True)}, "outcome"),
        module("chatter", {"question": QUESTION}, "derivation", dialects=frozenset({"chat"})),
    )
}
INFO = EngineInfo(
    model="zerno",
    fingerprint="f",
    backend="scripted",
    vocabulary=4096,
    context=512,
    adapters=("fast", "slow"),
    max_batch=8,
)


# ------------------------------------------------------------ what is refused

GOOD = """name = "mine"
summary = "every step is needed"

[options.times]
default = 2
minimum = 0
maximum = 8

[options.word]
default = "yes"

[[step]]
name = "a"
module = "think"
inputs = { question = "question" }

[[step]]
name = "look"
module = "look"
inputs = { derivation = "a" }

[[step]]
name = "loop"
program = "mending"
inputs = { critique = "look" }
repeat = "$times"
until = "loop.passed"

[[step]]
name = "parts"
module = "split"
inputs = { question = "question" }

[[step]]
name = "each"
module = "think"
foreach = "parts"
as = "question"
sequential = true

[[step]]
name = "b"
module = "think"
inputs = { question = "question" }
branches = 3
stop = "decided"
when = "loop.probability < 0.5 and each.count > 0"

[[step]]
name = "end"
module = "join"
inputs = { derivations = ["a", "b", "each"] }
"""
MENDING = """name = "mending"
summary = ""
inputs = { critique = "critique" }

[[step]]
name = "mend"
module = "mend"
inputs = { critique = "critique" }
"""
LIST = """name = "list"
summary = ""
inputs = { asked = "question" }

[[step]]
name = "s"
module = "think"
inputs = { question = "asked" }
branches = 2
"""


def finding(**texts: str) -> Find:
    def find(name: str) -> Program:
        if name not in texts:
            raise BadRequest(f"there is no program {name!r}; there are: {', '.join(texts)}")
        return parse(texts[name], f"{name}.toml", MODULES, find)

    return find


def program(text: str) -> Program:
    return parse(text, "mine.toml", MODULES, finding(mending=MENDING, list=LIST))


A, LOOK, LOOP, PARTS, EACH, B, LAST = 12, 17, 22, 29, 34, 41, 49
"""Lines of the steps of GOOD."""


def test_the_program_that_mistakes_are_put_into_is_sound() -> None:
    steps = program(GOOD).steps
    assert [step.name for step in steps] == ["a", "look", "loop", "parts", "each", "b", "end"]
    lines = GOOD.splitlines()
    for line in (A, LOOK, LOOP, PARTS, EACH, B, LAST):
        assert lines[line - 1] == "[[step]]"


@pytest.mark.parametrize(
    ("old", "new", "line", "names"),
    [
        # modules and programs
        ('module = "split"', 'module = "splt"', PARTS, ["no module 'splt'", "did you mean split"]),
        ('program = "mending"', 'program = "mend"', LOOP, ["no program 'mend'", "mending"]),
        ('program = "mending"', "", LOOP, ["either a module or a program"]),
        ('module = "split"', 'module = "split"\nprogram = "list"', PARTS, ["either a module"]),
        # types
        ('{ derivation = "a" }', '{ derivation = "question" }', LOOK, ["takes a derivation", "gives a question"]),
        ('{ derivation = "a" }', '{ derivation = ["a", "a"] }', LOOK, ["takes one derivation"]),
        ('{ critique = "look" }', '{ critique = "a" }', LOOP, ["takes a critique", "gives a derivation"]),
        ('foreach = "parts"', 'foreach = "a"', EACH, ["foreach takes a list", "gives one derivation"]),
        ('foreach = "parts"', 'foreach = "part"', EACH, ["'part'", "did you mean parts"]),
        ('as = "question"', 'as = "before"', EACH, ["'before' takes a derivation", "holds question*"]),
        ('as = "question"', 'as = "it"', EACH, ["`as` names 'it'", "question, before"]),
        ('module = "look"', 'module = "look"\nas = "derivation"', LOOK, ["`as`", "belong to `foreach`"]),
        (
            'module = "think"\nforeach',
            'module = "think"\ninputs = { question = "question" }\nforeach',
            EACH,
            ["'question' takes the items of 'parts'"],
        ),
        (
            'module = "think"\nforeach = "parts"\nas = "question"',
            'module = "note"\nforeach = "parts"',
            EACH,
            ["sequential needs an input `before`", "'note' has none"],
        ),
        ("sequential = true", "branches = 2", EACH, ["neither branches nor repeat"]),
        # loops
        ('repeat = "$times"\n', "", LOOP, ["an unbounded loop", "`repeat`"]),
        ('repeat = "$times"', "repeat = 0", LOOP, ["repeat is 0", "at least 1"]),
        ('repeat = "$times"', "repeat = 65", LOOP, ["repeat is 65", "the limit is 64"]),
        ('repeat = "$times"', 'repeat = "$word"', LOOP, ["$word", "whole number"]),
        ('repeat = "$times"', 'repeat = "$time"', LOOP, ["'$time'", "$times, $word"]),
        ('repeat = "$times"', "repeat = 2\nbranches = 2", LOOP, ["repeat and branches"]),
        ('repeat = "$times"', 'repeat = 2\ncarry = "question"', LOOP, ["carries", "critique"]),
        ('module = "look"', 'module = "look"\nrepeat = 2', LOOK, ["`repeat` is for programs"]),
        (
            'program = "mending"\ninputs = { critique = "look" }',
            'program = "list"\ninputs = { asked = "question" }',
            LOOP,
            ["what it gives (derivation*)", "no such input"],
        ),
        # conditions
        ('until = "loop.passed"', 'until = "loop.pased"', LOOP, ["until", "'pased'", "probability, passed"]),
        ("loop.probability <", "each.probability <", B, ["when", "'each' is a list", "`count`"]),
        ("loop.probability <", "lop.probability <", B, ["'lop'", "did you mean loop"]),
        ("loop.probability <", "b.count <", B, ["'b'", "no earlier step"]),
        ("< 0.5", "< $wrd", B, ["$wrd", "$times, $word"]),
        ("< 0.5", "< $word", B, ["'$word' is a text"]),
        ("< 0.5 and", "< 0.5 &", B, ["step.field, $option, numbers"]),
        # what cannot end, and what is never used
        (
            'inputs = { derivations = ["a", "b", "each"] }',
            'inputs = { derivations = ["a", "each"] }',
            B,
            ["'b' is unreachable from the answer"],
        ),
        (
            'module = "join"\ninputs = { derivations = ["a", "b", "each"] }',
            'module = "join"\nwhen = "b.count > 1"\ninputs = { derivations = ["a", "each"] }',
            LAST,
            ["'end' ends the program and may be passed over"],
        ),
        (
            'module = "join"\ninputs = { derivations = ["a", "b", "each"] }',
            'module = "need"\ninputs = { derivations = "b" }',
            LAST,
            ["'end' ends the program and may be passed over"],
        ),
        # numbers
        ('stop = "decided"', 'stop = "decided"\nbudget = { calls = 0 }', B, ["budget calls is 0", "above 0"]),
        ('stop = "decided"', 'stop = "decided"\nbudget = { call = 1 }', B, ["unknown field", "call"]),
        (
            'stop = "decided"',
            "sampling = { temperature = 3.0 }",
            B,
            ["sampling temperature is 3.0", "from 0 to 2"],
        ),
        ("branches = 3", "branches = 257", B, ["branches is 257", "the limit is 256"]),
        ('branches = 3\nstop', "stop", B, ['`stop = "decided"` is for branches']),
        ('stop = "decided"', 'options = { heat = "$word" }', B, ["heat", "takes a number"]),
        (
            'module = "split"\ninputs = { question = "question" }',
            'program = "list"\nbranches = 2\ninputs = { asked = "question" }',
            PARTS, ["'list' gives a derivation*"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_what_is_allowed(
    old: str, new: str, line: int, names: list[str]
) -> None:
    assert GOOD.count(old) == 1, f"{old!r} is there {GOOD.count(old)} times"
    with pytest.raises(ProgramError) as error:
        program(GOOD.replace(old, new))
    message = str(error.value)
    assert message.startswith(f"mine.toml:{line}: "), message
    assert all(name in message for name in names), message


def test_a_step_with_an_effect_need_not_be_used() -> None:
    note = '[[step]]\nname = "n"\nmodule = "note"\ninputs = { question = "question" }\n\n'
    at = GOOD.index('[[step]]\nname = "end"')
    assert program(GOOD[:at] + note + GOOD[at:]).steps[-2].name == "n"


def test_what_runs_for_each_item_of_a_passed_over_list_is_passed_over() -> None:
    build = Build("mine", "")
    a = build.step("a", "think", inputs=ASKED)
    look = build.step("look", "look", inputs={"derivation": a})
    parts = build.step("parts", "split", inputs=ASKED, when=f"{look}.passed")
    each = build.step("each", "think", foreach=parts)
    build.step("end", "need", inputs={"derivations": each})
    with pytest.raises(ProgramError, match="'end' ends the program and may be passed over"):
        build.checked(MODULES)


def test_a_type_that_there_is_not_is_named_with_those_there_are() -> None:
    text = MENDING.replace('"critique" }', '"critic" }', 1)
    with pytest.raises(ProgramError, match="mine.toml: input 'critique'.*'critic'.*critique"):
        program(text)


# ------------------------------------------------------------ what the model cannot run


def built(**fields: Any) -> Program:
    build = Build("mine", "")
    step = build.step("a", "think", inputs={"question": "question"}, **fields)
    build.step("end", "join", inputs={"derivations": step})
    return build.checked(MODULES)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"adapter": "faster"}, ["zerno has no adapter 'faster'", "fast, slow"]),
        ({"model": "qwen"}, ["asks for the model 'qwen'", "loaded 'zerno'"]),
    ],
)
def test_an_adapter_or_model_that_is_not_there_is_refused_with_the_step(
    fields: dict[str, Any], names: list[str], dialect: NativeDialect
) -> None:
    with pytest.raises(BadRequest) as error:
        compile_flat(built(**fields), {}, dialect, INFO)
    assert all(name in str(error.value) for name in ["program 'mine', step 'a'", *names])
    for known in ({"adapter": "slow"}, {"model": "zerno"}):
        assert compile_flat(built(**known), {}, dialect, INFO).steps


@pytest.mark.parametrize("own", [None, "slow"])
def test_an_adapter_of_the_run_that_is_not_there_is_refused_whatever_the_steps_name(
    own: str | None, dialect: NativeDialect
) -> None:
    with pytest.raises(BadRequest) as error:
        compile_flat(built(adapter=own), {}, dialect, INFO, "faster")
    assert str(error.value) == "zerno has no adapter 'faster'; it has: fast, slow"
    (step, *_) = compile_flat(built(adapter=own), {}, dialect, INFO, "fast").steps
    assert step.adapter == (own or "fast")


def test_a_module_for_models_of_another_dialect_is_refused(dialect: NativeDialect) -> None:
    build = Build("mine", "")
    build.step("end", "join", inputs={"derivations": build.step("a", "chatter", inputs=ASKED)})
    with pytest.raises(BadRequest, match="step 'a': module 'chatter' needs a chat model; zerno"):
        compile_flat(build.checked(MODULES), {}, dialect, INFO)


def test_a_mistake_inside_what_runs_for_each_item_is_found_too(dialect: NativeDialect) -> None:
    inner = LIST.replace("branches = 2", 'adapter = "none"')
    build = Build("mine", "")
    a = build.step("a", program="list", inputs={"asked": "question"}, branches=2)
    build.step("end", "join", inputs={"derivations": a})
    with pytest.raises(BadRequest, match="no adapter 'none'"):
        compile_flat(build.checked(MODULES, finding(list=inner)), {}, dialect, INFO)


# ------------------------------------------------------------ what is foreseen

ASKED = {"question": "question"}


def plan(program: Program, dialect: NativeDialect, costs: Mapping[str, Cost] | None = None) -> Plan:
    question = dialect.read("Tom has 48 apples.")
    return compile_plan(program, program.settled({}), question, dialect, INFO, costs or {})


def step(plan: Plan, name: str) -> PlannedStep:
    return next(step for step in plan.steps if step.name == name)


class Drawn(NamedTuple):
    """A step of a drawn program."""

    prompt: tuple[int, ...]
    before: list[int]
    branches: int | None
    adapter: str | None
    rounds: int


@st.composite
def drawn_steps(draw: st.DrawFn) -> list[Drawn]:
    count = draw(st.integers(1, 6))
    return [
        Drawn(
            tuple(draw(st.lists(st.integers(0, 1), max_size=5))),
            draw(st.lists(st.integers(0, i - 1), unique=True)) if i else [],
            draw(st.none() | st.integers(1, 3)),
            draw(st.sampled_from([None, "fast", "slow"])),
            draw(st.integers(0, 2)),
        )
        for i in range(count)
    ]


def shaped(steps: Sequence[Drawn]) -> Program:
    build = Build("mine", "")
    modules = {"join": MODULES["join"]}
    for i, one in enumerate(steps):
        shapes = [CallShape(one.prompt, rounds=one.rounds, generates=2)] if one.rounds else []
        modules[f"m{i}"] = MODULES["think"]._replace(name=f"m{i}", shape=calling(*shapes))
        before = [f"s{k}" for k in one.before]
        build.step(
            f"s{i}",
            f"m{i}",
            inputs={**ASKED, "before": before},
            branches=one.branches,
            adapter=one.adapter,
        )
    build.step("end", "join", inputs={"derivations": [f"s{i}" for i in range(len(steps))]})
    return build.checked(modules)


@given(drawn_steps())
def test_what_is_not_shared_is_every_different_prefix_once_for_each_adapter(
    dialect: NativeDialect, steps: list[Drawn]
) -> None:
    most = plan(shaped(steps), dialect).most
    prompts = [
        (one.adapter, one.prompt) for one in steps for _ in range((one.branches or 1) * one.rounds)
    ]
    assert most.calls == len(prompts)
    assert most.prompt_tokens == sum(len(prompt) for _, prompt in prompts)
    assert most.generated_tokens == 2 * len(prompts)
    assert most.prompt_tokens - most.shared_tokens == sum(
        computed([prompt for adapter, prompt in prompts if adapter == wanted])
        for wanted in (None, "fast", "slow")
    )


@given(drawn_steps())
def test_a_step_runs_in_the_first_wave_that_what_it_waits_for_allows(
    dialect: NativeDialect, steps: list[Drawn]
) -> None:
    found = plan(shaped(steps), dialect)
    ends: list[int] = []
    for i, one in enumerate(steps):
        ready = max((ends[k] for k in one.before), default=0)
        assert step(found, f"s{i}").wave == ready + (one.rounds > 0)
        ends.append(ready + one.rounds)
    assert [wave.number for wave in found.waves] == sorted({wave.number for wave in found.waves})
    in_waves = sorted(name for wave in found.waves for name in wave.steps)
    assert in_waves == sorted(f"s{i}" for i, one in enumerate(steps) if one.rounds)
    for wave in found.waves:
        # each adapter is changed to once
        assert len(set(wave.adapters)) == len(wave.adapters)
        of_steps = [step(found, name).adapter or "" for name in wave.steps]
        assert list(dict.fromkeys(of_steps)) == list(wave.adapters)
        assert of_steps == sorted(of_steps)
        assert wave.estimate.calls == sum(step(found, name).estimate.calls for name in wave.steps)


def test_what_may_be_passed_over_is_not_certain(dialect: NativeDialect) -> None:
    found = plan(program(GOOD), dialect)
    assert [one.name for one in found.steps if not one.certain] == ["loop.2.mend", "b"]
    assert found.certain.calls == 1 + ITEMS and found.most.calls == 1 + ITEMS + 3
    assert step(found, "b").when == ("loop.probability < 0.5 and each.count > 0",)
    needy = GOOD.replace('module = "split"', "module = \"split\"\nwhen = 'look.passed'")
    uncertain = [one.name for one in plan(program(needy), dialect).steps if not one.certain]
    assert uncertain == ["loop.2.mend", "parts", "each", "b"]


def test_branches_inside_what_runs_for_each_item_are_counted(dialect: NativeDialect) -> None:
    inner = LIST + (
        '\n[[step]]\nname = "one"\nmodule = "think"\n'
        'inputs = { question = "asked", before = "s" }\n'
    )
    build = Build("mine", "")
    parts = build.step("parts", "split", inputs=ASKED)
    each = build.step("each", program="list", foreach=parts)
    build.step("end", "join", inputs={"derivations": each})
    found = plan(build.checked(MODULES, finding(list=inner)), dialect)
    assert step(found, "each").estimate.calls == ITEMS * 3
    assert step(found, "each").module == "program list"


def test_a_step_without_branches_shares_nothing_with_others(dialect: NativeDialect) -> None:
    build = Build("mine", "", options={"n": Option(default=0, minimum=0, maximum=4)})
    build.step("a", "think", inputs=ASKED, branches="$n")
    build.step("b", "think", inputs=ASKED)
    build.step("end", "join", inputs={"derivations": ["a", "b"]})
    found = plan(build.checked(MODULES), dialect)
    assert (found.most.calls, found.most.prompt_tokens, found.most.shared_tokens) == (1, 3, 0)


def test_budgets_are_named_with_what_they_allow(dialect: NativeDialect) -> None:
    found = plan(built(budget={"tokens": 50, "seconds": 1.5}), dialect)
    assert step(found, "a").budget == "a: 50 tokens, 1.5 seconds"
    assert step(found, "end").budget is None


def test_what_runs_have_cost_goes_before_what_modules_guess(dialect: NativeDialect) -> None:
    guessed = plan(built(branches=4), dialect)
    assert not guessed.measured and guessed.most.generated_tokens == 20
    cost = Cost(calls=1.0, tokens=7.0, milliseconds=500.0, nodes=12)
    measured = plan(built(branches=4), dialect, {step_key("think@1"): cost})
    assert measured.measured
    assert measured.most.generated_tokens == 28
    assert measured.most.seconds == 0.5, "branches run side by side"
    assert (measured.most.calls, measured.most.prompt_tokens) == (4, 12)


def test_every_pass_says_what_it_came_to(dialect: NativeDialect) -> None:
    found = plan(program(GOOD), dialect)
    assert [one.name for one in found.passes] == [
        "inline", "lower", "prefixes", "waves", "budgets",
    ]  # fmt: skip
    assert all(one.result and one.milliseconds >= 0 for one in found.passes)
