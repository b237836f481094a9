"""Keeps the session that is shown true: others run, change, rename and delete it, daemons come and go.

Knows the watch and the session; the screen draws. What a run that was begun here says, its feed
says, and is not heard twice.
"""

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from smysl_cli.tui.link.watch import Heard, Watch
from smysl_cli.tui.model.outcome import ended
from smysl_cli.tui.model.pace import Pace
from smysl_daemon import protocol
from smysl_daemon.errors import Code, DaemonError, RequestRefused
from smysl_daemon.memory_protocol import MemoryChanged
from smysl_daemon.protocol import (
    Accepted,
    Changed,
    Controlled,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    OperationList,
    RunEnded,
    RunEvent,
    SessionChanged,
    Watching,
)

if TYPE_CHECKING:
    from smysl_cli.tui.screens.session import SessionScreen

LOOK_INTERVAL_S = 1.0
"""How often a daemon that went away is looked for."""
SETTLE_S = 0.05
"""A change that was made here is read by whoever made it, if it is waited for so long."""


class Stirred(Message):
    """Something waits in the watch."""


class Watcher:
    def __init__(self, screen: "SessionScreen") -> None:
        self._screen = screen
        self._pace = Pace(time.monotonic)
        self._watch: Watch | None = None
        self._waiting: list[Heard | Exception] = []
        self._reading = False
        """The session is being read: what is heard waits until that is shown."""
        self._follows = False
        """A run of others is being drawn."""
        self._head: int | None = None
        """The operation that the branch is at, as far as it was said."""
        self._deaf = False
        """This daemon cannot be watched; that was said."""

    def keep(self) -> None:
        """Watch what is shown now, and nothing else."""
        session, watch = self._screen.session, self._watch
        if watch is not None and (watch.session, watch.branch) == (session.id, session.branch):
            return
        self.leave()
        if session.id is not None and not self._deaf:
            requests = self._screen.smysl.requests
            self._watch = Watch(requests, session.id, session.branch, self._wake)
            self._watch.start()

    def leave(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        self._watch = None
        self._waiting = []
        self._reading = self._follows = False

    def _wake(self) -> None:
        """In the watch's thread."""
        self._screen.post_message(Stirred())

    async def look(self) -> None:
        """See whether the daemon is there, and find it when it is back. Never starts one, and never
        raises."""
        screen = self._screen
        if screen.does("open"):
            return  # which says itself how the daemon is
        if screen.session.id is not None and not self._deaf:
            self.keep()
            return
        try:
            status = protocol.GetStatus()
            told = await screen.smysl.requests.ask(status, protocol.DaemonStatus, start=False)
        except (DaemonError, OSError):
            screen.link("lost")
        else:
            screen.model = told.model
            screen.link("up")

    async def stirred(self) -> None:
        """Draw when it is due."""
        delay = self._pace.ask()
        if delay:
            self._screen.set_timer(delay, self.drain)
        elif delay is not None:
            await self.drain()

    async def drain(self) -> None:
        """Take over everything that was heard, in one repaint."""
        self._pace.drawn()
        screen, watch = self._screen, self._watch
        if watch is None or self._reading or not screen.is_shown:
            return
        heard, self._waiting = self._waiting + watch.drain(), []
        events: list[RunEvent] = []
        other = False
        """Something that is shown is no longer as it was, the nodes of a run apart."""
        for place, item in enumerate(heard):
            if isinstance(item, Exception):
                self._ended(item)
                other = True
            elif isinstance(item, Watching):
                self._waiting = heard[place + 1 :]
                self._reading = True
                # of another watch it may go on still, and must not keep this one from it
                screen.do(f"catch up {id(watch)}", partial(self._catch_up, watch))
                break
            elif isinstance(item, NodeStarted | NodeDelta | NodeFinished):
                # of a run that was begun here its feed tells, and draws
                if self._follows:
                    events.append(item)
            else:
                self._take(item)
                other = True
        if events or other:
            screen.session.take(events)
            screen.draw(turn=True)

    async def _catch_up(self, watch: Watch) -> None:
        """Read what was there before the watch began, then take what was said since."""
        screen = self._screen
        try:
            screen.link("up")
            # of a run that was begun here its feed tells
            if not screen.runner.active:
                op = await operation(screen, watch.session, watch.branch)
                if op != screen.session.op or screen.session.run != "idle":
                    await screen.reload(start=False)
        finally:
            if self._watch is watch:
                self._reading = False
                await self.drain()

    def _take(self, item: Heard) -> None:
        screen = self._screen
        session = screen.session
        match item:
            case Accepted(run=run):
                self._follows = not screen.runner.active and run not in screen.runner.ended
                if self._follows:
                    session.begun()
            case RunEnded() if self._follows:
                self._follows = False
                session.ended(item)
                screen.do("reload", screen.reload)
                screen.say(ended(item))
            case Changed(op=op):
                self._head = op
                screen.do("change", self._changed)
            case MemoryChanged(label=label):
                # no operation of the branch: what rests on the memory is stale all the same
                screen.do("memory", partial(screen.reload, start=False))
                if screen.is_current:  # the memory's screen says it itself
                    screen.say(f"{label}: what rests on it here is stale")
            case Controlled(action=action):
                session.steered(action)
            case SessionChanged(title=title):
                session.renamed(title)

    async def _changed(self) -> None:
        """Read the branch again, unless whoever changed it here has done so."""
        screen = self._screen
        await asyncio.sleep(SETTLE_S)
        while (head := self._head) != screen.session.op:
            await screen.reload(start=False)
            if self._head == head:
                return

    def _ended(self, error: Exception) -> None:
        screen = self._screen
        self.leave()
        code = error.code if isinstance(error, RequestRefused) else None
        match code:
            case Code.NOT_FOUND:
                screen.say("this session was deleted")
                screen.session.clear()
            case Code.BAD_MESSAGE:
                self._deaf = True
                screen.say("this daemon is older and tells of no changes: `smysl daemon restart`")
            case Code.BUSY:
                pass  # a place may be free at the next look
            case _:
                screen.link("lost")


async def operation(
    screen: "SessionScreen", id: str, branch: str | None, *, start: bool = False
) -> int | None:
    """The operation that a branch is at."""
    request = protocol.GetLog(session=id, branch=branch, limit=1)
    found = await screen.smysl.requests.ask(request, OperationList, start=start)
    return found.operations[0].id if found.operations else None
