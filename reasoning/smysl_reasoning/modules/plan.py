"""plan: what sort of problem a question is, and how many steps are foreseen; greedy."""

from smysl_reasoning.derivation import Derivation
from smysl_reasoning.dialects.native import Unreadable
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Derived,
    Inputs,
    Module,
    Option,
    Planned,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.chat import plan as chat_plan
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


def begun(bench: Workbench, asked: Asked, planned: Planned) -> Derived | Derivation:
    """The derivation that a plan begins; what is derived already, where it can go no further."""
    derivation = Derivation(bench.dialect, asked.question, asked.notes)
    if planned.plan is None:
        return Derived(planned.node, None, derivation)
    derivation.set_plan(planned.plan)
    if derivation.outside:
        return Derived(planned.node, None, derivation, outside=True)
    return derivation


def shown(plan: PlanData) -> str:
    """A plan for people: `story, 2 steps`."""
    if plan.problem == "outside":
        return "outside what the model was trained on"
    return f"{plan.problem}, {plan.steps} step{'' if plan.steps == 1 else 's'}"


def _shape(planning: Planning) -> list[CallShape]:
    return [CallShape(planning.solving(), generates=4)]


MODULE = Module(
    name="plan",
    version=1,
    summary="say what sort of problem the question is",
    inputs={"question": Port("question")},
    options={
        "outline": Option(
            default=True,
            help="chat models: false where the plan is not derived from, so that none is written",
        )
    },
    output="plan",
    run=spoken(native=run, chat=chat_plan.run),
    shape=shaped(native=_shape, chat=chat_plan.shape),
)
