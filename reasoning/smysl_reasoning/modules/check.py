"""check: the model's own trained checker: the probability that the chosen derivation is right."""

from smysl_engines.base import Sampling
from smysl_reasoning.modules.base import (
    NATIVE,
    Checked,
    Chosen,
    Input,
    Inputs,
    Module,
    Port,
    Settings,
)
from smysl_reasoning.nodes import CheckData, Stats
from smysl_reasoning.workbench import Workbench, digest

METHOD = "checker"


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Checked:
    winner = inputs.one("choice", Chosen).winner
    if winner is None or winner.derivation is None:
        return Checked(None, None)
    for note in bench.notes(winner.node):
        winner.derivation.tell(note.text)
    prompt = winner.derivation.prompt + bench.dialect.check()
    draft = bench.draft(
        MODULE.label,
        [Input("derivation", winner.node), *winner.told],
        name="check",
        prompt=f"{digest(prompt)} {bench.thresholds.check}",
        sampling=Sampling(max_tokens=1),
    )
    if node := await draft.reused():
        return Checked(node, node.data.probability if isinstance(node.data, CheckData) else None)
    draft.start("check")
    options = ((bench.dialect.yes,), (bench.dialect.no,))
    chosen = await bench.calls.choose(prompt, options)
    probability = chosen.finish.probabilities[0]
    stats = Stats(
        prompt_tokens=chosen.prompt_tokens,
        cached_tokens=chosen.finish.cached_tokens,
        generated_tokens=chosen.finish.generated_tokens,
        calls=1,
        milliseconds=round(chosen.milliseconds, 3),
        confidence=probability,
    )
    wanted = bench.thresholds.check
    data = CheckData(METHOD, probability, probability >= wanted)
    text = f"the checker gives {probability:.1%} ({wanted:.0%} needed)"
    return Checked(await draft.finish("check", text, data, stats=stats), probability)


MODULE = Module(
    name="check",
    version=1,
    summary="ask the model's trained checker about the chosen derivation",
    inputs={"choice": Port("choice")},
    output="check",
    run=run,
    dialects=NATIVE,
)
