"""Whole processes, as a person waits for them: `smysl --version`, `smysl ask` against a warm daemon, its memory.

Bounded by Python's start, then by the model's forward passes: `solve` on a short problem is about a hundred decoding
steps, most of them shared by six branches. Every question is new to the journal, so nothing is answered from it.
Run with a daemon of this checkout: `.venv/bin/python benchmarks/bench_cli.py`; the last line is JSON.
"""

import functools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SAMPLE = (
    "Mia has {a} boxes with {b} pencils each. She gives {c} pencils to her brother. "
    "How many pencils are left?"
)
ROUNDS = 20


def main() -> None:
    """Measure in a data folder of its own and print a table, then JSON."""
    smysl = str(Path(sys.executable).with_name("smysl"))
    with tempfile.TemporaryDirectory(prefix="smysl-bench-") as folder:
        kinds = ("DATA", "RUNTIME", "CONFIG", "CACHE")
        homes = {f"SMYSL_{kind}_DIR": f"{folder}/{kind.lower()}" for kind in kinds}
        run = functools.partial(smysl_process, smysl, os.environ | homes)
        run("daemon", "start")
        try:
            version = [timed(run, "--version") for _ in range(ROUNDS)]
            run("ask", "-q", SAMPLE.format(a=3, b=12, c=9))
            questions = [SAMPLE.format(a=4 + i, b=15 + i, c=7 + i) for i in range(ROUNDS)]
            ask = [timed(run, "ask", "-q", question) for question in questions]
            status = json.loads(run("daemon", "status", "--json").stdout)
        finally:
            run("daemon", "stop")
    result = {
        "machine": f"{platform.machine()} {os.cpu_count()} cores",
        "commit": commit(),
        "version_ms": round(1000 * statistics.median(version), 1),
        "ask_ms": round(1000 * statistics.median(ask), 1),
        "ask_worst_ms": round(1000 * max(ask), 1),
        "rss_mb": round(status["rss_bytes"] / 1e6),
        "engine": status["fingerprint"],
    }
    print(f"smysl --version          median {result['version_ms']:7.1f} ms   bar 120")
    print(f"smysl ask, warm daemon   median {result['ask_ms']:7.1f} ms   bar 500")
    print(f"                          worst {result['ask_worst_ms']:7.1f} ms")
    print(f"daemon                    memory {result['rss_mb']:7d} MB   bar 200")
    print(json.dumps(result))


def smysl_process(
    program: str, environment: dict[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    """Run `smysl WORDS` to its end. Raises `CalledProcessError` for a bad exit code."""
    return subprocess.run(
        [program, *words], env=environment, capture_output=True, text=True, check=True
    )


def timed(run: Callable[..., object], *words: str) -> float:
    """Seconds that `run(*words)` takes."""
    began = time.perf_counter()
    run(*words)
    return time.perf_counter() - began


def commit() -> str:
    """Of this checkout, or "unknown"."""
    if shutil.which("git") is None:
        return "unknown"
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
