"""Adds up what an engine's tensors take, by place in the model and format.

Knows names, formats and sizes; never an architecture.
"""

import msgspec

from smysl_build_engines.quantise import Format


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Tensors of one kind and format."""

    name: str
    format: str
    parameters: int
    bytes: int

    def line(self) -> str:
        """For people."""
        return (
            f"  {self.name:<10} {self.format:<28} {self.parameters / 1e6:>10.2f} M "
            f"{megabytes(self.bytes):>12}"
        )


class Groups:
    """Grows in the order of the graph."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, name: str, text: str, parameters: int, size: int) -> None:
        """`text`: the format, for people; `size`: in bytes."""
        before = self._found.get((name, text), (0, 0))
        self._found[name, text] = before[0] + parameters, before[1] + size

    def add_product(self, name: str, rows: int, width: int, form: Format | None) -> None:
        """A weight [rows, width]; without a form it is float32."""
        if form is None:
            self.add(name, "float32", rows * width, 4 * rows * width)
            return
        kind = "symmetric" if form.symmetric else "asymmetric"
        text = f"{form.bits} bits, blocks of {form.block}, {kind}"
        self.add(name, text, rows * width, form.bytes_of(rows, width))

    def all(self) -> tuple[Group, ...]:
        return tuple(
            Group(name=name, format=text, parameters=parameters, bytes=size)
            for (name, text), (parameters, size) in self._found.items()
        )


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
