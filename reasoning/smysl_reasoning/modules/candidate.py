"""candidate: a whole derivation with a plan of its own, folded into one node; sampled or of the
reworded question."""

from smysl_engines.base import Sampling
from smysl_reasoning.answers import normalise
from smysl_reasoning.calls import Line
from smysl_reasoning.compute import ComputeError
from smysl_reasoning.derivation import OUTSIDE, Derivation
from smysl_reasoning.dialects.native import Thought, TooManyQuantities, Unreadable
from smysl_reasoning.hopeless import Hope, hope, least, marked
from smysl_reasoning.modules import plan as plan_module
from smysl_reasoning.modules.base import (
    HOPELESS,
    Asked,
    CallShape,
    Derived,
    Inputs,
    Module,
    Option,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.chat import candidate as chat_candidate
from smysl_reasoning.nodes import CandidateData, Node, PlanData, Status
from smysl_reasoning.workbench import (
    DERIVATION_TOKENS,
    LINE_TOKENS,
    Draft,
    Workbench,
    digest,
    line_stats,
)

PATIENCE = 8
"""Tokens of thoughts, some two thoughts, before which a derivation is not given up."""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    question = asked.told
    if settings["reword"]:
        try:
            question = bench.dialect.read(bench.dialect.reworded(question.text))
        except TooManyQuantities:
            pass  # the original fits: it is derived as it stands
    derivation = Derivation(bench.dialect, question)
    temperature = float(settings["temperature"])
    sampling = Sampling(
        temperature=temperature,
        seed=bench.seed if temperature else 0,
        max_tokens=DERIVATION_TOKENS,
    )
    wanted = least(float(settings["hopeless"]), bench.thresholds.hopeless_candidate)
    # a greedy one stands for itself: it is no branch of many
    wanted = wanted if temperature else 0.0
    draft = bench.draft(
        MODULE.label,
        asked.inputs,
        name="candidate",
        prompt=marked(digest(derivation.prompt), wanted),
        sampling=sampling,
    )
    told = tuple(asked.inputs)
    derived = await folded(bench, derivation, draft, hope(wanted, PATIENCE))
    return derived._replace(held=draft.held, told=told)


async def folded(
    bench: Workbench, derivation: Derivation, draft: Draft, hope: Hope | None = None
) -> Derived:
    """Derive from where `derivation` stands to the end, as one node, or take the node that holds that already. Once
    `hope` fades it is not gone on with, and reaches no answer."""
    if node := await draft.reused():
        return _recalled(node, derivation)
    draft.start("candidate")
    lines: list[Line] = []
    failure = await _derive_on(bench, derivation, draft, lines, hope)
    stats = line_stats(*lines)
    text = "\n".join([*derivation.lines(), *([failure] if failure else [])])
    value = None if derivation.answer is None else normalise(derivation.answer)
    data = CandidateData(
        value,
        derivation.plan,
        tuple((thought.kind, thought.text) for thought in derivation.thoughts),
    )
    status: Status = "failed" if value is None and not derivation.outside else "done"
    node = await draft.finish("candidate", text, data, stats=stats, status=status)
    return Derived(node, value, derivation, derivation.outside, stats.confidence)


async def _derive_on(
    bench: Workbench, derivation: Derivation, draft: Draft, spent: list[Line], hope: Hope | None
) -> str:
    """Derive to the end; returns why there is no answer, or nothing."""
    lines = bench.lines(draft.sampling, draft.adapter)
    if hope is None:
        lines.resume(draft.journaled())
    try:
        while derivation.answer is None:
            # a plan is heard in any case: it may find the question outside
            judged = hope if derivation.plan is not None else None
            line = await lines.line(derivation.prompt, draft.journal, draft.journal, hope=judged)
            spent.append(line)
            if line.hopeless and hope is not None:
                return hope.reason
            if not line.complete:
                return f"no end of a line within {LINE_TOKENS} tokens"
            if derivation.plan is None:
                derivation.set_plan(bench.dialect.read_plan(line.ids))
                if derivation.outside:
                    return plan_module.shown(PlanData("outside", 0))
            else:
                derivation.add(derivation.read(line.ids))
    except (Unreadable, ComputeError) as error:
        return str(error)
    finally:
        lines.close()
    return ""


def _recalled(node: Node, derivation: Derivation) -> Derived:
    """A reused candidate, `derivation` grown to what its data hold."""
    if not isinstance(node.data, CandidateData) or not node.data.thoughts:
        # a person's own words: an answer without a derivation
        value = node.data.value if isinstance(node.data, CandidateData) else None
        plan = node.data.plan if isinstance(node.data, CandidateData) else None
        outside = plan is not None and plan.problem == OUTSIDE
        return Derived(node, value, None, outside, node.stats.confidence)
    if derivation.plan is None and node.data.plan is not None:
        derivation.set_plan(node.data.plan)
    try:
        for kind, text in node.data.thoughts[len(derivation.thoughts) :]:
            derivation.add(Thought(kind, text))
    except ComputeError:
        # a person holds it over a question that it does not fit any more: its answer is all it has
        return Derived(node, node.data.value, None, derivation.outside, node.stats.confidence)
    return Derived(node, node.data.value, derivation, derivation.outside, node.stats.confidence)


def _shape(planning: Planning) -> list[CallShape]:
    if not planning.settings["reword"]:
        return [CallShape(planning.solving(), generates=35)]
    dialect = planning.native()
    reworded = dialect.read(dialect.reworded(planning.question.text))
    return [CallShape(tuple(dialect.question(reworded, "solve")), generates=35)]


MODULE = Module(
    name="candidate",
    version=2,
    summary="derive the answer independently, folded into one node",
    inputs={"question": Port("question")},
    output="derivation",
    run=spoken(native=run, chat=chat_candidate.run),
    shape=shaped(native=_shape, chat=chat_candidate.shape),
    options={
        "temperature": Option(default=0.7, minimum=0.0, maximum=2.0, help="0 is greedy"),
        "reword": Option(default=False, help="derive from the question in another wording"),
        "hopeless": HOPELESS,
    },
)
