"""The journal: what it keeps, refuses and finds again."""

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_reasoning.costs import Cost
from smysl_reasoning.errors import (
    AmbiguousId,
    BadRequest,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreTooNew,
    StoreUnusable,
    UnknownId,
)
from smysl_reasoning.events import RunFinished
from smysl_reasoning.migrations import MIGRATIONS
from smysl_reasoning.nodes import (
    AnswerData,
    AskData,
    CandidateData,
    CheckData,
    ChoiceData,
    ComputedData,
    CritiqueData,
    Edge,
    Expansion,
    MemoryData,
    Node,
    PlanData,
    Recalled,
    RecalledData,
    Recipe,
    ReplyData,
    RouteData,
    SearchData,
    Stats,
    StepData,
    ThoughtKind,
    recipe_key,
    value_hash,
)
from smysl_reasoning.store import RunRecord, Store

END = RunFinished(
    session="s", outcome="done", answer="24", verdict="verified", confidence=0.9, calls=3
)

words = st.text(st.characters(codec="utf-8"), max_size=30)
counts = st.integers(0, 2**40)
shares = st.floats(0, 1)
thoughts = st.sampled_from(get_args(ThoughtKind))
data = st.one_of(
    st.none(),
    st.builds(PlanData, words, counts),
    st.builds(StepData, st.none() | words),
    st.builds(ComputedData, words, counts),
    st.builds(
        CandidateData,
        st.none() | words,
        st.none() | st.builds(PlanData, words, counts),
        st.lists(st.tuples(thoughts, words), max_size=3).map(tuple),
    ),
    st.builds(CheckData, words, st.none() | shares, st.none() | st.booleans()),
    st.builds(
        ChoiceData,
        st.lists(st.tuples(words, counts), max_size=3).map(tuple),
        st.lists(st.tuples(words, shares), max_size=3).map(tuple),
    ),
    st.builds(
        CritiqueData, st.booleans(), st.none() | counts, st.lists(shares, max_size=3).map(tuple)
    ),
    st.builds(
        SearchData,
        st.lists(st.builds(Expansion, counts, thoughts, words, shares), max_size=3).map(tuple),
    ),
    st.builds(RouteData, words, st.lists(words, max_size=3).map(tuple)),
    st.builds(MemoryData, words, words),
    st.builds(
        RecalledData, st.lists(st.builds(Recalled, words, words, words), max_size=2).map(tuple)
    ),
    st.builds(AskData, words, words),
    st.builds(ReplyData, st.none() | words, words, words),
    st.builds(AnswerData, words, st.none() | counts),
)
recipes = st.builds(Recipe, module=words, prompt=words, sampling=words, engine=words)
kinds = st.sampled_from(["plan", "step", "candidate", "check", "answer", "computed", "note"])
nodes = st.builds(
    Node,
    id=st.uuids().map(lambda u: u.hex[:20]),
    session=st.just("s"),
    kind=kinds,
    text=words,
    data=data,
    recipe=st.none() | recipes,
    status=st.sampled_from(["done", "failed", "cancelled"]),
    stats=st.builds(
        Stats, prompt_tokens=counts, generated_tokens=counts, confidence=st.none() | shares
    ),
)


def node(id: str, text: str = "text", *inputs: str) -> Node:
    edges = tuple(Edge("after", input) for input in inputs)
    return Node(id=id, session="s", kind="note", text=text, inputs=edges, status="done")


def begun(store: Store, run: str = "r", session: str = "s", title: str | None = "title") -> None:
    question = Node(id=f"q{run}", session=session, kind="question", text="?", status="done")
    record = RunRecord(id=run, session=session, question=f"q{run}", program="solve", request=b"{}")
    store.begin_run(record, [question], title).result()


@given(written=nodes)
@settings(max_examples=50)
def test_a_node_reads_as_it_was_written(written: Node, store: Store) -> None:
    if not store.sessions():
        begun(store)
    store.put(written, key=written.id, run="r")
    assert store.node(written.id) == written
    assert store.find_recipe(written.id) == written
    assert written in store.session_nodes("s")


