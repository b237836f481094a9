"""Walking a program: what runs, in which order, with what, and what ends it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.calls import BudgetSpent, WouldCall
from smysl_reasoning.checking import parse
from smysl_reasoning.errors import BadRequest, TakenOut
from smysl_reasoning.executor import Executor
from smysl_reasoning.flat import FlatStep, flatten
from smysl_reasoning.modules.base import Derived, Inputs, Module, Port, Settings
from smysl_reasoning.modules.vote import elect
from smysl_reasoning.nodes import Node
from smysl_reasoning.program import Program
from smysl_reasoning.workbench import Workbench


class Spot(NamedTuple):
    """Stands for a workbench: where in the program a module runs."""

    step: str
    branch: int


class Value(NamedTuple):
    """Passes on any wire; a condition may look at its fields."""

    said: object = None
    passed: bool | None = None
    probability: float | None = None


Says = Callable[[Spot, Inputs], object]


class World:
    """Modules that say what they are told to, and where they have run."""

    def __init__(self) -> None:
        self.modules: dict[str, Module] = {}
        self.programs: dict[str, str] = {}
        self.ran: list[Spot] = []
        self.ended: list[Spot] = []

    def module(
        self, name: str, inputs: Mapping[str, Port], output: str, says: Says, **rest: Any
    ) -> None:
        async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> object:
            spot = cast(Spot, bench)
            self.ran.append(spot)
            value = says(spot, inputs)
            if isinstance(value, Awaitable):
                value = await value
            else:
                await asyncio.sleep(0)
            if isinstance(value, Exception):
                raise value
            self.ended.append(spot)
            return value

        self.modules[name] = Module(name, 1, "", inputs, output, run, **rest)

    def program(self, text: str) -> Program:
        return parse(text, "whole.toml", self.modules, self.find)

    def find(self, name: str) -> Program:
        if name not in self.programs:
            raise BadRequest(f"there is no program {name!r}")
        return parse(self.programs[name], f"{name}.toml", self.modules, self.find)

    def executor(self, text: str, **options: object) -> Executor:
        program = self.program(text)
        flat = flatten(program, program.settled(options))

        def bench(step: FlatStep, name: str, branch: int) -> Workbench:
            return cast(Workbench, Spot(name, branch))

        return Executor(flat, {"question": [Value("what?")]}, bench)

    async def walk(self, text: str, **options: object) -> object:
        return await self.executor(text, **options).run()

    def names(self) -> list[str]:
        return [spot.step for spot in self.ran]


QUESTION, DERIVATION = Port("question"), Port("derivation")
SEVERAL = Port("derivation", many=True, optional=True)


def said(inputs: Inputs, port: str) -> list[object]:
    return [value.said for value in inputs.many(port, Value)]


def world(**says: Says) -> World:
    """Modules whose values are the inputs they were given, unless `says` has something else."""

    def echo(port: str) -> Says:
        return lambda spot, inputs: Value((spot.step, *said(inputs, port)))

    made = World()

    def add(name: str, inputs: Mapping[str, Port], output: str, default: Says, **rest: Any) -> None:
        made.module(name, inputs, output, says.get(name, default), **rest)

    add("think", {"question": QUESTION, "before": SEVERAL}, "derivation", echo("before"))
    add("split", {"question": QUESTION}, "question", lambda spot, inputs: [], many=True)
    add("look", {"derivation": DERIVATION}, "critique", echo("derivation"))
    add("mend", {"critique": Port("critique")}, "critique", echo("critique"))
    add("join", {"derivations": SEVERAL}, "outcome", echo("derivations"))
    add("need", {"derivation": DERIVATION}, "outcome", echo("derivation"))
    add("judge", {"critiques": Port("critique", many=True)}, "outcome", echo("critiques"))
    add("pick", {"outcomes": Port("outcome", many=True)}, "outcome", echo("outcomes"))
    return made


HEAD = 'name = "whole"\nsummary = ""\n'


def step(name: str, module: str, rest: str = "", **inputs: str | list[str]) -> str:
    wired = ", ".join(f"{port} = {given!r}" for port, given in inputs.items())
    what = "program" if module.endswith("!") else "module"
    head = f'[[step]]\nname = "{name}"\n{what} = "{module.rstrip("!")}"\n'
    return f"{head}inputs = {{ {wired} }}\n{rest}\n"


def think(name: str, rest: str = "", **inputs: str | list[str]) -> str:
    return step(name, "think", rest, question="question", **inputs)


# ------------------------------------------------------------ order


async def test_a_step_is_given_what_its_inputs_gave() -> None:
    text = HEAD + think("a") + think("b", before="a") + step("end", "join", derivations=["b", "a"])
    found = await world().walk(text)
    assert found == Value(("end", ("b", ("a",)), ("a",)))


async def test_steps_that_do_not_wait_for_each_other_run_side_by_side() -> None:
    meet = asyncio.Barrier(4)

    async def met() -> Value:
        await asyncio.wait_for(meet.wait(), 60)
        return Value()

    made = world(think=lambda spot, inputs: met())
    text = (
        HEAD + think("a") + think("b", "branches = 3") + step("end", "join", derivations=["a", "b"])
    )
    await made.walk(text)
    assert made.ran[-1] == Spot("end", 0) and len(made.ran) == 5


async def test_branches_are_listed_in_their_order_whichever_ends_first() -> None:
    async def late(branch: int) -> Value:
        for _ in range(5 - branch):
            await asyncio.sleep(0)
        return Value(branch)

    made = world(think=lambda spot, inputs: late(spot.branch))
    text = HEAD + think("b", "branches = 5") + step("end", "join", derivations="b")
    assert await made.walk(text) == Value(("end", 0, 1, 2, 3, 4))
    assert [spot.branch for spot in made.ended[:5]] == [4, 3, 2, 1, 0]


async def test_what_a_module_fails_with_ends_the_walk_and_stops_the_others() -> None:
    stopped: list[str] = []

    async def for_ever(spot: Spot) -> Value:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(spot.step)
            raise
        return Value()

    async def fails() -> Value:
        await asyncio.sleep(0)
        raise RuntimeError("no memory")

    made = world(think=lambda spot, inputs: fails() if spot.step == "a" else for_ever(spot))
    text = (
        HEAD + think("a") + think("b", "branches = 2") + step("end", "join", derivations=["a", "b"])
    )
    with pytest.raises(RuntimeError, match="no memory"):
        await made.walk(text)
    assert stopped == ["b", "b"] and "end" not in made.names()


# ------------------------------------------------------------ passing over


async def test_a_step_whose_condition_does_not_hold_is_passed_over_with_what_needs_it() -> None:
    made = world(think=lambda spot, inputs: Value(spot.step, probability=0.3))
    text = HEAD + (
        think("a")
        + step("look", "look", derivation="a")
        + think("b", "when = 'look.probability > 0.5'")
        + step("again", "look", derivation="b")
        + step("mended", "mend", critique="again")
        + step("end", "judge", critiques=["look", "mended"])
    )
    executor = made.executor(text)
    assert await executor.run() == Value(("end", ("look", "a")))
    assert executor.passed == {"b", "again", "mended"}
    assert made.names() == ["a", "look", "end"]


@pytest.mark.parametrize("sure", [0.2, 0.8])
async def test_conditions_look_at_what_was_found_and_at_options(sure: float) -> None:
    options = "[options.enough]\ndefault = 0.5\nminimum = 0.0\nmaximum = 1.0\n"
    made = world(look=lambda spot, inputs: Value(spot.step, probability=0.5))
    text = (
        HEAD
        + options
        + (
            think("a")
            + step("look", "look", derivation="a")
            + think("b", "when = 'look.probability < $enough'")
            + step("end", "join", derivations=["a", "b"])
        )
    )
    await made.walk(text, enough=sure)
    assert ("b" in made.names()) == (sure > 0.5)


async def test_a_passed_over_step_leaves_an_optional_input_empty() -> None:
    made = world()
    text = HEAD + (
        think("a", "branches = 2")
        + think("b", "when = 'a.count > 2'")
        + think("c", before="b")
        + step("end", "join", derivations="c")
    )
    assert await made.walk(text) == Value(("end", ("c",)))


async def test_of_a_list_a_condition_sees_how_long_it_is() -> None:
    made = world(split=lambda spot, inputs: [Value(1), Value(2)])
    text = HEAD + (
        step("parts", "split", question="question")
        + think("one", "when = 'parts.count < 2'")
        + step("each", "think", "foreach = 'parts'\nwhen = 'parts.count >= 2'")
        + step("end", "join", derivations=["one", "each"])
    )
    await made.walk(text)
    assert made.names() == ["parts", "each", "each", "end"]


# ------------------------------------------------------------ items


async def test_each_item_of_a_list_is_given_to_the_body_side_by_side() -> None:
    made = world(
        split=lambda spot, inputs: [Value(7), Value(8), Value(9)],
        think=lambda spot, inputs: Value((spot.branch, *said(inputs, "question"))),
    )
    text = HEAD + (
        step("parts", "split", question="question")
        + step("each", "think", "foreach = 'parts'")
        + step("end", "join", derivations="each")
    )
    assert await made.walk(text) == Value(("end", (0, 7), (1, 8), (2, 9)))


async def test_a_sequential_item_sees_the_results_before_it() -> None:
    made = world(
        split=lambda spot, inputs: [Value(7), Value(8), Value(9)],
        think=lambda spot, inputs: Value((*said(inputs, "before"), *said(inputs, "question"))),
    )
    text = HEAD + (
        step("parts", "split", question="question")
        + step("each", "think", "foreach = 'parts'\nas = 'question'\nsequential = true")
        + step("end", "join", derivations="each")
    )
    first, second = (7,), ((7,), 8)
    assert await made.walk(text) == Value(("end", first, second, (first, second, 9)))


async def test_a_program_runs_for_each_item_under_names_of_its_own() -> None:
    made = world(split=lambda spot, inputs: [Value(7), Value(8)])
    made.programs["part"] = (
        'name = "part"\nsummary = ""\ninputs = { asked = "question" }\n'
        + step("a", "think", question="asked")
        + step("b", "think", question="asked", before="a")
    )
    text = HEAD + (
        step("parts", "split", question="question")
        + step("each", "part!", "foreach = 'parts'")
        + step("end", "join", derivations="each")
    )
    first, second = ("each.0.b", ("each.0.a",)), ("each.1.b", ("each.1.a",))
    assert await made.walk(text) == Value(("end", first, second))


async def test_a_list_for_each_branch_is_one_list() -> None:
    made = world(split=lambda spot, inputs: [Value((spot.branch, i)) for i in range(2)])
    text = HEAD + (
        step("parts", "split", "branches = 2", question="question")
        + step("each", "think", "foreach = 'parts'")
        + step("end", "join", "when = 'parts.count == 4'", derivations="each")
        + step("whole", "join", derivations="each")
        + step("pick", "pick", outcomes=["end", "whole"])
    )
    await made.walk(text)
    assert [spot.branch for spot in made.ran if spot.step == "each"] == [0, 1, 2, 3]
    assert "end" in made.names(), "a condition counts the same items"


async def test_a_list_without_items_is_no_reason_to_stop() -> None:
    made = world(split=lambda spot, inputs: [])
    text = HEAD + (
        step("parts", "split", question="question")
        + step("each", "think", "foreach = 'parts'")
        + step("end", "join", derivations="each")
    )
    assert await made.walk(text) == Value(("end",))


# ------------------------------------------------------------ loops


MENDING = 'name = "mending"\nsummary = ""\ninputs = { critique = "critique" }\n' + step(
    "mend", "mend", critique="critique"
)


def looping(turns: int, until: str | None, when: str = "") -> str:
    rest = f"repeat = {turns}\n{when}\n" + (f"until = {until!r}" if until else "")
    return HEAD + (
        think("a")
        + step("look", "look", derivation="a")
        + step("loop", "mending!", rest, critique="look")
        + step("end", "judge", critiques="loop")
    )


def count_turns(sound_after: int) -> World:
    """Each turn adds one to what it was given; from `sound_after` on it passes."""

    def mend(spot: Spot, inputs: Inputs) -> Value:
        (before,) = said(inputs, "critique")
        assert isinstance(before, int)
        return Value(before + 1, passed=before + 1 >= sound_after)

    made = world(mend=mend, look=lambda spot, inputs: Value(0, passed=False))
    made.programs["mending"] = MENDING
    return made


@given(st.integers(1, 12), st.integers(1, 15))
def test_a_loop_runs_until_its_condition_holds_and_no_more_often_than_it_may(
    turns: int, sound_after: int
) -> None:
    made = count_turns(sound_after)
    found = asyncio.run(made.walk(looping(turns, "loop.passed")))
    ran = min(turns, sound_after)
    assert found == Value(("end", ran))
    assert [name for name in made.names() if "mend" in name] == [
        f"loop.{turn}.mend" for turn in range(1, ran + 1)
    ]


@given(st.integers(1, 12))
def test_a_loop_without_until_runs_as_often_as_it_may(turns: int) -> None:
    assert asyncio.run(count_turns(1).walk(looping(turns, None))) == Value(("end", turns))


async def test_a_loop_that_is_passed_over_gives_what_it_was_given() -> None:
    text = looping(3, "loop.passed", "when = 'look.passed'")
    assert await count_turns(1).walk(text) == Value(("end", 0))


# ------------------------------------------------------------ stop = "decided"


class Doubtful(Derived):
    """A derivation that cannot be right as it stands."""

    @property
    def doubt(self) -> str | None:
        return "it cannot be"


NODE = Node(id="n", session="s", kind="candidate", text="")
OUTSIDE = Derived(NODE, None, None, outside=True)
answers = st.lists(
    st.sampled_from(["1", "2", "3"]).map(lambda answer: Derived(NODE, answer, None))
    | st.sampled_from(["1", "2"]).map(lambda answer: Doubtful(NODE, answer, None))
    | st.sampled_from([Derived(NODE, None, None), OUTSIDE]),
    min_size=1,
    max_size=12,
)


def sampled(drawn: Sequence[Derived], rest: str) -> list[Derived]:
    """What a step with as many branches gives, branch by branch."""
    made = world(think=lambda spot, inputs: drawn[spot.branch], join=lambda spot, inputs: Value())
    text = (
        HEAD + think("b", f"branches = {len(drawn)}\n{rest}") + step("end", "join", derivations="b")
    )
    executor = made.executor(text)
    asyncio.run(executor.run())
    found = [one for one in executor.results["b"] if isinstance(one, Derived)]
    branches = [spot.branch for spot in made.ran if spot.step == "b"]
    assert branches == list(range(len(found))), "each branch once, from the first on"
    return found


DECIDED = 'stop = "decided"'


@given(answers, st.none() | st.sampled_from(["1", "2"]))
def test_what_is_decided_early_is_what_all_branches_would_decide(
    drawn: list[Derived], main: str | None
) -> None:
    few, every = sampled(drawn, DECIDED), sampled(drawn, "")
    assert every == drawn and few == drawn[: len(few)]
    greedy = None if main is None else Derived(NODE, main, None)
    winner, wanted = elect(greedy, few), elect(greedy, every)
    assert (winner and winner.answer) == (wanted and wanted.answer)


@given(st.integers(1, 20))
def test_when_all_agree_no_more_than_a_majority_is_run(count: int) -> None:
    same = [Derived(NODE, "1", None)] * count
    assert len(sampled(same, DECIDED)) == count // 2 + 1


@given(answers)
def test_branches_end_early_only_where_one_answer_has_the_majority(drawn: list[Derived]) -> None:
    few = sampled(drawn, DECIDED)
    if len(few) < len(drawn):
        votes = [one.answer for one in few if one.doubt is None]
        assert max(votes.count(answer) for answer in votes if answer) * 2 > len(drawn)


# ------------------------------------------------------------ what is not there


async def test_what_a_person_took_out_is_left_out_of_a_list() -> None:
    made = world(
        think=lambda spot, inputs: TakenOut("taken") if spot.branch == 1 else Value(spot.branch)
    )
    text = HEAD + think("b", "branches = 3") + step("end", "join", derivations="b")
    assert await made.walk(text) == Value(("end", 0, 2))


async def test_a_step_that_needs_what_was_taken_out_says_how_to_go_on() -> None:
    made = world(think=lambda spot, inputs: TakenOut("taken"))
    text = HEAD + think("a") + step("end", "need", derivation="a")
    with pytest.raises(TakenOut, match="step 'end' needs a derivation.*smysl undo"):
        await made.walk(text)
    last = world(join=lambda spot, inputs: TakenOut("taken"))
    with pytest.raises(TakenOut, match="smysl undo"):
        await last.walk(HEAD + think("a") + step("end", "join", derivations="a"))


async def test_a_walk_without_calls_tells_what_it_can_and_no_more() -> None:
    made = world(
        think=lambda spot, inputs: WouldCall("no") if spot.step == "b" else Value(spot.step)
    )
    text = HEAD + (
        think("a")
        + think("b")
        + think("c", before="b")
        + step("look", "look", derivation="a")
        + think("d", "when = 'c.confidence > 0.5'")
        + step("judge", "judge", critiques="look")
        + step("end", "join", derivations=["c", "d"])
        + step("pick", "pick", outcomes=["judge", "end"])
    )
    executor = made.executor(text)
    assert await executor.run() is None
    assert executor.unknown == {"b", "c", "d", "end", "pick"}
    assert made.names() == ["a", "b", "look", "judge"]


async def test_an_item_that_cannot_be_told_makes_the_step_unknown() -> None:
    made = world(
        split=lambda spot, inputs: [Value(1), Value(2)],
        think=lambda spot, inputs: WouldCall("no") if spot.branch == 1 else Value(1),
    )
    for rest in ("foreach = 'parts'", "foreach = 'parts'\nsequential = true"):
        text = HEAD + (
            step("parts", "split", question="question")
            + step("each", "think", rest)
            + step("end", "join", derivations="each")
        )
        executor = made.executor(text)
        assert await executor.run() is None
        assert executor.unknown == {"each", "end"}


# ------------------------------------------------------------ budgets


def poor(*steps: str, scope: str | None = "some") -> World:
    """Steps whose budget is spent when they begin."""

    def spent(spot: Spot, inputs: Inputs) -> object:
        if spot.step in steps:
            return BudgetSpent(f"the budget of step {spot.step!r} is spent", scope)
        return Value(spot.step)

    return world(think=spent)


async def test_a_step_over_its_budget_ends_alone_and_the_rest_goes_on() -> None:
    made = poor("b")
    text = HEAD + (
        think("a")
        + think("b")
        + step("look", "look", derivation="b")
        + step("judge", "judge", critiques="look")
        + step("join", "join", derivations=["a", "b"])
        + step("end", "pick", outcomes=["judge", "join"])
    )
    # what needs the step is passed over; what can do without it is not
    executor = made.executor(text)
    assert await executor.run() == Value(("end", ("join", "a")))
    assert executor.spent.keys() == {"b"} and executor.passed == {"look", "judge"}


async def test_a_program_whose_answer_needs_a_step_over_its_budget_ends_for_that_reason() -> None:
    text = HEAD + think("a") + step("end", "need", derivation="a")
    with pytest.raises(BudgetSpent, match="of step 'a' is spent"):
        await poor("a").walk(text)


async def test_a_run_over_its_budget_ends_as_a_whole() -> None:
    text = HEAD + think("a") + think("b") + step("end", "join", derivations=["a", "b"])
    made = poor("b", scope=None)
    with pytest.raises(BudgetSpent):
        await made.walk(text)
    assert "end" not in made.names()


PART = (
    'name = "part"\nsummary = ""\ninputs = { asked = "question" }\n'
    + step("a", "think", question="asked")
    + step("look", "look", derivation="a")
    + step("again", "mend", critique="look")
)
EACH = HEAD + (
    step("parts", "split", question="question")
    + step("each", "part!", "foreach = 'parts'")
    + step("end", "judge", critiques="each")
)


async def test_an_item_over_its_budget_ends_alone() -> None:
    made = poor("each.1.a")
    made.programs["part"] = PART
    items = [Value(i) for i in range(3)]
    made.module("split", {"question": QUESTION}, "question", lambda *_: items, many=True)
    found = await made.walk(EACH)
    assert isinstance(found, Value) and isinstance(found.said, tuple)
    assert [one[0] for one in found.said[1:]] == ["each.0.again", "each.2.again"]


async def test_a_run_over_its_budget_ends_as_a_whole_inside_an_item_too() -> None:
    made = poor("each.1.a", scope=None)
    made.programs["part"] = PART
    items = [Value(i) for i in range(3)]
    made.module("split", {"question": QUESTION}, "question", lambda *_: items, many=True)
    with pytest.raises(BudgetSpent):
        await made.walk(EACH)
    assert "end" not in made.names()
