"""The memory over a real database: what is kept, found, linked, changed and forgotten."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from smysl_reasoning.archive import export_session, import_session
from smysl_reasoning.errors import AmbiguousId, BadArchive, BadRequest, StoreError, UnknownId
from smysl_reasoning.ids import MEMORY, IdMaker
from smysl_reasoning.memory.links import FOUND_WITH, LEARNING, NEIGHBOURS, strengthen
from smysl_reasoning.memory.memory import TEXT_LIMIT_BYTES, Memory
from smysl_reasoning.memory.stems import TOKENIZER
from smysl_reasoning.nodes import MemoryData, Node
from smysl_reasoning.store import Store

BOX = "A box holds 12 pencils."
RIGA = "The capital of Latvia is Riga."
RIVER = "Riga lies on the Daugava."
CEDAR = "Pencils are made of cedar wood."
LEBANON = "Cedar grows in Lebanon."
DAY_S = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(store: Store, clock: Clock) -> Memory:
    return Memory(store, IdMaker(), clock)


def kept(memory: Memory, *texts: str, source: str = "person") -> list[str]:
    return list(memory.add(texts, source).added)


def texts(memory: Memory, question: str, limit: int = 10) -> list[str]:
    return [pull.text for pull in memory.pull(question, limit)]


def used(store: Store, memory: Memory, id: str, clock: Clock, times: int = 1) -> None:
    for _ in range(times):
        clock.now += DAY_S
        memory.note_uses([(id, "n" * 20)], "s" * 20)


# ------------------------------------------------------------ keeping


def test_what_is_kept_is_a_node_of_the_memorys_own_session(store: Store, memory: Memory) -> None:
    (id,) = kept(memory, f"  {BOX}\n")
    node = store.node(id)
    assert (node.session, node.kind, node.text, node.status) == (MEMORY, "memory", BOX, "done")
    assert store.session_nodes(MEMORY) == [node] and store.sessions() == []
    with pytest.raises(UnknownId, match="no session yet"):
        store.resolve("@last")
    assert store.resolve(id[:8]) == memory.resolve(id[:8].upper()) == id
    (whole,) = memory.list(10)
    assert (whole.id, whole.text, whole.source, whole.uses, whole.revision) == (
        id, BOX, "person", 0, 0,
    )  # fmt: skip
    assert whole.mass == pytest.approx(0.75, abs=0.01)
    assert (whole.last_used, whole.created) == (None, "2027-01-15T08:00:00+00:00")
    assert [hit.node.id for hit in store.search("pencils")] == [id]


def test_what_says_the_same_is_kept_once(memory: Memory) -> None:
    first = memory.add([BOX, RIGA, "a BOX holds 12\tpencils."])
    assert len(first.added) == 2 and first.known == ()
    again = memory.add([RIVER, BOX])
    assert len(again.added) == 1 and again.known == first.added[:1]
    assert memory.total() == 3
    assert memory.add([BOX]).added == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n", "text 2 of 2 is empty"),
        (
            "x" * (TEXT_LIMIT_BYTES + 1),
            f"8193 bytes; the limit is {TEXT_LIMIT_BYTES}. Shorten it, or split it",
        ),
        ("half \ud800", "not valid text"),
        ("a\0b", "code 0"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is(
    memory: Memory, text: str, said: str
) -> None:
    with pytest.raises(BadRequest, match=said):
        memory.add([BOX, text])
    assert memory.total() == 0


@pytest.mark.parametrize("source", ["", "me", "import ", "import a\nb", "person " + "x" * 300])
def test_a_source_is_a_person_or_an_import(memory: Memory, source: str) -> None:
    with pytest.raises(BadRequest, match="no source"):
        memory.add([BOX], source)


def test_many_threads_keep_each_text_once(store: Store, memory: Memory) -> None:
    every = [f"Town number {1000 + place % 40} has a tower." for place in range(120)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: memory.add([text]), every))
    assert memory.total() == 40
    assert sum(len(one.added) for one in found) == 40
    assert all(len(one.added) + len(one.known) == 1 for one in found)


# ------------------------------------------------------------ what falls


def test_what_shares_rare_words_falls_and_what_shares_none_does_not(memory: Memory) -> None:
    kept(memory, BOX, RIGA, RIVER)
    (pull,) = memory.pull("Mia has 3 boxes. How many pencils does Mia have?", 5)
    assert pull.text == BOX and [hop.text for hop in pull.path] == [BOX]
    assert pull.strength == pytest.approx(pull.mass * pull.nearness, abs=1e-3)
    assert pull.path[0].weight == pull.nearness
    assert texts(memory, "What is love?") == texts(memory, "How many?") == texts(memory, "") == []
    assert texts(memory, "the of has is 12") == [], "words that tell nothing pull nothing"


def test_what_is_linked_to_what_is_near_falls_too_and_shows_its_way(memory: Memory) -> None:
    cedar, lebanon = kept(memory, CEDAR, LEBANON, source="import trees")
    pulls = memory.pull("What are pencils made of?", 5)
    assert [pull.memory for pull in pulls] == [cedar, lebanon]
    assert [(hop.memory, hop.text) for hop in pulls[1].path] == [(cedar, CEDAR), (lebanon, LEBANON)]
    assert pulls[1].nearness == 0 and pulls[1].path[1].weight >= NEIGHBOURS
    memory.cut(lebanon, cedar)
    assert texts(memory, "What are pencils made of?") == [CEDAR]
    memory.link(cedar, lebanon, 0.9)
    assert len(memory.pull("What are pencils made of?", 5)) == 2
    memory.mute(cedar, True)
    assert texts(memory, "What are pencils made of?") == [], "nor through what is muted"
    memory.mute(cedar, False)
    assert len(memory.pull("What are pencils made of?", 5)) == 2


def test_a_pinned_memory_falls_into_everything_first(memory: Memory) -> None:
    box, riga = kept(memory, BOX, RIGA)
    memory.pin(riga, True)
    pulls = memory.pull("How many pencils are in a box?", 5)
    assert [(pull.memory, pull.pinned, pull.strength) for pull in pulls][0] == (riga, True, 1.0)
    assert pulls[1].memory == box
    assert [(hop.memory, hop.weight) for hop in pulls[0].path] == [(riga, 1.0)]
    assert [pull.memory for pull in memory.pull("How many pencils are in a box?", 1)] == [riga]
    memory.mute(riga, True)
    assert texts(memory, "How many pencils are in a box?") == [BOX]


def test_what_is_used_is_heavier_and_comes_first(
    store: Store, memory: Memory, clock: Clock
) -> None:
    one, other = kept(memory, "Ann keeps bees in Riga.", "Tom keeps bees in Riga.")
    assert [pull.memory for pull in memory.pull("Who keeps bees in Riga?", 5)] == [one, other]
    used(store, memory, other, clock, times=5)
    assert [pull.memory for pull in memory.pull("Who keeps bees in Riga?", 5)] == [other, one]
    assert [whole.id for whole in memory.list(5)] == [other, one]
    assert [whole.uses for whole in memory.list(5)] == [5, 0]
    masses = [whole.mass for whole in memory.list(5)]
    clock.now += 365 * DAY_S
    assert [whole.mass < mass for whole, mass in zip(memory.list(5), masses, strict=True)] == [
        True
    ] * 2
    assert len(memory.pull("Who keeps bees in Riga?", 5)) == 2, "a year later its own words find it"


def test_a_pull_counts_as_no_use_and_changes_nothing(store: Store, memory: Memory) -> None:
    kept(memory, BOX, CEDAR)
    before = memory.list(5)
    assert memory.pull("How many pencils?", 5) == memory.pull("How many pencils?", 5)
    assert memory.list(5) == before


def test_what_a_session_has_found_out_may_be_left_out(memory: Memory) -> None:
    memory.remember(BOX, MemoryData("q", "12"), "s" * 20, "n" * 20)
    assert texts(memory, "How many pencils?") == [BOX]
    assert memory.pull("How many pencils?", 5, apart=f"run {'s' * 20}") == []


def test_the_newest_of_an_import_is_its_last(memory: Memory, clock: Clock) -> None:
    kept(memory, BOX)
    clock.now += 1
    kept(memory, RIGA, RIVER, source="import x")
    assert [whole.text for whole in memory.list(5, "new")] == [RIVER, RIGA, BOX]
    assert [whole.text for whole in memory.list(1, "new")] == [RIVER]


# ------------------------------------------------------------ links


def test_texts_that_follow_each_other_in_an_import_are_linked_also_over_a_known_one(
    memory: Memory,
) -> None:
    (box,) = kept(memory, BOX)
    added = memory.add([RIGA, BOX, LEBANON], "import x").added
    links = {(link.a, link.b): link for link in memory.show(box).links}
    assert {tuple(sorted(pair)) for pair in ((added[0], box), (added[1], box))} == set(links)
    assert {(link.weight, link.origin) for link in links.values()} == {(NEIGHBOURS, "source")}


def test_what_is_alike_is_linked_when_it_is_kept(memory: Memory) -> None:
    one, far = kept(memory, "Honey bees dance to tell where flowers are.", RIGA)
    (other,) = kept(memory, "Bees dance when they find flowers with honey.")
    (link,) = memory.show(other).links
    assert {link.a, link.b} == {one, other} and link.origin == "near" and 0.3 <= link.weight <= 1
    assert memory.show(far).links == () and memory.show(other).texts == {
        one: "Honey bees dance to tell where flowers are."
    }


def test_at_most_five_links_form_by_likeness(memory: Memory) -> None:
    every = kept(memory, *[f"Bees dance near flower {letter}{letter}." for letter in "abcdefghij"])
    for place, id in enumerate(every):
        before = [link for link in memory.show(id).links if min(link.a, link.b) != id]
        assert len(before) == min(place, 5)


def test_being_recalled_together_holds_together_better(store: Store, memory: Memory) -> None:
    a, b, c = kept(memory, BOX, RIGA, LEBANON)
    for weight in (LEARNING, 1 - (1 - LEARNING) ** 2):
        store.write(lambda db: strengthen(db, [b, a, "gone" * 5])).result()
        (link,) = memory.show(a).links
        assert link.weight == pytest.approx(weight) and link.origin == "together"
    memory.cut(a, b)
    store.write(lambda db: strengthen(db, [a, b])).result()
    assert memory.show(a).links[0].cut, "what a person has cut is not made again"
    memory.link(a, c, 0.5)
    store.write(lambda db: strengthen(db, [a, c])).result()
    (link, _) = memory.show(a).links
    assert link.weight == pytest.approx(0.6) and link.origin == "person"


def test_a_person_links_and_cuts(memory: Memory) -> None:
    a, b = kept(memory, BOX, RIGA)
    with pytest.raises(BadRequest, match="not linked"):
        memory.cut(a, b)
    memory.link(b, a, 0.25)
    (link,) = memory.show(b).links
    assert link == memory.show(a).links[0] and link.weight == 0.25 and link.origin == "person"
    memory.link(a, b)
    assert memory.show(a).links[0].weight == 1.0 and memory.list(5)[0].links == 1
    memory.cut(b, a)
    assert memory.show(a).links[0].cut and [whole.links for whole in memory.list(5)] == [0, 0]
    with pytest.raises(BadRequest, match="not linked"):
        memory.cut(a, b)
    for weight in (0.0, 1.1, float("nan")):
        with pytest.raises(BadRequest, match="above 0 and at most 1"):
            memory.link(a, b, weight)
    with pytest.raises(BadRequest, match="same memory"):
        memory.link(a, a)


# ------------------------------------------------------------ changes


def test_an_edited_memory_says_it_in_the_next_revision_and_is_found_by_its_new_words(
    store: Store, memory: Memory
) -> None:
    (id,) = kept(memory, BOX)
    done = memory.edit(id[:9], "A crate holds 10 crayons.")
    assert done.memory == id and "crayons" in done.label and done.stale == ()
    assert [one.node.text for one in store.revisions(id)] == [BOX, "A crate holds 10 crayons."]
    assert texts(memory, "How many pencils in a box?") == []
    assert texts(memory, "How many crayons?") == ["A crate holds 10 crayons."]
    assert memory.list(1)[0].revision == 1
    with pytest.raises(BadRequest, match="says that already"):
        memory.edit(id, "A crate holds 10 crayons. ")
    with pytest.raises(BadRequest, match="empty"):
        memory.edit(id, " ")
    assert memory.add([BOX]).added != (), "what it said before is not known any more"


def test_what_is_so_already_is_told(memory: Memory) -> None:
    (id,) = kept(memory, BOX)
    for change, word in ((memory.pin, "pinned"), (memory.mute, "muted")):
        with pytest.raises(BadRequest, match=f"not {word}"):
            change(id, False)
        assert word in change(id, True).label
        with pytest.raises(BadRequest, match=f"{word} already"):
            change(id, True)
        change(id, False)


def test_ids_may_be_shortened_while_they_are_unique(memory: Memory) -> None:
    first, second = kept(memory, BOX, RIGA)
    with pytest.raises(AmbiguousId, match="give more letters"):
        memory.show("0")
    for reference in ("zzz", "", "no id", "x" * 21):
        with pytest.raises(UnknownId, match=r"memory list|no id of a memory"):
            memory.show(reference)
    assert memory.show(first[:8]).memory.id == first != second
    with pytest.raises(UnknownId, match="memory list"):
        memory.whole([first, "z" * 20])


def test_a_remembered_answer_is_one_memory_whatever_it_says_later(
    store: Store, memory: Memory
) -> None:
    node = "n" * 20
    id = memory.remember(BOX, MemoryData("q", "12"), "s" * 20, node)
    assert memory.remember(BOX, MemoryData("q", "12"), "s" * 20, node) == id
    assert memory.remember(RIGA, MemoryData("q", "Riga"), "s" * 20, node) == id
    assert [one.node.data for one in store.revisions(id)] == [
        MemoryData("q", "12"), MemoryData("q", "Riga"),
    ]  # fmt: skip
    assert memory.remember(RIGA, MemoryData("p", "Riga"), "t" * 20, "m" * 20) == id
    other = memory.remember(BOX, MemoryData("p", "12"), "t" * 20, "m" * 20, beside=[id, "z" * 20])
    (link,) = memory.show(other).links
    assert {link.a, link.b} == {id, other} and (link.weight, link.origin) == (FOUND_WITH, "derived")


# ------------------------------------------------------------ forgetting


def test_a_forgotten_memory_is_gone_with_all_that_hung_on_it(
    store: Store, memory: Memory, clock: Clock
) -> None:
    box, riga = kept(memory, BOX, RIGA)
    memory.link(box, riga)
    used(store, memory, box, clock)
    memory.edit(box, CEDAR)
    memory.forget(box)
    assert [whole.id for whole in memory.list(5)] == [riga] and memory.show(riga).links == ()
    assert texts(memory, "Which pencils are in a box of cedar?") == []
    assert store.search("pencils") == [] and [n.id for n in store.session_nodes(MEMORY)] == [riga]
    with pytest.raises(UnknownId):
        memory.show(box)
    store.check()
    assert memory.add([BOX]).added != (box,), "the same words may be kept again, as another memory"


def test_forgetting_leaves_no_byte_of_the_text_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "smysl.db"
    words = ("Zanzibar", "quokkas", "Heliotrope")
    with closing(Store.open(path)) as store:
        memory = Memory(store, IdMaker())
        kept(memory, *[f"Filler number {place} about a town." for place in range(300)])
        (id,) = kept(memory, f"In {words[0]} live {words[1]}. " * 40)
        memory.edit(id, f"{words[2]} " * 700)
        memory.pin(id, True)
        memory.forget(id)
        store.check()
    content = path.read_bytes().lower()
    assert [word for word in words if word.lower()[:6].encode() in content] == []
    assert id.encode() in content, "what used it has to know"
    assert b"filler" in content
    assert not path.with_name("smysl.db-wal").exists()


# ------------------------------------------------------------ the file


def test_the_index_of_words_cuts_them_as_questions_are_cut(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as db:
        (made,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'memories_fts'").fetchone()
    assert f"tokenize = '{TOKENIZER}'" in made


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE memories SET revision = 7", "memories that are not what their node says last"),
        ("DELETE FROM memories WHERE id = (SELECT min(id) FROM memories)", "nodes beside"),
        ("UPDATE memory_links SET weight = 2", "links that do not join"),
        ("UPDATE memory_links SET b = a", "links that do not join"),
        ("INSERT INTO memory_uses VALUES ('x', 1.0, 's', 'n')", "uses of memories"),
        ("INSERT INTO memories_forgotten SELECT id FROM memories", "forgotten and there"),
    ],
)
def test_what_breaks_a_law_of_the_memory_is_found(tmp_path: Path, harm: str, said: str) -> None:
    with closing(Store.open(tmp_path / "db")) as store:
        memory = Memory(store, IdMaker())
        box, riga = kept(memory, BOX, RIGA)
        memory.link(box, riga)
        store.check()
    with closing(sqlite3.connect(tmp_path / "db")) as db, db:
        db.execute("DROP TRIGGER memories_go")
        db.execute("DROP TRIGGER memories_change")
        db.execute(harm)
    with closing(Store.open(tmp_path / "db")) as store, pytest.raises(StoreError, match=said):
        store.check()


def test_a_file_opened_for_reading_only_recalls_and_keeps_nothing(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "db")) as store:
        kept(Memory(store, IdMaker()), BOX)
    with closing(Store.open(tmp_path / "db", read_only=True)) as store:
        memory = Memory(store, IdMaker())
        assert texts(memory, "How many pencils?") == [BOX] and memory.total() == 1
        with pytest.raises(StoreError, match="reading only"):
            memory.add([RIGA])


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.rename(MEMORY, "mine"),
        lambda store: store.delete(MEMORY),
        lambda store: store.fork(MEMORY, "other"),
        lambda store: store.switch(MEMORY, "main"),
        lambda store: store.undo(MEMORY),
        lambda store: store.redo(MEMORY),
    ],
)
def test_the_memory_is_no_session_to_work_in(
    store: Store, memory: Memory, change: Callable[[Store], object]
) -> None:
    kept(memory, BOX)
    with pytest.raises(BadRequest, match="smysl memory"):
        change(store)
    assert texts(memory, "How many pencils?") == [BOX]


def test_the_memory_is_exported_and_not_imported_as_a_session(store: Store, memory: Memory) -> None:
    kept(memory, BOX)
    document = export_session(store, MEMORY)
    assert BOX.encode() in document
    with pytest.raises(BadArchive, match="smysl memory import"):
        import_session(store, document)


# ------------------------------------------------------------ the map


def test_on_the_map_what_is_alike_or_linked_is_nearer(memory: Memory) -> None:
    subjects = {
        "bees": ["honey", "hive", "flower", "nectar", "queen"],
        "trains": ["rail", "station", "engine", "ticket", "carriage"],
        "bread": ["flour", "oven", "yeast", "crust", "dough"],
    }
    for name, words in subjects.items():
        kept(
            memory,
            *[f"{name} {words[k]} {words[(k + 1) % 5]} {words[(k + 2) % 5]}" for k in range(5)],
        )
    (lone,) = kept(memory, "Something else entirely.")
    at = {point.memory.text: (point.x, point.y) for point in memory.map(100).points}
    assert len(at) == 16 and all(-1 <= x <= 1 and -1 <= y <= 1 for x, y in at.values())

    def far(a: str, b: str) -> float:
        return float(sum((p - q) ** 2 for p, q in zip(at[a], at[b], strict=True)) ** 0.5)

    among = [text for text in at if text.split()[0] in subjects]
    pairs = [(a, b) for a in among for b in among if a < b]
    same = [far(a, b) for a, b in pairs if a.split()[0] == b.split()[0]]
    other = [far(a, b) for a, b in pairs if a.split()[0] != b.split()[0]]
    assert 2 * sum(same) / len(same) < sum(other) / len(other)
    assert {min(x for x, _ in at.values()), max(x for x, _ in at.values())} == {-1, 1}
    assert memory.map(100) == memory.map(100)
    bee = memory.pull("bees honey", 1)[0].memory
    memory.link(lone, bee)
    with_link = {point.memory.id: (point.x, point.y) for point in memory.map(100).points}
    gap = sum((p - q) ** 2 for p, q in zip(with_link[lone], with_link[bee], strict=True)) ** 0.5
    assert gap < far("Something else entirely.", memory.whole([bee])[0].text)


def test_the_map_has_the_heaviest_and_what_is_asked_for(
    store: Store, memory: Memory, clock: Clock
) -> None:
    assert memory.map(10).points == ()
    box, riga, river = kept(memory, BOX, RIGA, RIVER)
    assert [(p.x, p.y) for p in memory.map(1).points] == [(0.0, 0.0)]
    used(store, memory, riga, clock)
    memory.link(box, riga)
    found = memory.map(1, also=[box])
    assert {point.memory.id for point in found.points} == {riga, box}
    assert {(link.a, link.b) for link in found.links} == {(box, riga)}
    memory.cut(box, riga)
    assert memory.map(2, also=[box]).links == ()
    assert river not in {point.memory.id for point in memory.map(1).points}


def test_a_memory_is_shown_with_its_uses_the_newest_first(
    store: Store, memory: Memory, clock: Clock
) -> None:
    (id,) = kept(memory, BOX)
    used(store, memory, id, clock, times=3)
    shown = memory.show(id)
    assert [use.at for use in shown.uses] == [
        "2027-01-18T08:00:00+00:00", "2027-01-17T08:00:00+00:00", "2027-01-16T08:00:00+00:00",
    ]  # fmt: skip
    assert shown.memory.last_used == shown.uses[0].at and shown.memory.uses == 3
    assert {use.title for use in shown.uses} == {""}, "that session is gone"
    memory.note_uses([("z" * 20, "n" * 20)], "s" * 20)
    store.check()


def test_a_node_of_another_session_is_no_memory(store: Store, memory: Memory) -> None:
    node = Node(id="0m" * 10, session="s" * 20, kind="note", text="n", status="done")
    assert not memory.holds(node.id)
    with pytest.raises(UnknownId):
        memory.resolve(node.id)
