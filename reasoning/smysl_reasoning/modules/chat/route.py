"""route: the model chooses the sort of problem that a question is, among those that `ways` names; one choice."""

from collections.abc import Mapping

from smysl_reasoning.errors import ProgramError
from smysl_reasoning.modules.base import Asked, CallShape, Inputs, Planning, Routed, Settings
from smysl_reasoning.modules.chat import talk
from smysl_reasoning.nodes import RouteData
from smysl_reasoning.workbench import CHOICE, Workbench, digest

LABEL = "route@1"
OTHERS = "*"
OTHER = "something else"
SYSTEM = """
You sort questions. Say which of these sorts the question is of, in exactly these words and nothing else:
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Routed:
    asked = inputs.one("question", Asked)
    ways = read_ways(str(settings["ways"]))
    sorts = [sort for sort in ways if sort != OTHERS] + [OTHER]
    prompt = talk.prompt(
        bench,
        [talk.system(f"{SYSTEM.strip()}\n{chr(10).join(sorts)}"), talk.user(talk.question(asked))],
        thinking=False,
    )
    draft = bench.draft(
        LABEL,
        asked.inputs,
        name="route",
        prompt=f"{digest(prompt)} {settings['ways']}",
        sampling=CHOICE if len(sorts) > 1 else None,
    )
    node = await draft.reused()
    if node is None:
        sort, stats = OTHER, None
        if len(sorts) > 1:
            draft.start("choice")
            chosen = await talk.choose(bench, prompt, sorts)
            sort, stats = sorts[chosen.option], chosen.stats
        way = ways[OTHERS] if sort == OTHER else ways[sort]
        data = RouteData(way, tuple(dict.fromkeys(ways.values())))
        node = await draft.finish("choice", f"{sort} -> {way}", data, stats=stats)
    said = node.data.way if isinstance(node.data, RouteData) else ways[OTHERS]
    return Routed(node, said, node.stats.confidence)


def read_ways(text: str) -> Mapping[str, str]:
    """Sort of problem, in any words -> way. Raises `ProgramError`."""
    ways: dict[str, str] = {}
    for rule in text.split(","):
        sort, colon, way = (part.strip() for part in rule.partition(":"))
        if not colon or not sort or not way or sort in ways:
            raise ProgramError(
                f"route: option 'ways' holds {rule.strip()[:60]!r}; write `sort: way`, each sort once, as in "
                "'a riddle: direct, *: solve'"
            )
        ways[sort] = way
    if OTHERS not in ways:
        raise ProgramError(
            f"route: option 'ways' is {text[:60]!r}; say with `{OTHERS}: way` where all others go"
        )
    return ways


def shape(planning: Planning) -> list[CallShape]:
    return talk.shape(planning, SYSTEM, generates=2, thinking=False)
