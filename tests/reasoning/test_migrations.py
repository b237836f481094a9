"""Databases of every released schema, of later ones and damaged ones: what becomes of them."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from smysl_reasoning import migrations
from smysl_reasoning.errors import (
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StoreTooNew,
    StoreUnusable,
)
from smysl_reasoning.events import RunFinished
from smysl_reasoning.history import MAIN
from smysl_reasoning.ids import IdMaker
from smysl_reasoning.memory.memory import Memory
from smysl_reasoning.migrations import MIGRATIONS
from smysl_reasoning.nodes import Node
from smysl_reasoning.store import RunRecord, Store

RELEASED = sorted((Path(__file__).parent / "data").glob("schema-*.db"))
TOM = "0cyud8zehomon70pr6xg"
TWO_RUNS = "0cyud98wxd0n57iis85q"


@pytest.fixture(params=RELEASED, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that a released version has written."""
    return Path(shutil.copy(request.param, tmp_path / "smysl.db"))


def all_rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_a_file_of_every_released_schema_is_kept_for_these_tests() -> None:
    assert [path.stem for path in RELEASED] == [f"schema-{n}" for n in range(1, len(MIGRATIONS))]


def test_an_old_database_migrates_with_all_it_holds(old: Path) -> None:
    values = "SELECT id, kind, text, data, inputs, recipe, recipe_key, value_hash, run FROM nodes"
    before = all_rows(old, f"{values} ORDER BY rowid")
    ends = all_rows(old, "SELECT id, outcome, finished FROM runs ORDER BY id")
    with closing(Store.open(old)) as store:
        store.check()
        assert [len(store.session_nodes(s.id)) for s in store.sessions()] == [17, 15]
    assert all_rows(old, f"{values} ORDER BY seq") == before
    assert all_rows(old, "SELECT id, outcome, finished FROM runs ORDER BY id") == ends
    assert all_rows(old, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_an_old_session_gets_one_operation_a_run_in_order(old: Path) -> None:
    with closing(Store.open(old)) as store:
        (branch,) = store.branches(TWO_RUNS)
        assert (branch.name, branch.current, branch.at) == (MAIN, True, None)
        log = store.log(TWO_RUNS)
        assert [(op.kind, op.label) for op in log] == [
            ("run", "What is 3 + 4?"),
            ("run", "What is the greatest common divisor of 84 and 36?"),
        ]
        assert branch.head == log[0].id and log[0].parent == log[1].id
        assert [store.run(op.run or "").question for op in log] == [
            "0cyud9f5kl82lxfkuk6s",
            "0cyud98xaacycxst1bvj",
        ]
        assert (store.session(TWO_RUNS).program, store.session(TWO_RUNS).answer) == ("direct", "1")
        store.undo(TWO_RUNS).result()
        assert (store.session(TWO_RUNS).program, store.session(TWO_RUNS).answer) == ("vote", "12")
        assert len(store.session_nodes(TWO_RUNS)) == 14


def test_nothing_that_migrated_is_stale(old: Path) -> None:
    with closing(Store.open(old)) as store:
        for session in store.sessions():
            graph = store.view(session.id).graph
            assert graph.stale() == []
            for id in graph:
                placed = graph.placed(id)
                inputs = [graph.placed(edge.node) for edge in placed.node.inputs]
                assert list(placed.seen) == [input.hash for input in inputs]
                asked = {run.question for run in map(store.run, runs_of(old, session.id))}
                made = placed.node.recipe is not None
                assert placed.root in asked if made else placed.root is None


def runs_of(path: Path, session: str) -> list[str]:
    return [
        str(row[0]) for row in all_rows(path, "SELECT id, session FROM runs") if row[1] == session
    ]


def test_an_old_database_can_be_searched_and_tells_what_nodes_cost(old: Path) -> None:
    with closing(Store.open(old)) as store:
        assert {hit.session for hit in store.search("greatest common")} == {TWO_RUNS}
        (engine,) = all_rows(old, "SELECT DISTINCT engine FROM costs")
        costs = store.module_costs(str(engine[0]))
        nodes = [
            node
            for session in store.sessions()
            for node in store.session_nodes(session.id)
            if node.recipe and node.recipe.module == "plan@1" and node.stats.calls
        ]
        assert costs["plan@1"].nodes == len(nodes) > 0
        assert costs["plan@1"].tokens == sum(n.stats.generated_tokens for n in nodes) / len(nodes)


def test_the_old_file_is_copied_aside_before_it_changes(old: Path) -> None:
    dump = "SELECT * FROM nodes ORDER BY id"
    before = all_rows(old, dump)
    ((version,),) = all_rows(old, "PRAGMA user_version")
    Store.open(old).close()
    (copy,) = old.parent.glob("*.bak")
    assert copy.name == f"smysl.db.v{version}.bak" and copy.stat().st_mode & 0o777 == 0o600
    assert all_rows(copy, dump) == before
    assert all_rows(copy, "PRAGMA user_version") == [(version,)]
    copy.unlink()
    Store.open(old).close()
    assert list(old.parent.glob("*.bak*")) == [], "a current file is not copied"


def test_a_migration_that_fails_leaves_the_file_as_it_was_and_names_the_copy(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(db: sqlite3.Connection) -> None:
        MIGRATIONS[-1](db)
        db.execute("INSERT INTO nowhere VALUES (1)")

    before = all_rows(old, "SELECT * FROM nodes ORDER BY id")
    version = all_rows(old, "PRAGMA user_version")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS[:-1], fails))
    with pytest.raises(StoreUnusable, match=r"as it was.*smysl\.db\.v\d\.bak"):
        Store.open(old)
    assert all_rows(old, "SELECT * FROM nodes ORDER BY id") == before
    assert all_rows(old, "PRAGMA user_version") == version
    monkeypatch.undo()
    Store.open(old).close()


