"""derive: thought after thought until an answer, each a node, each step's value computed exactly;
greedy.

The prompt of a thought is the question, the plan and the thoughts so far with the slots they fill.
"""

import re

import msgspec

from smysl_reasoning.answers import normalise
from smysl_reasoning.calls import Lines
from smysl_reasoning.compute import ComputeError
from smysl_reasoning.derivation import Derivation, with_values
from smysl_reasoning.dialects.native import Thought, Unreadable
from smysl_reasoning.modules import compute
from smysl_reasoning.modules.base import (
    Asked,
    Derived,
    Input,
    Inputs,
    Module,
    Planned,
    Port,
    Settings,
)
from smysl_reasoning.nodes import AnswerData, Data, Kind, Node, Stats, StepData
from smysl_reasoning.workbench import (
    DERIVATION_TOKENS,
    LINE_TOKENS,
    Draft,
    Workbench,
    line_stats,
)


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    planned = inputs.one("plan", Planned)
    derivation = Derivation(bench.dialect, asked.question)
    if planned.plan is None:
        return Derived(planned.node, None, derivation)
    derivation.set_plan(planned.plan)
    if derivation.outside:
        return Derived(planned.node, None, derivation, outside=True)
    # a call may run through several lines: only where it stops differs from a thought's recipe
    sampling = msgspec.structs.replace(bench.line_sampling(), max_tokens=DERIVATION_TOKENS, stop=())
    lines = bench.lines(sampling)
    try:
        return await _Expanding(bench, asked, planned, derivation, lines).run()
    finally:
        lines.close()


class _Expanding:
    """One derivation being written out node by node."""

    def __init__(
        self,
        bench: Workbench,
        asked: Asked,
        planned: Planned,
        derivation: Derivation,
        lines: Lines,
    ) -> None:
        self.bench = bench
        self.asked = asked
        self.derivation = derivation
        self.lines = lines
        self.before = Input("plan", planned.node)
        """The thought or plan that the next thought follows."""
        self.computed: dict[int, Node] = {}
        """Slot -> the node of its value, for slots that steps filled."""

    async def run(self) -> Derived:
        while self.derivation.answer is None:
            node, thought = await self.think()
            if thought is None:
                return Derived(node, None, self.derivation)
            self.before = Input("after", node)
            if thought.kind == "step":
                slot = len(self.derivation.values)
                inputs = [Input("step", node), *self.values_of(thought.text)]
                value, sound = await compute.value_of(self.bench, self.derivation, thought, inputs)
                if not sound:
                    return Derived(value, None, self.derivation)
                self.computed[slot] = value
        return Derived(
            node,
            normalise(self.derivation.answer),
            self.derivation,
            confidence=node.stats.confidence,
        )

    async def think(self) -> tuple[Node, Thought | None]:
        """The next thought and its node; no thought beside a failed node."""
        prompt = self.derivation.prompt
        inputs = [*self.asked.inputs, self.before, *self.last_value()]
        draft = self.bench.draft(
            MODULE.label, inputs, prompt=prompt, sampling=self.bench.line_sampling()
        )
        if node := await draft.reused():
            return node, self.recall(node)
        line = await self.lines.line(prompt, _Telling(self.bench, draft, self.derivation))
        stats = line_stats(line)
        if not line.complete:
            text = f"no end of a thought within {LINE_TOKENS} tokens"
            return await draft.finish("step", text, None, stats=stats, status="failed"), None
        try:
            thought = self.bench.dialect.read_thought(line.ids)
        except Unreadable as error:
            return await draft.finish("step", str(error), None, stats=stats, status="failed"), None
        return await self.write(draft, thought, stats)

    async def write(
        self, draft: Draft, thought: Thought, stats: Stats
    ) -> tuple[Node, Thought | None]:
        kind: Kind = "answer" if thought.kind == "answer" else "step"
        data: Data
        match thought.kind:
            case "step":
                text, data = (
                    with_values(thought.text, self.derivation.values),
                    StepData(thought.text),
                )
            case "fact":
                text, data = thought.text, StepData(None)
            case "answer":
                pass
        if thought.kind != "step":
            try:
                self.derivation.add(thought)
            except ComputeError as error:
                node = await draft.finish(kind, str(error), None, stats=stats, status="failed")
                return node, None
        if thought.kind == "answer":
            text = self.derivation.answer or ""
            data = AnswerData(normalise(text), self.derivation.answer_slot)
        return await draft.finish(kind, text, data, stats=stats), thought

    def recall(self, node: Node) -> Thought | None:
        """The thought that a reused node holds, added to the derivation unless it is a step."""
        match node.data:
            case StepData(str(expression)):
                return Thought("step", expression)
            case StepData(None):
                thought = Thought("fact", node.text)
            case AnswerData(value, slot):
                thought = Thought("answer", value if slot is None else f"n{slot}")
            case _:
                return None
        self.derivation.add(thought)
        return thought

    def last_value(self) -> list[Input]:
        return [Input("value", list(self.computed.values())[-1])] if self.computed else []

    def values_of(self, expression: str) -> list[Input]:
        """The nodes whose values an expression uses."""
        slots = sorted({int(slot) for slot in re.findall(r"\bn(\d+)\b", expression)})
        computed = [Input(f"n{s}", self.computed[s]) for s in slots if s in self.computed]
        given = any(slot < len(self.asked.question.quantities) for slot in slots)
        return (self.asked.inputs if given or not computed else []) + computed


class _Telling:
    """Tells watchers of a thought's tokens as they come: its kind with the first, its text with the
    rest."""

    def __init__(self, bench: Workbench, draft: Draft, derivation: Derivation) -> None:
        self._dialect = bench.dialect
        self._draft = draft
        self._values = derivation.shown_values
        self._answer = bench.dialect.thought(Thought("answer", "n0"))[0]
        self._started = False

    def __call__(self, token: int) -> None:
        if not self._started:
            self._started = True
            self._draft.start("answer" if token == self._answer else "step")
        else:
            self._draft.grow(self._dialect.shown([token], self._values))


MODULE = Module(
    name="derive",
    version=1,
    summary="derive the answer thought by thought, each a node",
    inputs={"question": Port("question"), "plan": Port("plan")},
    output="derivation",
    run=run,
)
