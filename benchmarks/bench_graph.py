"""How fast the store and the graph are with many nodes.

What bounds it: opening reads the schema and no rows (a file above 64 MiB is not checked at every
start); appending a node is one transaction in write-ahead mode, a few rows and the words of its
text in the index, without waiting for the disk; a search ranks up to 1,000 matches,
of a more frequent word it shows the newest; staleness of a fan is one walk over
its edges in memory; a view reads and decodes every node that a branch shows.

Prints a table with the limit that each figure has to keep, and as its last line one JSON object to
compare with. Every figure is the best of `--repeats` (the median where it says so), after one run
that is not counted. Ends with 1 when a limit is broken.

    python benchmarks/bench_graph.py [--nodes 100000] [--repeats 5]
"""

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from smysl_reasoning.archive import export_session
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.nodes import Edge, Node, Recipe, Stats, value_hash
from smysl_reasoning.store import RunRecord, Store

SESSION_NODES = 25
"""About what one run of `solve` writes."""
FAN = 10_000
APPENDED = 500
LIMITS_MS = {
    "open": 50.0,
    "append_median": 1.0,
    "search_rare_word": 20.0,
    "search_two_words": 20.0,
    "search_frequent_word": 20.0,
    "search_begun_word": 20.0,
    "fan_stale": 20.0,
    "module_costs": 20.0,
}
RECIPE = Recipe(module="derive@1", prompt="0" * 32, sampling="{}", engine="e" * 32)
STATS = Stats(calls=1, prompt_tokens=80, generated_tokens=20, milliseconds=15.0, confidence=0.9)


def words(random: random.Random, count: int) -> str:
    """A text whose words are as unevenly frequent as those of a language."""
    return " ".join(f"w{int(random.paretovariate(0.6)) % 50_000}" for _ in range(count))


def fill(store: Store, count: int) -> None:
    random_ = random.Random(7)
    last = None
    for number in range(count // SESSION_NODES):
        session, asked = f"s{number:07}", f"q{number:07}"
        question = Node(
            id=asked, session=session, kind="question", text=words(random_, 20), status="done"
        )
        record = RunRecord(
            id=f"r{number:07}", session=session, question=asked, program="solve", request=b"{}"
        )
        store.begin_run(record, [question], "title")
        nodes = [
            Node(
                id=f"n{number:07}x{at:02}",
                session=session,
                kind="step",
                text=f"every {question.text.split()[at % 20]} {words(random_, 10)}",
                inputs=(Edge("question", asked),),
                recipe=RECIPE,
                status="done",
                stats=STATS,
            )
            for at in range(SESSION_NODES - 1)
        ]
        last = store.put_soon(nodes, run=record.id, root=asked)
    assert last is not None
    last.result()


def fan() -> Graph:
    """A question and `FAN` nodes that saw another text of it."""
    question = Node(id="q", session="s", kind="question", text="now", status="done")
    root = Placed(question, 1, value_hash("question", "now", None), ())
    seen = (value_hash("question", "before", None),)
    rest = [
        Placed(
            Node(
                id=f"n{number:05}",
                session="s",
                kind="step",
                text=str(number),
                inputs=(Edge("question", "q"),),
                recipe=RECIPE,
                status="done",
            ),
            0,
            value_hash("step", str(number), None),
            seen,
            root="q",
            place=f"solve/{number}",
        )
        for number in range(FAN)
    ]
    return Graph([root, *rest])


def stale(graph: Graph) -> None:
    assert len(graph.stale()) == FAN


def best(
    repeats: int, what: Callable[..., object], before: Callable[[], object] = lambda: None
) -> float:
    """Milliseconds of `what`."""
    times = []
    for _ in range(repeats + 1):
        prepared = before()
        started = time.perf_counter()
        what() if prepared is None else what(prepared)
        times.append((time.perf_counter() - started) * 1000)
    return min(times[1:])


def measure(path: Path, count: int, repeats: int) -> dict[str, float]:
    opened: list[Store] = []

    def open_store() -> None:
        opened.append(Store.open(path))

    def close_store() -> None:
        for store in opened:
            store.close()
        opened.clear()

    figures = {"open": best(repeats, open_store, close_store)}
    (store,) = opened
    newest = store.sessions(1)[0].id
    appended = []
    for number in range(APPENDED):
        node = Node(
            id=f"a{number:07}",
            session=newest,
            kind="step",
            text=f"appended {number}",
            inputs=(Edge("question", newest.replace("s", "q")),),
            recipe=RECIPE,
            status="done",
            stats=STATS,
        )
        started = time.perf_counter()
        store.put(node, key=f"k{number}", run=newest.replace("s", "r"))
        appended.append((time.perf_counter() - started) * 1000)
    figures["append_median"] = statistics.median(appended)
    some = store.node(newest.replace("s", "q")).text.split()
    rare = max(some, key=lambda word: int(word[1:]))
    for name, text in {
        "rare_word": rare,
        "two_words": f"every {rare}",
        "frequent_word": "every",
        "begun_word": "w",
    }.items():
        assert store.search(text)
        figures[f"search_{name}"] = best(repeats, lambda text=text: store.search(text))
    figures["fan_stale"] = best(repeats, stale, fan)
    figures["module_costs"] = best(repeats, lambda: store.module_costs(RECIPE.engine))
    figures["list_20_sessions"] = best(repeats, store.sessions)
    session = f"s{count // SESSION_NODES // 2:07}"
    figures["view_of_one_session"] = best(
        repeats, lambda: store.view(session), lambda: store.rename(session, "t").result()
    )
    figures["export_of_one_session"] = best(repeats, lambda: export_session(store, session))
    close_store()
    return {name: round(value, 3) for name, value in figures.items()}


def commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the store and the graph.")
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "smysl.db"
        store = Store.open(path)
        started = time.perf_counter()
        fill(store, arguments.nodes)
        filled = time.perf_counter() - started
        store.close()
        size_mb = path.stat().st_size / 2**20
        figures = measure(path, arguments.nodes, arguments.repeats)
    for name, value in figures.items():
        limit = f"limit {LIMITS_MS[name]:g}" if name in LIMITS_MS else ""
        print(f"{name + ', ms':<32}{value:>12,.3f}  {limit}")
    print(f"{'nodes written a second':<32}{arguments.nodes / filled:>12,.0f}")
    print(f"{'size of the file, MB':<32}{size_mb:>12,.1f}")
    facts = {"nodes": arguments.nodes, "size_mb": round(size_mb, 1)}
    print(json.dumps(figures | facts | {"machine": platform.machine(), "commit": commit()}))
    broken = [name for name, limit in LIMITS_MS.items() if figures[name] > limit]
    if broken:
        print(f"over the limit: {', '.join(broken)}", file=sys.stderr)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