@given(data=data, other=data, kind=kinds, text=words)
def test_equal_values_have_equal_hashes_and_others_differ(
    data: object, other: object, kind: str, text: str
) -> None:
    assert value_hash(kind, text, data) == value_hash(kind, text, data)  # type: ignore[arg-type]
    equal = value_hash(kind, text, data) == value_hash(kind, text, other)  # type: ignore[arg-type]
    assert equal == (data == other)
    assert value_hash(kind, text + "x", data) != value_hash(kind, text, data)  # type: ignore[arg-type]


@given(recipe=recipes, inputs=st.lists(st.tuples(words, words), max_size=4, unique=True))
def test_a_recipe_key_tells_inputs_their_roles_and_order_apart(
    recipe: Recipe, inputs: list[tuple[str, str]]
) -> None:
    key = recipe_key(recipe, tuple(inputs))
    assert key == recipe_key(recipe, tuple(inputs)) and len(key) == 32
    assert key != recipe_key(recipe, (*inputs, ("role", "value")))
    if len(inputs) > 1:
        assert key != recipe_key(recipe, tuple(reversed(inputs)))


def test_what_is_written_outlives_the_store(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "deep" / "db")
    begun(store)
    store.put(node("n1", "kept", "qr"), run="r")
    store.end_run("r", END, [node("n2")]).result()
    store.close()
    store.close()
    again = Store.open(tmp_path / "deep" / "db")
    assert [n.id for n in again.session_nodes("s")] == ["qr", "n1", "n2"]
    assert again.finished("r") == END
    again.check()
    again.close()


def test_a_session_is_summed_up_by_its_last_run(store: Store) -> None:
    begun(store, "r1")
    assert store.session("s").verdict is None
    store.end_run("r1", END).result()
    begun(store, "r2", title=None)
    (summary,) = store.sessions()
    assert (summary.title, summary.program, summary.nodes, summary.verdict) == (
        "title",
        "solve",
        2,
        None,
    )
    store.end_run("r2", END).result()
    assert (store.session("s").answer, store.session("s").verdict) == ("24", "verified")


def test_sessions_are_listed_newest_first_up_to_the_limit(store: Store) -> None:
    for number in range(4):
        begun(store, f"r{number}", f"s{number}")
    assert [summary.id for summary in store.sessions(2)] == ["s3", "s2"]


def test_a_run_ends_once(store: Store) -> None:
    begun(store)
    assert [record.id for record in store.unfinished_runs()] == ["r"]
    store.end_run("r", END).result()
    late = RunFinished(
        session="s", outcome="failed", answer=None, verdict="failed", confidence=None
    )
    store.end_run("r", late).result()
    assert store.finished("r") == END and store.unfinished_runs() == []


def test_a_later_revision_is_read_and_the_earlier_one_kept(store: Store) -> None:
    begun(store)
    store.put(node("n1", "first"), run="r")
    store.put(node("n1", "second", "qr"), run="r")
    assert store.node("n1").text == "second"
    assert [n.text for n in store.session_nodes("s")] == ["?", "second"]
    with sqlite3.connect(store.path) as db:
        assert db.execute(
            "SELECT text FROM nodes WHERE id = 'n1' ORDER BY revision"
        ).fetchall() == [
            ("first",),
            ("second",),
        ]
    db.close()


def test_a_recipe_finds_this_runs_node_before_a_later_one_of_another(store: Store) -> None:
    begun(store, "r1")
    begun(store, "r2", title=None)
    store.put(node("n1"), key="k", run="r1")
    store.put(node("n2"), key="k", run="r2")
    assert [n.id for n in (store.find_recipe("k"), store.find_recipe("k", "r1")) if n] == [
        "n2",
        "n1",
    ]
    assert store.find_recipe("other") is None


def test_ids_are_resolved_whole_by_prefix_and_as_last(store: Store) -> None:
    with pytest.raises(UnknownId):
        store.resolve("@last")
    begun(store, "r1", "abc1")
    begun(store, "r2", "abd2")
    store.put(Node(id="abc1x", session="abc1", kind="note", text="", status="done"))
    assert store.resolve("@last") == "abd2"
    assert store.resolve("abd") == "abd2"
    assert store.resolve("ABD") == "abd2"
    assert store.resolve("abc1") == "abc1", "a whole id is not ambiguous"
    with pytest.raises(AmbiguousId, match="abc1.*abd2"):
        store.resolve("ab")
    for unknown in ("zz", "", "  ", "%", "a'b", "x" * 21, "é"):
        with pytest.raises(UnknownId):
            store.resolve(unknown)
    for read in (store.node, store.session, store.finished):
        with pytest.raises(UnknownId):
            read("nothing")


