"""The list of memories, and everything about one of them, as lines; some of them lead somewhere.

Pure: what is looked at and a width in, lines out.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smysl_cli.heaviness import legend, mass_sign, sign, state
from smysl_cli.text import cells, fit, local_time, one_line, printable
from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.model.canvas import Run
from smysl_cli.tui.model.recollection import Recollection, other_end
from smysl_cli.tui.model.wrapping import folded
from smysl_daemon.memory_protocol import LinkView, MemoryShown, MemoryView, PullView, UseView

LABEL = 9
NARROW = 30
"""Below these columns a state is told by its sign alone."""
ORIGINS = {
    "person": "by a person",
    "near": "alike in words",
    "source": "from one import",
    "together": "recalled together",
    "derived": "found out with it",
}
EMPTY = """\
Nothing is remembered yet.

a adds a memory. So does smysl memory add TEXT;
smysl memory import FILE takes many.

A memory falls into a question that it is near to,
or that a linked one is near to: ask with --recall 3,
or set recall in the options (Ctrl+O).\
"""


class Target(NamedTuple):
    """Where a line leads: a memory, or a node of a session."""

    memory: str | None = None
    session: str = ""
    node: str = ""


class Line(NamedTuple):
    runs: tuple[Run, ...]
    target: Target | None = None


def listing(seen: Recollection, width: int, *, unicode: bool = True) -> list[Line]:
    """A line for each memory, or two for each that falls into the words: its numbers and its way."""
    if seen.words:
        if seen.wrong:
            return _said(seen.wrong, width)
        if not seen.pulls:
            return _said("Nothing falls into these words.", width)
        return [
            line
            for place, pull in enumerate(seen.pulls)
            for line in _pulled(seen, pull, place + 1, width, unicode)
        ]
    if seen.total == 0:
        return _said(EMPTY, width)
    return [_listed(one, width, unicode) for one in seen.memories]


def dossier(seen: Recollection, width: int, *, unicode: bool = True) -> list[Line]:
    """The chosen memory: its text, why it falls into the words, its numbers, its links and uses."""
    id = seen.chosen
    if id is None:
        return _said(legend(unicode=unicode), width) if seen.total else []
    lines = [Line((Run(part, "plain"),)) for part in folded(printable(seen.text(id)), width)]
    lines.append(Line(()))
    if (pull := seen.pull(id)) is not None:
        lines += _why(seen, pull, width, unicode)
    whole = seen.shown
    if (view := seen.view(id)) is not None:
        lines += _facts(view, width, unicode)
    if whole is not None:
        lines += _links(seen, whole, width, unicode)
        lines += _uses(whole, width)
    return lines


def _listed(one: MemoryView, width: int, unicode: bool) -> Line:
    left = f"{sign(one, unicode=unicode)} {one.mass:.2f} "
    tone = "pinned" if one.pinned else "muted" if one.muted else "heavy"
    right = f" {state(one)}" if state(one) and width >= NARROW else ""
    text = fit(one_line(one.text), max(width - cells(left) - cells(right), 4))
    gap = " " * max(width - cells(left) - cells(text) - cells(right), 0)
    return Line((Run(left, tone), Run(text + gap, "plain"), Run(right, tone)), Target(one.id))


def _pulled(
    seen: Recollection, pull: PullView, rank: int, width: int, unicode: bool
) -> Iterator[Line]:
    left = f"{rank:>2} {pull.strength:.2f} "
    target = Target(pull.memory)
    text = fit(one_line(pull.text), max(width - cells(left), 4))
    yield Line((Run(left, "pulled"), Run(text, "plain")), target)
    left = f"   {mass_sign(pull.mass, unicode=unicode)} {pull.mass:.2f} "
    room = max(width - cells(left), 8)
    # "words", then "0.62 →" for each hop, and "this" at the end
    hops = len(pull.path)
    names = _names(seen, pull, max((room - 9 - 8 * hops) // max(hops - 1, 1), 6))
    below = " ".join(way(pull, names, unicode=unicode))
    yield Line((Run(left + fit(below, room), "label"),), target)


def _why(seen: Recollection, pull: PullView, width: int, unicode: bool) -> Iterator[Line]:
    numbers = f"{pull.strength:.2f}: mass {pull.mass:.2f}, near {pull.nearness:.2f}"
    yield from _fact("falls in", numbers, width)
    room = max(width - LABEL - 7, 8)
    steps = way(pull, _names(seen, pull, room), unicode=unicode)
    for place, step in enumerate(steps):
        yield from _fact("" if place else "way", step, width)


def way(pull: PullView, texts: Sequence[str], *, unicode: bool = True) -> list[str]:
    """How it was reached, in steps: the words, how near they are to the first memory, and each link's
    weight. `texts` stand for the memories on the way."""
    arrow = "→" if unicode else "->"
    if pull.pinned and not pull.nearness and len(pull.path) < 2:
        return ["pinned: it always falls in"]
    hops = zip(pull.path, texts, strict=True)
    return ["words", *(f"{hop.weight:.2f} {arrow} {text}" for hop, text in hops)]


def _names(seen: Recollection, pull: PullView, most: int) -> list[str]:
    """What stands for each memory on the way; the last one is itself."""
    inner = [fit(one_line(hop.text), most) for hop in pull.path[:-1]]
    return [*inner, "this" if pull.path else ""][: len(pull.path)]


def _facts(one: MemoryView, width: int, unicode: bool) -> Iterator[Line]:
    held = ", pinned" if one.pinned else ", muted: it falls into nothing" if one.muted else ""
    yield from _fact("mass", f"{one.mass:.2f} {sign(one, unicode=unicode)}{held}", width)
    last = f", last {local_time(one.last_used)}" if one.last_used else ""
    yield from _fact("uses", f"{one.uses}{last}", width)
    yield from _fact("source", one_line(one.source), width)
    again = f", edited {one.revision} times" if one.revision > 1 else ", edited" * one.revision
    yield from _fact("made", local_time(one.created) + again, width)
    yield from _fact("id", one.id, width)


def _links(seen: Recollection, whole: MemoryShown, width: int, unicode: bool) -> Iterator[Line]:
    if not whole.links:
        return
    yield Line(())
    yield Line((Run("Links", "heavy"),))
    for link in whole.links:
        other = other_end(link, whole.memory.id)
        yield Line((Run(_linked(link, seen.text(other), width), "plain"),), Target(other))


def _linked(link: LinkView, text: str, width: int) -> str:
    how = "cut" if link.cut else ORIGINS.get(link.origin, link.origin)
    room = width - len(how) - 2
    if room < NARROW // 2:
        return fit(f"{'cut' if link.cut else f'{link.weight:.2f}'} {one_line(text)}", width)
    left = fit(f"{link.weight:.2f} {one_line(text)}", room)
    return left + " " * (room - cells(left) + 2) + how


def _uses(whole: MemoryShown, width: int) -> Iterator[Line]:
    if not whole.uses:
        return
    yield Line(())
    yield Line((Run("Fell into", "heavy"),))
    for use in whole.uses:
        yield Line((Run(_used(use, width), "plain"),), Target(None, use.session, use.node))


def _used(use: UseView, width: int) -> str:
    return fit(f"{local_time(use.at)} {use.session[:SHORT_ID]} {one_line(use.title)}", width)


def _fact(label: str, text: str, width: int) -> Iterator[Line]:
    for place, part in enumerate(folded(text, max(width - LABEL, 8))):
        yield Line((Run(f"{'' if place else label:<{LABEL}}", "heavy"), Run(part, "plain")))


def _said(text: str, width: int) -> list[Line]:
    return [Line((Run(part, "label"),)) for part in folded(text, width)]
