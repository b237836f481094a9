"""Two branches side by side: a row for each node that they show differently.

Pure.
"""

from collections.abc import Iterable

import msgspec

from smysl_cli.text import printable
from smysl_cli.tree import SHORT_ID
from smysl_daemon.shapes import DifferenceView, NodeView


class Pair(msgspec.Struct, frozen=True):
    node: str
    title: str
    left: str
    right: str


def pairs(differences: Iterable[DifferenceView], a: str, b: str) -> list[Pair]:
    return [_pair(one, a, b) for one in differences]


def _pair(one: DifferenceView, a: str, b: str) -> Pair:
    what = {"only a": f"only in {a}", "only b": f"only in {b}"}.get(one.what, one.what)
    title = f"{one.kind} {one.node[:SHORT_ID]}: {what}"
    return Pair(one.node, title, _side(one.a), _side(one.b))


def _side(node: NodeView | None) -> str:
    if node is None:
        return "(not there)"
    words: list[str] = [node.hold] if isinstance(node.hold, str) else []
    words += ["stale"] if node.stale is True else []
    text = printable(node.text)
    return f"{text}  [{', '.join(words)}]" if words else text
