"""revise: keeps the thoughts before the doubtful one and derives on from there, sampled (Self-Refine, Madaan et al.,
2023; Reflexion, Shinn et al., 2023).

A derivation that passed its critique is given as it is, without a call. Where the doubt is of the whole, the question
is derived from its beginning.
"""

from smysl_engines.base import Sampling
from smysl_reasoning.derivation import Derivation
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Critiqued,
    Derived,
    Input,
    Inputs,
    Module,
    Option,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.candidate import folded
from smysl_reasoning.modules.chat import revise as chat_revise
from smysl_reasoning.workbench import DERIVATION_TOKENS, Workbench


async def native(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    critique = inputs.one("critique", Critiqued)
    before = critique.derived
    if critique.passed:
        return before
    derivation = _kept(bench, asked, critique)
    kept = len(derivation.thoughts)
    sampling = Sampling(
        temperature=float(settings["temperature"]), seed=bench.seed, max_tokens=DERIVATION_TOKENS
    )
    draft = bench.draft(
        MODULE.label,
        [
            *asked.inputs,
            Input("revises", before.node),
            *([Input("critique", critique.node)] if critique.node else []),
        ],
        name="candidate",
        prompt=derivation.prompt,
        sampling=sampling,
    )
    held = before.held and kept > 0
    told = (*asked.inputs, *(one for one in before.told if one not in asked.inputs))
    found = await folded(bench, derivation, draft)
    return found._replace(held=held or draft.held, told=told)


def _kept(bench: Workbench, asked: Asked, critique: Critiqued) -> Derivation:
    """What is gone on from."""
    before = critique.derived.derivation
    if before is None or critique.step is None:
        return Derivation(bench.dialect, asked.told)
    kept = before.first(critique.step)
    for note in bench.notes(critique.derived.node):
        kept.tell(note.text)
    return kept


def _shape(planning: Planning) -> list[CallShape]:
    return [CallShape(planning.solving(), grows=10, generates=20)]


MODULE = Module(
    name="revise",
    version=1,
    summary="derive on from before the doubtful thought",
    inputs={"question": Port("question"), "critique": Port("critique")},
    output="derivation",
    run=spoken(native=native, chat=chat_revise.run),
    shape=shaped(native=_shape, chat=chat_revise.shape),
    options={
        "temperature": Option(default=0.7, minimum=0.05, maximum=2.0, help="of the new thoughts")
    },
)