def test_without_room_for_the_copy_nothing_is_changed(old: Path) -> None:
    version = all_rows(old, "PRAGMA user_version")
    (old.parent / f"smysl.db.v{version[0][0]}.bak.part").mkdir()
    with pytest.raises(StoreUnusable, match=r"copied to .*v\d\.bak.*Nothing was changed"):
        Store.open(old)
    assert all_rows(old, "PRAGMA user_version") == version


def test_an_old_database_is_read_without_being_changed(old: Path) -> None:
    before = old.read_bytes()
    with closing(Store.open(old, read_only=True)) as store:
        assert store.problem is None
        assert len(store.session_nodes(TWO_RUNS)) == 17
        assert store.search("apples")
        with pytest.raises(StoreError, match="reading only"):
            store.undo(TWO_RUNS)
        store.check()
    assert old.read_bytes() == before
    assert [path.name for path in old.parent.iterdir()] == ["smysl.db"]


def test_what_older_sessions_remembered_is_taken_into_the_memory(tmp_path: Path) -> None:
    path = Path(shutil.copy(Path(__file__).parent / "data" / "memories-2.db", tmp_path / "db"))
    kept = (
        "SELECT n.id, n.session, n.text FROM nodes n WHERE kind = 'memory' "
        "AND json_extract(CAST(data AS TEXT), '$.type') = 'memory' ORDER BY seq, revision"
    )
    before = all_rows(path, kept)
    with closing(Store.open(path)) as store:
        store.check()
        memory = Memory(store, IdMaker())
        first, second = sorted(memory.list(10), key=lambda one: one.id)
        assert first.text.startswith("Tom has 48 apples") and first.text.endswith("Answer: 24")
        assert second.text == "Ann reads 13 pages in all.", "as its session shows it now"
        assert [one.source for one in (first, second)] == [f"run {before[n][1]}" for n in (0, 1)]
        assert {one.revision for one in (first, second)} == {0}
        assert [pull.memory for pull in memory.pull("How many apples for his friends?", 3)] == [
            first.id
        ]
        assert (
            memory.remember("Ann reads 14 pages.", None, str(before[1][1]), str(before[1][0]))
            == second.id
        )
        assert len(store.sessions()) == 4
        for session in store.sessions():
            assert store.view(session.id).graph.stale() == []
    assert all_rows(path, f"{kept}")[: len(before)] == before


# ------------------------------------------------------------ files that cannot be written to


def written(path: Path, nodes: int = 300) -> list[Node]:
    """A database with a session of some size; its nodes."""
    made = [
        Node(
            id=f"n{number:04}",
            session="s",
            kind="note",
            text=f"thought {number} " * 20,
            status="done",
        )
        for number in range(nodes)
    ]
    with closing(Store.open(path)) as store:
        question = Node(id="q", session="s", kind="question", text="Why?", status="done")
        record = RunRecord(id="r", session="s", question="q", program="solve", request=b"{}")
        store.begin_run(record, [question], "a title").result()
        store.put_soon(made, run="r").result()
        end = RunFinished(
            session="s", outcome="done", answer="24", verdict="verified", confidence=0.9
        )
        store.end_run("r", end).result()
    return [question, *made]


def test_a_sound_database_is_read_while_another_process_writes_to_it(tmp_path: Path) -> None:
    nodes = written(tmp_path / "db", 3)
    with (
        closing(Store.open(tmp_path / "db")) as writing,
        closing(Store.open(tmp_path / "db", read_only=True)) as reading,
    ):
        assert reading.session_nodes("s") == nodes and reading.problem is None
        writing.rename("s", "another title").result()
        assert reading.session("s").title == "another title"
        reading.check()


