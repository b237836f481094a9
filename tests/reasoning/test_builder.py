"""Programs built in Python are the programs that their TOML would be."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.builder import Build
from smysl_reasoning.checking import parse
from smysl_reasoning.conditions import Condition
from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.grammar import BudgetText, ProgramText, SamplingText
from smysl_reasoning.modules.base import Inputs, Module, Option, Port, Settings
from smysl_reasoning.program import Program, Step
from smysl_reasoning.workbench import Workbench


async def nothing(bench: Workbench, inputs: Inputs, settings: Settings) -> object:
    await asyncio.sleep(0)
    return None


def module(name: str, inputs: Mapping[str, Port], output: str, **rest: Any) -> Module:
    return Module(name, 1, "", inputs, output, nothing, **rest)


MODULES = {
    one.name: one
    for one in (
        module(
            "think",
            {"question": Port("question"), "before": Port("derivation", many=True, optional=True)},
            "derivation",
            options={"heat": Option(default=0.5, minimum=0.0, maximum=1.0)},
        ),
        module("split", {"question": Port("question")}, "question", many=True),
        module("look", {"derivation": Port("derivation")}, "critique"),
        module("mend", {"critique": Port("critique")}, "derivation"),
        module("join", {"derivations": Port("derivation", many=True, optional=True)}, "choice"),
        module("end", {"choice": Port("choice")}, "outcome"),
    )
}
TURN = """name = "turn"
summary = "mend and look again"
inputs = { critique = "critique" }

[[step]]
name = "mend"
module = "mend"
inputs = { critique = "critique" }

[[step]]
name = "look"
module = "look"
inputs = { derivation = "mend" }
"""
EVERYTHING = """name = "mine"
summary = "whatever the grammar has"
source = "a paper"
inputs = { question = "question" }

[options.samples]
default = 3
minimum = 0
maximum = 8

[options.heat]
default = 0.5
minimum = 0.0
maximum = 1.0

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
budget = { tokens = 100, calls = 4, seconds = 1.5 }

[[step]]
name = "samples"
module = "think"
inputs = { question = "question" }
options = { heat = "$heat" }
branches = "$samples"
stop = "decided"
adapter = "fast"
model = "zerno"
sampling = { temperature = 0.9, top_k = 5, top_p = 0.5, min_p = 0.1, max_tokens = 64 }

[[step]]
name = "one"
module = "think"
inputs = { question = "question" }
when = "samples.count < $samples and each.count > 0"

[[step]]
name = "first"
module = "look"
inputs = { derivation = "one" }

[[step]]
name = "loop"
program = "turn"
inputs = { critique = "first" }
repeat = 3
until = "loop.passed or loop.probability >= 0.9"
carry = "critique"
when = "not first.passed"

[[step]]
name = "mended"
module = "mend"
inputs = { critique = "loop" }

[[step]]
name = "join"
module = "join"
inputs = { derivations = ["each", "samples", "mended"] }

