"""Lays an adapter out as a bank's arrays, by product of the graph, and writes its file.

Knows products and their parts side by side; never the graph itself. The layout is described in
docs/engines.md, `smysl_engines.bank` reads it.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.low_rank import Adapter, Changes, LowRank
from smysl_build_engines.padding import pad_change
from smysl_build_engines.recipe import PARTS, product_shape
from smysl_build_engines.tensors import Float32
from smysl_engines.manifest import Width


class Layout(msgspec.Struct, frozen=True):
    """The size of an adapter's arrays, by role of the products it changes."""

    ranks: dict[str, int]
    """The widest layer's; narrower ones are filled up with zeros."""
    widths: dict[str, Width]
    layers: int

    @property
    def bytes(self) -> int:
        widths = self.widths.items()
        return sum(4 * self.layers * self.ranks[r] * (w.inputs + w.outputs) for r, w in widths)


def file_name(adapter: str) -> str:
    return f"adapter.{adapter}.npz"


def lay_out(adapter: Adapter, decoder: Decoder) -> Layout:
    """`decoder`: as the graph has it."""
    numbers = range(len(decoder.layers))
    ranks: dict[str, int] = {}
    widths: dict[str, Width] = {}
    for role in PARTS:
        rank = max(_rank(adapter.changes, number, role) for number in numbers)
        if rank:
            outputs, inputs = product_shape(f"layers.0.{role}", decoder)
            ranks[role], widths[role] = rank, Width(inputs, outputs)
    return Layout(ranks, widths, len(numbers))


def write_bank_file(
    path: Path, adapter: Adapter, checkpointed: Decoder, decoder: Decoder
) -> Layout:
    """`checkpointed`: the shapes the adapter has; `decoder`: those of the graph."""
    layout = lay_out(adapter, decoder)
    changes = {n: pad_change(checkpointed, decoder, n, c) for n, c in adapter.changes.items()}
    arrays: dict[str, Float32] = {}
    for number in range(layout.layers):
        for role, rank in layout.ranks.items():
            a, b = _arrays(changes, number, role, rank, layout.widths[role], decoder)
            arrays[f"layers.{number}.{role}.a"] = a
            arrays[f"layers.{number}.{role}.b"] = b
    named: dict[str, Any] = dict(arrays)
    np.savez(path, **named)
    return layout


def _arrays(
    changes: Changes, number: int, role: str, rank: int, width: Width, decoder: Decoder
) -> tuple[Float32, Float32]:
    """[in, rank] and [rank, out]: parts of one module share columns, others lie side by side."""
    a = np.zeros((width.inputs, rank), np.float32)
    b = np.zeros((rank, width.outputs), np.float32)
    columns: dict[str, slice] = {}
    used = first = 0
    for part in PARTS[role]:
        change = changes.get(f"layers.{number}.{part}.weight")
        last = first + decoder.widths[part][0]
        if change is not None:
            assert change.magnitude is None
            if change.module not in columns:
                columns[change.module] = slice(used, used + change.rank)
                used += change.rank
                a[:, columns[change.module]] = change.a.T
            b[columns[change.module], first:last] = change.b.T
        first = last
    return a, b


def _rank(changes: Changes, number: int, role: str) -> int:
    names = (f"layers.{number}.{part}.weight" for part in PARTS[role])
    found: dict[str, LowRank] = {changes[n].module: changes[n] for n in names if n in changes}
    return sum(change.rank for change in found.values())
