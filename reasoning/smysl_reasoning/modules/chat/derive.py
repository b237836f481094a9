"""derive: step after step until an answer, each a node; greedy.

The prompt of a step is the question, the plan, and the reply so far: the model goes on with it. As long as it says what
stands there already, one call runs through all steps.
"""

import re

from smysl_reasoning.calls import Lines
from smysl_reasoning.dialects.chat import Begun, Hearing, Message, Part
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Derived,
    Input,
    Inputs,
    Planned,
    Planning,
    Settings,
)
from smysl_reasoning.modules.chat import answering, talk
from smysl_reasoning.nodes import Kind, Node, ReplyData
from smysl_reasoning.workbench import Draft, Workbench

LABEL = "derive@1"
STEPS_LIMIT = 24
"""After so many lines the rest is one step: a model that writes more is not numbering steps."""
PLAN = "\n\nA plan for it:\n"
BEFORE = "What has been answered already:\n"
_HEAD = re.compile(r"[\s>*_#`-]*(?:the\s+)?(?:final\s+)?answer\b", re.IGNORECASE)
_ENOUGH = 24
"""Characters of a line after which its kind is certain."""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    planned = inputs.maybe("plan", Planned)
    earlier = inputs.many("before", Derived)
    return await _Deriving(bench, asked, planned, earlier).run()


class _Deriving:
    """One derivation being written out node by node."""

    def __init__(
        self, bench: Workbench, asked: Asked, planned: Planned | None, earlier: list[Derived]
    ) -> None:
        self.bench = bench
        self.asked = asked
        self.dialect = talk.dialect_of(bench)
        # a plan that is no node of its own is none
        self.plan = planned if planned and planned.node.kind == "plan" else None
        self.earlier = earlier
        self.messages = self.opening()
        self.sampling = talk.sampling(bench, talk.REPLY_TOKENS)
        self.steps: list[Node] = []
        self.held = bool(planned and planned.held) or any(one.held for one in earlier)
        self.lines: Lines | None = None

    def opening(self) -> list[Message]:
        parts: list[Part | str] = []
        if self.earlier:
            parts.append(BEFORE)
            for one in self.earlier:
                text = f"{_asked_of(one)}\n{one.said or one.answer or 'no answer'}\n\n"
                parts.append(Part("before", text))
        parts.append(talk.question(self.asked))
        if self.plan is not None and self.plan.node.status == "done":
            notes = talk.notes_at(self.bench, [self.plan.node])
            parts += [PLAN, Part("plan", "\n".join([self.plan.node.text, *notes]))]
        return [talk.system(answering.SYSTEM), talk.user(*parts)]

    async def run(self) -> Derived:
        try:
            while True:
                node = await self.think()
                if node.kind == "answer" or node.status == "failed":
                    return self.derived(node)
                self.steps.append(node)
        finally:
            if self.lines is not None:
                self.lines.close()

    def derived(self, node: Node) -> Derived:
        found = answering.recalled(node, self.words()) if node.kind == "answer" else None
        if found is None or found.answer is None:
            return Derived(node, None, None, held=self.held, told=tuple(self.words()))
        return found._replace(held=self.held)

    async def think(self) -> Node:
        """The next node: a step, or the answer."""
        prompt = self.prompt()
        draft = self.bench.draft(
            LABEL,
            self.words(),
            name=f"thought {len(self.steps)}",
            prompt=prompt,
            sampling=self.sampling,
        )
        if node := await draft.reused():
            self.held = self.held or draft.held
            return node
        if full := talk.no_room(self.bench, prompt):
            return await draft.finish("step", full, ReplyData(), status="failed")
        if self.steps and _gap(self.steps[-1]) == "":
            draft.start("answer")
            return await self.answer(draft, "", "", [])
        return await self.listened(draft, prompt)

    async def listened(self, draft: Draft, prompt: list[int]) -> Node:
        """The next line of the reply, as a node."""
        telling = _Telling(self, draft)
        reader = None
        if draft.changed or self.lines is None:
            reader = talk.lines_of(self.bench, draft)
            reader.resume(draft.journaled())
        if reader is not None and not draft.changed:
            self.lines = reader
        lines = reader or self.lines
        assert lines is not None
        try:
            line = await lines.line(prompt, telling, over=telling.over)
        finally:
            if lines is not self.lines:
                lines.close()
        reply = talk.read(self.bench, line, draft.sampling, thinking=not self.steps)
        telling.flush()
        found = answering.answer_in(reply.said) if _HEAD.match(reply.said) else None
        if found is not None:
            data = ReplyData(answering.value_of(found) or None, reply.thinking)
            return await draft.finish("answer", found, data, stats=reply.stats)
        ended = not telling.over()
        if not reply.said:
            # the reply ended without a further word, or before the first
            return await self.answer(draft, "", reply.thinking, [reply])
        gap = "" if ended else telling.gap
        data = ReplyData(None, reply.thinking, gap)
        return await draft.finish("step", reply.said, data, stats=reply.stats)

    async def answer(self, draft: Draft, said: str, thinking: str, spent: list[talk.Reply]) -> Node:
        """The reply has ended without an answer that can be read: it is asked for once more."""
        text = "\n".join(filter(None, [*(node.text for node in self.steps), said])) or thinking
        boxed = answering.answer_in(text)
        costs = [reply.stats for reply in spent]
        if boxed is None:
            boxed, cost = await answering.repaired(self.bench, draft, self.messages, text)
            costs.append(cost)
        value = answering.value_of(boxed) if boxed else ""
        return await draft.finish(
            "answer",
            boxed or "the derivation reaches no answer that can be read",
            ReplyData(value or None, thinking),
            stats=talk.added(*costs),
            status="done" if value else "failed",
        )

    def prompt(self) -> list[int]:
        """The conversation and the reply so far, as its nodes have it."""
        if not self.steps:
            return talk.prompt(self.bench, self.messages)
        parts: list[Part] = []
        for node in self.steps:
            notes = "".join(f"({note})\n" for note in talk.notes_at(self.bench, [node]))
            parts.append(Part("step", f"{node.text}{_gap(node) or chr(10)}{notes}"))
        thoughts = [node.data.thinking for node in self.steps if isinstance(node.data, ReplyData)]
        begun = Begun(next(filter(None, thoughts), ""), tuple(parts))
        return talk.prompt(self.bench, self.messages, begun=begun)

    def words(self) -> list[Input]:
        """What the next step is told, all of it."""
        plan = [Input("plan", self.plan.node)] if self.plan else []
        earlier = [Input("earlier", one.node) for one in self.earlier]
        before = [Input("before", node) for node in self.steps[:-1]]
        after = [Input("after", node) for node in self.steps[-1:]]
        return [*self.asked.inputs, *plan, *earlier, *before, *after]


