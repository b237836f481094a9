"""How long the compiler takes for every program, and what share of a run that is.

What bounds it: parsing the TOML and walking a few hundred steps in Python. Of this a run does only the inlining, since
programs stay parsed. The runs are sample problems on the engine given, each with numbers of its own, every node made
anew.

Prints a table, and as its last line one JSON object. Figures are medians.

    python benchmarks/bench_compile.py ENGINE_DIRECTORY [--repeats 30]
"""

import argparse
import asyncio
import json
import platform
import statistics
import tempfile
from pathlib import Path

import msgspec

from smysl_engines.load import open_engine
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.opening import open_runtime
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

STORIES = (
    "A baker makes 12 trays of 10 rolls. He sells 30 rolls in the morning and 25 in the afternoon, and gives 7 to a"
    " neighbour. How many rolls does he have left?",
    "Lena saves 15 euros a week. She has 40 euros already. How many weeks until she can buy a bike for 250 euros?",
    "There are 48 apples in a crate. A quarter of them are bad and the rest is packed into bags of 6. How many bags?",
    "My brother is 4 years older than I am. In 5 years he will be 21. How old am I now?",
    "A shop sells pens at 3 dollars each and rulers at 2 dollars each. What do 4 pens and 6 rulers cost together?",
)
FILLER = "What is " + " + ".join(str(n) for n in range(2, 22)) + "?"
COMPILE = {"parse", "type", "inline"}
"""Passes that a question does not matter to; the others plan its calls."""


async def measure(runtime: Runtime, program: str, repeats: int) -> dict[str, float]:
    """Milliseconds of compiling, of planning and of a run, and the share of prompt tokens that were shared."""
    request = RunRequest(question=STORIES[0], program=program)
    plans = [await runtime.explain(request) for _ in range(repeats)]
    runs = []
    for story in STORIES:
        # what the engine still holds of one question must not help the next program
        await runtime.explain(RunRequest(question=FILLER, program="vote"), analyze=True)
        asked = msgspec.structs.replace(request, question=story)
        runs.append(await runtime.explain(asked, analyze=True))
    compiled = [sum(p.milliseconds for p in plan.passes if p.name in COMPILE) for plan in plans]
    inlined = [p.milliseconds for plan in plans for p in plan.passes if p.name == "inline"]
    planned = [sum(p.milliseconds for p in plan.passes) for plan in plans]
    spent = [plan.actual for plan in runs if plan.actual is not None]
    prompt = sum(one.prompt_tokens for one in spent)
    return {
        "compile_ms": statistics.median(compiled),
        "inline_ms": statistics.median(inlined),
        "plan_ms": statistics.median(planned),
        "run_ms": 1000 * statistics.median(one.seconds for one in spent),
        "shared": sum(one.shared_tokens for one in spent) / prompt,
        "calls": statistics.median(one.calls for one in spent),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", type=Path)
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    print(
        f"{'program':14}{'compile ms':>12}{'inline ms':>11}{'plan ms':>9}{'run ms':>10}{'calls':>7}{'shared':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(arguments.engine)
        store = Store.open(Path(folder) / "bench.db")
        runtime = open_runtime(engine, arguments.engine, store)
        for info in runtime.programs():
            try:
                row = await measure(runtime, info.name, arguments.repeats)
            except BadRequest as error:
                print(f"{info.name:14} {error}")
                continue
            found[info.name] = row
            print(
                f"{info.name:14}{row['compile_ms']:12.2f}{row['inline_ms']:11.2f}{row['plan_ms']:9.2f}"
                f"{row['run_ms']:10.1f}"
                f"{row['calls']:7.0f}{row['shared']:9.1%}"
            )
        await runtime.close()
        engine.close()
        store.close()
    print(json.dumps({"machine": platform.machine(), "programs": found}))


if __name__ == "__main__":
    asyncio.run(main())
