"""This machine and what fits on it, as `smysl-build --hardware` says it and `smysl doctor` shows it.

Knows where a model's shape is written; the figures are those of `hardware` and `fit`.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from smysl_build_engines.checkpoint import CONFIG_FILE
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadCheckpoint
from smysl_build_engines.families.table import read_config
from smysl_build_engines.fit import FitTable, fit
from smysl_build_engines.gpus import Gpu
from smysl_build_engines.hardware import Hardware, look


class Shape(msgspec.Struct, frozen=True):
    """A model of which only the shape is known."""

    name: str
    decoder: Decoder


class MachineView(msgspec.Struct, frozen=True, kw_only=True):
    hardware: Hardware
    fit: FitTable | None
    """None where no model was named."""
    lines: tuple[str, ...]
    """Both for people."""


def read_shape(source: Path, name: str | None = None) -> Shape:
    """From a checkpoint folder or a config.json alone: weights need not be there.

    Raises `BadCheckpoint`, and `UnsupportedModel` by the field's name.
    """
    path = source / CONFIG_FILE if source.is_dir() else source
    if not path.is_file():
        raise BadCheckpoint(
            f"{source} is neither a folder with a {CONFIG_FILE} nor such a file; a model's shape is "
            "read from it"
        )
    return Shape(name or path.resolve().parent.name, read_config(path).decoder)


def view_machine(
    shape: Shape | None = None,
    cards: Sequence[Gpu] = (),
    context: int | None = None,
    hardware: Hardware | None = None,
) -> MachineView:
    """`cards`: GPUs to answer for although they are not here. `hardware`: what was found before.

    Raises `UnsupportedModel` for a context that the model does not take.
    """
    found = look() if hardware is None else hardware
    lines = [*found.lines(), *(f"gpu          {card.line()}" for card in cards)]
    table = None
    if shape is not None:
        table = fit(shape.name, shape.decoder, found, cards, context)
        lines += table.lines()
    return MachineView(hardware=found, fit=table, lines=tuple(lines))
