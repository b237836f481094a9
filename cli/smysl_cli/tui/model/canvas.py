"""A pane of cells to draw on: lines in dots under signs and words, and what may still be written where.

Pure. Knows cells and tones; never what is drawn. A cell has 2 by 4 dots, as braille has them; without
Unicode a line is told by one sign in each cell.
"""

from typing import NamedTuple

from smysl_cli.text import cells
from smysl_cli.tui.model.atlas import ACROSS, DOWN, Spot

BRAILLE = 0x2800
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Of the dots of a cell, by column and row."""


class Run(NamedTuple):
    """Neighbouring cells of one tone."""

    text: str
    tone: str


class Canvas:
    """Cells of a terminal with 2 by 4 dots each, counted from the left and from above; what is drawn outside is not
    drawn."""

    def __init__(self, columns: int, rows: int, *, unicode: bool = True) -> None:
        self.columns = columns
        self.rows = rows
        self._unicode = unicode
        self._dots = bytearray(columns * rows)
        """[rows * columns], braille dots; without Unicode the code of a sign."""
        self._tones: list[str] = [""] * (columns * rows)
        self._signs: list[str | None] = [None] * (columns * rows)
        """What is written over the dots; empty for the second half of a wide character."""
        self._taken = bytearray(columns * rows)
        """1 where words must not be written."""

    def copy(self) -> "Canvas":
        made = Canvas(0, 0, unicode=self._unicode)
        made.columns, made.rows = self.columns, self.rows
        made._dots, made._taken = self._dots[:], self._taken[:]
        made._tones, made._signs = self._tones[:], self._signs[:]
        return made

    def line(self, start: Spot, end: Spot, tone: str, *, every: int = 1) -> int:
        """Draw what of a line lies on the pane: each dot of it, or each so manieth. Returns how many
        dots were walked over."""
        clipped = _clipped(start, end, self.columns * ACROSS - 1, self.rows * DOWN - 1)
        if clipped is None:
            return 0
        x, y, to_x, to_y = (round(number) for number in clipped)
        across, down = abs(to_x - x), abs(to_y - y)
        step_x, step_y = 1 if x < to_x else -1, 1 if y < to_y else -1
        sign = ord(_slope(to_x - x, to_y - y)) if every == 1 else ord(".")
        dots, tones, signs = self._dots, self._tones, self._signs
        columns, unicode = self.columns, self._unicode
        off = across - down
        length = max(across, down) + 1
        for place in range(length):
            if place % every == 0:
                at = y // DOWN * columns + x // ACROSS
                if unicode:
                    if every == 1 and tones[at] != tone:
                        dots[at] = 0  # what is faint does not blur what is drawn whole
                    dots[at] |= _BITS[x % ACROSS][y % DOWN]
                elif every == 1 or not dots[at]:
                    dots[at] = sign
                if signs[at] is None:
                    tones[at] = tone
            twice = 2 * off
            if twice > -down:
                off -= down
                x += step_x
            if twice < across:
                off += across
                y += step_y
        return length

    def put(self, column: int, row: int, text: str, tone: str) -> None:
        """Write over whatever is there; what lies outside the pane is left out."""
        if not 0 <= row < self.rows:
            return
        for character in text:
            width = cells(character)
            if width and 0 <= column and column + width <= self.columns:
                at = row * self.columns + column
                self._signs[at : at + width] = [character, *[""] * (width - 1)]
                self._tones[at : at + width] = [tone] * width
                self._taken[at : at + width] = b"\x01" * width
            column += width

    def mark(self, column: int, row: int, sign: str, tone: str) -> bool:
        """Put one sign into a cell of the pane; False where something was put before."""
        at = row * self.columns + column
        if self._taken[at]:
            return False
        self._signs[at], self._tones[at], self._taken[at] = sign, tone, 1
        return True

    def has_room(self, column: int, row: int, width: int) -> bool:
        """Whether words of so many columns hide nothing that was put there."""
        if not (0 <= row < self.rows and 0 <= column and column + width <= self.columns):
            return False
        at = row * self.columns + column
        return not any(self._taken[at : at + width])

    def lines(self) -> list[list[Run]]:
        """From the top, each as wide as the pane."""
        return [self._line(row) for row in range(self.rows)]

    def _line(self, row: int) -> list[Run]:
        at = row * self.columns
        found: list[Run] = []
        text: list[str] = []
        tone = ""
        base = BRAILLE if self._unicode else 0
        for place in range(at, at + self.columns):
            sign, own = self._signs[place], self._tones[place]
            if sign is None:
                dots = self._dots[place]
                sign = chr(base + dots) if dots else " "
                own = own if dots else ""
            if own != tone and text:
                found.append(Run("".join(text), tone))
                text = []
            tone = own
            text.append(sign)
        if text:
            found.append(Run("".join(text), tone))
        return found


def _clipped(
    start: Spot, end: Spot, right: float, bottom: float
) -> tuple[float, float, float, float] | None:
    """The part of a line inside 0..right, 0..bottom (Liang & Barsky 1984)."""
    across, down = end.x - start.x, end.y - start.y
    first, last = 0.0, 1.0
    for towards, room in (
        (-across, start.x),
        (across, right - start.x),
        (-down, start.y),
        (down, bottom - start.y),
    ):
        if towards == 0:
            if room < 0:
                return None
        elif towards < 0:
            first = max(first, room / towards)
        else:
            last = min(last, room / towards)
    if first > last:
        return None
    # rounding must not lead out again
    return (
        min(max(start.x + first * across, 0), right),
        min(max(start.y + first * down, 0), bottom),
        min(max(start.x + last * across, 0), right),
        min(max(start.y + last * down, 0), bottom),
    )


def _slope(across: int, down: int) -> str:
    """The ASCII sign nearest to a line's direction, in dots."""
    if abs(down) * 2 <= abs(across):
        return "-"
    if abs(across) * 2 <= abs(down):
        return "|"
    return "/" if (across > 0) != (down > 0) else "\\"
