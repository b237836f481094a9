"""How fast an engine decodes, branches and prefills, from a caller's side of the `Engine` protocol.

What bounds it: decoding one sequence reads every weight once a token, so a large model is bound by
memory bandwidth; a model of a few million parameters sits in cache and is bound by the fixed cost
of a pass (some fifty operators, and the interpreter's share between two passes). Branches read the
weights once for all of them, so their total grows until arithmetic is the limit. Prefill is bound
by arithmetic.

Prints a table, and as its last line one JSON object to compare with. Every figure is the best of
`--repeats`, after one run that is not counted.

    python benchmarks/bench_engine.py [ENGINE_DIRECTORY] [--threads N] [--precision fp32|int8|int4]

Without a directory it builds a random model of the bundled model's size first.
"""

import argparse
import asyncio
import itertools
import json
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from smysl_build_engines.build import build, plan
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.store import EngineStore
from smysl_engines.base import Call, Choice, Engine, Finish, Sampling, Stream
from smysl_engines.load import open_engine

DECODED = 256
BRANCHES = 8
BRANCH_TOKENS = 64
PROMPT = 192


async def finish(stream: Stream) -> Finish:
    events = [event async for event in stream]
    last = events[-1]
    assert isinstance(last, Finish)
    return last


def prompt(length: int, salt: int, vocabulary: int) -> tuple[int, ...]:
    return tuple((salt * 7919 + at * 31) % vocabulary for at in range(length))


async def single(engine: Engine, salt: int) -> float:
    """Tokens a second of one greedy sequence, its short prompt included."""
    call = Call(
        prompt=prompt(16, salt, engine.info.vocabulary), sampling=Sampling(max_tokens=DECODED)
    )
    started = time.perf_counter()
    end = await finish(engine.submit(call))
    return end.generated_tokens / (time.perf_counter() - started)


async def branches(engine: Engine, salt: int) -> float:
    """Total tokens a second of sampled branches of one prompt, its prefill included."""
    text = prompt(PROMPT, salt, engine.info.vocabulary)
    calls = [
        Call(prompt=text, sampling=Sampling(temperature=1.0, seed=seed, max_tokens=BRANCH_TOKENS))
        for seed in range(BRANCHES)
    ]
    started = time.perf_counter()
    ends = await asyncio.gather(*(finish(engine.submit(call)) for call in calls))
    return sum(end.generated_tokens for end in ends) / (time.perf_counter() - started)


async def prefill(engine: Engine, salt: int) -> float:
    """Prompt tokens a second of a call that generates one token."""
    length = min(384, engine.info.context - 1)
    call = Call(
        prompt=prompt(length, salt, engine.info.vocabulary), sampling=Sampling(max_tokens=1)
    )
    started = time.perf_counter()
    end = await finish(engine.submit(call))
    assert end.cached_tokens < 32
    return length / (time.perf_counter() - started)


async def choice_ms(engine: Engine, salt: int) -> float:
    """Milliseconds for a two-way choice after a prompt whose beginning is cached."""
    text = prompt(PROMPT, salt, engine.info.vocabulary)
    await finish(engine.submit(Call(prompt=text, sampling=Sampling(max_tokens=1))))
    started = time.perf_counter()
    await finish(engine.submit(Call(prompt=(*text, 1, 2), constraint=Choice(((3,), (4,))))))
    return (time.perf_counter() - started) * 1000


async def measure(engine: Engine, repeats: int) -> dict[str, float]:
    salts = itertools.count()

    async def best(
        what: Callable[[Engine, int], Awaitable[float]], pick: Callable[[list[float]], float] = max
    ) -> float:
        # another prompt each time, so that nothing is answered from the cache
        values = [await what(engine, next(salts)) for _ in range(repeats + 1)]
        return round(pick(values[1:]), 2)

    return {
        "single_stream_tokens_per_s": await best(single),
        "branches_total_tokens_per_s": await best(branches),
        "prefill_tokens_per_s": await best(prefill),
        "cached_choice_ms": await best(choice_ms, min),
    }


def random_engine(folder: Path, precision: str) -> Path:
    checkpoint = open_checkpoint(write_random_model(folder / "random"))
    wanted = plan(checkpoint, name="random", precision=precision)  # type: ignore[arg-type]
    return build(checkpoint, wanted, EngineStore(folder / "engines"), print).directory


def commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure an engine.")
    parser.add_argument("engine", nargs="?", type=Path)
    parser.add_argument("--precision", default="fp32", choices=("fp32", "int8", "int4"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = arguments.engine or random_engine(Path(folder), arguments.precision)
        engine = open_engine(directory, threads=arguments.threads)
        figures = asyncio.run(measure(engine, arguments.repeats))
        engine.close()
    for name, value in figures.items():
        print(f"{name:<32}{value:>12,.1f}")
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory, MB':<32}{rss_mb:>12,.1f}")
    facts = {"model": engine.info.model, "precision": engine.info.precision, "rss_mb": rss_mb}
    machine = {"machine": platform.machine(), "threads": arguments.threads, "commit": commit()}
    print(json.dumps(figures | facts | machine))


if __name__ == "__main__":
    main()
