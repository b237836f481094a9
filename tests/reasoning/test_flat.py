"""Writing programs out: sub-programs, loops and the budgets that steps share."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.checking import Find, parse
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.flat import DEPTH_LIMIT, STEPS_LIMIT, Flat, FlatStep, flatten
from smysl_reasoning.grammar import BudgetText
from smysl_reasoning.modules.base import Inputs, Module, Option, Port, Settings
from smysl_reasoning.program import Program
from smysl_reasoning.workbench import Workbench


async def nothing(bench: Workbench, inputs: Inputs, settings: Settings) -> object:
    await asyncio.sleep(0)
    return None


def module(name: str, inputs: Mapping[str, Port], output: str, **rest: Any) -> Module:
    return Module(name, 1, "", inputs, output, nothing, **rest)


HEAT = {"heat": Option(default=0.5, minimum=0.0, maximum=1.0)}
MODULES = {
    one.name: one
    for one in (
        module(
            "think",
            {"question": Port("question"), "before": Port("derivation", many=True, optional=True)},
            "derivation",
            options=HEAT,
        ),
        module("split", {"question": Port("question")}, "question", many=True),
        module("mend", {"derivation": Port("derivation")}, "derivation", options=HEAT),
        module("end", {"derivations": Port("derivation", many=True)}, "outcome"),
        module("pick", {"outcomes": Port("outcome", many=True)}, "outcome"),
    )
}
END = """
[[step]]
name = "end"
module = "end"
inputs = { derivations = "LAST" }
"""


def head(name: str, inputs: str = '{ question = "question" }', options: str = "") -> str:
    return f'name = "{name}"\nsummary = ""\ninputs = {inputs}\n{options}\n'


MEND = head("mending", '{ derivation = "derivation" }') + (
    '[[step]]\nname = "mend"\nmodule = "mend"\ninputs = { derivation = "derivation" }\n'
)
THINK = '[[step]]\nname = "first"\nmodule = "think"\ninputs = { question = "question" }\n'
ASKED = '{ asked = "question" }'
"""Inputs of a part: a program of a question alone is to be asked for, and gives an outcome."""
THINK_ASKED = THINK.replace('question = "question"', 'question = "asked"')


def finding(texts: Mapping[str, str]) -> Find:
    def find(name: str) -> Program:
        if name not in texts:
            raise BadRequest(f"there is no program {name!r}")
        return parse(texts[name], f"{name}.toml", MODULES, find)

    return find


def program(text: str, **parts: str) -> Program:
    return parse(text, "whole.toml", MODULES, finding(parts))


def flat(text: str, parts: Mapping[str, str] | None = None, **options: object) -> Flat:
    whole = parse(text, "whole.toml", MODULES, finding(parts or {}))
    return flatten(whole, whole.settled(options))


def step(found: Flat, name: str) -> FlatStep:
    return next(step for step in found.steps if step.name == name)


# ------------------------------------------------------------ without sub-programs


@st.composite
def wirings(draw: st.DrawFn) -> list[tuple[list[str], int | None, float]]:
    """Steps s0, s1, ...: what each reads, its branches and its heat."""
    count = draw(st.integers(1, 7))
    return [
        (
            draw(st.lists(st.sampled_from([f"s{k}" for k in range(i)]), unique=True)) if i else [],
            draw(st.none() | st.integers(1, 4)),
            draw(st.sampled_from([0.0, 0.25, 1.0])),
        )
        for i in range(count)
    ]


@given(wirings())
def test_a_program_without_sub_programs_is_written_out_as_it_is(
    wiring: list[tuple[list[str], int | None, float]],
) -> None:
    lines = [head("whole")]
    for i, (before, branches, heat) in enumerate(wiring):
        lines += [
            "[[step]]",
            f'name = "s{i}"',
            'module = "think"',
            f'inputs = {{ question = "question", before = {before} }}',
            f"options = {{ heat = {heat} }}",
        ]
        lines += [f"branches = {branches}"] if branches is not None else []
    everyone = [f"s{i}" for i in range(len(wiring))]
    lines += [
        "[[step]]",
        'name = "end"',
        'module = "end"',
        f"inputs = {{ derivations = {everyone} }}",
    ]
    whole = program("\n".join(lines))
    found = flatten(whole, whole.settled({}))
    assert (found.last, found.inputs, dict(found.aliases)) == ("end", ("question",), {})
    assert [
        (one.name, one.source, one.body, one.inputs, one.branches, one.settings)
        for one in found.steps
    ] == [
        (one.name, one.name, one.body, one.inputs, one.branches, one.settings)
        for one in whole.steps
    ]
    assert all(one.when == () and one.scope is None for one in found.steps)


# ------------------------------------------------------------ sub-programs


def test_the_steps_of_a_sub_program_bear_its_uses_name() -> None:
    text = head("whole") + THINK
    text += '[[step]]\nname = "m"\nprogram = "mending"\ninputs = { derivation = "first" }\n'
    found = flat(text + END.replace("LAST", "m"), {"mending": MEND})
    assert [one.name for one in found.steps] == ["first", "m.mend", "end"]
    assert step(found, "m.mend").inputs == {"derivation": ("first",)}
    assert found.resolved("m") == ["m.mend"]
    assert step(found, "end").inputs == {"derivations": ("m",)}


def test_a_program_in_a_program_in_a_program_is_written_out_too() -> None:
    inner = MEND.replace("mending", "inner")
    outer = head("outer", '{ derivation = "derivation" }') + (
        '[[step]]\nname = "i"\nprogram = "inner"\ninputs = { derivation = "derivation" }\n'
    )
    text = head("whole") + THINK
    text += '[[step]]\nname = "o"\nprogram = "outer"\ninputs = { derivation = "first" }\n'
    found = flat(text + END.replace("LAST", "o"), {"inner": inner, "outer": outer})
    assert [one.name for one in found.steps] == ["first", "o.i.mend", "end"]
    assert found.resolved("o") == ["o.i.mend"]
    assert step(found, "o.i.mend").inputs == {"derivation": ("first",)}


def test_options_reach_the_innermost_step_as_values() -> None:
    inner = head(
        "mending",
        '{ derivation = "derivation" }',
        "[options.h]\ndefault = 0.5\nminimum = 0\nmaximum = 1",
    ) + (
        '[[step]]\nname = "mend"\nmodule = "mend"\ninputs = { derivation = "derivation" }\n'
        'options = { heat = "$h" }\n'
    )
    text = (
        head("whole", options="[options.warm]\ndefault = 0.2\nminimum = 0.1\nmaximum = 0.9") + THINK
    )
    text += (
        '[[step]]\nname = "m"\nprogram = "mending"\ninputs = { derivation = "first" }\n'
        'options = { h = "$warm" }\n'
    )
    text += END.replace("LAST", "m")
    assert step(flat(text, {"mending": inner}), "m.mend").settings == {"heat": 0.2}
    assert step(flat(text, {"mending": inner}, warm=0.9), "m.mend").settings == {"heat": 0.9}
    assert step(flat(text, {"mending": inner}), "first").settings == {"heat": 0.5}


def test_a_sub_programs_steps_run_under_its_conditions_and_wishes() -> None:
    text = (
        head("whole")
        + THINK
        + (
            '[[step]]\nname = "m"\nprogram = "mending"\ninputs = { derivation = "first" }\n'
            'when = "first.confidence < 0.5"\nadapter = "fast"\nmodel = "zerno"\n'
            "sampling = { temperature = 0.3 }\n"
        )
    )
    found = step(flat(text + END.replace('"LAST"', '["first", "m"]'), {"mending": MEND}), "m.mend")
    assert [one.text for one in found.when] == ["first.confidence < 0.5"]
    assert (found.adapter, found.model) == ("fast", "zerno")
    assert found.sampling is not None and found.sampling.temperature == 0.3
    assert found.sources == ["first"]


def test_what_a_step_itself_wishes_goes_before_what_is_wished_outside() -> None:
    inner = MEND + 'adapter = "own"\n'
    text = (
        head("whole")
        + THINK
        + (
            '[[step]]\nname = "m"\nprogram = "mending"\ninputs = { derivation = "first" }\n'
            'adapter = "fast"\n'
        )
    )
    found = flat(text + END.replace("LAST", "m"), {"mending": inner})
    assert step(found, "m.mend").adapter == "own"


def test_an_adapter_of_the_run_is_for_every_step_that_is_under_none() -> None:
    part = head("part", ASKED) + THINK_ASKED
    own = head("own", ASKED) + THINK_ASKED + 'adapter = "inner"\n'
    asks = 'inputs = { asked = "question" }\n'
    text = head("whole") + (
        f'[[step]]\nname = "plain"\nprogram = "part"\n{asks}'
        f'[[step]]\nname = "named"\nprogram = "part"\n{asks}adapter = "outer"\n'
        f'[[step]]\nname = "both"\nprogram = "own"\n{asks}'
        '[[step]]\nname = "parts"\nmodule = "split"\ninputs = { question = "question" }\n'
        '[[step]]\nname = "each"\nprogram = "part"\nforeach = "parts"\n'
    )
    text += END.replace('"LAST"', '["plain", "named", "both", "each"]')
    whole = program(text, part=part, own=own)
    found = {adapter: flatten(whole, whole.settled({}), adapter) for adapter in ("run", None)}
    for adapter, one in found.items():
        assert step(one, "plain.first").adapter == step(one, "parts").adapter == adapter
        body = step(one, "each").body
        assert isinstance(body, Flat) and step(body, "first").adapter == adapter
        names = ("named.first", "both.first")
        assert [step(one, name).adapter for name in names] == ["outer", "inner"]


def test_budgets_of_inner_steps_are_part_of_the_outer_ones() -> None:
    inner = MEND + "budget = { calls = 1 }\n"
    text = (
        head("whole")
        + THINK
        + (
            '[[step]]\nname = "m"\nprogram = "mending"\ninputs = { derivation = "first" }\n'
            "budget = { tokens = 50 }\n"
        )
    )
    scope = step(flat(text + END.replace("LAST", "m"), {"mending": inner}), "m.mend").scope
    assert scope is not None and scope.within is not None
    assert (scope.name, scope.budget) == ("m.mend", BudgetText(calls=1))
    assert (scope.within.name, scope.within.budget) == ("m", BudgetText(tokens=50))
    assert scope.within.within is None


def test_what_is_asked_of_a_program_run_for_each_item_is_asked_of_its_steps() -> None:
    part = head("part", ASKED) + THINK_ASKED + "budget = { calls = 1 }\n"
    text = head("whole") + (
        '[[step]]\nname = "parts"\nmodule = "split"\ninputs = { question = "question" }\n'
        '[[step]]\nname = "one"\nprogram = "part"\nforeach = "parts"\nadapter = "fast"\n'
        "budget = { tokens = 9 }\n"
        '[[step]]\nname = "two"\nprogram = "part"\nforeach = "parts"\n'
    )
    found = flat(text + END.replace('"LAST"', '["one", "two"]'), {"part": part})
    bodies = [step(found, name).body for name in ("one", "two")]
    assert all(isinstance(body, Flat) for body in bodies)
    first, second = (step(body, "first") for body in bodies if isinstance(body, Flat))
    assert (first.adapter, second.adapter) == ("fast", None)
    assert first.scope is not None and second.scope is not None
    assert first.scope.within is not None and first.scope.within.name == "one"
    assert second.scope.within is None
    assert first.scope.name != second.scope.name, "each use has a budget of its own"


# ------------------------------------------------------------ loops


def looping(repeat: object, rest: str = "", name: str = "m") -> str:
    return (
        f'[[step]]\nname = "{name}"\nprogram = "mending"\ninputs = {{ derivation = "first" }}\n'
        f"repeat = {repeat}\n{rest}"
    )


@given(st.integers(1, 64), st.booleans())
def test_a_loop_is_written_out_turn_by_turn(turns: int, until: bool) -> None:
    condition = 'until = "m.outside"\n' if until else ""
    text = head("whole") + THINK + looping(turns, condition) + END.replace("LAST", "m")
    found = flat(text, {"mending": MEND})
    names = [f"m.{turn}.mend" for turn in range(1, turns + 1)]
    assert [one.name for one in found.steps] == ["first", *names, "end"]
    assert found.resolved("m") == [*reversed(names), "first"], "the last turn that ran counts"
    for turn, name in enumerate(names, 1):
        before = step(found, name)
        (source,) = before.inputs["derivation"]
        earlier = [*reversed(names[: turn - 1])] or ["first"]
        assert found.resolved(source) == earlier
        assert len(before.when) == (until and turn > 1)


def test_a_loop_without_a_turn_gives_what_it_was_given() -> None:
    options = "[options.rounds]\ndefault = 2\nminimum = 0\nmaximum = 8"
    text = head("whole", options=options) + THINK + looping('"$rounds"') + END.replace("LAST", "m")
    assert flat(text, {"mending": MEND}, rounds=0).resolved("m") == ["first"]
    assert len(flat(text, {"mending": MEND}).steps) == 4
    assert len(flat(text, {"mending": MEND}, rounds=8).steps) == 10


def test_every_step_waits_only_for_what_comes_before_it() -> None:
    text = head("whole") + THINK + looping(3, 'until = "m.confidence > 0.5"\n')
    text += looping(2, name="again").replace('"first"', '"m"') + END.replace("LAST", "again")
    found = flat(text, {"mending": MEND})
    known = set(found.inputs)
    for one in found.steps:
        for source in one.sources:
            assert set(found.resolved(source)) <= known
        known.add(one.name)


# ------------------------------------------------------------ limits


def nested(depth: int, *, items: bool) -> Flat:
    """A program with `depth` programs in it, one in another; with `items` each is run for items."""

    def use(name: str, asked: str) -> str:
        branches = "branches = 2\n" if items else ""
        return (
            f'[[step]]\nname = "x"\nprogram = "{name}"\n'
            f'inputs = {{ asked = "{asked}" }}\n{branches}'
            '[[step]]\nname = "y"\nmodule = "think"\n'
            f'inputs = {{ question = "{asked}", before = "x" }}\n'
        )

    parts = {
        f"p{level}": head(f"p{level}", ASKED) + use(f"p{level + 1}", "asked")
        for level in range(1, depth)
    }
    parts[f"p{depth}"] = head(f"p{depth}", ASKED) + THINK_ASKED
    return flat(head("whole") + use("p1", "question") + END.replace("LAST", "y"), parts)


@pytest.mark.parametrize("items", [False, True])
def test_programs_nest_to_a_limit_that_is_named(items: bool) -> None:
    assert nested(DEPTH_LIMIT, items=items).steps
    with pytest.raises(BadRequest, match=f"program 'whole' nests.*the limit is {DEPTH_LIMIT}"):
        nested(DEPTH_LIMIT + 1, items=items)


@pytest.mark.parametrize("items", [False, True])
def test_a_program_grows_to_a_limit_that_is_named(items: bool) -> None:
    # 60 turns of 8 steps are 480
    many = "".join(
        f'[[step]]\nname = "s{i}"\nmodule = "mend"\n'
        f'inputs = {{ derivation = "{f"s{i - 1}" if i else "derivation"}" }}\n'
        for i in range(8)
    )
    turn = head("mending", '{ derivation = "derivation" }') + many
    options = "[options.rounds]\ndefault = 60\nminimum = 1\nmaximum = 64"
    loop = head("whole", options=options) + THINK + looping('"$rounds"')
    parts = {"mending": turn}
    if items:
        inner = head("inner", ASKED, options) + THINK_ASKED + looping('"$rounds"')
        parts["inner"] = inner
        loop = head("whole", options=options) + (
            '[[step]]\nname = "m"\nprogram = "inner"\ninputs = { asked = "question" }\n'
            'branches = 1\noptions = { rounds = "$rounds" }\n'
        )
    text = loop + END.replace("LAST", "m")
    assert flat(text, parts, rounds=62).steps
    with pytest.raises(BadRequest, match=f"'whole' has more than {STEPS_LIMIT} steps.*lower"):
        flat(text, parts, rounds=64)
