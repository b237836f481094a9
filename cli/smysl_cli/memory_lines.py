"""What memories look like in lines: whole, in a list, beside a link.

Knows views and how they read at a terminal's width; never the daemon.
"""

import shutil

from smysl_cli import heaviness
from smysl_cli import text as texts
from smysl_daemon.memory_protocol import LinkView, MemoryShown, MemoryView

SHORT_ID = 8
"""Letters of an id that lists show."""
WIDTHS = (40, 120)
"""Of lines, at least and at most."""
LINKED = 20
"""Links of a memory that are shown, the strongest."""
NAMED = 8
"""Sessions that are named."""
EMPTY = "No memory yet; `smysl memory add TEXT` makes one."


def columns() -> int:
    return max(WIDTHS[0], min(shutil.get_terminal_size().columns, WIDTHS[1]))


def counted(count: int) -> str:
    return f"{count:,} memor{'y' if count == 1 else 'ies'}"


def said(one: MemoryView) -> str:
    """Its words in one line, behind what a person said of it."""
    state = heaviness.state(one)
    return f"{f'[{state}] ' if state else ''}{texts.one_line(one.text)}"


def whole(shown: MemoryShown, width: int) -> list[str]:
    one = shown.memory
    used = f", used {one.uses} time{'s' * (one.uses != 1)}" if one.uses else ", never used"
    last = f", last {texts.local_time(one.last_used)}" if one.last_used else ""
    lines = [
        f"memory {one.id}",
        f"source    {one.source}, {texts.local_time(one.created)}",
        f"mass      {one.mass:.2f}{used}{last}",
    ]
    if one.pinned:
        lines.append("pinned    it keeps its mass, and falls into every question that recalls")
    if one.muted:
        lines.append("muted     it falls into nothing (`smysl memory unmute`)")
    if one.revision:
        lines.append(f"revision  {one.revision}: `smysl show {one.id[:SHORT_ID]}` has those before")
    lines += [f"linked    {each}" for each in linked(shown, width - 10)]
    for use in shown.uses:
        when = texts.local_time(use.at)
        title = texts.one_line(use.title) if use.title else "(deleted)"
        said = f"used in   {use.session[:SHORT_ID]}  {when}  {title}"
        lines.append(texts.fit(said, width))
    return [*lines, "", *texts.printable(one.text).splitlines()]


def linked(shown: MemoryShown, width: int, *, cut: bool = True) -> list[str]:
    """Its strongest links; those that are `cut`, too, unless one wants none."""
    links = [link for link in shown.links if cut or not link.cut]
    lines = [_link(link, shown.memory.id, shown.texts, width) for link in links[:LINKED]]
    if (more := len(links) - LINKED) > 0:
        lines.append(f"and {more} more; --json has them all")
    return lines


def copies(shown: MemoryShown) -> str:
    """Which sessions hold its words, as they were when it fell there."""
    sessions = dict.fromkeys(use.session[:SHORT_ID] for use in shown.uses if use.title)
    if not sessions:
        return "no session holds a copy of it"
    listed = ", ".join(list(sessions)[:NAMED])
    more = ", ..." if len(sessions) > NAMED or shown.memory.uses > len(shown.uses) else ""
    many = len(sessions) != 1
    return f"session{'s' * many} {listed}{more} keep{'s' * (not many)} a copy of its text"


def _link(link: LinkView, id: str, said: dict[str, str], width: int) -> str:
    other = link.b if link.a == id else link.a
    weight = "cut " if link.cut else f"{link.weight:.2f}"
    words = texts.one_line(said.get(other, ""))
    return texts.fit(f"{weight}  {link.origin:<8}  {other[:SHORT_ID]}  {words}", width)
