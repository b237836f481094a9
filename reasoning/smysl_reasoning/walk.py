"""One walk of a program over a branch, from its first step to its one `RunFinished`.

Knows the executor, the desk and the store; never requests, other runs or sockets.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from typing import Literal

from smysl_engines.base import EngineError
from smysl_reasoning.calls import BudgetSpent, Calls
from smysl_reasoning.costs import StepCost
from smysl_reasoning.derivation import OUTSIDE
from smysl_reasoning.dialects.native import TooManyQuantities
from smysl_reasoning.early import early
from smysl_reasoning.errors import ReasoningError, StoreError
from smysl_reasoning.events import NodeFinished, RunFinished, Verdict
from smysl_reasoning.executor import Executor
from smysl_reasoning.flat import Flat
from smysl_reasoning.memory.links import strengthen
from smysl_reasoning.modules import answer
from smysl_reasoning.modules.base import Asked, Chosen, Judged, Module, Outcome, Planned
from smysl_reasoning.nodes import Node, PulledData
from smysl_reasoning.program import QUESTION
from smysl_reasoning.run import Run
from smysl_reasoning.workbench import Desk, Workbench

log = logging.getLogger(__name__)
End = Literal["done", "cancelled", "failed"]
SUSPENDED = "put away: this run goes on when the daemon starts again"


class Walk:
    """Drives a run. It goes on by itself once made; `on_end` is called after its end was announced."""

    def __init__(
        self,
        *,
        run: Run,
        branch: str,
        desk: Desk,
        program: Flat,
        asked: Asked,
        budget_seconds: float | None,
        on_end: Callable[[Run], None],
    ) -> None:
        self.run = run
        self.branch = branch
        self.desk = desk
        self.calls: Calls = desk.calls
        self._budget_seconds = budget_seconds
        self._on_end = on_end
        self._program = program
        self._executor = Executor(program, {QUESTION: [asked]}, desk.bench)
        self._began = time.perf_counter()
        self._working: asyncio.Task[object | None] | None = None
        self._walking = False
        self._cancelled = False
        self._suspended = False
        self._finishing = False
        run.on_cancel = self.cancel
        self.task = asyncio.create_task(self._drive(), name=f"run {run.id}")

    def cancel(self) -> None:
        """Stop as soon as possible. Idempotent."""
        self._cancelled = True
        # a task that has not begun would end without its own end being written
        if self._walking:
            self.task.cancel()

    def suspend(self) -> None:
        """Stop as a crash would: no end is written, so that `Runtime.resume` goes on from what is
        in the store. Who watches is told an end. Idempotent."""
        self._suspended = True
        self.cancel()

    def finish(self) -> None:
        """Stop thinking and answer with what is there. Idempotent."""
        self._finishing = True
        if self._working is not None:
            self._working.cancel()

    async def _drive(self) -> None:
        """Never raises; a cancellation ends the run as cancelled."""
        outcome: End = "done"
        whole = False
        try:
            self._walking = True
            if self._cancelled:
                raise asyncio.CancelledError
            result, whole = await self._outcome()
        except asyncio.CancelledError:
            outcome, result = "cancelled", Outcome(None, "failed", None, "cancelled")
        except (EngineError, ReasoningError, TooManyQuantities) as error:
            outcome, result = "failed", Outcome(None, "failed", None, str(error))
        except Exception as error:
            log.exception("run %s failed", self.run.id)
            message = f"internal error ({type(error).__name__}); see the log"
            outcome, result = "failed", Outcome(None, "failed", None, message)
        end = asyncio.create_task(self._end(outcome, result, whole))
        while not end.done():
            try:
                # the end is written whatever comes: a second cancellation must not cut it off
                await asyncio.shield(end)
            except asyncio.CancelledError:
                continue
        end.result()

    async def _outcome(self) -> tuple[Outcome, bool]:
        """The outcome, and whether the whole program was walked."""
        self._working = asyncio.create_task(self._executor.run())
        verdict: Verdict = "budget"
        try:
            if self._finishing:
                self._working.cancel()
            async with asyncio.timeout(None) as limit:
                self.calls.clock.on_change = partial(self._limit, limit)
                self._limit(limit)
                result = await self._working
                assert isinstance(result, Outcome), "only a preview cannot tell"
                return self._for_want_of_budget(result), True
        except TimeoutError:
            spent = f"the budget of {self._budget_seconds:g} s is spent"
        except BudgetSpent as error:
            spent = str(error)
        except asyncio.CancelledError:
            if not self._finishing or self._cancelled:
                raise
            verdict, spent = "unverified", "it was to answer at once"
        finally:
            self.calls.clock.on_change = None
        self.calls.cancel()
        return await self._what_is_there(spent, verdict), False

    def _for_want_of_budget(self, result: Outcome) -> Outcome:
        """`result`, unless it has no answer because steps had spent their budgets before a derivation was finished."""
        reached = self._reached()
        if result.answer is not None or not self._executor.spent:
            return result
        if early(reached, self.desk.root).finished or any(map(_outside, reached)):
            return result
        spent = "; ".join(self._executor.spent.values())
        return Outcome(None, "budget", None, f"{spent} before an answer was found")

    def _limit(self, limit: asyncio.Timeout) -> None:
        """Set when the time will be over, as far as the clock can tell now."""
        if self._budget_seconds is None or limit.expired():
            return
        clock = self.calls.clock
        left = self._budget_seconds - clock.seconds
        limit.reschedule(None if clock.stands else asyncio.get_running_loop().time() + left)

    async def _what_is_there(self, spent: str, verdict: Verdict) -> Outcome:
        """The answer that the finished derivations would give."""
        winner, finished = early(self._reached(), self.desk.root)
        if winner is None:
            unanswered: Verdict = "budget" if verdict == "budget" else "failed"
            return Outcome(None, unanswered, None, f"{spent} before an answer was found")
        message = f"{spent}; {finished} derivations were finished and nothing was verified"
        return await answer.conclude(
            Workbench(self.desk, "budget", 0),
            Chosen(winner, None, (), finished, None),
            Judged(verdict, None, message, None),
        )

    def _reached(self) -> list[object]:
        """What steps have given, in the program's order; of a list that one module gives the first, which is the best:
        the others are not independent of it. Of a module that was cut off, what it had found."""
        found: list[object] = []
        for step in self._program.steps:
            values = self._executor.results.get(step.name) or self.desk.so_far(step.name)
            found += values[:1] if isinstance(step.body, Module) and step.body.many else values
        return found

    async def _end(self, outcome: End, result: Outcome, whole: bool) -> None:
        await self.calls.settle()
        if self._suspended and outcome == "cancelled":
            for node in self.desk.unannounced.values():
                self.run.announce(NodeFinished(node))
            self.run.announce(ended(self.run.session, "cancelled", SUSPENDED))
            self._on_end(self.run)
            return
        stopped: list[Node] = []
        store, usage = self.desk.store, self.calls.usage
        finished = RunFinished(
            session=self.run.session,
            outcome=outcome,
            answer=result.answer,
            verdict=result.verdict,
            confidence=result.confidence,
            message=result.message,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            generated_tokens=usage.generated_tokens,
            calls=usage.calls,
            seconds=round(time.perf_counter() - self._began, 4),
        )
        try:
            stopped = [draft.stop() for draft in self.desk.cancelled_drafts()]
            if whole and (left := self._left_behind()):
                store.drop_soon(self.run.id, left)
            steps = self._step_costs() if whole else []
            written = store.end_run(
                self.run.id, finished, steps=steps, also=self._learned(finished)
            )
            await asyncio.wrap_future(written)
        except StoreError as error:
            log.error("run %s: its end cannot be written: %s", self.run.id, error)
            stopped = []
            finished = ended(self.run.session, "failed", f"the end cannot be written: {error}")
        for node in [*self.desk.unannounced.values(), *stopped]:
            self.run.announce(NodeFinished(node))
        self.run.announce(finished)
        self._on_end(self.run)

    def _learned(self, finished: RunFinished) -> Callable[[sqlite3.Connection], None] | None:
        """What a verified answer says of the memories that were recalled for it."""
        notes = self.desk.standing.notes(self.desk.root)
        recalled = [note.data.memory for note in notes if isinstance(note.data, PulledData)]
        verified = finished.outcome == "done" and finished.verdict == "verified"
        return partial(strengthen, together=recalled) if verified and len(recalled) > 1 else None

    def _step_costs(self) -> list[StepCost]:
        """Of the steps that have called the engine."""
        return [
            StepCost(
                self.desk.info.fingerprint,
                meter.module,
                len(meter.branches),
                meter.calls.usage.calls,
                meter.calls.usage.generated_tokens,
                1000 * meter.calls.seconds / (len(meter.branches) if meter.sequential else 1),
            )
            for meter in self.desk.meters.values()
            if meter.calls.usage.calls
        ]

    def _left_behind(self) -> list[str]:
        """Nodes of an earlier walk, of this program or another, that this one did not come to, unless
        a person holds them."""
        reached = {node.id for node in self.desk.made.values()}
        return [
            placed.node.id
            for placed in self.desk.standing.made_under(self.desk.root)
            if placed.node.id not in reached and placed.hold is None
        ]


def _outside(value: object) -> bool:
    return isinstance(value, Planned) and value.plan is not None and value.plan.problem == OUTSIDE


def ended(session: str, outcome: Literal["cancelled", "failed"], message: str) -> RunFinished:
    """The end of a run without an answer."""
    return RunFinished(
        session=session,
        outcome=outcome,
        answer=None,
        verdict="failed",
        confidence=None,
        message=message,
    )
