"""route: which of a program's ways a question takes, by what sort of problem its plan finds it; no model.

The idea is that of adaptive computation (Jeong et al., "Adaptive-RAG", 2024): simple questions take the short way.
`ways` says `arithmetic: direct, outside: direct, *: solve`; what no rule names takes the way of `*`.
"""

from collections.abc import Collection, Mapping

from smysl_reasoning.dialects.native import PROBLEMS
from smysl_reasoning.errors import ProgramError
from smysl_reasoning.modules.base import (
    Asked,
    Input,
    Inputs,
    Module,
    Option,
    Planned,
    Port,
    Routed,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.chat import route as chat_route
from smysl_reasoning.nodes import RouteData
from smysl_reasoning.workbench import Workbench

OTHERS = "*"
DEFAULT = "*: solve"


async def native(bench: Workbench, inputs: Inputs, settings: Settings) -> Routed:
    asked = inputs.one("question", Asked)
    planned = inputs.one("plan", Planned)
    ways = read_ways(str(settings["ways"]), PROBLEMS)
    problem = planned.plan.problem if planned.plan is not None else "unread"
    way = ways.get(problem, ways[OTHERS])
    draft = bench.draft(
        MODULE.label,
        [*asked.inputs, Input("plan", planned.node)],
        name="route",
        prompt=str(settings["ways"]),
    )
    node = await draft.reused()
    if node is None:
        known = tuple(dict.fromkeys(ways.values()))
        node = await draft.finish("choice", f"{problem} -> {way}", RouteData(way, known))
    # a person may have chosen another
    said = node.data.way if isinstance(node.data, RouteData) else way
    return Routed(node, said, planned.node.stats.confidence)


def read_ways(text: str, problems: Collection[str]) -> Mapping[str, str]:
    """Sort of problem -> way. Raises `ProgramError` naming the rule that is wrong."""
    ways: dict[str, str] = {}
    for rule in text.split(","):
        problem, colon, way = (part.strip() for part in rule.partition(":"))
        if not colon or not problem or not way or len(way.split()) != 1:
            raise ProgramError(
                f"route: option 'ways' holds {rule.strip()[:60]!r}; write `sort: way`, as in "
                "'arithmetic: direct, *: solve'"
            )
        if problem != OTHERS and problem not in problems:
            raise ProgramError(
                f"route: option 'ways' names {problem[:60]!r}, which is no sort of problem; there are "
                f"{', '.join(problems)} and {OTHERS}"
            )
        if problem in ways:
            raise ProgramError(f"route: option 'ways' names {problem!r} twice")
        ways[problem] = way
    if OTHERS not in ways:
        raise ProgramError(
            f"route: option 'ways' is {text[:60]!r}; say with `{OTHERS}: way` where all others go"
        )
    return ways


MODULE = Module(
    name="route",
    version=1,
    summary="choose a way through the program by the sort of problem",
    inputs={"question": Port("question"), "plan": Port("plan")},
    output="route",
    run=spoken(native=native, chat=chat_route.run),
    shape=shaped(native=lambda planning: (), chat=chat_route.shape),
    options={"ways": Option(default=DEFAULT, help="`sort of problem: way`, with commas between")},
)