class _Telling:
    """Tells watchers of a line as it comes, and knows when it is whole."""

    def __init__(self, deriving: _Deriving, draft: Draft) -> None:
        self._dialect = deriving.dialect
        self._hearing = Hearing(deriving.dialect)
        self._draft = draft
        self._opened = deriving.dialect.opens and not deriving.steps
        self._whole = len(deriving.steps) >= STEPS_LIMIT
        self._started = False
        self._held = ""

    def __call__(self, token: int) -> None:
        self._draft.journal(token)
        if token in self._dialect.stops:
            return
        self._held += self._hearing.add(token)
        said = self._said()
        thinks = said is None
        if self._started or thinks or len((said or "").strip()) >= _ENOUGH or self.over():
            self.flush()

    def flush(self) -> None:
        """Tell what has been held back until the kind was certain."""
        if not self._held.strip() and not self._started:
            return
        if not self._started:
            self._started = True
            kind: Kind = "answer" if _HEAD.match((self._said() or "").strip()) else "step"
            self._draft.start(kind)
        self._draft.grow(self._held)
        self._held = ""

    def over(self) -> bool:
        """A whole line has been said; one that only announces the answer goes on."""
        lines = (self._said() or "").lstrip().split("\n")
        if self._whole or len(lines) < 2:
            return False
        announced = answering.ANSWER.match(lines[0])
        return (
            announced is None
            or bool(answering.plain("".join(announced["answer"])))
            or (len(lines) > 2 and bool(lines[1].strip()))
        )

    @property
    def gap(self) -> str:
        """The line break that followed."""
        text = self._hearing.text
        return text[len(text.rstrip()) :] or "\n"

    def _said(self) -> str | None:
        """What follows the thinking; None while it goes on."""
        text = self._hearing.text
        start = text.lstrip()
        opened = self._opened or start.startswith(("<think", "<thought"))
        if not opened:
            return text
        _, mark, said = text.rpartition("</think>")
        for tag in ("</thinking>", "</thought>"):
            if not mark:
                _, mark, said = text.rpartition(tag)
        return said if mark else None


def _gap(node: Node) -> str:
    return node.data.gap if isinstance(node.data, ReplyData) else "\n"


def _asked_of(derived: Derived) -> str:
    """The question that a derivation answers."""
    return next((one.node.text for one in derived.told if one.role == "question"), "")


def shape(planning: Planning) -> list[CallShape]:
    return talk.shape(planning, answering.SYSTEM, generates=150, fresh=60)
