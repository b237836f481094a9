"""A run's nodes as one text that grows: what a person reads while it thinks.

Knows node events; never an API. Branches run side by side and a text is one after the other: the
node that began first is shown as it grows, each other one when it is finished.
"""

import re
from collections.abc import Iterator

from smysl_daemon.protocol import NodeDelta, NodeFinished, NodeStarted, RunEvent
from smysl_daemon.shapes import NodeView

SILENT = ("question", "context", "answer")
"""Kinds that are the conversation itself."""


class Thoughts:
    """The text of one run's thoughts, piece by piece; a line or more for each node."""

    def __init__(self) -> None:
        self._shown: str | None = None
        """Id of the node that is shown as it grows."""
        self._kind = ""
        self._text: list[str] = []
        """Of it, so far, in pieces."""
        self._waiting: list[str] = []
        """Lines of nodes that finished while another one was shown."""
        self._asks: set[str] = set()
        """Questions that the run itself asks: thoughts like any other."""

    def add(self, event: RunEvent) -> str:
        """What an event adds."""
        return "".join(self._pieces(event))

    def rest(self) -> str:
        """What is left when nothing follows."""
        lines, self._waiting = self._waiting, []
        open_line = "\n" if self._text else ""
        self._text = []
        return open_line + "".join(lines)

    def _pieces(self, event: RunEvent) -> Iterator[str]:
        match event:
            case NodeStarted(node=node):
                if node.kind == "question":
                    self._asks.add(node.id)
                if self._shown is None and self._told(node):
                    self._shown, self._kind, self._text = node.id, node.kind, []
            case NodeDelta(node=id, text=text):
                if id == self._shown and text:
                    yield text if self._text else f"- {self._kind}: {text}"
                    self._text.append(text)
            case NodeFinished(node=node):
                if not self._told(node):
                    return
                if self._shown not in (None, node.id):
                    self._waiting.append(f"{_line(node)}\n")
                    return
                yield self._ending(node)
                self._shown, self._text = None, []
                yield self.rest()

    def _ending(self, node: NodeView) -> str:
        so_far = "".join(self._text)
        if not so_far:
            return f"{_line(node)}\n"
        if node.text.startswith(so_far):
            return f"{node.text[len(so_far) :]}\n"
        if _bare(node.text) == _bare(so_far):
            return "\n"
        # what it grew by was a draft
        return f"\n{_line(node)}\n"

    def _told(self, node: NodeView) -> bool:
        return node.kind not in SILENT or node.id in self._asks


def _line(node: NodeView) -> str:
    return f"- {node.kind}: {node.text}".replace("\n", "\n  ")


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)
