"""verify: whether the answer may be called verified, from agreement, the checker and the plan; no
model.

Confidence is agreement times the checker's probability: both must be high, and neither knows the
other. An answer that only one derivation stands behind has the checker's probability alone, without
a checker its tokens' mean probability, and is never verified. Where a model's thresholds hold a
calibration, all three are turned into the share of such answers that were right.
"""

from smysl_reasoning.answers import brief
from smysl_reasoning.modules.base import (
    Checked,
    Chosen,
    Derived,
    Input,
    Inputs,
    Judged,
    Module,
    Planned,
    Port,
    Settings,
)
from smysl_reasoning.nodes import CheckData, Node
from smysl_reasoning.thresholds import Thresholds, needed, shown
from smysl_reasoning.workbench import Workbench

METHOD = "agreement"


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Judged:
    choice = inputs.one("choice", Chosen)
    check = inputs.maybe("check", Checked)
    plan = inputs.maybe("plan", Planned)
    outside = plan is not None and plan.plan is not None and plan.plan.problem == "outside"
    node = await _agreement_node(bench, choice, check, outside)
    if outside or choice.winner is None:
        return Judged("failed", None, f"not confident: {_unanswered(bench, choice, outside)}", node)
    probability = check.probability if check else None
    return judge(choice, choice.winner, probability, bench.thresholds, node)


def _unanswered(bench: Workbench, choice: Chosen, outside: bool) -> str:
    """Why there is no answer to judge."""
    if not choice.total and not outside:
        return "no derivation was finished"
    if choice.given_up and not choice.votes and not outside:
        others = "" if choice.given_up >= choice.total else ", and the others reach no answer"
        return f"{_many(choice.given_up)} given up as hopeless{others}"
    if bench.desk.dialect.name == "chat":
        # such a model says nothing of what lies outside
        return f"{bench.info.model} gives no answer that can be read"
    if outside or not choice.votes:
        return f"this question seems to lie outside what {bench.info.model} was trained on"
    return "most derivations find the question outside or reach no answer"


def _many(derivations: int) -> str:
    return "the derivation was" if derivations == 1 else f"{derivations} derivations were"


def judge(
    choice: Chosen,
    winner: Derived,
    probability: float | None,
    thresholds: Thresholds,
    node: Node | None = None,
) -> Judged:
    """The verdict on the derivation to stand by. `probability` is the checker's.

    An agreement that is too low counts whoever chose: a checker that picks what nearly all derivations contradict is
    rarely right.
    """
    if choice.total == 1:
        how = "given at once, " if _at_once(winner) else ""
        reason = f"one answer, {how}with nothing independent to compare it with"
        reasons = [reason, *([winner.doubt] if winner.doubt else [])]
        if probability is not None and probability < thresholds.check:
            reasons.append(_below(probability, thresholds))
        if probability is None:
            sure = thresholds.calibrated("answer", winner.confidence)
        else:
            sure = thresholds.calibrated("checker", probability)
        return Judged("unverified", sure, "; ".join(reasons), node)
    agreement = choice.agreement
    raw = agreement if probability is None else agreement * probability
    confidence = thresholds.calibrated("agreement", raw)
    agreeing = dict(choice.votes)[winner.answer or ""]
    found = f"{agreeing} of {choice.total} derivations agree"
    if agreement < thresholds.decline and not winner.held:
        message = f"not confident: only {found} on {brief(winner.answer or '')}"
        return Judged("failed", confidence, message, node)
    reasons = ["it rests on what a person wrote or pinned"] if winner.held else []
    reasons += [winner.doubt] if winner.doubt else []
    if agreement < thresholds.agreement:
        reasons.append(f"{found} ({needed(thresholds.agreement)})")
    if choice.total < thresholds.derivations:
        reasons.append(
            f"{choice.total} derivations were compared ({thresholds.derivations} needed)"
        )
    if probability is None:
        reasons.append("no checker was asked")
    elif probability < thresholds.check:
        reasons.append(_below(probability, thresholds))
    return Judged("unverified" if reasons else "verified", confidence, "; ".join(reasons), node)


def _at_once(derived: Derived) -> bool:
    thought = any(one.role in ("before", "after") for one in derived.told)
    return derived.derivation is None and derived.node.kind == "answer" and not thought


def _below(probability: float, thresholds: Thresholds) -> str:
    return f"the checker gives {shown(probability, thresholds.check)} ({needed(thresholds.check)})"


async def _agreement_node(
    bench: Workbench, choice: Chosen, check: Checked | None, outside: bool
) -> Node | None:
    if choice.node is None or choice.total == 1:
        return None
    wanted = bench.thresholds.agreement
    agreement, winner = choice.agreement, choice.winner
    passed = agreement >= wanted and not outside and choice.total >= bench.thresholds.derivations
    inputs = [Input("choice", choice.node)]
    inputs += [Input("check", check.node)] if check and check.node else []
    draft = bench.draft(
        MODULE.label,
        inputs,
        name="agreement",
        # the votes do not say for whom: a person may have corrected or pinned the winner
        prompt=f"{wanted} {bench.thresholds.derivations} {outside} {winner.answer if winner else ''}",
    )
    if node := await draft.reused():
        return node
    data = CheckData(METHOD, agreement, passed)
    return await draft.finish("check", _shown(choice, wanted, outside), data)


def _shown(choice: Chosen, wanted: float, outside: bool) -> str:
    if choice.winner is None or choice.winner.answer is None:
        return "the derivations give no answer to stand by"
    agreeing = dict(choice.votes)[choice.winner.answer]
    answer = choice.winner.answer
    text = f"{agreeing} of {choice.total} derivations agree on {answer} ({needed(wanted)})"
    if choice.outvoted and choice.main is not None:
        said = choice.main.answer
        text += f"; the main derivation, with {said or 'no answer'}, was outvoted"
    return text + ("; the plan finds the question outside" if outside else "")


MODULE = Module(
    name="verify",
    version=2,
    summary="say whether the answer may be called verified",
    inputs={
        "choice": Port("choice"),
        "check": Port("check", optional=True),
        "plan": Port("plan", optional=True),
    },
    output="verdict",
    run=run,
)
