"""tree: a beam search over lines: several may follow a state, the model's own Yes or No says which are gone on from.

Of each level there is one `choice` node with everything that was thought of, and one `candidate` node for each state
that is kept.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from smysl_engines.base import Sampling
from smysl_reasoning.calls import Line, Lines
from smysl_reasoning.dialects.chat import Begun, Hearing, Message, Part
from smysl_reasoning.errors import TakenOut
from smysl_reasoning.hopeless import given_up, marked, without_reason
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
from smysl_reasoning.modules.beam import Beam, Rank
from smysl_reasoning.modules.chat import answering, check, talk
from smysl_reasoning.modules.together import together
from smysl_reasoning.nodes import Expansion, Node, ReplyData, SearchData, Stats, Status
from smysl_reasoning.workbench import Draft, Workbench, digest, line_stats

LABEL = "tree@1"
LINE_TOKENS = 160
"""Most tokens of one line."""
SYSTEM = """
You are a strict examiner. You are given a question and the beginning of a solution. Decide whether every line of it is
right and leads on towards the answer. Say Yes if so and No if not, and nothing else.
"""
ASK = "\n\nIs it right so far, and on its way to the answer?"


class State(NamedTuple):
    """A derivation so far."""

    lines: tuple[str, ...]
    score: float = 1.0
    node: Node | None = None
    answer: str | None = None
    """As it was written; None while it is open."""
    held: bool = False


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> list[Derived]:
    asked = inputs.one("question", Asked)
    planned = inputs.maybe("plan", Planned)
    return await _Search(bench, asked, planned, settings).run()


class _Search(Beam[State]):
    """One search, level by level."""

    def __init__(
        self, bench: Workbench, asked: Asked, planned: Planned | None, settings: Settings
    ) -> None:
        super().__init__(bench, settings, State(()))
        self.asked = asked
        self.plan = planned.node if planned and planned.node.kind == "plan" else None
        self.sampling = Sampling(
            temperature=float(settings["temperature"]),
            seed=bench.seed,
            max_tokens=LINE_TOKENS,
            stop=talk.dialect_of(bench).stops,
        )
        plan = [Part("plan", f"\n\nA plan for it:\n{self.plan.text}")] if self.plan else []
        self.messages: list[Message] = [
            talk.system(answering.SYSTEM),
            talk.user(talk.question(asked), *plan),
        ]

    def rank(self, state: State) -> Rank:
        return (True, state.score)

    def held(self, state: State) -> bool:
        return state.held

    async def grow(self, level: int) -> None:
        choice, expansions = await self.expanded(level)
        found = []
        for one in expansions:
            if 0 <= one.state < len(self.open):
                parent = self.open[one.state]
                answer = answering.answer_in(one.text) if one.kind == "answer" else None
                state = State((*parent.lines, one.text), one.score, None, answer, parent.held)
                found.append((parent, state))
        found.sort(key=lambda pair: -pair[1].score)
        kept: list[State] = []
        wave = [state for _, state in found]
        for parent, state in found:
            alike = [one for one in kept if (one.answer is None) == (state.answer is None)]
            if len(alike) == self.beam:
                continue
            reason = self.reason(state, wave) if state.answer is None else ""
            if written := await self.written(choice, parent, state, reason):
                kept.append(written)
        self.open = [state for state in kept if state.answer is None and not _lost(state)]
        self.given_up += [state for state in kept if state.answer is None and _lost(state)]
        ended = [*self.finished, *(state for state in kept if state.answer is not None)]
        self.finished = sorted(ended, key=lambda state: -state.score)[: self.beam]

    async def expanded(self, level: int) -> tuple[Node, tuple[Expansion, ...]]:
        """Everything that may follow the open states, and the node that says so."""
        prompts = [self.prompt(state) for state in self.open]
        before = [Input("state", state.node) for state in self.open if state.node is not None]
        plan = [Input("plan", self.plan)] if self.plan else []
        draft = self.bench.draft(
            LABEL,
            [*self.asked.inputs, *plan, *before],
            name=f"level {level}",
            prompt=f"{digest([token for prompt in prompts for token in prompt])} {self.width}",
            sampling=self.sampling,
        )
        node = await draft.reused()
        if node is None:
            draft.start("choice")
            asked = [
                self.line(draft, state, prompt, sample)
                for state, prompt in zip(self.open, prompts, strict=True)
                for sample in range(self.width)
                if not talk.no_room(self.bench, prompt)
            ]
            lines = await together(asked)
            said = self.merged(lines)
            scores = await together(self.score(one) for one in said)
            expansions = tuple(
                Expansion(one.state, one.kind, one.text, score, one.times)
                for one, (score, _) in zip(said, scores, strict=True)
            )
            stats = talk.added(line_stats(*lines), *(stats for _, stats in scores))
            text = _shown(expansions) or "nothing follows"
            node = await draft.finish("choice", text, SearchData(expansions), stats=stats)
        return node, node.data.expansions if isinstance(node.data, SearchData) else ()

    async def line(self, draft: Draft, state: State, prompt: list[int], sample: int) -> Line:
        """One line after a state: the greedy one, or a sample that depends on its lines alone."""
        seed = f"{draft.sampling.seed} {state.lines} {sample}".encode()
        sampling = Sampling(
            temperature=draft.sampling.temperature if sample else 0.0,
            seed=int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "big"),
            max_tokens=draft.sampling.max_tokens,
            stop=draft.sampling.stop,
        )
        lines = Lines(
            self.bench.calls,
            sampling,
            end=talk.dialect_of(self.bench).end,
            context=self.bench.info.context,
            line_tokens=sampling.max_tokens,
            adapter=draft.adapter,
        )
        hearing = Hearing(talk.dialect_of(self.bench))

        def hear(token: int) -> None:
            hearing.add(token)

        try:
            return await lines.line(prompt, hear, over=lambda: "\n" in hearing.text.lstrip())
        finally:
            lines.close()

    def merged(self, lines: Sequence[Line]) -> list[Expansion]:
        """What was said after each state, each once."""
        found: dict[tuple[int, str], int] = {}
        for number, line in enumerate(lines):
            said = talk.read(self.bench, line, self.sampling, thinking=False).said
            if said:
                key = (number // self.width, said)
                found[key] = found.get(key, 0) + 1
        return [
            Expansion(state, "answer" if answering.answer_in(text) else "step", text, 0.0, times)
            for (state, text), times in found.items()
        ]

    async def score(self, one: Expansion) -> tuple[float, Stats]:
        """How likely the model finds a state to be right."""
        whole = one.kind == "answer"
        text = "\n".join([*self.open[one.state].lines, one.text])
        about = talk.user(
            "Question:\n",
            talk.question(self.asked),
            "\n\nSolution:\n",
            Part("solution", text),
            check.ASK if whole else ASK,
        )
        instruction = check.SYSTEM if whole else SYSTEM
        prompt = talk.prompt(self.bench, [talk.system(instruction), about], thinking=False)
        if talk.no_room(self.bench, prompt):
            return 0.0, Stats()
        chosen = await talk.choose(self.bench, prompt, check.OPTIONS)
        return chosen.probabilities[0], chosen.stats

    async def written(
        self, choice: Node, parent: State, state: State, reason: str = ""
    ) -> State | None:
        """The state with its node; None where a person took it out. `reason`: why it is given up, if it is."""
        name = hashlib.blake2b(repr(state.lines).encode(), digest_size=6).hexdigest()
        after = [Input("after", parent.node)] if parent.node else []
        try:
            draft = self.bench.draft(
                LABEL,
                [*self.asked.inputs, *after, Input("choice", choice)],
                name=f"state {name}",
                prompt=marked(repr(state.lines), self.least if reason else 0.0),
            )
        except TakenOut:
            return None
        node = await draft.reused()
        if node is None:
            value = answering.value_of(state.answer) if state.answer else None
            stats = Stats(confidence=state.score)
            text = "\n".join(filter(None, [*state.lines, reason]))
            status: Status = "failed" if reason else "done"
            node = await draft.finish(
                "candidate", text, ReplyData(value), stats=stats, status=status
            )
        if not draft.held:
            return state._replace(node=node)
        # a person's words: they are gone on from, or answer
        text = without_reason(node)
        return State(tuple(text.splitlines()), 1.0, node, answering.answer_in(text), True)

    def derived(self, state: State) -> Derived:
        assert state.node is not None
        found = answering.recalled(state.node, self.asked.inputs)
        return found._replace(confidence=state.score, held=state.held)

    def prompt(self, state: State) -> list[int]:
        # a state is told without thinking: a line is all that is asked for
        begun = Begun("", (Part("step", "".join(f"{line}\n" for line in state.lines)),))
        return talk.prompt(self.bench, self.messages, thinking=False, begun=begun)


def _lost(state: State) -> bool:
    return state.node is not None and given_up(state.node) and not state.held


def _shown(expansions: Sequence[Expansion]) -> str:
    best = sorted(expansions, key=lambda one: -one.score)
    return "\n".join(f"{one.text}  {one.score:.1%} ({one.times} times)" for one in best)


def shape(planning: Planning) -> list[CallShape]:
    width, beam = int(planning.settings["width"]), int(planning.settings["beam"])
    (line,) = talk.shape(
        planning, answering.SYSTEM, generates=25, fresh=60, thinking=False, rounds=4
    )
    (score,) = talk.shape(planning, SYSTEM, generates=1, fresh=60, thinking=False, rounds=4)
    return [line._replace(number=width * beam), score._replace(number=width * beam)]
