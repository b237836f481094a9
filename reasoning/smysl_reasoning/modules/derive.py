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
from smysl_reasoning.modules import compute, plan
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Derived,
    Input,
    Inputs,
    Module,
    Planned,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.chat import derive as chat_derive
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
    planned = inputs.maybe("plan", Planned) or await plan.run(bench, inputs, settings)
    derivation = plan.begun(bench, asked, planned)
    if isinstance(derivation, Derived):
        return derivation
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
        self.planned = Input("plan", planned.node)
        self.thoughts: list[Node] = []
        self.computed: dict[int, Node] = {}
        """Slot -> the node of its value, for slots that steps filled."""
        self.held = planned.held
        self.told = {asked.node.id, *([asked.context.id] if asked.context else [])}
        """Nodes whose notes the derivation knows."""
        self.notes: list[Node] = []
        """Those notes, but for the ones at question and context."""

    async def run(self) -> Derived:
        while self.derivation.answer is None:
            node, thought = await self.think()
            if thought is None:
                return Derived(node, None, self.derivation, held=self.held)
            number = len(self.thoughts)
            self.thoughts.append(node)
            if thought.kind == "step":
                slot = self.derivation.next_slot
                inputs = [Input("step", node), *self.values_of(thought.text)]
                value = await compute.value_of(self.bench, self.derivation, thought, inputs, number)
                self.held = self.held or value.held
                if not value.sound:
                    return Derived(value.node, None, self.derivation, held=self.held)
                self.computed[slot] = value.node
        return Derived(
            node,
            normalise(self.derivation.answer),
            self.derivation,
            confidence=node.stats.confidence,
            held=self.held,
            told=tuple(self.words()[:-1]),
        )

    async def think(self) -> tuple[Node, Thought | None]:
        """The next thought and its node; no thought beside a failed node."""
        values = [Input("value", node) for node in self.computed.values()]
        inputs = [*self.words(), *values]
        self.listen(inputs)
        prompt = self.derivation.prompt
        draft = self.bench.draft(
            MODULE.label,
            inputs,
            name=f"thought {len(self.thoughts)}",
            prompt=prompt,
            sampling=self.bench.line_sampling(),
        )
        if node := await draft.reused():
            self.held = self.held or draft.held
            return node, self.recall(node, draft.held)
        telling = _Telling(self.bench, draft, self.derivation)
        if draft.changed:
            line = await self.bench.line(prompt, draft, telling)
        else:
            self.lines.resume(draft.journaled())
            line = await self.lines.line(prompt, telling)
        stats = line_stats(line)
        if not line.complete:
            text = f"no end of a thought within {LINE_TOKENS} tokens"
            return await draft.finish("step", text, None, stats=stats, status="failed"), None
        try:
            thought = self.derivation.read(line.ids)
        except Unreadable as error:
            return await draft.finish("step", str(error), None, stats=stats, status="failed"), None
        return await self.write(draft, thought, stats)

    def listen(self, inputs: list[Input]) -> None:
        """Take in what a person has noted at the nodes that the next thought is made of."""
        for input in inputs:
            if input.node.id not in self.told:
                self.told.add(input.node.id)
                for note in self.bench.notes(input.node):
                    self.derivation.tell(note.text)
                    self.notes.append(note)

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

    def recall(self, node: Node, held: bool) -> Thought | None:
        """The thought that a reused node holds, added to the derivation unless it is a step."""
        match node.data:
            case StepData(str(expression)):
                return Thought("step", expression)
            case StepData(None):
                thought = Thought("fact", node.text)
            case AnswerData(value, slot):
                # a held answer says what it says, whatever its slot has become
                changed = slot is not None and str(self.derivation.values.get(slot)) != value
                words = slot is None or (held and changed)
                thought = Thought("answer", value if words else f"n{slot}")
            case _:
                return None
        self.derivation.add(thought)
        return thought

    def words(self) -> list[Input]:
        """What the next thought is told, all of it."""
        before = [Input("before", node) for node in self.thoughts[:-1]]
        after = [Input("after", node) for node in self.thoughts[-1:]]
        return [*self.asked.inputs, self.planned, *before, *after]

    def values_of(self, expression: str) -> list[Input]:
        """The nodes whose values an expression uses."""
        slots = sorted({int(slot) for slot in re.findall(r"\bn(\d+)\b", expression)})
        computed = [Input(f"n{s}", self.computed[s]) for s in slots if s in self.computed]
        given = len(computed) < len(slots) or not slots
        noted = any(slot >= self.derivation.next_slot for slot in slots)
        notes = [Input(note.kind, note) for note in self.notes] if noted else []
        return (self.asked.inputs if given else []) + notes + computed


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
        self._draft.journal(token)


PLAN_TOKENS = 4
"""What a plan usually has."""


def _shape(planning: Planning) -> list[CallShape]:
    # the plan's call has computed the plan; the thoughts go on in one call
    return [CallShape(planning.solving(), grows=PLAN_TOKENS, generates=30)]


MODULE = Module(
    name="derive",
    version=2,
    summary="derive the answer thought by thought, each a node",
    inputs={
        "question": Port("question"),
        "plan": Port("plan", optional=True),
        "before": Port("derivation", many=True, optional=True),
    },
    output="derivation",
    run=spoken(native=run, chat=chat_derive.run),
    shape=shaped(native=_shape, chat=chat_derive.shape),
)
