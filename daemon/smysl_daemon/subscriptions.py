"""Who watches which branch, and what watchers are told: the runs that go on there, what others change.

Knows messages and who listens; never sockets, requests or how a run goes. Telling waits for nobody: what
a slow listener does with a message is its own business.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from smysl_daemon.errors import DaemonError, SessionGone, Stopping
from smysl_daemon.memory_protocol import MemoryChanged
from smysl_daemon.protocol import (
    Accepted,
    BranchChosen,
    Changed,
    Controlled,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    RunEnded,
    RunEvent,
    SessionChanged,
)
from smysl_daemon.service import RunHandle

Happened = (
    Accepted
    | RunEvent
    | RunEnded
    | Changed
    | Controlled
    | BranchChosen
    | SessionChanged
    | MemoryChanged
)
Tell = Callable[[Happened], None]


class Subscription:
    """One listener of one branch, until it is ended."""

    def __init__(self, session: str, branch: str, tell: Tell) -> None:
        self.session = session
        self.branch = branch
        self.tell = tell
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def cancel(self) -> None:
        """The listener has heard enough. Idempotent."""
        if not self._end.done():
            self._end.set_result(None)

    def end(self, error: DaemonError) -> None:
        """There is nothing more to hear, and why. Idempotent."""
        if not self._end.done():
            self._end.set_exception(error)

    async def ended(self) -> None:
        """Returns after `cancel`, raises the error of `end`."""
        await self._end


class FollowedRun:
    """A run whose events are told to the watchers of its branch while its one owner follows it."""

    def __init__(self, run: RunHandle, accepted: Accepted, told: "Subscriptions") -> None:
        self._run = run
        self._told = told
        self._running: dict[str, tuple[NodeStarted, list[str]]] = {}
        """Nodes that have begun, with the text they gained."""
        self.id = run.id
        self.session = run.session
        self.program = run.program
        self.branch = run.branch
        self.accepted = accepted

    def cancel(self) -> None:
        self._run.cancel()

    async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        """The run's own, to the end; also when nobody listens any more."""
        over = False
        try:
            async for event in self._run.events():
                self._note(event)
                over = isinstance(event, RunEnded)
                if over:
                    self._told.forget_run(self)
                self._told.tell(self.session, event, branch=self.branch)
                yield event
        finally:
            if not over:  # a mistake of ours: the owner has the error, nobody is left waiting
                self._told.forget_run(self)
                self._told.tell(self.session, _cut_off(self.session), branch=self.branch)

    def so_far(self) -> list[Happened]:
        """What a listener must hear that comes in the middle: what is finished, it can read."""
        heard: list[Happened] = [self.accepted]
        for started, pieces in self._running.values():
            heard.append(started)
            if pieces:
                heard.append(NodeDelta(node=started.node.id, text="".join(pieces)))
        return heard

    def _note(self, event: RunEvent | RunEnded) -> None:
        match event:
            case NodeStarted(node=node):
                self._running[node.id] = event, []
            case NodeDelta(node=id, text=text) if id in self._running:
                self._running[id][1].append(text)
            case NodeFinished(node=node):
                self._running.pop(node.id, None)


class Subscriptions:
    """All listeners of a daemon, and the runs that they may come into the middle of."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Subscription]] = {}
        """By session."""
        self._runs: list[FollowedRun] = []
        self._closed = False

    def __len__(self) -> int:
        return sum(map(len, self._listeners.values()))

    def follow(self, run: RunHandle, model: str) -> FollowedRun:
        """Tell of a run from here on. Whoever asks for its `events` must take them to the end."""
        accepted = Accepted(session=run.session, program=run.program, model=model, run=run.id)
        followed = FollowedRun(run, accepted, self)
        self._runs.append(followed)
        self.tell(run.session, accepted, branch=run.branch)
        return followed

    def subscribe(self, session: str, branch: str, tell: Tell) -> Subscription:
        """Tell of what goes on in a branch, and of what happens next. Raises `Stopping`."""
        if self._closed:
            raise Stopping("the daemon is stopping; watch the session again in a moment")
        listener = Subscription(session, branch, tell)
        self._listeners.setdefault(session, []).append(listener)
        for run in self._runs:
            if (run.session, run.branch) == (session, branch):
                for heard in run.so_far():
                    tell(heard)
        return listener

    def leave(self, listener: Subscription) -> None:
        """Nothing more is told to it. Idempotent."""
        listener.cancel()
        left = [one for one in self._listeners.get(listener.session, ()) if one is not listener]
        if left:
            self._listeners[listener.session] = left
        else:
            self._listeners.pop(listener.session, None)

    def tell(self, session: str, what: Happened, *, branch: str | None = None) -> None:
        """Tell the listeners of a branch, or of every branch of the session."""
        for listener in list(self._listeners.get(session, ())):
            if branch in (None, listener.branch):
                listener.tell(what)

    def forget_run(self, run: FollowedRun) -> None:
        """It is over. Idempotent."""
        self._runs = [one for one in self._runs if one is not run]

    def gone(self, session: str) -> None:
        """A session was deleted."""
        for listener in self._listeners.get(session, ()):
            listener.end(SessionGone(f"session {session[:8]} was deleted"))

    def close(self) -> None:
        """End every listener; no more are taken. Idempotent."""
        self._closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.end(Stopping("the daemon is stopping; watch again when it is back"))


def _cut_off(session: str) -> RunEnded:
    return RunEnded(
        session=session,
        outcome="failed",
        answer=None,
        verdict="failed",
        confidence=None,
        message="the run failed; `smysl daemon logs` has the details",
    )
