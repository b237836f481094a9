"""Work that goes on beside what is drawn, on the same loop.

A function is handed over, not a coroutine: one that is replaced before it begins is then never
made, and nothing warns that it was not awaited.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def begin(
    node: DOMNode,
    work: Callable[[], Coroutine[Any, Any, None]],
    group: str,
    *,
    latest: bool = False,
) -> None:
    """`latest`: what goes on in the group is given up for this."""
    started: Worker[None] = node.run_worker(work, group=group, exclusive=latest)
    assert started.node is node
