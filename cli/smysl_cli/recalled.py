"""How a memory fell into a question, in lines: strength, mass, nearness, and the way that it came.

Pure: pulls in, lines out. Knows neither streams nor where pulls come from.
"""

from smysl_cli.text import cells, fit, one_line
from smysl_daemon.memory_protocol import HopView, PullView

SHORT_ID = 8
HOP_TEXT = 24
"""Columns of the words of a memory on the way."""


def line(pull: PullView, width: int) -> str:
    """Strength, id and words of one pull."""
    head = f"{pull.strength:.2f}  {pull.memory[:SHORT_ID]}  "
    return head + fit(one_line(pull.text), width - len(head))


def reasons(pull: PullView, width: int) -> list[str]:
    """Why it fell in: what its strength is made of, then the way."""
    pinned = "pinned, " if pull.pinned else ""
    said = f"{pinned}mass {pull.mass:.2f}, nearness {pull.nearness:.2f}"
    if pull.pinned and pull.nearness == 0 and len(pull.path) == 1:
        return [f"{said}; the words do not reach it"]
    steps = way(pull.path)
    together = f"{said}; {' -> '.join(steps)}"
    if cells(together) <= width:
        return [together]
    return [said, *_joined(steps, width)]


def way(path: tuple[HopView, ...]) -> list[str]:
    """From the words of the question to the memory itself, each step with the weight that leads there."""
    *between, last = path
    steps = ["words"]
    for hop in between:
        words = fit(one_line(hop.text), HOP_TEXT)
        steps.append(f"{hop.memory[:SHORT_ID]} {words} ({hop.weight:.2f})")
    return [*steps, f"{last.memory[:SHORT_ID]} ({last.weight:.2f})"]


def _joined(steps: list[str], width: int) -> list[str]:
    """With arrows between; a line ends before one where it must."""
    lines = [steps[0]]
    for step in steps[1:]:
        longer = f"{lines[-1]} -> {step}"
        if cells(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(fit(f"  -> {step}", width))
    return lines