def test_reading_needs_a_file_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="no database"):
        Store.open(tmp_path / "db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = Store.open(tmp_path / "db")
    with pytest.raises(StoreLocked, match="another smysl.*SMYSL_DATA_DIR"):
        Store.open(tmp_path / "db")
    first.close()
    Store.open(tmp_path / "db").close()


def test_a_later_database_is_refused_for_writing_and_read_as_far_as_it_is_understood(
    tmp_path: Path,
) -> None:
    path = tmp_path / "db"
    nodes = written(path, 3)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE nodes ADD COLUMN mass REAL")
        db.execute('UPDATE nodes SET data = \'{"type":"dream","depth":2}\' WHERE id = \'n0001\'')
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreTooNew, match="newer smysl"):
        Store.open(path)
    with closing(Store.open(path, read_only=True)) as store:
        assert store.session_nodes("s") == nodes, "what a node says is read without its payload"
        assert store.problem and "newer smysl" in store.problem
        with pytest.raises(StoreError, match="reading only, because it has schema version"):
            store.rename("s", "other")


def test_a_later_database_that_is_not_understood_says_so(tmp_path: Path) -> None:
    path = tmp_path / "db"
    written(path, 3)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE changes RENAME TO steps")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreTooNew, match="cannot read"):
        Store.open(path, read_only=True)


def pages_of(path: Path, name: str) -> set[int]:
    """Numbers, from 0, of the pages of a table or an index."""
    with closing(sqlite3.connect(path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    found, todo = set(), [int(root[0])]
    content = path.read_bytes()
    while todo:
        page = todo.pop()
        found.add(page - 1)
        raw = content[(page - 1) * size : page * size]
        if raw[0] in (2, 5):  # interior: its cells begin with the number of a child
            cells = int.from_bytes(raw[3:5], "big")
            at = [int.from_bytes(raw[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
            todo += [int.from_bytes(raw[cell : cell + 4], "big") for cell in at]
            todo.append(int.from_bytes(raw[8:12], "big"))
    return found


def damage(path: Path, pages: list[int]) -> bytes:
    content = bytearray(path.read_bytes())
    for page in pages:
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    return bytes(content)


def some_leaves(path: Path) -> list[int]:
    return sorted(pages_of(path, "nodes"))[4:7]


def every_index(path: Path) -> list[int]:
    names = ["nodes_by_session", "nodes_by_run", "changes_by_op", "sqlite_autoindex_nodes_1"]
    return sorted(page for name in names for page in pages_of(path, name))


def the_operations(path: Path) -> list[int]:
    return sorted(pages_of(path, "ops") | pages_of(path, "changes"))


@pytest.mark.parametrize(
    ("where", "least"), [(some_leaves, 200), (every_index, 301), (the_operations, 301)]
)
def test_of_a_damaged_database_everything_is_read_that_can_be(
    tmp_path: Path, where: Callable[[Path], list[int]], least: int
) -> None:
    path = tmp_path / "db"
    nodes = {node.id: node for node in written(path)}
    before = damage(path, where(path))
    with pytest.raises(StoreCorrupt, match="backup"):
        Store.open(path)
    with closing(Store.open(path, read_only=True)) as store:
        assert store.problem and "damaged" in store.problem
        (session,) = store.sessions()
        read = store.session_nodes(session.id)
        assert least <= len(read) and all(nodes[node.id] == node for node in read)
        assert (session.title, session.branch) == ("a title", MAIN)
        with pytest.raises(StoreError, match="damaged"):
            store.rename("s", "other")
    assert path.read_bytes() == before


def test_of_a_damaged_database_the_memory_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "db"
    written(path)
    with closing(Store.open(path)) as store:
        memory = Memory(store, IdMaker())
        box, riga = memory.add(["A box holds 12 pencils.", "Riga is a town."], "import x").added
        gone = memory.add(["A secret."]).added[0]
        memory.note_uses([(box, "n0001")], "s")
        memory.forget(gone)
    damage(path, every_index(path))
    with closing(Store.open(path, read_only=True)) as store:
        memory = Memory(store, IdMaker())
        pulls = memory.pull("How many pencils?", 5)
        assert [(pull.memory, pull.text) for pull in pulls] == [
            (box, "A box holds 12 pencils."),
            (riga, "Riga is a town."),
        ]
        assert memory.show(box).memory.uses == 1


def test_of_a_file_that_is_no_database_nothing_is_read(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.write_bytes(b"my holiday pictures" * 400)
    with pytest.raises(StoreCorrupt, match="damaged"):
        Store.open(path, read_only=True)
    assert path.read_bytes() == b"my holiday pictures" * 400
