"""How long a caller waits: for the first token, between tokens, and for the whole call, as p50 and p99.

What bounds it: the first token of a cold prompt is bound by arithmetic over the whole prompt, that of a
prompt whose beginning is cached by one decoding step and the engine's own overhead; the gap between
tokens by reading every weight once. A change of adapter makes a prompt cold. With several calls at
once a step takes longer, and a prompt that is read makes the others wait.

Prints a table, and as its last line one JSON object to compare with. Calls before the first counted one
are warm-up; every call is greedy and ignores stop tokens. The gap is the time between two deltas over
the tokens in the second one.

    python benchmarks/bench_latency.py ENGINE_DIRECTORY [--prompt N] [--output N] [--calls N]
        [--at-once N] [--max-batch N]
"""

import argparse
import asyncio
import json
import math
import platform
import subprocess
import time
from pathlib import Path

import msgspec

from smysl_engines.base import Call, Choice, Delta, Engine, Finish, Sampling
from smysl_engines.load import open_engine

WARM_UP = 3
OPTIONS = 4


class Timed(msgspec.Struct, frozen=True):
    """One call, in milliseconds from its submission."""

    first: float
    """NaN where nothing came."""
    gaps: tuple[float, ...]
    whole: float
    cached: int
    """Tokens of the prompt."""


async def timed(engine: Engine, call: Call) -> Timed:
    began = last = time.perf_counter()
    first, gaps, cached = math.nan, list[float](), 0
    async for event in engine.submit(call):
        now = time.perf_counter()
        match event:
            case Delta(ids):
                if math.isnan(first):
                    first = (now - began) * 1000
                else:
                    gaps += [(now - last) * 1000 / len(ids)] * len(ids)
                last = now
            case Finish():
                cached = event.cached_tokens
    return Timed(first, tuple(gaps), (time.perf_counter() - began) * 1000, cached)


def text(length: int, salt: int, vocabulary: int) -> tuple[int, ...]:
    return tuple((salt * 7919 + at * (31 + salt % 13)) % vocabulary for at in range(length))


async def measure(engine: Engine, calls: list[Call], at_once: int) -> list[Timed]:
    """In order; the first ones are not counted."""
    turns = asyncio.Semaphore(at_once)

    async def one(call: Call) -> Timed:
        async with turns:
            return await timed(engine, call)

    found = await asyncio.gather(*(one(call) for call in calls))
    return found[WARM_UP:]


def cases(engine: Engine, prompt: int, output: int, count: int) -> dict[str, list[Call]]:
    """Calls by what is measured, each case with prompts of its own."""
    words = engine.info.vocabulary
    greedy = Sampling(max_tokens=output)
    numbers = range(count + WARM_UP)
    shared = text(prompt - 1, 99_991, words)
    found = {
        "cold prompt": [Call(prompt=text(prompt, 3 + n, words), sampling=greedy) for n in numbers],
        "cached beginning": [Call(prompt=(*shared, n % words), sampling=greedy) for n in numbers],
        f"choice of {OPTIONS}": [
            Call(
                prompt=(*shared, n % words),
                constraint=Choice(tuple((10 + option,) for option in range(OPTIONS))),
            )
            for n in numbers
        ],
    }
    if names := engine.info.adapters:
        turns = (None, *names)
        found["adapter changes, cold"] = [
            Call(
                prompt=text(prompt, 70_001 + n, words),
                sampling=greedy,
                adapter=turns[n % len(turns)],
            )
            for n in numbers
        ]
    return found


def percentile(values: list[float], share: float) -> float | None:
    """The smallest value that this share of all does not exceed; None of none."""
    known = sorted(value for value in values if not math.isnan(value))
    return round(known[max(0, math.ceil(share * len(known)) - 1)], 3) if known else None


def figures(found: list[Timed]) -> dict[str, float | None]:
    columns = {
        "first token": [each.first for each in found],
        "gap": [gap for each in found for gap in each.gaps],
        "whole": [each.whole for each in found],
    }
    made = {
        f"{name} p{share}": percentile(values, share / 100)
        for name, values in columns.items()
        for share in (50, 99)
    }
    return made | {"cached": round(sum(each.cached for each in found) / len(found), 1)}


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


async def run(engine: Engine, asked: argparse.Namespace) -> dict[str, dict[str, float | None]]:
    measured = {}
    for name, calls in cases(engine, asked.prompt, asked.output, asked.calls).items():
        measured[name] = figures(await measure(engine, calls, asked.at_once))
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("engine", type=Path)
    parser.add_argument("--prompt", type=int, default=200, help="tokens")
    parser.add_argument("--output", type=int, default=32, help="tokens")
    parser.add_argument("--calls", type=int, default=50, help="of each case")
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--max-batch", type=int, default=16)
    asked = parser.parse_args()
    began = time.perf_counter()
    engine = open_engine(asked.engine, max_batch=asked.max_batch)
    opened = time.perf_counter() - began
    try:
        measured = asyncio.run(run(engine, asked))
    finally:
        engine.close()
    names = list(next(iter(measured.values())))
    print(f"{'ms':24}" + "".join(f"{name:>17}" for name in names))
    for case, values in measured.items():
        shown = ("-" if (value := values[name]) is None else f"{value:.2f}" for name in names)
        print(f"{case:24}" + "".join(f"{each:>17}" for each in shown))
    info = engine.info
    settings = {k: getattr(asked, k) for k in ("prompt", "output", "calls", "at_once")}
    about = {
        "engine": info.fingerprint,
        "model": info.model,
        "backend": info.backend,
        "precision": info.precision,
        "machine": f"{platform.machine()} {platform.processor()}".strip(),
        "commit": commit(),
        "open_s": round(opened, 2),
    }
    print(json.dumps(about | settings | {"ms": measured}))


if __name__ == "__main__":
    main()
