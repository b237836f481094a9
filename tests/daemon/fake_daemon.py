"""A real `smysld` (lock, socket, server, signals) over a service that needs no model.

What a question asks for is in its words: "slow", "outside", "doubtful", "broke", "crash", "flood",
"drizzle" (100 pieces of text a second), "many" (5,000 nodes), "branches", "ponder" (thinks before it
speaks), "which one" (asks back); anything else is answered with 42. A change makes everything stale
that rests on its node; a derivation makes it anew with the same text. Memory is that of
`fake_memory.py`; a run that recalls has its memories between question and answer. Run as a program it
serves like `smysld` in the foreground.
"""

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from smysl_daemon.app import run
from smysl_daemon.config import Config, Dirs
from smysl_daemon.errors import BadConfig, NothingStale
from smysl_daemon.memory_protocol import (
    EditMemory,
    MemoryChange,
    MemoryChanged,
    MemoryReply,
    MemoryRequest,
)
from smysl_daemon.protocol import (
    Answer,
    Answered,
    Changed,
    ChangeRequest,
    CheckPrograms,
    Control,
    Delete,
    Derive,
    Diff,
    Edit,
    Explain,
    Export,
    Fork,
    GetGraphStats,
    GetLog,
    Inject,
    Merge,
    ModelUsed,
    NodeDelta,
    NodeFinished,
    NodeShown,
    NodeStarted,
    OperationList,
    Pin,
    Preview,
    Previewed,
    ProgramList,
    Redo,
    Rename,
    Replay,
    Replayed,
    Retry,
    Run,
    RunEnded,
    RunEvent,
    Search,
    SessionChanged,
    Show,
    Switch,
    TextDiff,
    Undo,
    UseModel,
    Why,
)
from smysl_daemon.service import Differences, ModelView, Reasons, SessionShown
from smysl_daemon.shapes import (
    AdapterView,
    BranchView,
    CheckedView,
    DifferenceView,
    EdgeView,
    EngineStatsView,
    EngineView,
    GraphStatsView,
    HitView,
    ModuleView,
    NodeView,
    OperationView,
    OptionView,
    PassView,
    PlannedStepView,
    PlanView,
    PortView,
    ProgramView,
    ProgramWhole,
    ReasonView,
    RecipeView,
    ReplayDifferenceView,
    SessionView,
    SpentView,
    StatsView,
    StepView,
    UsageView,
    VersionView,
    WaveView,
)
from smysl_reasoning.errors import BadRequest, UnknownId

WHEN = "2026-11-23T12:00:00+00:00"
QUESTION_LIMIT = 32 * 1024
ADAPTERS = ("careful", "terse")
"""Of the model `fake`."""
SLOW_STEPS = 2000
MANY_NODES = 5000
SLOW_INTERVAL_S = 0.02


def fake_memory() -> Any:
    """A memory of its own. Its module is loaded by its path: as a program this one finds no helpers."""
    name = "smysl_test_fake_memory"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, Path(__file__).with_name("fake_memory.py")
        )
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name].FakeMemory()


