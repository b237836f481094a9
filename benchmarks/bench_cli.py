"""Whole processes, as a person waits for them: `smysl --version`, `smysl ask` against a warm daemon, its memory; and
the round trip of one small message on the daemon's socket.

Bounded by Python's start, then by the model's forward passes: `solve` on a short problem is about a hundred decoding
steps, most of them shared by six branches. Every question is new to the journal, so nothing is answered from it. What
`ask` adds is its process's time without the seconds that the daemon says the run took. The round trip is bounded by two
wake-ups of the kernel's scheduler and the daemon's event loop.
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

from smysl_daemon.client import Client
from smysl_daemon.protocol import GetStatus

SAMPLE = (
    "Mia has {a} boxes with {b} pencils each. She gives {c} pencils to her brother. "
    "How many pencils are left?"
)
ROUNDS = 20
PINGS = 1000


def main() -> None:
    """Measure in a home folder of its own and print a table, then JSON."""
    smysl = str(Path(sys.executable).with_name("smysl"))
    with tempfile.TemporaryDirectory(prefix="smysl-bench-") as folder:
        # of somebody who moved no folder: to look for moved ones takes a client longer
        moved = [name for name in os.environ if name.startswith(("SMYSL_", "XDG_"))]
        kept = {name: value for name, value in os.environ.items() if name not in moved}
        home = {"HOME": folder, "XDG_RUNTIME_DIR": folder}
        # compiled once, as an installation is, also where the environment forbids writing bytecode
        compiled = {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "PYTHONDONTWRITEBYTECODE": ""}
        run = functools.partial(smysl_process, smysl, kept | home | compiled)
        run("--version")
        run("ask", "--help")
        run("daemon", "start")
        try:
            version = [timed(run, "--version") for _ in range(ROUNDS)]
            run("ask", "-q", SAMPLE.format(a=3, b=12, c=9))
            questions = [SAMPLE.format(a=4 + i, b=15 + i, c=7 + i) for i in range(ROUNDS)]
            ask, added = [], []
            for question in questions:
                began = time.perf_counter()
                said = run("ask", "--json", question, check=False)
                ask.append(time.perf_counter() - began)
                added.append(ask[-1] - json.loads(said.stdout)["seconds"])
            helped = [timed(run, "ask", "--help") for _ in range(ROUNDS)]
            status = json.loads(run("daemon", "status", "--json").stdout)
            trips = pings(Path(status["socket"]))
        finally:
            run("daemon", "stop")
    result = {
        "machine": f"{platform.machine()} {os.cpu_count()} cores",
        "commit": commit(),
        "version_ms": round(1000 * statistics.median(version), 1),
        "ask_ms": round(1000 * statistics.median(ask), 1),
        "ask_worst_ms": round(1000 * max(ask), 1),
        "ask_adds_ms": round(1000 * statistics.median(added), 1),
        "help_ms": round(1000 * statistics.median(helped), 1),
        "ping_ms": round(1000 * statistics.median(trips), 3),
        "rss_mb": round(status["rss_bytes"] / 1e6),
        "engine": status["fingerprint"],
    }
    print(f"smysl --version          median {result['version_ms']:7.1f} ms   bar 80")
    print(f"smysl ask --help         median {result['help_ms']:7.1f} ms   bar 100")
    print(f"smysl ask, warm daemon   median {result['ask_ms']:7.1f} ms   bar 500")
    print(f"                          worst {result['ask_worst_ms']:7.1f} ms")
    print(f"  beyond the run itself  median {result['ask_adds_ms']:7.1f} ms   bar 120")
    print(f"ping on the socket       median {result['ping_ms']:7.3f} ms   bar 0.3")
    print(f"daemon                    memory {result['rss_mb']:7d} MB   bar 200")
    print(json.dumps(result))


def smysl_process(
    program: str, environment: dict[str, str], *words: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `smysl WORDS` to its end. Raises `CalledProcessError` for a bad exit code, unless one may be a verdict."""
    return subprocess.run(
        [program, *words], env=environment, capture_output=True, text=True, check=check
    )


def pings(path: Path) -> list[float]:
    """Seconds of so many requests with a small answer, one after the other on one connection."""
    with Client(path) as client:
        seconds = []
        for _ in range(PINGS):
            began = time.perf_counter()
            client.ask(GetStatus())
            seconds.append(time.perf_counter() - began)
    return seconds


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
