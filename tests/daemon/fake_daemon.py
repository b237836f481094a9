"""A real `smysld` (lock, socket, server, signals) over a service that needs no model.

What a question asks for is in its words: "slow", "outside", "doubtful", "broke", "crash", "flood",
"branches"; anything else is answered with 42. Run as a program it serves like `smysld` in the
foreground.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import msgspec

from smysl_daemon.app import run
from smysl_daemon.config import Config, Dirs
from smysl_daemon.protocol import (
    EdgeView,
    EngineView,
    NodeDelta,
    NodeFinished,
    NodeShown,
    NodeStarted,
    NodeView,
    ProgramView,
    Run,
    RunEnded,
    RunEvent,
    SessionView,
    StatsView,
    UsageView,
)
from smysl_daemon.service import ModelView, SessionShown
from smysl_reasoning.errors import BadRequest, UnknownId

QUESTION_LIMIT = 32 * 1024
SLOW_STEPS = 2000
SLOW_INTERVAL_S = 0.02


class FakeRun:
    def __init__(self, service: "FakeService", request: Run, session: str) -> None:
        self._service = service
        self._request = request
        self.session = session
        self.cancelled = asyncio.Event()
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
        )
        self._service.nodes[self.session].append(node)
        return node

    async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        question = self._request.question
        asked = self.node("question", question)
        yield NodeFinished(node=asked)
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
        if "flood" in question:
            grown = msgspec.structs.replace(self.node("plan", ""), status="running")
            yield NodeStarted(node=grown)
            for _ in range(2000):
                yield NodeDelta(node=grown.id, text="x" * 4096)
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
            yield NodeFinished(node=self.node("answer", "42", confidence=0.97))
            yield self._end("done", "42", "verified", "")

    def _end(self, outcome: str, answer: str | None, verdict: str, message: str) -> RunEnded:
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


class FakeService:
    """Sessions in memory, answers from a script."""

    def __init__(self) -> None:
        self.model = ModelView(
            model="fake", fingerprint="f" * 32, backend="scripted", precision="fp32"
        )
        self.known: dict[str, SessionView] = {}
        self.nodes: dict[str, list[NodeView]] = {}
        self.closed = False
        self.cancelled = 0
        self.checks = 0
        self._runs: list[FakeRun] = []

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
        session = f"{len(self.known) + 1:08d}" + "a" * 12
        self.known[session] = SessionView(
            id=session,
            title=request.question,
            created="2026-11-23T12:00:00+00:00",
            program=request.program,
            nodes=1,
            answer=None,
            verdict=None,
        )
        self.nodes[session] = []
        started = FakeRun(self, request, session)
        self._runs.append(started)
        return started

    async def sessions(self, limit: int) -> tuple[SessionView, ...]:
        return tuple(reversed(self.known.values()))[:limit]

    async def show(self, id: str) -> SessionShown | NodeShown:
        if id == "@last" and self.known:
            id = list(self.known)[-1]
        for session, nodes in self.nodes.items():
            if session.startswith(id) and session[:8] == id[:8] and len(id) <= 8 or session == id:
                return SessionShown(self.known[session], tuple(nodes))
            for node in nodes:
                if node.id == id:
                    return NodeShown(session=session, node=node)
        raise UnknownId(f"no session or node has an id that begins with {id!r}")

    async def programs(self) -> tuple[ProgramView, ...]:
        return (
            ProgramView(name="direct", summary="Answer at once", source="built-in"),
            ProgramView(name="solve", summary="Plan, step, check", source="built-in"),
        )

    async def engines(self, *, verify: bool) -> tuple[EngineView, ...]:
        return (
            EngineView(
                fingerprint="f" * 32,
                model="fake",
                backend="scripted",
                precision="fp32",
                size_bytes=1000,
                loaded=True,
            ),
        )

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
