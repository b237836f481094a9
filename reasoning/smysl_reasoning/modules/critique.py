"""critique: looks at a derivation after every thought with the checker and finds the first doubtful one (Lightman et
al., "Let's Verify Step by Step", 2023; the role of Self-Refine's feedback, Madaan et al., 2023).

All thoughts are looked at side by side: they share one prefix.
"""

from collections.abc import Sequence

from smysl_reasoning.derivation import Derivation
from smysl_reasoning.modules import check
from smysl_reasoning.modules.base import (
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
from smysl_reasoning.modules.chat import critique as chat_critique
from smysl_reasoning.modules.together import together
from smysl_reasoning.nodes import CritiqueData, Stats
from smysl_reasoning.workbench import CHOICE, Workbench, digest


async def native(bench: Workbench, inputs: Inputs, settings: Settings) -> Critiqued:
    derived = inputs.one("derivation", Derived)
    threshold, accept = float(settings["threshold"]), float(settings["accept"])
    derivation = derived.derivation
    if derivation is None or derived.outside or not derivation.thoughts:
        # a person's words are not doubted; there is nothing to look at in an answer given at once
        return Critiqued(None, derived, None, derived.held or derived.outside, None)
    prompts = _prompts(bench, derived, derivation)
    draft = bench.draft(
        MODULE.label,
        [Input("derivation", derived.node), *derived.told],
        name="critique",
        prompt=f"{digest([token for prompt in prompts for token in prompt])} {threshold} {accept}",
        sampling=CHOICE,
    )
    node = await draft.reused()
    if node is None:
        draft.start("critique")
        scores = await together([check.score(bench, prompt) for prompt in prompts])
        data = judged(derived, tuple(one.probability for one in scores), threshold, accept)
        stats = _together(scores)
        node = await draft.finish("critique", _shown(derived, data), data, stats=stats)
    said = node.data
    if not isinstance(said, CritiqueData):
        return Critiqued(node, derived, None, False, None, node.text)
    probability = said.probabilities[-1] if said.probabilities else None
    return Critiqued(node, derived, probability, said.passed, said.step, node.text)


def judged(
    derived: Derived, probabilities: tuple[float, ...], threshold: float, accept: float
) -> CritiqueData:
    """What follows from the checker's probabilities after each thought."""
    whole = derived.answer is not None
    passed = whole and probabilities[-1] >= accept and derived.doubt is None
    doubtful = next((i for i, one in enumerate(probabilities) if one < threshold), None)
    if doubtful is None and not whole:
        # all is sound so far: it only stopped too early
        doubtful = len(probabilities)
    return CritiqueData(passed, None if passed else doubtful, probabilities)


def _prompts(bench: Workbench, derived: Derived, derivation: Derivation) -> list[list[int]]:
    whole = derivation.first()
    for note in bench.notes(derived.node):
        whole.tell(note.text)
    asks = bench.dialect.check()
    return [whole.first(i + 1).prompt + asks for i in range(len(whole.thoughts))]


def _shown(derived: Derived, data: CritiqueData) -> str:
    assert derived.derivation is not None
    lines = derived.derivation.lines()
    sure = f"{data.probabilities[-1]:.1%}"
    if data.passed:
        return f"nothing speaks against it: the checker gives {sure}"
    because = f"; {derived.doubt}" if derived.doubt else ""
    if data.step is None:
        return f"the checker doubts the whole ({sure}), and no single thought{because}"
    if data.step >= len(lines):
        return f"sound so far ({sure}), without an answer{because}"
    doubted = data.probabilities[data.step]
    where = f"thought {data.step + 1} of {len(lines)}"
    return f"the checker doubts {where} ({doubted:.1%}): {lines[data.step]}{because}"


def _together(scores: Sequence[check.Score]) -> Stats:
    every = [one.stats for one in scores]
    return Stats(
        prompt_tokens=sum(one.prompt_tokens for one in every),
        cached_tokens=sum(one.cached_tokens for one in every),
        generated_tokens=sum(one.generated_tokens for one in every),
        calls=sum(one.calls for one in every),
        milliseconds=max(one.milliseconds for one in every),
        confidence=scores[-1].probability,
    )


THOUGHTS = 4
"""Of a usual derivation."""


def _shape(planning: Planning) -> list[CallShape]:
    length = check.DERIVATION * 2 // 3
    return [CallShape(planning.solving(), grows=length, fresh=1, number=THOUGHTS)]


MODULE = Module(
    name="critique",
    version=1,
    summary="find the first doubtful thought of a derivation",
    inputs={"derivation": Port("derivation")},
    output="critique",
    run=spoken(native=native, chat=chat_critique.run),
    shape=shaped(native=_shape, chat=chat_critique.shape),
    options={
        "threshold": Option(
            default=0.5, minimum=0.0, maximum=1.0, help="a thought below this is doubtful"
        ),
        "accept": Option(
            default=0.8, minimum=0.0, maximum=1.0, help="the whole passes from this on"
        ),
    },
)
