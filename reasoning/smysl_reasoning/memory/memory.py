"""The long-term memory: what is kept, what falls into a question, and what a person may do with it.

A memory is a node of its own session in the store. Knows texts, links and uses; never a model, a run or a socket.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from smysl_reasoning import requests
from smysl_reasoning.errors import AmbiguousId, BadRequest, UnknownId
from smysl_reasoning.ids import LENGTH
from smysl_reasoning.memory import links, rows
from smysl_reasoning.memory.atlas import places
from smysl_reasoning.memory.disturbed import rests
from smysl_reasoning.memory.field import FLOOR, falling
from smysl_reasoning.memory.finding import nearest, neighbourhood
from smysl_reasoning.memory.mass import mass
from smysl_reasoning.memory.nearness import informative, same_words
from smysl_reasoning.memory.stems import Stemmer
from smysl_reasoning.memory.values import (
    Added,
    Done,
    Hop,
    Map,
    Order,
    Point,
    Pull,
    Shown,
    StaleSession,
    Use,
    Whole,
)
from smysl_reasoning.nodes import Data

if TYPE_CHECKING:
    from smysl_reasoning.store import Store

TEXT_LIMIT_BYTES = 8 << 10
"""Of one memory, in UTF-8."""
SOURCE_LIMIT = 200
"""Characters of the longest source."""
SHOWN_USES = 100
BEGINNING = 80
"""Characters of a text that is shown in one line."""
SHORT = 8
"""Letters of an id in a line for people."""
STALE_SESSIONS = 200
"""Most sessions that a change looks at for what it made stale: the newest."""

T = TypeVar("T")


class Memory:
    """The memory of one store. Any thread may call it; every change is one transaction, durable when it returns."""

    def __init__(
        self,
        store: "Store",
        new_id: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: seconds since 1970."""
        self._store = store
        self._new_id = new_id
        self._clock = clock
        self._stem = Stemmer()

    # ------------------------------------------------------------ what is there

    def total(self) -> int:
        with self._store.snapshot() as db:
            return rows.total(db)

    def list(self, limit: int, order: Order = "heavy") -> Sequence[Whole]:
        """At most `limit` memories: the heaviest, the newest, or those used last."""
        with self._store.snapshot() as db:
            every = rows.every(db)
            keys: Mapping[Order, Callable[[rows.Row], float]] = {
                "heavy": self.weigh,
                "new": lambda row: row.created,
                "used": lambda row: row.recent[0] if row.recent else 0.0,
            }
            key = keys[order]
            # of one import the last is the newest
            every.sort(key=lambda row: row.id, reverse=order != "heavy")
            every.sort(key=key, reverse=True)
            return self._whole(db, every[:limit])

    def whole(self, ids: Sequence[str]) -> Sequence[Whole]:
        """These memories, in this order. Raises `UnknownId`."""
        with self._store.snapshot() as db:
            found = {row.id: row for row in rows.some(db, ids)}
            if lost := [id for id in ids if id not in found]:
                raise UnknownId(f"no memory has the id {lost[0]!r}; `smysl memory list` lists them")
            return self._whole(db, [found[id] for id in ids])

    def show(self, reference: str) -> Shown:
        """Raises `UnknownId` or `AmbiguousId`, as all that takes a memory does."""
        id = self.resolve(reference)
        (whole,) = self.whole([id])
        with self._store.snapshot() as db:
            found = sorted(rows.links_at(db, [id]), key=lambda link: link.cut)
            others = {link.a if link.b == id else link.b for link in found}
            texts = {other: beginning(text) for other, text in rows.texts(db, others).items()}
            uses = [
                Use(session, node, title, _iso(at))
                for session, node, title, at in rows.uses(db, id, SHOWN_USES)
            ]
        return Shown(whole, tuple(found), texts, tuple(uses))

    def resolve(self, reference: str) -> str:
        """The id of the one memory that begins so. Raises `UnknownId` or `AmbiguousId`."""
        prefix = reference.strip().lower()
        if not prefix or not prefix.isascii() or not prefix.isalnum() or len(prefix) > LENGTH:
            raise UnknownId(
                f"{reference[:40]!r} is no id of a memory; ids are {LENGTH} letters and digits"
            )
        with self._store.snapshot() as db:
            found = rows.beginning_with(db, prefix, 4)
        if not found:
            raise UnknownId(
                f"no memory has an id that begins with {reference!r}; `smysl memory list` lists them"
            )
        if len(found) > 1 and prefix not in found:
            some = ", ".join(found[:3]) + (" ..." if len(found) > 3 else "")
            raise AmbiguousId(f"{reference!r} could be {some}; give more letters")
        return prefix if prefix in found else found[0]

    def holds(self, id: str) -> bool:
        """Whether this is a memory's id."""
        with self._store.snapshot() as db:
            return bool(rows.present(db, [id]))

    # ------------------------------------------------------------ what falls

    def pull(
        self, text: str, limit: int, *, floor: float = FLOOR, apart: str | None = None
    ) -> Sequence[Pull]:
        """What falls into a question, the pinned first, then the strongest. Changes nothing, and counts as no use.
        `apart`: a source whose memories stay out."""
        (stems,) = self._stem([text])
        with self._store.snapshot() as db:
            found = neighbourhood(db, nearest(db, stems), self.weigh, limit, apart)
            falls = falling(found.bodies, found.ties, floor=floor)[:limit]
            texts = rows.texts(db, {step.memory for fall in falls for step in fall.path})
        return [
            Pull(
                memory=fall.memory,
                text=texts[fall.memory],
                strength=round(fall.strength, 4),
                mass=round(found.bodies[fall.memory].mass, 4),
                nearness=round(found.bodies[fall.memory].nearness, 4),
                path=tuple(
                    Hop(step.memory, beginning(texts[step.memory]), round(step.weight, 4))
                    for step in fall.path
                ),
                pinned=found.bodies[fall.memory].pinned,
            )
            for fall in falls
        ]

    # ------------------------------------------------------------ changes

    def add(self, texts: Sequence[str], source: str = "person") -> Added:
        """Keep texts, in order; one that says what a memory says already is not kept twice. Those of one import that
        follow each other are linked, and each to what it is alike. Raises `BadRequest` for a text or source that cannot
        be kept; then none is."""
        checked = [
            check_text(text, f"text {number} of {len(texts)}" if len(texts) > 1 else "the memory")
            for number, text in enumerate(texts, 1)
        ]
        check_source(source)
        return self._keep([(text, None, None) for text in checked], source)

    def remember(
        self, text: str, data: Data | None, session: str, node: str, beside: Sequence[str] = ()
    ) -> str:
        """Keep what a run has found out, whose node in its session is `node`; the memory's id. Said again by the same
        node it is another revision of the same memory. `beside`: memories that it was found with."""
        source = f"run {session}"
        text = check_text(text, "what is to be remembered")
        with self._store.snapshot() as db:
            before = rows.by_origin(db, node)
            same = rows.known(db, [same_words(text)])
        if before is None and not same:
            added = self._keep([(text, data, node)], source)
            id = (*added.added, *added.known)[0]
        elif before is not None and same_words(text) not in same:
            id = before
            self._rewrite(id, text, data)
        else:
            id = before or next(iter(same.values()))
        if beside:
            self._write(lambda db: links.found_with(db, id, beside))
        return id

    def note_uses(self, uses: Sequence[tuple[str, str]], session: str) -> None:
        """That memories fell into a question of a session: (memory, the node that holds it)."""
        now = self._clock()
        self._store.write(lambda db: rows.note_uses(db, uses, session, now)).result()

    def edit(self, reference: str, text: str) -> Done:
        """Say something else in a memory's place; what used it is stale. Raises `BadRequest`."""
        id = self.resolve(reference)
        new = check_text(text, "the new text")
        if self._text(id) == new:
            raise BadRequest(f"memory {id[:SHORT]} says that already; nothing was changed")
        self._rewrite(id, new, None)
        return Done(id, f"changed {id[:SHORT]}: {beginning(new)}", self._stale(id))

    def pin(self, reference: str, on: bool) -> Done:
        """A pinned memory has mass 1 for ever and falls into every question that recalls. Raises `BadRequest` when it
        is so already."""
        id = self._mark(reference, "pinned", on)
        said = "pinned" if on else "no longer pinned"
        return Done(id, f"{said}: {id[:SHORT]} {beginning(self._text(id))}")

    def mute(self, reference: str, on: bool) -> Done:
        """A muted memory falls into nothing, nothing falls through it, and what used it is stale. Raises `BadRequest`
        when it is so already."""
        id = self._mark(reference, "muted", on)
        said = "muted" if on else "no longer muted"
        label = f"{said}: {id[:SHORT]} {beginning(self._text(id))}"
        return Done(id, label, self._stale(id) if on else ())

    def link(self, a: str, b: str, weight: float = 1.0) -> Done:
        """Link two memories, or give their link another weight; one that was cut is whole again. Raises
        `BadRequest`."""
        one, other = self._two(a, b)
        if not 0 < weight <= 1:
            raise BadRequest(f"the weight is {weight}; it must be above 0 and at most 1")

        def write(db: sqlite3.Connection) -> None:
            for id in (one, other):
                self._require(db, id)
            rows.put_link(db, one, other, weight, "person")

        self._write(write)
        return Done(one, f"linked {one[:SHORT]} and {other[:SHORT]} with weight {weight:g}")

    def cut(self, a: str, b: str) -> Done:
        """Cut the link of two memories: nothing falls along it, nothing makes it again, and what fell along it is
        stale. Raises `BadRequest` where there is none."""
        one, other = self._two(a, b)

        def write(db: sqlite3.Connection) -> None:
            known = rows.link(db, one, other)
            if known is None or known.cut:
                raise BadRequest(
                    f"memories {one[:SHORT]} and {other[:SHORT]} are not linked; "
                    f"`smysl memory show {one[:SHORT]}` lists what is"
                )
            rows.cut_link(db, one, other)

        self._write(write)
        label = f"cut the link of {one[:SHORT]} and {other[:SHORT]}"
        return Done(one, label, self._stale(one, other))

    def forget(self, reference: str) -> Done:
        """Remove a memory for ever, with its links and uses. Copies in sessions that used it stay, and are stale."""
        id = self.resolve(reference)

        def write(db: sqlite3.Connection) -> None:
            self._require(db, id)
            rows.begin(db, "delete", f"forget {id[:SHORT]}")
            rows.remove(db, id)

        self._write(write)
        return Done(id, f"forgot {id[:SHORT]}", self._stale(id))

    # ------------------------------------------------------------ the map

    def map(self, limit: int, also: Sequence[str] = ()) -> Map:
        """The heaviest memories in two dimensions, near ones near each other; `also`: ids that are to be there,
        whatever they weigh."""
        with self._store.snapshot() as db:
            every = sorted(rows.every(db), key=lambda row: (-self.weigh(row), row.id))
            wanted = set(also)
            found = [row for place, row in enumerate(every) if place < limit or row.id in wanted]
            whole = self._whole(db, found)
            linked = rows.links_between(db, [row.id for row in found])
        stems = self._stem([one.text for one in whole])
        words = {one.id: stem for one, stem in zip(whole, stems, strict=True)}
        at = places(words, [(link.a, link.b, link.weight) for link in linked])
        return Map(tuple(Point(one, *at[one.id]) for one in whole), tuple(linked))

    # ------------------------------------------------------------ parts

    def weigh(self, row: rows.Row) -> float:
        """A memory's mass now."""
        now = self._clock()
        ages = [(now - at) / 3600 for at in (*row.recent, row.created)]
        age = (now - row.created) / 3600
        return mass(ages, row.uses + 1, age, row.pinned)

    def _whole(self, db: sqlite3.Connection, found: Sequence[rows.Row]) -> Sequence[Whole]:
        ids = [row.id for row in found]
        texts = rows.texts(db, ids)
        linked = rows.fans(db, ids, whole=False)
        return [
            Whole(
                id=row.id,
                text=texts[row.id],
                source=row.source,
                created=_iso(row.created),
                mass=round(self.weigh(row), 4),
                uses=row.uses,
                last_used=_iso(row.recent[0]) if row.recent else None,
                pinned=row.pinned,
                muted=row.muted,
                links=linked[row.id],
                revision=row.revision,
            )
            for row in found
        ]

    def _keep(self, texts: Sequence[tuple[str, Data | None, str | None]], source: str) -> Added:
        said = [same_words(text) for text, _, _ in texts]
        with self._store.snapshot() as db:
            known = rows.known(db, said)
        first = {words: place for place, words in reversed(list(enumerate(said)))}
        fresh = [
            place
            for place, words in enumerate(said)
            if words not in known and first[words] == place
        ]
        stems = self._stem([texts[place][0] for place in fresh])
        new = [
            links.New(self._new_id(), found, len(informative(texts[place][0])))
            for place, found in zip(fresh, stems, strict=True)
        ]
        ids = known | {said[place]: one.id for place, one in zip(fresh, new, strict=True)}
        wanted = links.near_links(self._store.snapshot, new)
        if source.startswith("import "):
            wanted += links.source_links([ids[words] for words in said])
        now = self._clock()

        def write(db: sqlite3.Connection) -> None:
            # another may have said the same meanwhile
            meanwhile = rows.known(db, [said[place] for place in fresh])
            op = rows.begin(db, "inject", f"{len(new)} new") if new else 0
            for place, one in zip(fresh, new, strict=True):
                if said[place] in meanwhile:
                    ids[said[place]] = meanwhile[said[place]]
                    continue
                text, data, origin = texts[place]
                rows.add(db, op, one.id, text, data, source, origin, now)
            there = rows.present(db, {end for one in wanted for end in (one.a, one.b)})
            links.form(db, [one for one in wanted if one.a in there and one.b in there])

        if fresh or wanted:
            self._write(write)
        made = {one.id for one in new}
        added = [ids[said[place]] for place in fresh if ids[said[place]] in made]
        others = dict.fromkeys(ids[words] for words in said)
        return Added(tuple(added), tuple(id for id in others if id not in set(added)))

    def _rewrite(self, id: str, text: str, data: Data | None) -> None:
        def write(db: sqlite3.Connection) -> None:
            self._require(db, id)
            rows.rewrite(db, rows.begin(db, "edit", f"edit {id[:SHORT]}"), id, text, data)

        self._write(write)

    def _mark(self, reference: str, what: str, on: bool) -> str:
        id = self.resolve(reference)

        def write(db: sqlite3.Connection) -> None:
            row = self._require(db, id)
            if (row.pinned if what == "pinned" else row.muted) == on:
                said = f"is {what} already" if on else f"is not {what}"
                raise BadRequest(f"memory {id[:SHORT]} {said}; nothing was changed")
            rows.mark(db, id, what, on)

        self._write(write)
        return id

    def _require(self, db: sqlite3.Connection, id: str) -> rows.Row:
        found = rows.some(db, [id])
        if not found:
            raise UnknownId(f"memory {id[:SHORT]} was forgotten meanwhile; nothing was changed")
        return found[0]

    def _two(self, a: str, b: str) -> tuple[str, str]:
        one, other = self.resolve(a), self.resolve(b)
        if one == other:
            raise BadRequest(f"{a!r} and {b!r} are the same memory; name two")
        return one, other

    def _text(self, id: str) -> str:
        with self._store.snapshot() as db:
            return rows.texts(db, [id]).get(id, "")

    def _write(self, write: Callable[[sqlite3.Connection], T]) -> T:
        return self._store.write_memory(write).result()

    def _stale(self, *changed: str) -> tuple[StaleSession, ...]:
        """Sessions whose current branch rests on what one of these memories said, or on a link between them."""
        with self._store.snapshot() as db:
            sessions = rows.sessions_with(db, changed, STALE_SESSIONS)
        found = []
        for session, title in sessions:
            try:
                graph = self._store.view(session).graph
            except UnknownId:
                continue  # deleted meanwhile
            stale = set(graph.stale())
            touched = [
                id
                for id in stale & graph.outdated
                if any(set(changed) <= {held.memory, *held.path} for held in rests(graph.node(id)))
            ]
            if touched:
                above = stale.intersection(graph.dependents(touched))
                found.append(StaleSession(session, title, len(above | set(touched))))
        return tuple(found)


def check_text(text: str, what: str) -> str:
    """`text` as a memory keeps it. Raises `BadRequest`."""
    written = requests.check_text(text.strip(), what, TEXT_LIMIT_BYTES, "Shorten it, or split it.")
    if "\0" in written:
        raise BadRequest(f"{what} has a character of code 0, which no text has; take it out")
    return written


def check_source(source: str) -> None:
    """Raise `BadRequest` unless it is `person`, `import NAME` or `run SESSION`."""
    kind, _, name = source.partition(" ")
    named = kind in ("import", "run") and bool(name.strip())
    if not (source == "person" or named) or not source.isprintable() or len(source) > SOURCE_LIMIT:
        raise BadRequest(
            f"{source[:60]!r} is no source of a memory; it is `person` or `import NAME`, of up to "
            f"{SOURCE_LIMIT} characters"
        )


def beginning(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= BEGINNING else line[: BEGINNING - 3] + "..."


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
