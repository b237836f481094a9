"""The sessions browser's list: all sessions, or those in which something was found.

Pure: listings and hits in, rows out.
"""

from collections.abc import Iterable, Sequence

import msgspec

from smysl_cli.text import local_time, one_line
from smysl_cli.tui.model.outcome import verdict_words
from smysl_daemon.shapes import HitView, SessionView


class Entry(msgspec.Struct, frozen=True):
    session: str
    title: str
    when: str
    verdict: str
    answer: str
    nodes: int
    node: str | None = None
    """The node that was found, to be looked at first."""
    found: str = ""
    """What it says there."""


def entries(sessions: Iterable[SessionView], text: str, hits: Sequence[HitView]) -> list[Entry]:
    """All sessions for an empty text; else those with the words in a thought, best first, then
    those with them in the title."""
    known = {one.id: one for one in sessions}
    words = text.casefold().split()
    if not words:
        return [_entry(one) for one in known.values()]
    found: dict[str, Entry] = {}
    for hit in hits:
        if hit.session in found:
            continue
        said = f"{hit.kind}: {one_line(hit.snippet)}"
        if hit.session in known:
            entry = _entry(known[hit.session])
        else:
            entry = Entry(hit.session, one_line(hit.title), "", "", "", 0)
        found[hit.session] = msgspec.structs.replace(entry, node=hit.node, found=said)
    for one in known.values():
        title = one.title.casefold()
        if one.id not in found and all(word in title for word in words):
            found[one.id] = _entry(one)
    return list(found.values())


def _entry(one: SessionView) -> Entry:
    return Entry(
        session=one.id,
        title=one_line(one.title),
        when=local_time(one.created),
        verdict=verdict_words(one.verdict),
        answer=one_line(one.answer or ""),
        nodes=one.nodes,
    )
