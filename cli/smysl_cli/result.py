"""Collects a run's events into the one object that `smysl ask --json` prints.

Pure: events in, a result out.
"""

from smysl_daemon.protocol import (
    Accepted,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    RunEnded,
    RunEvent,
)
from smysl_daemon.shapes import AskResult, NodeView


class Collector:
    """Nodes by id, in the order in which they were first seen."""

    def __init__(self, accepted: Accepted) -> None:
        self._accepted = accepted
        self._nodes: dict[str, NodeView] = {}

    @property
    def nodes(self) -> tuple[NodeView, ...]:
        return tuple(self._nodes.values())

    def take(self, event: RunEvent) -> None:
        match event:
            case NodeStarted(node=node) | NodeFinished(node=node):
                self._nodes[node.id] = node
            case NodeDelta():
                pass

    def result(self, end: RunEnded) -> AskResult:
        return AskResult(
            session=end.session,
            answer=end.answer,
            verdict=end.verdict,
            confidence=end.confidence,
            program=self._accepted.program,
            model=self._accepted.model,
            nodes=self.nodes,
            usage=end.usage,
            seconds=end.seconds,
        )
