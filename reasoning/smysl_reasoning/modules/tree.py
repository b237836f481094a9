"""tree: a search over thoughts, scored by the checker (Yao et al., "Tree of Thoughts", 2023; as a beam search over
steps with verifier scores, Xie et al., 2023).

A state is a derivation so far. At each level every open state is continued by `width` lines at once, one of them
greedy; states with the same thoughts are one; the checker scores all of them side by side and the best `beam` stay
open. Whatever reached an answer is collected. The search ends when `beam` finished states are at least as good as every
open one, when nothing is open, or at `depth` levels. A state that the checker finds hopeless, with a better one beside
it or with none that is not, is not continued.

Of each level there is one `choice` node, which holds everything that was thought of and its scores, and one `candidate`
node for each state that is kept (at most `beam` open or given up, and `beam` finished ones): so there are at most
2 * beam + 1 nodes a level, however wide the search. Taking out a candidate prunes what grew from it, and the next best
takes its place. One that was given up and is pinned is continued all the same.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from smysl_engines.base import Sampling
from smysl_reasoning.answers import normalise
from smysl_reasoning.calls import Line
from smysl_reasoning.compute import ComputeError
from smysl_reasoning.derivation import THOUGHTS_LIMIT, Derivation
from smysl_reasoning.dialects.native import Thought, Unreadable
from smysl_reasoning.errors import TakenOut
from smysl_reasoning.hopeless import given_up, marked
from smysl_reasoning.modules import check
from smysl_reasoning.modules import plan as plan_module
from smysl_reasoning.modules.base import (
    HOPELESS,
    Asked,
    CallShape,
    Derived,
    Input,
    Inputs,
    Module,
    Option,
    Planned,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.beam import Beam, Rank
from smysl_reasoning.modules.chat import tree as chat_tree
from smysl_reasoning.modules.together import together
from smysl_reasoning.nodes import CandidateData, Expansion, Node, SearchData, Stats
from smysl_reasoning.plausible import doubt
from smysl_reasoning.workbench import LINE_TOKENS, Draft, Workbench, digest, line_stats


class State(NamedTuple):
    """A derivation so far."""

    derivation: Derivation
    score: float
    node: Node
    answer: str | None = None
    """In normal form; None while it is open."""
    held: bool = False
    words: bool = False
    """A person wrote the answer in its place: nothing is known of how it comes about."""

    @property
    def rank(self) -> Rank:
        """What cannot be true comes after all else."""
        return (self.words or doubt(self.derivation) is None, 1.0 if self.words else self.score)


async def native(bench: Workbench, inputs: Inputs, settings: Settings) -> list[Derived]:
    asked = inputs.one("question", Asked)
    planned = inputs.maybe("plan", Planned) or await plan_module.run(bench, inputs, {})
    derivation = plan_module.begun(bench, asked, planned)
    if isinstance(derivation, Derived):
        return [derivation]
    found = await _Search(bench, asked, planned, derivation, settings).run()
    return found or [Derived(planned.node, None, None)]


class _Search(Beam[State]):
    """One search, level by level."""

    def __init__(
        self,
        bench: Workbench,
        asked: Asked,
        planned: Planned,
        derivation: Derivation,
        settings: Settings,
    ) -> None:
        start = State(derivation, 1.0, planned.node, held=planned.held)
        super().__init__(bench, settings, start)
        self.asked = asked
        self.planned = planned
        self.sampling = Sampling(
            temperature=float(settings["temperature"]),
            seed=bench.seed,
            max_tokens=LINE_TOKENS,
            stop=(bench.dialect.end,),
        )

    def rank(self, state: State) -> Rank:
        return state.rank

    def held(self, state: State) -> bool:
        return state.held

    async def grow(self, level: int) -> None:
        node, expansions = await self.expanded(level)
        found = [one for one in map(self.after, expansions) if one is not None]
        # the scores order them; of equals the one that was thought of first
        found.sort(key=lambda one: one[1].rank, reverse=True)
        finished = [one for one in found if one[1].derivation.answer is not None]
        open = [one for one in found if one[1].derivation.answer is None]
        kept = [*self.finished]
        for parent, state in finished:
            better = sum(other.rank >= state.rank for other in kept)
            if better < self.beam and (written := await self.written(level, node, parent, state)):
                kept.append(written)
        self.open = []
        lost: list[State] = []
        wave = [state for _, state in found]
        for parent, state in open:
            if len(self.open) + len(lost) == self.beam:
                break
            written = await self.written(level, node, parent, state, self.reason(state, wave))
            if written is None:
                continue
            if written.answer is not None:
                kept.append(written)
            elif given_up(written.node) and not written.held:
                lost.append(written)
            else:
                self.open.append(written)
        self.given_up += lost
        self.finished = sorted(kept, key=lambda state: state.rank, reverse=True)

    async def expanded(self, level: int) -> tuple[Node, tuple[Expansion, ...]]:
        """Everything that may follow the open states, and the node that says so."""
        prompts = [state.derivation.prompt for state in self.open]
        inputs = [*self.asked.inputs, Input("plan", self.planned.node)] if level else []
        role = "state" if level else "plan"
        inputs = inputs or self.asked.inputs
        draft = self.bench.draft(
            MODULE.label,
            [*inputs, *(Input(role, state.node) for state in self.open)],
            name=f"level {level}",
            prompt=f"{digest([t for prompt in prompts for t in prompt])} {self.width}",
            sampling=self.sampling,
        )
        node = await draft.reused()
        if node is None:
            draft.start("choice")
            lines = await together(
                self.line(draft, state, sample)
                for state in self.open
                for sample in range(self.width)
            )
            said = self.merged(lines)
            scores = await together(
                check.score(self.bench, prompt + self.bench.dialect.check()) for _, prompt in said
            )
            expansions = tuple(
                Expansion(one.state, one.kind, one.text, score.probability, one.times)
                for (one, _), score in zip(said, scores, strict=True)
            )
            stats = _together(lines, scores)
            node = await draft.finish(
                "choice", self.shown(expansions), SearchData(expansions), stats=stats
            )
        data = node.data if isinstance(node.data, SearchData) else SearchData(())
        return node, data.expansions

    async def line(self, draft: Draft, state: State, sample: int) -> Line:
        """One line after a state: the greedy one, or a sample that depends on its thoughts alone."""
        sampling = _sampled(draft.sampling, state, sample)
        lines = self.bench.lines(sampling, draft.adapter)
        try:
            return await lines.line(state.derivation.prompt)
        finally:
            lines.close()

    def merged(self, lines: Sequence[Line]) -> list[tuple[Expansion, list[int]]]:
        """Lines that make sense, each once, with the prompt of the state that they lead to. States differ, so
        only lines after the same one can lead to the same."""
        found: dict[tuple[int, Thought], tuple[int, list[int]]] = {}
        for number, line in enumerate(lines):
            at = number // self.width
            derivation = self.open[at].derivation.first()
            try:
                thought = derivation.read(line.ids) if line.complete else None
                if thought is not None:
                    derivation.add(thought)
                    times, _ = found.get((at, thought), (0, []))
                    found[at, thought] = (times + 1, derivation.prompt)
            except (Unreadable, ComputeError):
                continue
        return [
            (Expansion(at, thought.kind, thought.text, 0.0, times), prompt)
            for (at, thought), (times, prompt) in found.items()
        ]

    def after(self, expansion: Expansion) -> tuple[State, State] | None:
        """The state that a thought leads to, beside the one it follows; None where it leads nowhere."""
        if not 0 <= expansion.state < len(self.open):
            return None
        parent = self.open[expansion.state]
        derivation = parent.derivation.first()
        try:
            derivation.add(Thought(expansion.kind, expansion.text))
        except ComputeError:
            return None
        return parent, State(derivation, expansion.score, parent.node, held=parent.held)

    async def written(
        self, level: int, choice: Node, parent: State, state: State, reason: str = ""
    ) -> State | None:
        """The state with its node; None where a person took it out. `reason`: why it is given up, if it is."""
        derivation = state.derivation
        thoughts = tuple((thought.kind, thought.text) for thought in derivation.thoughts)
        answer = None if derivation.answer is None else normalise(derivation.answer)
        before = [Input("after" if level else "plan", parent.node)]
        try:
            draft = self.bench.draft(
                MODULE.label,
                [*self.asked.inputs, *before, Input("choice", choice)],
                name=f"state {_name(thoughts)}",
                prompt=marked(repr(thoughts), self.least if reason else 0.0),
            )
        except TakenOut:
            return None
        node = await draft.reused()
        if node is None:
            node = await draft.finish(
                "candidate",
                "\n".join(filter(None, [*derivation.lines(), reason])),
                CandidateData(answer, derivation.plan, thoughts),
                stats=Stats(confidence=state.score),
                status="failed" if reason else "done",
            )
        data = node.data if isinstance(node.data, CandidateData) else None
        if draft.held and data is not None and not data.thoughts:
            return state._replace(node=node, answer=data.value, held=True, words=True)
        return state._replace(node=node, answer=answer, held=state.held or draft.held)

    def derived(self, state: State) -> Derived:
        # a person's answer stands without the thoughts that were there before
        derivation = None if state.words else state.derivation
        told = tuple(self.asked.inputs)
        return Derived(
            state.node, state.answer, derivation, confidence=state.score, held=state.held, told=told
        )

    def shown(self, expansions: Sequence[Expansion]) -> str:
        """A line for each thought, best first: `48 / 2 = 24  97.0% (2 of 3)`."""
        lines = []
        for one in sorted(expansions, key=lambda one: -one.score):
            derivation = self.open[one.state].derivation.first()
            derivation.add(Thought(one.kind, one.text))
            said = f"{derivation.lines()[-1]}  {one.score:.1%} ({one.times} of {self.width})"
            lines.append(f"{one.state + 1}: {said}" if len(self.open) > 1 else said)
        return "\n".join(lines) or "nothing that makes sense follows"


def _sampled(sampling: Sampling, state: State, sample: int) -> Sampling:
    temperature = sampling.temperature if sample else 0.0
    text = f"{sampling.seed}/{state.derivation.thoughts}/{sample}"
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    return Sampling(
        temperature=temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        min_p=sampling.min_p,
        seed=seed if temperature else 0,
        max_tokens=sampling.max_tokens,
        stop=sampling.stop,
    )


def _name(thoughts: Sequence[tuple[str, str]]) -> str:
    """Of a state, by what was thought and nothing else."""
    return hashlib.blake2b(repr(thoughts).encode(), digest_size=6).hexdigest()


def _together(lines: Sequence[Line], scores: Sequence[check.Score]) -> Stats:
    spent = line_stats(*lines)
    checks = [one.stats for one in scores]
    slowest = max((one.milliseconds for one in lines), default=0.0)
    return Stats(
        prompt_tokens=spent.prompt_tokens + sum(one.prompt_tokens for one in checks),
        cached_tokens=spent.cached_tokens + sum(one.cached_tokens for one in checks),
        generated_tokens=spent.generated_tokens + sum(one.generated_tokens for one in checks),
        calls=spent.calls + sum(one.calls for one in checks),
        milliseconds=round(slowest + max((one.milliseconds for one in checks), default=0.0), 3),
        confidence=max((one.probability for one in scores), default=None),
    )


LEVELS = 4
"""That a usual question takes."""


def _shape(planning: Planning) -> list[CallShape]:
    width, beam = int(planning.settings["width"]), int(planning.settings["beam"])
    prompt = planning.solving()
    length = check.DERIVATION // 2
    return [
        CallShape(prompt, grows=length, generates=8, number=width * beam, rounds=LEVELS),
        CallShape(prompt, grows=length, fresh=1, number=beam * 2, rounds=LEVELS),
    ]


MODULE = Module(
    name="tree",
    version=1,
    summary="search over thoughts, keeping those that the checker finds best",
    inputs={"question": Port("question"), "plan": Port("plan", optional=True)},
    output="derivation",
    many=True,
    run=spoken(native=native, chat=chat_tree.run),
    shape=shaped(native=_shape, chat=chat_tree.shape),
    options={
        "width": Option(default=3, minimum=1, maximum=8, help="thoughts tried after a state"),
        "beam": Option(default=2, minimum=1, maximum=8, help="states that stay open"),
        "depth": Option(
            default=12, minimum=1, maximum=THOUGHTS_LIMIT, help="most thoughts of a derivation"
        ),
        "temperature": Option(
            default=0.7, minimum=0.05, maximum=2.0, help="of all but the greedy thought"
        ),
        "hopeless": HOPELESS,
    },
)
