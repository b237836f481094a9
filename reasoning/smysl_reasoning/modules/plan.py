"""plan: what sort of problem a question is, and how many steps are foreseen; greedy."""

from smysl_reasoning.dialects.native import Unreadable
from smysl_reasoning.modules.base import NATIVE, Asked, Inputs, Module, Planned, Port, Settings
from smysl_reasoning.nodes import PlanData
from smysl_reasoning.workbench import Workbench, line_stats


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Planned:
    asked = inputs.one("question", Asked)
    prompt = bench.dialect.question(asked.told, "solve")
    sampling = bench.line_sampling()
    draft = bench.draft(MODULE.label, asked.inputs, name="plan", prompt=prompt, sampling=sampling)
    if node := await draft.reused():
        plan = node.data if isinstance(node.data, PlanData) else None
        return Planned(node, plan, draft.held)
    draft.start("plan")
    line = await bench.line(prompt, draft)
    stats = line_stats(line)
    try:
        plan = bench.dialect.read_plan(line.ids)
    except Unreadable as error:
        return Planned(
            await draft.finish("plan", str(error), None, stats=stats, status="failed"), None
        )
    return Planned(await draft.finish("plan", shown(plan), plan, stats=stats), plan)


def shown(plan: PlanData) -> str:
    """A plan for people: `story, 2 steps`."""
    if plan.problem == "outside":
        return "outside what the model was trained on"
    return f"{plan.problem}, {plan.steps} step{'' if plan.steps == 1 else 's'}"


MODULE = Module(
    name="plan",
    version=1,
    summary="say what sort of problem the question is",
    inputs={"question": Port("question")},
    output="plan",
    run=run,
    dialects=NATIVE,
)
