"""One session as it is looked at: its branch, nodes, selection, and how its run goes.

Pure: the daemon's messages in, state out. Knows no widgets, sockets or clocks.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from smysl_cli.tui.model.marks import waits
from smysl_cli.tui.model.outline import Outline
from smysl_cli.tui.model.selection import Selection
from smysl_cli.tui.model.thoughts import Thoughts
from smysl_daemon.protocol import Accepted, Action, RunEnded, RunEvent
from smysl_daemon.shapes import NodeView, SessionView

RunState = Literal["idle", "running", "paused"]


class Session:
    """Empty until something is asked or opened."""

    def __init__(self, *, unicode: bool = True) -> None:
        self._unicode = unicode
        self.clear()

    def clear(self) -> None:
        """As new: the next question begins a session."""
        self.id: str | None = None
        self.view: SessionView | None = None
        self.thoughts = Thoughts()
        self.outline = Outline(unicode=self._unicode)
        self.selection = Selection(self.thoughts, self.outline)
        self.run: RunState = "idle"
        self.end: RunEnded | None = None
        """How the last run that was followed here ended."""
        self.op: int | None = None
        """The operation that the branch was at when it was last looked at."""

    @property
    def branch(self) -> str:
        return self.view.branch if self.view is not None else "main"

    @property
    def selected(self) -> NodeView | None:
        node = self.selection.node
        return self.thoughts.get(node) if node is not None and node in self.thoughts else None

    @property
    def question(self) -> NodeView | None:
        """What a run asks the person, and waits for."""
        return next((node for node in self.thoughts if waits(node)), None)

    def accepted(self, message: Accepted) -> None:
        """A run that was asked for here begins."""
        if message.session != self.id:
            self.clear()
            self.id = message.session
        self.begun()
        self.selection.follows = True

    def begun(self) -> None:
        """A run goes on, whoever asked for it."""
        self.run = "running"
        self.end = None

    def steered(self, action: Action) -> None:
        """Somebody held what runs, or let it go on."""
        if self.run != "idle" and action in ("pause", "resume"):
            self.run = "paused" if action == "pause" else "running"

    def renamed(self, title: str) -> None:
        if self.view is not None:
            self.view = msgspec.structs.replace(self.view, title=title)

    def take(self, events: Iterable[RunEvent]) -> None:
        """What happened in the run, in one go: the tree is brought up to date once."""
        for event in events:
            self.thoughts.take(event)
        self._settle()

    def ended(self, end: RunEnded) -> None:
        self.run = "idle"
        self.end = end
        if self.selection.follows:
            answers = [node.id for node in self.thoughts if node.kind == "answer"]
            if answers:
                self.selection.choose(answers[-1])

    def show(self, view: SessionView, nodes: Iterable[NodeView]) -> None:
        """What the daemon has of the session, whoever made it."""
        if view.id != self.id:
            self.clear()
            self.id = view.id
            self.selection.follows = view.state == "running"
        elif view.branch != self.branch:
            self.selection.follows = False
        self.view = view
        self.thoughts.show(nodes)
        match view.state:
            case "running" | "paused" as state:
                self.run = state
            case _:
                self.run = "idle"
        self._settle()

    def lost(self) -> None:
        """The daemon went away: what runs is known again when it is back."""
        self.run = "idle"

    def _settle(self) -> None:
        self.outline.update(self.thoughts)
        self.selection.settle()