[[step]]
name = "end"
module = "end"
inputs = { choice = "join" }
"""


def find(name: str) -> Program:
    if name != "turn":
        raise BadRequest(f"there is no program {name!r}")
    return parse(TURN, "turn.toml", MODULES)


def plain(program: Program) -> dict[str, Any]:
    """A program in values that can be compared: conditions by their words, programs in the same form."""

    def shown(value: object) -> object:
        match value:
            case Condition(text=text):
                return text
            case Program():
                return plain(value)
        return value

    def step_shown(step: Step) -> dict[str, object]:
        return {name: shown(value) for name, value in step._asdict().items()}

    return {
        **program._asdict(),
        "source": "",
        "steps": [step_shown(step) for step in program.steps],
    }


def built() -> Program:
    build = Build(
        "mine",
        "whatever the grammar has",
        source="a paper",
        options={
            "samples": Option(default=3, minimum=0, maximum=8),
            "heat": Option(default=0.5, minimum=0.0, maximum=1.0),
        },
    )
    parts = build.step("parts", "split", inputs={"question": "question"})
    each = build.step(
        "each",
        "think",
        foreach=parts,
        each="question",
        sequential=True,
        budget=BudgetText(tokens=100, calls=4, seconds=1.5),
    )
    samples = build.step(
        "samples",
        "think",
        inputs={"question": "question"},
        options={"heat": "$heat"},
        branches="$samples",
        stop="decided",
        adapter="fast",
        model="zerno",
        sampling=SamplingText(temperature=0.9, top_k=5, top_p=0.5, min_p=0.1, max_tokens=64),
    )
    one = build.step(
        "one",
        "think",
        inputs={"question": "question"},
        when=f"{samples}.count < $samples and {each}.count > 0",
    )
    first = build.step("first", "look", inputs={"derivation": one})
    loop = build.step(
        "loop",
        program="turn",
        inputs={"critique": first},
        repeat=3,
        until="loop.passed or loop.probability >= 0.9",
        carry="critique",
        when=f"not {first}.passed",
    )
    mended = build.step("mended", "mend", inputs={"critique": loop})
    join = build.step("join", "join", inputs={"derivations": (each, samples, mended)})
    build.step("end", "end", inputs={"choice": join})
    return build.checked(MODULES, find)


def test_a_built_program_is_the_one_that_its_toml_gives() -> None:
    assert plain(built()) == plain(parse(EVERYTHING, "mine.toml", MODULES, find))


@st.composite
def wirings(draw: st.DrawFn) -> list[tuple[str, list[str], int | None]]:
    """Steps that think, each with the earlier ones that it reads and its branches."""
    count = draw(st.integers(1, 6))
    names = [f"s{i}" for i in range(count)]
    return [
        (
            name,
            draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else [],
            draw(st.none() | st.integers(1, 4)),
        )
        for i, name in enumerate(names)
    ]


@given(wirings())
def test_any_wiring_is_the_same_in_python_and_in_toml(
    wiring: Sequence[tuple[str, list[str], int | None]],
) -> None:
    build = Build("mine", "wired")
    steps: list[dict[str, object]] = []
    for name, before, branches in wiring:
        inputs: dict[str, str | Sequence[str]] = {"question": "question", "before": before}
        build.step(name, "think", inputs=inputs, branches=branches)
        steps.append({"name": name, "module": "think", "inputs": inputs, "branches": branches})
    join = build.step("join", "join", inputs={"derivations": [name for name, _, _ in wiring]})
    build.step("end", "end", inputs={"choice": join})
    joined = {"derivations": [name for name, _, _ in wiring]}
    steps.append({"name": "join", "module": "join", "inputs": joined})
    steps.append({"name": "end", "module": "end", "inputs": {"choice": "join"}})
    text = toml({"name": "mine", "summary": "wired"}, steps)
    assert plain(build.checked(MODULES)) == plain(parse(text, "mine.toml", MODULES))


def toml(head: Mapping[str, str], steps: Sequence[Mapping[str, object]]) -> str:
    lines = [f"{name} = {value!r}" for name, value in head.items()]
    for step in steps:
        lines += ["", "[[step]]"]
        lines += [f"{name} = {inline(value)}" for name, value in step.items() if value is not None]
    return "\n".join(lines)


def inline(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{k} = {inline(v)}" for k, v in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
    return repr(value)


def test_what_was_written_as_plain_data_reads_back_the_same() -> None:
    written = msgspec.convert(
        {"name": "x", "summary": "", "step": [{"name": "e", "as": "port", "foreach": "parts"}]},
        ProgramText,
    )
    assert written.step[0].each == "port"
    assert msgspec.convert(msgspec.to_builtins(written), ProgramText) == written


def test_a_program_without_a_question_is_a_part_of_others() -> None:
    build = Build("turn", "mend and look again", inputs={"critique": "critique"})
    mend = build.step("mend", "mend", inputs={"critique": "critique"})
    build.step("look", "look", inputs={"derivation": mend})
    part = build.checked(MODULES)
    assert plain(part) == plain(find("turn"))
    assert not part.runnable and built().runnable


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"branch": 2}, "branch"),
        ({"branches": 2.5}, "branches"),
        ({"stop": "never"}, "stop"),
        ({"options": {"heat": None}}, "options"),
        ({"budget": {"token": 3}}, "token"),
    ],
)
def test_a_field_that_there_is_not_is_named_with_its_step(
    fields: dict[str, Any], names: str
) -> None:
    with pytest.raises(ProgramError, match="mine: step 'one'") as error:
        Build("mine", "").step("one", "think", inputs={"question": "question"}, **fields)
    assert names in str(error.value)


def test_a_built_program_is_held_to_the_same_rules() -> None:
    build = Build("mine", "")
    build.step("one", "thnk", inputs={"question": "question"})
    with pytest.raises(ProgramError, match="mine: step 'one': there is no module 'thnk'.*think"):
        build.checked(MODULES)
    inner = Build("mine", "")
    inner.step("one", program="turn", inputs={"critique": "question"})
    with pytest.raises(ProgramError, match="takes a critique; 'question' gives a question"):
        inner.checked(MODULES, find)
    with pytest.raises(ProgramError, match="program 'turn' is not known here"):
        inner.checked(MODULES)
