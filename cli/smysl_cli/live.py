"""Shows a run's nodes on standard error while they arrive.

Knows events and a stream; decides nothing about the run.
"""

import shutil
import time
from collections.abc import Callable
from typing import Protocol, TextIO

import msgspec

from smysl_cli import text, tree
from smysl_daemon.protocol import NodeDelta, NodeFinished, NodeStarted, RunEvent
from smysl_daemon.shapes import NodeView

REDRAW_INTERVAL_S = 0.05


class Display(Protocol):
    def take(self, event: RunEvent) -> None: ...

    def close(self) -> None:
        """Leave the last state on screen; what comes later is drawn below it."""
        ...


class Lines:
    """A line per finished node: for logs, pipes and `-v`."""

    def __init__(self, stream: TextIO, *, details: bool) -> None:
        self._stream = stream
        self._details = details
        self._width = shutil.get_terminal_size().columns if stream.isatty() else 200

    def take(self, event: RunEvent) -> None:
        if isinstance(event, NodeFinished):
            print(self._line(event.node), file=self._stream, flush=True)

    def close(self) -> None:
        pass

    def _line(self, node: NodeView) -> str:
        remarks = [] if node.status == "done" else [node.status]
        if node.kept is True:
            remarks.append("kept")
        stats = node.stats
        if stats.confidence is not None:
            remarks.append(f"{stats.confidence:.2f}")
        if self._details:
            if stats.calls:
                remarks.append(f"{stats.prompt_tokens}+{stats.generated_tokens} tokens")
            if stats.milliseconds:
                remarks.append(f"{stats.milliseconds:.0f} ms")
            remarks.append(node.id[: tree.SHORT_ID])
        right = f"  ({', '.join(remarks)})" if remarks else ""
        said = text.fit(tree.summary(node), max(self._width - tree.KIND_WIDTH - 1 - len(right), 20))
        return f"{node.kind:<{tree.KIND_WIDTH}} {said}{right}"


class Tree:
    """The graph, drawn again in place as it grows; never more lines than the terminal has."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._nodes: dict[str, NodeView] = {}
        self._drawn = 0
        self._last = float("-inf")
        self._unseen = False

    def take(self, event: RunEvent) -> None:
        match event:
            case NodeStarted(node=node) | NodeFinished(node=node):
                self._nodes[node.id] = node
            case NodeDelta(node=id, text=gained):
                if id in self._nodes:
                    grown = self._nodes[id]
                    self._nodes[id] = msgspec.structs.replace(grown, text=grown.text + gained)
        self._unseen = True
        # a stream of tokens must not repaint once per token
        if self._clock() - self._last >= REDRAW_INTERVAL_S:
            self._draw()

    def close(self) -> None:
        if self._unseen:
            self._draw()
        self._drawn = 0

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        style = tree.Style(
            width=size.columns - 1,
            unicode=text.unicode_lines(self._stream),
            colour=text.colour(self._stream),
        )
        lines = tree.draw(tuple(self._nodes.values()), style)
        room = max(size.lines - 2, 1)
        if len(lines) > room:
            hidden = len(lines) - room + 1
            lines = [f"({hidden} more above)", *lines[-room + 1 :]] if room > 1 else lines[-1:]
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._stream.write(f"{up}\r\x1b[J" + "".join(line + "\n" for line in lines))
        self._stream.flush()
        self._drawn = len(lines)
        self._last = self._clock()
        self._unseen = False


def display(stream: TextIO, *, terminal: bool, verbose: bool) -> Display:
    if terminal and not verbose:
        return Tree(stream)
    return Lines(stream, details=verbose)