def test_writes_of_many_threads_are_all_kept(store: Store) -> None:
    begun(store)

    def write(start: int) -> None:
        futures = [store.put_soon([node(f"n{start + i}")], run="r") for i in range(50)]
        for future in futures:
            future.result()

    threads = [threading.Thread(target=write, args=(100 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.session_nodes("s")) == 201


def test_a_write_that_fails_fails_alone(store: Store) -> None:
    begun(store)
    good = store.put_soon([node("n1")], run="r")
    record = RunRecord(id="r", session="s", question="qr", program="solve", request=b"{}")
    bad = store.begin_run(record, [], None)  # the id is taken
    after = store.put_soon([node("n2")], run="r")
    with pytest.raises(StoreError, match="UNIQUE"):
        bad.result()
    good.result(), after.result()
    assert [n.id for n in store.session_nodes("s")] == ["qr", "n1", "n2"]


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "db")
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.sessions()
    with pytest.raises(StoreError, match="closed"):
        store.put(node("n1"))


def test_an_edge_to_nowhere_is_found_by_check(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "db")
    begun(store)
    store.put(node("n1", "text", "nowhere"))
    with pytest.raises(StoreCorrupt, match="does not exist: n1"):
        store.check()
    store.close()


def test_a_changed_text_is_found_by_check(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "db")
    begun(store)
    store.put(node("n1", "before"))
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE nodes SET text = 'after' WHERE id = 'n1'")
    db.close()
    with pytest.raises(StoreCorrupt, match="n1 is not what was written"):
        store.check()
    store.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.write_bytes(b"my holiday pictures" * 400)
    with pytest.raises(StoreCorrupt, match="backup"):
        Store.open(path)
    assert path.read_bytes() == b"my holiday pictures" * 400
    assert [file.name for file in tmp_path.iterdir()] == ["db"]


def test_a_damaged_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "db"
    store = Store.open(path)
    begun(store)
    for number in range(200):
        store.put(node(f"n{number}", "text " * 40))
    store.close()
    damaged = bytearray(path.read_bytes())
    assert len(damaged) > 3 * 4096
    for page in range(1, len(damaged) // 4096):
        damaged[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(bytes(damaged))
    with pytest.raises(StoreCorrupt, match="backup"):
        Store.open(path)
    assert path.read_bytes() == bytes(damaged)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE recipes (name)")
    db.close()
    with pytest.raises(StoreCorrupt, match="another program"):
        Store.open(path)


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db"
    Store.open(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreTooNew, match=f"version {len(MIGRATIONS) + 1}"):
        Store.open(path)


def test_every_migration_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "db"
    Store.open(path).close()
    Store.open(path).close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("SELECT count(*) FROM migrations").fetchone() == (len(MIGRATIONS),)
    db.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnusable, match="SMYSL_DATA_DIR"):
        Store.open(tmp_path / "file" / "db")
    with pytest.raises(StoreUnusable):
        Store.open(tmp_path)


def test_a_database_that_another_process_writes_is_reported_as_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smysl_reasoning.connection.BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreLocked, match="another process"):
        Store.open(path)
    other.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Store.open(tmp_path / "data" / "db").close()
    assert (tmp_path / "data" / "db").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


WRITER = """
import sys
from pathlib import Path
from smysl_reasoning.nodes import Node
from smysl_reasoning.costs import Cost
from smysl_reasoning.store import RunRecord, Store
store = Store.open(Path(sys.argv[1]))
question = Node(id="q", session="s", kind="question", text="?", status="done")
record = RunRecord(id="r", session="s", question="q", program="solve", request=b"{}")
store.begin_run(record, [question], "t").result()
number = 0
while True:
    store.put(Node(id=f"n{number}", session="s", kind="note", text="x" * 500, status="done"), run="r")
    print(number, flush=True)
    number += 1
"""


def test_a_finished_node_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "db"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 100:
            break
    process.send_signal(signal.SIGKILL)
    said = [int(line) for line in process.stdout] or [100]
    process.wait()
    process.stdout.close()
    store = Store.open(path)
    kept = {n.id for n in store.session_nodes("s")}
    assert {f"n{number}" for number in range(said[-1] + 1)} <= kept
    assert [record.id for record in store.unfinished_runs()] == ["r"]
    store.check()
    store.close()


def test_a_session_is_renamed_in_one_line(store: Store) -> None:
    begun(store)
    store.rename("s", "  a better\n title ").result()
    assert store.session("s").title == "a better title"
    for title in ("", " \n ", "x" * 201):
        with pytest.raises(BadRequest, match="title"):
            store.rename("s", title)


def test_a_session_is_deleted_with_all_that_is_in_it(store: Store) -> None:
    begun(store)
    begun(store, "r2", "t")
    for run, session in (("r", "s"), ("r2", "t")):
        store.put(
            msgspec.structs.replace(node(f"n{run}", "x", f"q{run}"), session=session), run=run
        )
    store.save_partial("r", "solve/plan", "k", [1, 2]).result()
    with pytest.raises(BadRequest, match="while its run r goes on; cancel it first"):
        store.delete("s").result()
    store.end_run("r", END).result()
    store.delete("s").result()
    assert [summary.id for summary in store.sessions()] == ["t"]
    for unknown in (store.session, store.session_nodes):
        with pytest.raises(UnknownId):
            unknown("s")
    with sqlite3.connect(store.path) as db:
        for table, kept in {"nodes": 2, "edges": 1, "runs": 1, "ops": 1, "changes": 2}.items():
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (kept,)
        assert db.execute("SELECT count(*) FROM moves").fetchone() == (1,)
    db.close()
    assert [n.id for n in store.session_nodes("t")] == ["qr2", "nr2"]


def test_tokens_of_a_node_on_its_way_are_kept_until_it_is_written_or_its_run_ends(
    store: Store,
) -> None:
    begun(store)
    tokens = [0, 7, 2**32 - 1]
    store.save_partial("r", "solve/plan", "k", [5]).result()
    store.save_partial("r", "solve/plan", "k", tokens).result()
    store.save_partial("r", "solve/steps", "k2", []).result()
    assert store.partial("r", "solve/plan", "k") == tuple(tokens)
    assert store.partial("r", "solve/plan", "other") == ()
    assert store.partial("r", "solve/steps", "k2") == store.partial("x", "y", "z") == ()
    store.put_soon([node("n1")], run="r", place="solve/plan").result()
    assert store.partial("r", "solve/plan", "k") == ()
    store.save_partial("r", "solve/plan", "k", tokens).result()
    store.end_run("r", END).result()
    assert store.partial("r", "solve/plan", "k") == ()
    store.save_partial("r", "solve/plan", "k", tokens).result()
    assert store.partial("r", "solve/plan", "k") == (), "the run has ended"


def test_a_run_is_paused_as_long_as_it_goes_on(store: Store) -> None:
    begun(store)
    assert not store.run("r").paused
    store.set_paused("r", True).result()
    assert store.run("r").paused and store.unfinished_runs()[0].paused
    store.set_paused("r", False).result()
    assert not store.run("r").paused
    store.set_paused("r", True).result()
    store.end_run("r", END).result()
    store.set_paused("r", True).result()
    assert not store.run("r").paused
    with pytest.raises(UnknownId):
        store.run("x")


ENGINES = itertools.count()
costing = st.builds(
    Node,
    id=st.uuids().map(lambda u: u.hex[:20]),
    session=st.just("s"),
    kind=st.just("step"),
    text=st.just(""),
    recipe=st.none()
    | st.builds(
        Recipe,
        module=st.sampled_from(["plan@1", "derive@1"]),
        prompt=st.just(""),
        sampling=st.just(""),
        engine=st.sampled_from(["e", "f"]),
    ),
    status=st.sampled_from(["done", "failed", "cancelled"]),
    stats=st.builds(
        Stats,
        calls=st.integers(0, 2),
        generated_tokens=st.integers(0, 9),
        milliseconds=st.integers(0, 9).map(float),
    ),
)


def on(node: Node, engine: str) -> Node:
    """A node of engine `e`, made by this one instead."""
    if node.recipe is None or node.recipe.engine != "e":
        return node
    recipe = msgspec.structs.replace(node.recipe, engine=engine)
    return msgspec.structs.replace(node, recipe=recipe)


@given(written=st.lists(costing, max_size=12))
@settings(max_examples=30)
def test_costs_are_the_means_over_finished_nodes_that_were_no_copies(
    written: list[Node], store: Store
) -> None:
    if not store.sessions():
        begun(store)
    engine = f"e{next(ENGINES)}"
    written = [on(node, engine) for node in written]
    store.put_soon(written, run="r").result()
    expected = {}
    for module in ("plan@1", "derive@1"):
        stats = [
            n.stats
            for n in written
            if n.recipe and (n.recipe.module, n.recipe.engine) == (module, engine)
            if n.status == "done" and (n.stats.calls or n.stats.generated_tokens)
        ]
        if stats:
            expected[module] = Cost(
                sum(s.calls for s in stats) / len(stats),
                sum(s.generated_tokens for s in stats) / len(stats),
                sum(s.milliseconds for s in stats) / len(stats),
                len(stats),
            )
    assert store.module_costs(engine) == expected


def test_a_full_disk_is_named_and_what_was_written_before_is_kept(store: Store) -> None:
    begun(store)
    store.put(node("n1"), run="r")

    def limit(pages: int) -> None:
        store.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result()

    with sqlite3.connect(store.path) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.close()
    limit(pages + 2)
    with pytest.raises(StoreFull, match="disk is full.*kept.*Free space"):
        store.put(node("n2", "x" * 100_000), run="r")
    assert [n.id for n in store.session_nodes("s")] == ["qr", "n1"]
    store.check()
    limit(2**30)
    store.put(node("n2", "x" * 100_000), run="r")
    assert [n.id for n in store.session_nodes("s")] == ["qr", "n1", "n2"]


def test_a_full_disk_fails_every_write_of_its_transaction_and_no_other(store: Store) -> None:
    begun(store)
    entered, leave = threading.Event(), threading.Event()

    def hold(db: sqlite3.Connection) -> None:
        entered.set()
        leave.wait(60)

    held = store.write(hold)
    entered.wait(60)
    first = store.put_soon([node("n1")], run="r")
    full = store.write(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())
    big = store.put_soon([node("n2", "x" * 10**6)], run="r")
    leave.set()
    held.result()
    full.result() if not full.exception() else None
    with pytest.raises(StoreFull):
        big.result()
    store.write(lambda db: db.execute("PRAGMA max_page_count = 1073741823").fetchone()).result()
    kept = [n.id for n in store.session_nodes("s")]
    assert kept == (["qr"] if first.exception() else ["qr", "n1"]), "told what became of it"
    store.put(node("n3"), run="r")


LIMITED = """
import resource, sys
from pathlib import Path
from smysl_reasoning.errors import StoreError
from smysl_reasoning.nodes import Node
from smysl_reasoning.store import Store
store = Store.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
number = 0
while True:
    try:
        store.put(Node(id=f"n{number}", session="s", kind="note", text="x" * 500, status="done"), run="r")
    except StoreError as error:
        print(number, type(error).__name__, error)
        break
    number += 1
"""


def test_a_disk_that_fails_is_named_and_the_file_stays_sound(tmp_path: Path) -> None:
    path = tmp_path / "db"
    store = Store.open(path)
    begun(store)
    store.close()
    said = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    ).stdout
    number, error, message = said.split(" ", 2)
    assert error in ("StoreUnusable", "StoreFull") and "is kept" in message
    store = Store.open(path)
    store.check()
    assert [n.id for n in store.session_nodes("s")] == ["qr"] + [
        f"n{n}" for n in range(int(number))
    ]
    store.close()


def test_a_choice_without_scores_hashes_as_before_there_were_any() -> None:
    votes = ChoiceData((("24", 3),))
    assert msgspec.json.encode(votes) == b'{"type":"choice","votes":[["24",3]]}'
    assert value_hash("choice", "24: 3", votes) == "d69c2fcfc8f00dfb375d9bbb01e18346"
