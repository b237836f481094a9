"""A run as others see it: its events in order, for any number of watchers, early or late.

Knows events and who waits for them; never engines, programs or files.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from smysl_reasoning.events import Event, NodeDelta, NodeFinished, NodeStarted, RunFinished
from smysl_reasoning.nodes import Node


class Run:
    """An accepted request. It goes on whether or not anybody watches; a watcher may be slow or
    leave."""

    def __init__(self, id: str, session: str, program: str) -> None:
        self.id = id
        self.session = session
        self.program = program
        self.on_cancel: Callable[[], None] | None = None
        """What stops the run; whoever drives it sets this."""
        self._events: list[Event] = []
        self._waiters: list[asyncio.Future[None]] = []
        self.finished: RunFinished | None = None
        """None while the run goes on."""

    async def watch(self) -> AsyncIterator[Event]:
        """First what is finished, then what is running with its text so far, then everything as it
        happens; the last event is one `RunFinished`."""
        position = len(self._events)
        for event in self._so_far():
            yield event
        while True:
            while position < len(self._events):
                event = self._events[position]
                position += 1
                yield event
                if isinstance(event, RunFinished):
                    return
            if self.finished is not None:
                return
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    async def result(self) -> RunFinished:
        """Wait for the end."""
        async for event in self.watch():
            if isinstance(event, RunFinished):
                return event
        raise AssertionError("a watch ends in RunFinished")

    def cancel(self) -> None:
        """Stop: engine calls are freed within one step and the run ends with outcome "cancelled".
        Idempotent; does nothing after the end."""
        if self.finished is None and self.on_cancel is not None:
            self.on_cancel()

    def announce(self, event: Event) -> None:
        """Tell all watchers. Only the runtime does this; nothing follows a `RunFinished`."""
        assert self.finished is None, "nothing follows the end of a run"
        self._events.append(event)
        if isinstance(event, RunFinished):
            self.finished = event
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _so_far(self) -> list[Event]:
        finished: list[Event] = []
        running: dict[str, Node] = {}
        texts: dict[str, str] = {}
        end: list[Event] = []
        for event in self._events:
            match event:
                case NodeStarted(node):
                    running[node.id] = node
                case NodeDelta(node_id, text):
                    texts[node_id] = texts.get(node_id, "") + text
                case NodeFinished(node):
                    finished.append(event)
                    running.pop(node.id, None)
                case RunFinished():
                    end.append(event)
        for id, node in running.items():
            finished.append(NodeStarted(node))
            if id in texts:
                finished.append(NodeDelta(id, texts[id]))
        return finished + end
