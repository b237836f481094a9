"""What a person's words mean as the content of a node: text and typed data, or why they cannot.

Knows kinds and their data; never a store, a branch or a model.
"""

import re
from collections.abc import Mapping

from smysl_reasoning.answers import normalise
from smysl_reasoning.compute import ComputeError, Value, evaluate, parse_value
from smysl_reasoning.derivation import with_values
from smysl_reasoning.dialects.native import PROBLEMS, pretty
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.nodes import (
    AnswerData,
    AskData,
    CandidateData,
    CheckData,
    ComputedData,
    Data,
    Node,
    PlanData,
    ReplyData,
    RouteData,
    StepData,
)
from smysl_reasoning.requests import check_text

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")
SIGNS = str.maketrans({"\u00d7": "*", "\u00f7": "/", "\u2212": "-", "\u00b7": "*"})


def reworked(node: Node, text: str, values: Mapping[int, Value]) -> tuple[str, Data | None]:
    """Text and data of `node` once a person has written `text`. `values` are the slots that a step may use.

    Raises `BadRequest` for words that do not fit the node's kind.
    """
    written = check_text(text, f"the new text of a {node.kind}")
    match node.kind, node.data:
        case "question", AskData(question, _):
            return f"{question}\n{written}", AskData(question, written)
        case "question", None if node.recipe is not None:
            # a program's question that was cut off before it was answered
            return f"{node.text}\n{written}", AskData(node.text, written)
        case "choice", RouteData(_, ways):
            return _route(written, ways)
        case (("plan" | "step" | "check"), ReplyData()):
            return written, ReplyData()
        case "plan", _:
            return _plan(written)
        case "step", StepData(None):
            return " ".join(written.split()), StepData(None)
        case "step", _:
            return _step(node, written, values)
        case "computed", ComputedData(_, slot):
            return _value(node, written, slot)
        case "answer", _:
            return written, AnswerData(normalise(written))
        case "candidate", _:
            return _candidate(written)
        case "check", CheckData("checker"):
            return _check(written)
        case (("question" | "context" | "note" | "memory" | "critique"), _):
            return written, node.data
    raise BadRequest(
        f"a {node.kind} node follows from what it rests on and cannot be written; edit one of its inputs"
        " (`smysl why`), or pin it"
    )


def _plan(text: str) -> tuple[str, PlanData]:
    found = re.fullmatch(r"(\w+)(?:[\s,]+(\d{1,2}))?(?:\s+steps?)?", text.strip().lower())
    if not found or found[1] not in PROBLEMS:
        raise BadRequest(
            f"{text[:60]!r} is no plan; write one of {', '.join(PROBLEMS)} and a number of steps, as in"
            " `story, 3 steps`"
        )
    steps = int(found[2] or 1) if found[1] != "outside" else 0
    shown = f"{found[1]}, {steps} step{'' if steps == 1 else 's'}"
    return ("outside what the model was trained on" if steps == 0 else shown), PlanData(
        found[1], steps
    )


def _step(node: Node, text: str, values: Mapping[int, Value]) -> tuple[str, StepData]:
    old = node.data.expression if isinstance(node.data, StepData) else None
    used = [int(slot) for slot in re.findall(r"\bn(\d+)\b", old or "")]
    order = [*used, *(slot for slot in values if slot not in used)]
    slots = {str(values[slot]): slot for slot in reversed(order) if slot in values}

    def slot(match: re.Match[str]) -> str:
        written = match[0].replace(",", "")
        return f"n{slots[written]}" if written in slots else written

    expression = pretty(NUMBER.sub(slot, text.split("=")[0].translate(SIGNS).replace("$", "")))
    try:
        evaluate(expression, values)
    except ComputeError as error:
        raise BadRequest(
            f"{text[:60]!r} is no step: {error}. Write arithmetic over the numbers so far, as in `48 / 2`"
        ) from None
    return with_values(expression, values), StepData(expression)


def _value(node: Node, text: str, slot: int) -> tuple[str, ComputedData]:
    before, _, after = text.rpartition("=")
    try:
        value = str(parse_value(after))
    except ComputeError as error:
        raise BadRequest(str(error)) from None
    said = before.strip() or node.text.rpartition("=")[0].strip()
    return f"{said} = {value}", ComputedData(value, slot)


def _candidate(text: str) -> tuple[str, CandidateData]:
    last = text.strip().splitlines()[-1]
    answer = re.sub(r"(?i)^answer\s*:\s*", "", last.strip())
    return text, CandidateData(normalise(answer), None)


def _route(text: str, ways: tuple[str, ...]) -> tuple[str, RouteData]:
    way = text.rpartition("->")[2].strip()
    if way not in ways:
        raise BadRequest(f"{text[:60]!r} is no way of this program; write one of {', '.join(ways)}")
    return f"a person chose -> {way}", RouteData(way, ways)


def _check(text: str) -> tuple[str, CheckData]:
    said = text.strip().lower().rstrip(".")
    share = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", said)
    if said in ("passed", "pass", "yes", "right"):
        return "a person found it right", CheckData("checker", 1.0, True)
    if said in ("failed", "fail", "no", "wrong", "not passed"):
        return "a person found it wrong", CheckData("checker", 0.0, False)
    if share and float(share[1]) <= 100:
        probability = float(share[1]) / 100
        return f"a person gives {probability:.1%}", CheckData("checker", probability, None)
    raise BadRequest(f"{text[:60]!r} is no verdict; write passed, failed, or a share like 80%")
