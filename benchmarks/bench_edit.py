"""How much sooner an answer comes after one of eight derivations was changed than after asking anew.

What bounds it: a full run derives one plan, one derivation thought by thought and eight folded ones, all in a batch;
after a change only what rests on it is derived, the rest is found standing by place, recipe and input hashes. A person
edits one of the eight derivations (what rests on it follows by rule), asks for one with another seed (a whole
derivation, alone in its batch), corrects the first step of the main one, or overrules the checker.

Prints a table, and as its last line one JSON object. Figures are medians of `--repeats` sessions, each with a store and
question of its own.

    python benchmarks/bench_edit.py ENGINE_DIRECTORY [--repeats 9]
"""

import argparse
import asyncio
import json
import platform
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from smysl_engines.load import open_engine
from smysl_reasoning.events import RunFinished
from smysl_reasoning.history import Again
from smysl_reasoning.opening import open_runtime
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

SAMPLES = 8
QUESTION = (
    "A baker makes {} trays of {} rolls. He sells {} rolls in the morning and {} in the afternoon, and gives {} to a"
    " neighbour. How many rolls does he have left?"
)


def question(number: int) -> str:
    return QUESTION.format(12 + number, 10 + number % 7, 20 + number, 30, 7)


def place(runtime: Runtime, run_session: str, ending: str) -> str:
    graph = runtime.store.view(run_session).graph
    return next(id for id in graph if (graph.placed(id).place or "").endswith(ending))


async def session(runtime: Runtime, number: int, timings: dict[str, list[RunFinished]]) -> None:
    asked = RunRequest(question=question(number), options={"samples": SAMPLES}, seed=number)
    run = await runtime.start(asked)
    timings["full run"].append(await run.result())
    changes = {
        "one of eight edited": ("samples/3/candidate", "answer: {}{}"),
        "one of eight, new seed": ("samples/3/candidate", None),
        "first step corrected": ("greedy/0/thought 0", "{} * {} + 1"),
        "checker overruled": ("check/0/check", "passed"),
    }
    for name, (where, text) in changes.items():
        node = place(runtime, run.session, where)
        if text is None:
            await runtime.retry(node, Again(seed=number + 1))
        else:
            await runtime.edit(Edit(node=node, text=text.format(12 + number, 10 + number % 7)))
        derived = await runtime.derive(DeriveRequest(session=run.session))
        timings[name].append(await derived.result())
        await runtime.undo(run.session)
        await runtime.undo(run.session)


async def measure(engine_directory: Path, repeats: int) -> dict[str, list[RunFinished]]:
    timings: dict[str, list[RunFinished]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(engine_directory)
        store = Store.open(Path(folder) / "smysl.db")
        runtime = open_runtime(engine, engine_directory, store)
        try:
            warm: dict[str, list[RunFinished]] = defaultdict(list)
            await session(runtime, 0, warm)
            for number in range(1, repeats + 1):
                await session(runtime, number, timings)
        finally:
            await runtime.close()
            store.close()
            engine.close()
    return timings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", type=Path)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    timings = asyncio.run(measure(given.engine, given.repeats))
    full = statistics.median(end.seconds for end in timings["full run"])
    rows = {
        name: {
            "ms": round(1000 * statistics.median(end.seconds for end in ends), 1),
            "times_faster": round(full / statistics.median(end.seconds for end in ends), 1),
            "generated_tokens": statistics.median(end.generated_tokens for end in ends),
            "calls": statistics.median(end.calls for end in ends),
        }
        for name, ends in timings.items()
    }
    print(f"{'':24}{'ms':>8}{'faster':>9}{'tokens':>8}{'calls':>7}")
    for name, row in rows.items():
        print(
            f"{name:24}{row['ms']:>8}{row['times_faster']:>8}x{row['generated_tokens']:>8}{row['calls']:>7}"
        )
    print(json.dumps({"machine": platform.processor() or platform.machine(), "rows": rows}))


if __name__ == "__main__":
    main()
