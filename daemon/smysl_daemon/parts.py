"""Cuts long replies into frames that stay well under the cap, and puts long requests together.

Knows sizes; never sockets or what the pieces mean.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from msgspec import UNSET

from smysl_daemon.errors import TooMuchToImport
from smysl_daemon.shapes import DifferenceView, NodeView, ReasonView

PART_BYTES = 512 * 1024
"""Encoded values per frame, about."""
PULL_BYTES = 2048
"""Of a memory's way into a question: at most four beginnings."""
IMPORT_LIMIT = 64 * 1024 * 1024
"""Most bytes of an imported session."""
T = TypeVar("T")


def cut(values: Sequence[T], cost: Callable[[T], int]) -> Iterator[tuple[tuple[T, ...], bool]]:
    """`values` in order, in parts of about `PART_BYTES`, each with whether more follow; at least
    one part. `cost` is the most bytes that a value may take."""
    part: list[T] = []
    size = 0
    for value in values:
        bytes = cost(value)
        if part and size + bytes > PART_BYTES:
            yield tuple(part), True
            part, size = [], 0
        part.append(value)
        size += bytes
    yield tuple(part), False


def cut_bytes(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """As `cut`, for bytes."""
    for start in range(0, max(len(data), 1), PART_BYTES):
        yield data[start : start + PART_BYTES], start + PART_BYTES < len(data)


def node_cost(node: NodeView) -> int:
    # typed data, or a pull, repeats the text at most once
    pull = 0 if node.pull is UNSET else PULL_BYTES
    return 512 + 8 * len(node.text) + 64 * len(node.inputs) + pull


def reason_cost(reason: ReasonView) -> int:
    return node_cost(reason.node) + sum(4 * len(text) for text in reason.used)


def difference_cost(difference: DifferenceView) -> int:
    return sum(node_cost(node) for node in (difference.a, difference.b) if node)


class Upload:
    """An import that arrives in parts."""

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> None:
        """Raises `TooMuchToImport`, and begins again, over the limit."""
        if len(self._data) + len(data) > IMPORT_LIMIT:
            self._data.clear()
            raise TooMuchToImport(
                f"the session to import has more than {IMPORT_LIMIT:,} bytes, the limit"
            )
        self._data += data

    def take(self) -> bytes:
        """Everything, once."""
        data = bytes(self._data)
        self._data.clear()
        return data
