"""Follows the run that was begun here, and draws it no oftener than the repaint budget allows.

Knows the feed and the session; the screen draws.
"""

import time
from typing import TYPE_CHECKING

from textual.message import Message

from smysl_cli.tui.link.feed import Feed
from smysl_cli.tui.model.outcome import ended
from smysl_cli.tui.model.pace import Pace
from smysl_daemon.errors import PeerDropped, Unreachable
from smysl_daemon.protocol import Accepted, Derive, Run, RunEnded, RunEvent

if TYPE_CHECKING:
    from smysl_cli.tui.screens.session import SessionScreen


class Fed(Message):
    """Events wait in the feed."""


class Runner:
    """At most one run at a time."""

    def __init__(self, screen: "SessionScreen") -> None:
        self._screen = screen
        self._pace = Pace(time.monotonic)
        self._feed: Feed | None = None
        self._request: Run | Derive | None = None
        self._run = ""
        self.ended: set[str] = set()
        """Ids of runs that were followed to their end."""

    @property
    def active(self) -> bool:
        return self._feed is not None

    def start(self, request: Run | Derive) -> None:
        assert self._feed is None
        self._request = request
        self._feed = Feed(self._screen.smysl.requests, request, self._wake)
        self._feed.start()
        self._screen.draw()

    def leave(self) -> None:
        """Follow the run no more; it goes on, and its session can be watched."""
        self._feed = None

    def _wake(self) -> None:
        """In the feed's thread."""
        self._screen.post_message(Fed())

    async def fed(self) -> None:
        """Draw when it is due."""
        delay = self._pace.ask()
        if delay:
            self._screen.set_timer(delay, self.drain)
        elif delay is not None:
            await self.drain()

    async def drain(self) -> None:
        """Take over everything that has arrived, in one repaint."""
        self._pace.drawn()
        if self._feed is None or not self._screen.is_shown:
            return
        session = self._screen.session
        events: list[RunEvent] = []
        last: RunEnded | Exception | None = None
        for item in self._feed.drain():
            match item:
                case Accepted():
                    self._run = item.run
                    session.accepted(item)
                    self._screen.model = item.model
                    self._screen.accepted(self._request)
                case RunEnded() | Exception():
                    last = item
                case _:
                    events.append(item)
        session.take(events)
        if last is not None:
            self._feed = None
            self.ended.add(self._run)
            await self._end(last)
        self._screen.draw(turn=True)

    async def _end(self, last: RunEnded | Exception) -> None:
        session = self._screen.session
        if isinstance(last, RunEnded):
            session.ended(last)
            self._screen.do("reload", self._screen.reload)
            self._screen.say(ended(last))
            return
        if isinstance(last, PeerDropped | Unreachable) and session.run != "idle":
            # what ran goes on when the daemon is back: bring it back, and watch
            session.lost()
            self._screen.link("lost")
            self._screen.say("the daemon went away; starting it again")
            self._screen.do("reload", self._screen.reload)
            return
        session.lost()
        self._screen.fail(last)
