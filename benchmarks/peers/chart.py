"""Draws a side-by-side run as an SVG: one panel a work, one bar a peer.

Knows names and numbers; the file needs no font, script or style sheet from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _NAME, _VALUE = 900, 190, 200
_BAR, _GAP, _TITLE, _MARGIN = 16, 4, 30, 20
_OURS, _OTHERS, _TEXT, _MUTED = "#1f6feb", "#9aa4b2", "#1c2128", "#57606a"


@dataclass(frozen=True)
class Bar:
    name: str
    value: float
    label: str
    """What is written beside the bar."""
    ours: bool = False


@dataclass(frozen=True)
class Panel:
    title: str
    bars: tuple[Bar, ...]


def draw(title: str, subtitle: str, panels: Sequence[Panel]) -> str:
    """SVG text. Within a panel the longest bar fills the width; bars start at zero."""
    parts, y = [_text(_MARGIN, 28, title, 18, _TEXT, bold=True)], 28
    y += 20
    parts.append(_text(_MARGIN, y, subtitle, 12, _MUTED))
    y += 12
    for panel in panels:
        y += _TITLE
        parts.append(_text(_MARGIN, y - 8, panel.title, 13, _TEXT, bold=True))
        most = max((bar.value for bar in panel.bars), default=0.0) or 1.0
        for bar in panel.bars:
            parts += _bar(bar, y, most)
            y += _BAR + _GAP
    height = y + _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">'
    )
    back = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, back, *parts, "</svg>", ""])


def _bar(bar: Bar, y: int, most: float) -> list[str]:
    room = _WIDTH - 2 * _MARGIN - _NAME - _VALUE
    length = max(bar.value / most * room, 1.0)
    x, middle = _MARGIN + _NAME, y + _BAR - 4
    color = _OURS if bar.ours else _OTHERS
    return [
        _text(_MARGIN, middle, bar.name, 12, _TEXT if bar.ours else _MUTED),
        f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{color}"/>',
        _text(x + length + 6, middle, bar.label, 12, _TEXT),
    ]


def _text(x: float, y: float, text: str, size: int, color: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}"{weight} fill="{color}">'
        f"{escape(text)}</text>"
    )