class FakeRun:
    def __init__(self, service: "FakeService", request: Run, session: str) -> None:
        self._service = service
        self._request = request
        self.session = session
        self.program = request.program
        self.branch = "main"
        self.id = f"run-{session}"
        self.cancelled = asyncio.Event()
        self.running = True
        self._count = 0
        self._last = ""

    def cancel(self) -> None:
        self.cancelled.set()

    def node(self, kind: str, text: str, *inputs: str, confidence: float | None = None) -> NodeView:
        self._count += 1
        id = f"{self.session[:8]}{self._count:012d}"
        edges = tuple(
            EdgeView("input", one) for one in inputs or ((self._last,) * bool(self._last))
        )
        self._last = id
        node = NodeView(
            id=id,
            kind=kind,
            text=text,
            inputs=edges,
            stats=StatsView(generated_tokens=3, calls=1, confidence=confidence),
            recipe=UNSET if kind == "question" else self._recipe(),
        )
        self._service.nodes[self.session].append(node)
        return node

    def _recipe(self) -> RecipeView | UnsetType:
        """Only where the run has an adapter."""
        adapter = self._request.adapter
        made = RecipeView(module="fake@1", engine="f" * 32, adapter=adapter)
        return UNSET if adapter is None else made

    def _recalled(self, asked: NodeView) -> list[NodeView]:
        """The memories that fall into the question; what follows rests on them."""
        if not self._request.recall:
            return []
        nodes = []
        for pull in self._service.remembered.pull(asked.text, self._request.recall):
            node = self.node("memory", pull.text, asked.id, confidence=pull.strength)
            node = msgspec.structs.replace(
                node,
                data={"type": "pulled", "memory": pull.memory},
                inputs=(EdgeView("at", asked.id),),
                place=f"recall/{pull.memory}",
                recipe=RecipeView(module="recall@2", engine=""),
                pull=pull,
            )
            self._service.nodes[self.session][-1] = node
            self._service.remembered.used(pull, self.session, asked.text, node.id)
            nodes.append(node)
        return nodes

    async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        question = self._request.question
        asked = self.node("question", question)
        yield NodeFinished(node=asked)
        for memory in self._recalled(asked):
            yield NodeFinished(node=memory)
        if "crash" in question:
            raise RuntimeError("a mistake in the service")
        if "slow" in question:
            for number in range(SLOW_STEPS):
                if self.cancelled.is_set():
                    self._service.cancelled += 1
                    yield self._end("cancelled", None, "unverified", "cancelled")
                    return
                yield NodeFinished(node=self.node("step", f"step {number}"))
                await asyncio.sleep(SLOW_INTERVAL_S)
        if "which one" in question:
            asking = msgspec.structs.replace(self.node("question", ""), status="running")
            yield NodeStarted(node=asking)
            yield NodeDelta(node=asking.id, text="Which one do you mean?")
            self._service.waiting[asking.id] = told = asyncio.get_running_loop().create_future()
            stopped = asyncio.create_task(self.cancelled.wait())
            await asyncio.wait({told, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if not told.done():
                yield self._end("cancelled", None, "unverified", "cancelled")
                return
            said = f"Which one do you mean?\n{told.result()}"
            answered = msgspec.structs.replace(asking, text=said, status="done")
            self._service.nodes[self.session][-1] = answered
            yield NodeFinished(node=answered)
        if "flood" in question:
            grown = msgspec.structs.replace(self.node("plan", ""), status="running")
            yield NodeStarted(node=grown)
            for _ in range(2000):
                yield NodeDelta(node=grown.id, text="x" * 4096)
        if "drizzle" in question:
            grown = msgspec.structs.replace(self.node("plan", ""), status="running")
            yield NodeStarted(node=grown)
            for number in range(1000):
                yield NodeDelta(node=grown.id, text=f"word{number} ")
                await asyncio.sleep(0.01)
        if "many" in question:
            for number in range(MANY_NODES):
                above = () if number % 10 else (asked.id,)
                yield NodeFinished(node=self.node("step", f"{number} + {number}", *above))
        if "ponder" in question:
            begun = msgspec.structs.replace(self.node("step", ""), status="running")
            yield NodeStarted(node=begun)
            for piece in ("<think>six times", " seven</think>", "it is 42"):
                yield NodeDelta(node=begun.id, text=piece)
                await asyncio.sleep(SLOW_INTERVAL_S)
            data = {"type": "reply", "thinking": "six times seven"}
            done = msgspec.structs.replace(begun, text="it is 42", status="done", data=data)
            self._service.nodes[self.session][-1] = done
            yield NodeFinished(node=done)
        if "branches" in question:
            ends = []
            for number in range(3):
                plan = self.node("plan", f"way {number}", asked.id)
                yield NodeFinished(node=plan)
                answer = self.node("candidate", f"{40 + number}", plan.id)
                yield NodeFinished(node=answer)
                ends.append(answer.id)
            yield NodeFinished(node=self.node("choice", "42", *ends))
        if "outside" in question:
            yield self._end("done", None, "failed", "derivations disagree")
        elif "broke" in question:
            yield self._end("done", None, "budget", "10 of 10 tokens spent")
        elif "doubtful" in question:
            yield NodeFinished(node=self.node("answer", "41"))
            yield self._end("done", "41", "unverified", "only 2 of 3 derivations agree")
        else:
            computed = self.node("computed", "6 * 7 = 42")
            yield NodeStarted(node=msgspec.structs.replace(computed, status="running"))
            yield NodeDelta(node=computed.id, text="6 * 7")
            yield NodeFinished(node=computed)
            said = "Here:\n```sh\necho hi\n```\n" if "fence" in question else "42"
            yield NodeFinished(node=self.node("answer", said, confidence=0.97))
            yield self._end("done", said, "verified", "")

    def _end(self, outcome: str, answer: str | None, verdict: str, message: str) -> RunEnded:
        self.running = False
        summary = self._service.known[self.session]
        self._service.known[self.session] = msgspec.structs.replace(
            summary, answer=answer, verdict=verdict, nodes=self._count
        )
        return msgspec.convert(
            {
                "type": "run_ended",
                "session": self.session,
                "outcome": outcome,
                "answer": answer,
                "verdict": verdict,
                "confidence": 0.97 if answer else None,
                "message": message,
                "usage": msgspec.to_builtins(UsageView(calls=self._count)),
                "seconds": 0.01,
            },
            RunEnded,
        )


class FakeDerivation:
    """Makes what is stale anew; the text stays."""

    program = "solve"

    def __init__(self, service: "FakeService", session: str) -> None:
        self._service = service
        self.session = session
        self.branch = service.known[session].branch
        self.id = f"derivation-{next(service.numbers)}"

    def cancel(self) -> None:
        pass

    async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        nodes = self._service.nodes[self.session]
        for place, node in enumerate(nodes):
            if node.stale is True:
                nodes[place] = msgspec.structs.replace(node, stale=False)
                yield NodeFinished(node=nodes[place])
        yield RunEnded(
            session=self.session,
            outcome="done",
            answer="43",
            verdict="verified",
            confidence=0.9,
            seconds=0.01,
        )


def whole(name: str, text: str) -> ProgramWhole:
    return ProgramWhole(
        name=name,
        summary="Plan, step, check",
        source="built-in",
        follows="a paper",
        version=1,
        inputs={"question": "question"},
        gives="outcome",
        runnable=True,
        options={"samples": OptionView(default=4, minimum=0, maximum=32, help="how many")},
        steps=(StepView(name="plan", module="plan@1", program=None, gives="plan"),),
        text=text,
    )


def plan() -> PlanView:
    """Two waves; the second step of the second may be passed over."""
    first = SpentView(calls=1, prompt_tokens=57, generated_tokens=12, seconds=0.0401)
    second = SpentView(
        calls=4, prompt_tokens=1228, shared_tokens=1171, generated_tokens=190, seconds=0.2
    )
    steps = (
        PlannedStepView(
            name="plan", module="plan@3", wave=1, waits_for=("question",), estimate=first
        ),
        PlannedStepView(
            name="samples",
            module="candidate@2",
            wave=2,
            waits_for=("question", "plan"),
            branches=4,
            estimate=second,
        ),
        PlannedStepView(
            name="a-step-with-a-very-long-name-of-its-own.2.inner",
            module="critique@1",
            wave=2,
            waits_for=("samples",),
            when=("samples.count > 3",),
            adapter="careful",
            budget="samples: 200 tokens",
            estimate=first,
            certain=False,
        ),
    )
    return PlanView(
        program="solve",
        model="fake",
        dialect="native",
        question_tokens=23,
        steps=steps,
        waves=(
            WaveView(number=1, steps=("plan",), adapters=("",), estimate=first),
            WaveView(number=2, steps=("samples",), adapters=("",), estimate=second),
        ),
        certain=SpentView(calls=5, prompt_tokens=1285, shared_tokens=1171, generated_tokens=202),
        most=SpentView(calls=6, prompt_tokens=1342, shared_tokens=1171, generated_tokens=214),
        passes=(PassView(name="parse", milliseconds=0.41, result="3 steps"),),
        measured=True,
    )


def analysed(plan: PlanView, end: RunEnded) -> PlanView:
    """Every certain step cost what was estimated; the others were passed over."""
    return msgspec.structs.replace(
        plan,
        steps=tuple(
            msgspec.structs.replace(
                step, ran=step.certain, actual=step.estimate if step.certain else SpentView()
            )
            for step in plan.steps
        ),
        actual=plan.certain,
        answer=end.answer,
        verdict=end.verdict,
        session=end.session,
    )


class FakeService:
    """Sessions in memory, answers from a script."""

    def __init__(self) -> None:
        self.model = ModelView(
            model="fake", fingerprint="f" * 32, backend="scripted", precision="fp32"
        )
        self.known: dict[str, SessionView] = {}
        self.nodes: dict[str, list[NodeView]] = {}
        self.closed = False
        self.numbers = count()
        self.switched = False
        """Another model was used: its engine is in the store."""
        self.cancelled = 0
        self.checks = 0
        self._runs: list[FakeRun] = []
        self.waiting: dict[str, asyncio.Future[str]] = {}
        """Questions to the person, by node."""
        self.names: dict[str, list[str]] = {}
        """Branches of a session, in order; each shows the same nodes."""
        self.versions: dict[str, list[str]] = {}
        self.log_: dict[str, list[OperationView]] = {}
        self.undone: dict[str, list[OperationView]] = {}
        self.remembered = fake_memory()

    async def memory(self, request: MemoryRequest) -> MemoryReply:
        reply: MemoryReply = self.remembered.answer(request)
        if isinstance(request, MemoryChange):
            assert isinstance(reply, MemoryChanged)
            return self._disturbed(reply)
        return reply

    async def _rewritten(self, node: str, text: str) -> Changed:
        """A memory was edited like any node."""
        done = await self.memory(EditMemory(memory=node, text=text))
        assert isinstance(done, MemoryChanged)
        return Changed(
            session="0" * 14 + "memory",
            branch="main",
            op=1,
            label=done.label,
            node=done.memory,
            stale=(),
            elsewhere=done.stale,
        )

    def _disturbed(self, reply: MemoryChanged) -> MemoryChanged:
        """What rests on nodes whose memory has changed is stale, until it is derived."""
        told = []
        for one in reply.stale:
            nodes = self.nodes.get(one.session, [])
            wave = {node.id for node in nodes if node.id in self.remembered.changed}
            for index, node in enumerate(nodes):
                if node.id in wave or any(edge.node in wave for edge in node.inputs):
                    wave.add(node.id)
                    nodes[index] = msgspec.structs.replace(node, stale=True)
            if wave:
                told.append(msgspec.structs.replace(one, stale=len(wave)))
        return msgspec.structs.replace(reply, stale=tuple(told))

    async def use(self, request: UseModel) -> ModelUsed:
        before = self.model.fingerprint
        if request.model not in ("fake", "other"):
            raise BadConfig(
                f"model {request.model!r}: there is no such folder. Models: fake, other"
            )
        self.switched = True
        self.model = msgspec.structs.replace(
            self.model, model=request.model, fingerprint=request.model[0] * 32
        )
        return ModelUsed(
            model=request.model,
            fingerprint=self.model.fingerprint,
            before=before,
            setting=request.model,
        )

    def stats(self) -> EngineStatsView:
        """An engine with a past."""
        return EngineStatsView(
            loaded=True,
            block_tokens=32,
            blocks=1024,
            held_blocks=2,
            cached_blocks=62,
            weights_bytes=12_000_000,
            kv_bytes=16_000_000,
            kv_cap_bytes=256_000_000,
            running=sum(run.running for run in self._runs),
            prompt_tokens=40_000,
            cached_tokens=30_000,
            restored_tokens=3_000,
            generated_tokens=9_000,
            drafted_tokens=500,
            accepted_tokens=300,
            preempted=1,
            evicted_blocks=7,
            saved_blocks=5,
            finished={"stop": 700, "length": 12},
            prefill_tokens_per_s=5100.0,
        )

    async def start(self, request: Run) -> FakeRun:
        if not request.question.strip():
            raise BadRequest("the question is empty; write one")
        size = len(request.question.encode())
        if size > QUESTION_LIMIT:
            raise BadRequest(
                f"the question has {size} bytes; the limit is {QUESTION_LIMIT}. Shorten it."
            )
        if request.program not in ("solve", "direct", "vote"):
            raise BadRequest(f"there is no program {request.program!r}; did you mean solve?")
        self._check_adapter(request.adapter)
        session = f"{len(self.known) + 1:08d}" + "a" * 12
        self.known[session] = SessionView(
            id=session,
            title=request.question,
            created=WHEN,
            program=request.program,
            nodes=1,
            answer=None,
            verdict=None,
        )
        self.nodes[session] = []
        self.names[session] = ["main"]
        self.log_[session] = [self._operation(0, "run", request.question)]
        self.undone[session] = []
        started = FakeRun(self, request, session)
        self._runs.append(started)
        return started

    async def sessions(self, limit: int) -> tuple[SessionView, ...]:
        return tuple(reversed(self.known.values()))[:limit]

    async def derive(self, request: Derive) -> FakeDerivation | FakeRun:
        session = self._session(request.session)
        self._branch(session, request.branch)
        if request.program is not None:
            node = self._node(request.node or "")
            question = self.nodes[node[0]][0].text
            return await self.start(Run(question=question, program=request.program))
        if not any(node.stale is True for node in self.nodes[session]):
            raise NothingStale(f"nothing is stale in branch {self.known[session].branch}")
        return FakeDerivation(self, session)

    async def explain(self, request: Explain) -> PlanView:
        if request.program not in ("solve", "direct", "vote"):
            raise BadRequest(f"there is no program {request.program!r}; did you mean solve?")
        self._check_adapter(request.adapter)
        if not request.analyze:
            return plan()
        handle = await self.start(Run(question=request.question, program=request.program))
        end = None
        try:
            async for event in handle.events():
                end = event
        except asyncio.CancelledError:
            self.cancelled += 1
            handle.running = False
            raise
        assert isinstance(end, RunEnded)
        return analysed(plan(), end)

    async def answer(self, request: Answer) -> Answered:
        for id in list(self.waiting):
            if id.startswith(request.node):
                self.waiting.pop(id).set_result(request.text)
                return Answered(session=self._node(id)[0])
        raise BadRequest(f"no run waits for an answer to {request.node!r}")

    async def control(self, request: Control) -> str:
        session = self._session(request.session)
        running = [one for one in self._runs if one.session == session and one.running]
        if not running:
            raise BadRequest(f"nothing runs in session {session[:8]}")
        if request.action in ("cancel", "finish"):
            for one in running:
                one.cancel()
        return session

    async def change(self, request: ChangeRequest) -> Changed:
        match request:
            case Undo() | Redo():
                return self._move(request)
            case Edit(node=reference, text=said) if self.remembered.knows(reference):
                return await self._rewritten(reference, said)
            case Edit() | Inject() | Delete() | Pin() | Retry() | Merge():
                pass
        session, place = self._node(request.node)
        branch = self._branch(session, request.branch)
        nodes = self.nodes[session]
        node = nodes[place]
        changed = node.id
        match request:
            case Edit(text=text):
                if node.kind == "computed":
                    raise BadRequest(f"{text!r} is no value of a computed node; write a = b")
                self.versions.setdefault(node.id, [node.text]).append(text)
                revision = len(self.versions[node.id]) - 1
                nodes[place] = msgspec.structs.replace(
                    node, text=text, hold="edited", revision=revision
                )
            case Inject(text=text):
                changed = f"{session[:8]}note{len(nodes):08d}"
                note = NodeView(
                    id=changed, kind="note", text=text, inputs=(EdgeView("at", node.id),)
                )
                nodes.append(note)
            case Delete():
                del nodes[place]
            case Pin(on=on):
                nodes[place] = msgspec.structs.replace(node, hold="pinned" if on else None)
                return self._done(session, branch, "pin", changed)
            case Retry():
                nodes[place] = msgspec.structs.replace(node, stale=True)
            case Merge(source=source):
                self._branch(session, source)
                nodes[place] = msgspec.structs.replace(node, hold="taken")
        wave = {node.id}
        for index, one in enumerate(nodes):
            if any(edge.node in wave for edge in one.inputs) and one.id != changed:
                wave.add(one.id)
                nodes[index] = msgspec.structs.replace(one, stale=True)
        return self._done(session, branch, type(request).__name__.lower(), changed)

    def _check_adapter(self, name: str | None) -> None:
        known = ADAPTERS if self.model.model == "fake" else ()
        if name is not None and name not in known:
            has = ", ".join(known) or "none"
            raise BadRequest(f"{self.model.model} has no adapter {name!r}; it has: {has}")

    def _done(self, session: str, branch: str, kind: str, node: str) -> Changed:
        operation = self._operation(len(self.log_[session]), kind, f"{kind} {node[:8]}")
        self.log_[session].insert(0, operation)
        return self._changed(session, branch, operation, node)

    def _changed(self, session: str, branch: str, operation: OperationView, node: str) -> Changed:
        stale = tuple(one.id for one in self.nodes[session] if one.stale is True)
        return Changed(
            session=session,
            branch=branch,
            op=operation.id,
            label=operation.label,
            node=node,
            stale=stale,
        )

    def _move(self, request: Undo | Redo) -> Changed:
        session = self._session(request.session)
        branch = self._branch(session, request.branch)
        done, undone = self.log_[session], self.undone[session]
        if isinstance(request, Undo):
            if len(done) < 2:
                raise NothingStale("there is nothing to undo")
            undone.append(done.pop(0))
            return self._changed(session, branch, undone[-1], "")
        if not undone:
            raise NothingStale("there is nothing to do again")
        done.insert(0, undone.pop())
        return self._changed(session, branch, done[0], "")

    def _operation(self, id: int, kind: str, label: str) -> OperationView:
        return OperationView(id=id, kind=kind, label=label, run=None, created=WHEN)

    def _branch(self, session: str, name: str | None) -> str:
        if name is None:
            return self.known[session].branch
        if name not in self.names[session]:
            raise UnknownId(f"session {session[:8]} has no branch {name!r}")
        return name

    def _session(self, id: str) -> str:
        if id == "@last" and self.known:
            return list(self.known)[-1]
        for session in self.known:
            if session == id or (len(id) <= 8 and session.startswith(id)):
                return session
        return self._node(id)[0]

    def _node(self, id: str) -> tuple[str, int]:
        for session, nodes in self.nodes.items():
            for place, node in enumerate(nodes):
                if node.id == id:
                    return session, place
        raise UnknownId(f"no session or node has an id that begins with {id!r}")

    async def preview(self, request: Preview) -> Previewed:
        session = self._session(request.session)
        nodes = self.nodes[session]
        stale = [node.id for node in nodes if node.stale is True]
        if request.edit is not None:
            session, place = self._node(request.edit.node)
            nodes = self.nodes[session]
            stale = [node.id for node in nodes[place + 1 :]]
        return Previewed(
            session=session,
            branch=self._branch(session, request.branch),
            stale=tuple(stale),
            reused=tuple(stale[:1]),
            kept=len(nodes) - len(stale),
            calls=len(stale),
            expected_tokens=10 * len(stale),
            expected_seconds=0.25 * len(stale),
        )

    async def fork(self, request: Fork) -> BranchView:
        session, place = self._node(request.node)
        if request.name in self.names[session]:
            raise BadRequest(f"there is a branch {request.name!r} already")
        self.names[session].append(request.name)
        return self._choose(session, request.name)

    async def switch(self, request: Switch) -> BranchView:
        session = self._session(request.session)
        return self._choose(session, self._branch(session, request.name))

    def _choose(self, session: str, name: str) -> BranchView:
        self.known[session] = msgspec.structs.replace(self.known[session], branch=name)
        return self._branch_view(session, name)

    def _branch_view(self, session: str, name: str) -> BranchView:
        nodes = self.nodes[session]
        return BranchView(
            session=session,
            name=name,
            current=self.known[session].branch == name,
            at=nodes[0].id if name != "main" else None,
            created=WHEN,
            nodes=len(nodes),
            stale=sum(node.stale is True for node in nodes),
            last=self.log_[session][0].label,
        )

    async def branches(self, session: str) -> tuple[BranchView, ...]:
        id = self._session(session)
        return tuple(self._branch_view(id, name) for name in self.names[id])

    async def log(self, request: GetLog) -> OperationList:
        session = self._session(request.session)
        return OperationList(
            session=session,
            branch=self._branch(session, request.branch),
            operations=tuple(self.log_[session][: request.limit]),
        )

    async def why(self, request: Why) -> Reasons:
        session, place = self._node(request.node)
        nodes = self.nodes[session][: place + 1]
        reasons = [
            ReasonView(
                node=node,
                roles=("input",) if node is not nodes[-1] else (),
                current=node.hold != "edited",
                used=tuple(self.versions[node.id][:1]) if node.id in self.versions else (),
            )
            for node in nodes
        ]
        return Reasons(session, self._branch(session, request.branch), tuple(reasons))

    async def diff(self, request: Diff) -> Differences | TextDiff:
        session = self._session(request.session)
        if {request.a, request.b} <= set(self.names[session]):
            nodes = self.nodes[session]
            return Differences(
                session,
                (
                    DifferenceView(
                        node=nodes[1].id,
                        kind=nodes[1].kind,
                        what="changed",
                        a=nodes[1],
                        b=msgspec.structs.replace(nodes[1], text="6 * 8 = 48"),
                    ),
                    DifferenceView(
                        node=nodes[2].id, kind=nodes[2].kind, what="only b", a=None, b=nodes[2]
                    ),
                ),
            )
        a, b = (self.nodes[one][place] for one, place in map(self._node, (request.a, request.b)))
        return TextDiff(a=a, b=b, words=(("=", "same "), ("-", a.text), ("+", b.text)))

    async def search(self, request: Search) -> tuple[HitView, ...]:
        return tuple(
            HitView(
                node=node.id,
                kind=node.kind,
                session=session,
                title=self.known[session].title,
                snippet=node.text,
                rank=-1.0,
            )
            for session, nodes in self.nodes.items()
            for node in nodes
            if request.text.lower() in node.text.lower()
        )[: request.limit]

    async def rename(self, request: Rename) -> SessionChanged:
        session = self._session(request.session)
        self.known[session] = msgspec.structs.replace(self.known[session], title=request.title)
        return SessionChanged(session=session, title=request.title)

    async def delete_session(self, session: str) -> SessionChanged:
        id = self._session(session)
        del self.nodes[id]
        return SessionChanged(session=id, title=self.known.pop(id).title)

    async def graph_stats(self, request: GetGraphStats) -> GraphStatsView:
        session = self._session(request.session)
        nodes = self.nodes[session]
        return GraphStatsView(
            session=session,
            branch=self._branch(session, request.branch),
            nodes=len(nodes),
            kinds={"question": 1, "answer": len(nodes) - 1},
            statuses={"done": len(nodes)},
            stale=0,
            held=0,
            edges=len(nodes) - 1,
            prompt_tokens=100,
            cached_tokens=50,
            generated_tokens=9,
            calls=3,
            milliseconds=1500.0,
        )

    async def replay(self, request: Replay) -> Replayed:
        session = self._session(request.session)
        nodes = self.nodes[session]
        return Replayed(
            session=session,
            branch=self._branch(session, request.branch),
            same=len(nodes) - 1,
            held=0,
            different=tuple(
                ReplayDifferenceView(node=node.id, place="solve/0", was=node.text, now="7")
                for node in nodes
                if node.text == "41"
            ),
            engines_were=("f" * 32,),
            engine_now="f" * 32,
        )

    async def export(self, request: Export) -> bytes:
        session = self._session(request.session)
        if request.format == "json":
            return msgspec.json.encode({"title": self.known[session].title})
        return b"# " + self.known[session].title.encode() + b"\n" + b"x" * 1_000_000

    async def import_session(self, data: bytes) -> SessionChanged:
        try:
            title = msgspec.json.decode(data, type=dict[str, str])["title"]
        except msgspec.DecodeError as error:
            raise BadRequest(f"this is no session: {error}") from None
        started = await self.start(Run(question=title))
        return SessionChanged(session=started.session, title=title)

    async def show(self, request: Show) -> SessionShown | NodeShown:
        id = request.id
        if id == "@last" and self.known:
            id = list(self.known)[-1]
        for session, nodes in self.nodes.items():
            if session.startswith(id) and session[:8] == id[:8] and len(id) <= 8 or session == id:
                branch = self._branch(session, request.branch)
                known = msgspec.structs.replace(self.known[session], branch=branch)
                return SessionShown(known, tuple(nodes))
            for node in nodes:
                if node.id == id:
                    branch = self._branch(session, request.branch)
                    texts = self.versions.get(node.id, [node.text])
                    versions = tuple(
                        VersionView(
                            revision=place,
                            text=text,
                            status="done",
                            created=WHEN,
                            shown=place == len(texts) - 1,
                        )
                        for place, text in enumerate(texts)
                    )
                    return NodeShown(session=session, node=node, branch=branch, versions=versions)
        raise UnknownId(f"no session or node has an id that begins with {id!r}")

    async def programs(self) -> ProgramList:
        return ProgramList(
            programs=(
                ProgramView(name="direct", summary="Answer at once", source="built-in"),
                ProgramView(name="solve", summary="Plan, step, check", source="built-in"),
            ),
            problems=("/home/eve/mine.toml:3: step 'a': there is no module 'b'",),
        )

    async def program(self, name: str) -> ProgramWhole:
        if name not in ("solve", "direct"):
            raise BadRequest(f"there is no program {name!r}; did you mean solve?")
        return whole(name, 'name = "solve"\n')

    async def check_programs(self, request: CheckPrograms) -> tuple[CheckedView, ...]:
        return tuple(
            CheckedView(file=one.file, program=None, problem=f"{one.file}:2: a mistake")
            if "mistake" in one.text
            else CheckedView(file=one.file, program=whole(one.name, one.text))
            for one in request.files
        )

    async def program_schema(self) -> dict[str, Any]:
        return {"title": "smysl program", "type": "object"}

    async def modules(self) -> tuple[ModuleView, ...]:
        return (
            ModuleView(
                name="vote",
                version=2,
                summary="the majority's answer",
                inputs={
                    "main": PortView(type="derivation", many=False, optional=True),
                    "others": PortView(type="derivation", many=True, optional=False),
                },
                gives="choice",
                options={"share": OptionView(default=0.5, minimum=0, maximum=1, help="of all")},
                dialects=("chat", "native"),
            ),
        )

    async def engines(self, *, verify: bool, only: str | None = None) -> tuple[EngineView, ...]:
        engines = (
            EngineView(
                fingerprint="f" * 32,
                model="fake",
                backend="scripted",
                precision="fp32",
                size_bytes=1000,
                loaded=self.model.model == "fake",
                adapters=(
                    AdapterView(
                        name="careful", kind="alora", ranks={"qkv": 8, "o": 4}, activation=(5, 17)
                    ),
                    AdapterView(name="terse", kind="lora", ranks={"qkv": 16}),
                ),
            ),
            EngineView(
                fingerprint="o" * 32,
                model="other",
                backend="scripted",
                precision="int4",
                size_bytes=2000,
                loaded=self.model.model == "other",
                problem="weights.bin is damaged" if verify else None,
            ),
        )
        there = engines if self.switched else engines[:1]
        return tuple(one for one in there if only in (None, one.fingerprint))

    def check(self) -> None:
        self.checks += 1

    async def close(self) -> None:
        self.closed = True
        for one in self._runs:
            one.cancel()


async def make_fake_service(
    dirs: Dirs, config: Config, report: Callable[[str, str], None]
) -> FakeService:
    return FakeService()


if __name__ == "__main__":
    sys.exit(run(make_fake_service))
