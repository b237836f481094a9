"""Runs smysl's CPU engine and its peers side by side on the same weights, one after the other
within each round, and reports medians and ratios.

What bounds each figure: prefill by arithmetic; decoding one sequence by memory bandwidth, since each
token reads every weight; branches by whichever comes first. Peers run as processes of their own,
all loaded at once and one working at a time; the time of a round's drift hits all of them.

    python -m benchmarks.peers --folder SCRATCH --peers-python OTHER/bin/python [--quick]

docs/benchmarks/README.md says how to set up the environments.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import estimate
from benchmarks.peers.bandwidth import read_gb_per_s
from benchmarks.peers.bars import DECODE, verdicts
from benchmarks.peers.chart import Bar, Panel, draw
from benchmarks.peers.figures import (
    Figure,
    advantage,
    best_figure,
    minutes,
    number,
    table,
)
from benchmarks.peers.process import PeerFailed, PeerProcess
from benchmarks.peers.work import FULL, QUICK, Work

ROOT = Path(__file__).resolve().parents[2]
OURS = ("smysl", "bare")
ORDER = ("smysl", "bare", "llama", "openvino", "genai", "transformers")
SLOW = ("genai", "transformers")
"""No bar but one needs them, and they would take most of the time: one round of some work."""
_SLOW_WORK = (
    "prefill 512",
    "decode 128 after 512",
    "8 branches, 256 cached",
    "reasoning session",
)
_BARE_WORK = (
    "prefill 512",
    "decode 128 after 512",
    "8 branches, 256 cached",
    "16 branches, 256 cached",
)
_BARE_KINDS = ("prefill", "decode", "warm")
_CLOSE = 0.9
"""After the first round only ways that reached this share of the peer's best go on."""
_BUSY_LOAD = 0.5
_IDLE_SHARE = 0.05


class Run:
    """One side-by-side run: its processes, values and remarks."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._folder: Path = arguments.folder.resolve()
        self._works: tuple[Work, ...] = QUICK if arguments.quick else FULL
        self._peers: dict[str, PeerProcess] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self.missing: dict[str, str] = {}
        self.remarks: list[str] = []
        self.values: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        self.details: list[dict[str, Any]] = []
        self._dropped: set[tuple[str, str, str]] = set()
        self._salt = int(time.time()) % 10_000

    def start(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                self._start(name)
            except PeerFailed as error:
                self.missing[name] = str(error)
                _say(f"{name} takes no part: {error}")

    def _start(self, name: str) -> None:
        _say(f"loading {name}")
        described = self._serve(name, "--describe")
        if described.returncode:
            lines = described.stderr.strip().splitlines()
            raise PeerFailed(f"not installed in {self._python(name)}: {lines[-1] if lines else ''}")
        prepared = self._serve(name, "--prepare")
        if prepared.returncode:
            lines = prepared.stderr.strip().splitlines()
            raise PeerFailed(f"its model cannot be written: {lines[-1] if lines else ''}")
        facts = json.loads(described.stdout)
        log = self._folder / f"{name}.log"
        process = PeerProcess(name, self._command(name), ROOT, log)
        self._peers[name] = process
        memory = process.memory()
        facts |= process.ready | {"python": self._python(name)}
        facts["rss_mb"] = {"loaded": memory.now, "loaded_own": memory.own, "loading": memory.peak}
        del facts["python"]  # a path of this machine
        self.facts[name] = facts

    def _python(self, name: str) -> str:
        chosen: dict[str, str] = self._arguments.python
        if name in chosen:
            return chosen[name]
        others: str | None = self._arguments.peers_python
        return sys.executable if name in OURS or others is None else others

    def _command(self, name: str) -> list[str]:
        threads = str(self._arguments.threads)
        serve = [self._python(name), "-m", "benchmarks.peers.serve", name, str(self._folder)]
        return [*serve, "--threads", threads]

    def _serve(self, name: str, what: str) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ)
        paths = [str(ROOT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        command = [*self._command(name), what]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, env=environment, check=False
            )
        except OSError as error:
            raise PeerFailed(f"{command[0]} cannot be run: {error.strerror}") from None

    def plan(self) -> list[tuple[int, Work, str, str]]:
        """(round, work, peer, way) in the order they are measured."""
        most = min(self._arguments.rounds, max(work.repeats for work in self._works))
        return [
            (number, work, name, way)
            for number in range(most)
            for work in self._works
            for name in self._peers
            if self._takes_part(number, work, name)
            for way in self._ways(work, name)
        ]

    def _takes_part(self, number: int, work: Work, name: str) -> bool:
        if self._arguments.quick:
            return name != "bare" or work.kind in _BARE_KINDS
        if name == "bare" and work.name not in _BARE_WORK:
            return False
        if name in SLOW:
            return number == 0 and work.name in _SLOW_WORK
        return number < work.repeats

    def _ways(self, work: Work, name: str) -> Sequence[str]:
        ways: Sequence[str] = self.facts[name]["ways"].get(work.kind) or ("",)
        return ways

    def warm_up(self) -> None:
        """Load pages, start threads and compile, in every way."""
        for name in list(self._peers):
            for work in (Work("", "decode", 24, tokens=4), Work("", "warm", 24, 2, 4)):
                for way in self._ways(work, name):
                    self._measure(work, name, way)
            if name in self._peers:
                self._peers[name].forget_peak()

    def measure(self, started: float) -> None:
        plan = self.plan()
        done = 0.0
        whole = sum(estimate.seconds(work, name, way) for _, work, name, way in plan)
        for number_, work, name, way in plan:
            expected = estimate.seconds(work, name, way)
            if name in self._peers and (work.name, name, way) not in self._dropped:
                answer = self._measure(work, name, way)
                self._note(number_, work, name, way, answer)
            done += expected
            left = (time.monotonic() - started) / max(done, 1e-9) * (whole - done)
            _say(f"round {number_ + 1}, {work.name}, {name} {way}: about {minutes(left)} left")
            if way == self._ways(work, name)[-1]:
                self._drop_worse(number_, work, name)

    def _measure(self, work: Work, name: str, way: str) -> dict[str, Any]:
        self._salt += 1
        others = {other: peer.cpu_s() for other, peer in self._peers.items() if other != name}
        request = {"work": dataclasses.asdict(work), "way": way, "salt": self._salt}
        apart = work.kind == "adapted session" and self.facts[name]["adapters"]
        started = time.monotonic()
        try:
            answer = self._ask_apart(name, request) if apart else self._peers[name].ask(**request)
        except PeerFailed as error:
            self.missing[name] = f"ended while measuring {work.name!r}: {error}"
            del self._peers[name]
            return {"failed": str(error)}
        wall = time.monotonic() - started
        spent = {other: self._peers[other].cpu_s() - before for other, before in others.items()}
        busy = {
            other: s / wall for other, s in spent.items() if s > _IDLE_SHARE * wall and s > 0.05
        }
        for other, share in busy.items():
            self.remarks.append(
                f"{other} used {share:.0%} of a core while {name} ran {work.name or 'its warm-up'}"
            )
        return answer

    def _ask_apart(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """In a process of its own, so that what adapters cost in memory is a figure of its own."""
        log = self._folder / f"{name}-adapted.log"
        try:
            peer = PeerProcess(name, self._command(name), ROOT, log)
        except PeerFailed as error:
            return {"failed": str(error)}
        try:
            answer = peer.ask(**request)
            memory: dict[str, float] = self.facts[name]["rss_mb"]
            memory["adapted_peak"] = max(memory.get("adapted_peak", 0.0), peer.memory().peak)
        except PeerFailed as error:
            return {"failed": str(error)}
        finally:
            peer.close()
        return answer

    def _note(self, number_: int, work: Work, name: str, way: str, answer: dict[str, Any]) -> None:
        reason = answer.get("failed") or answer.get("unsupported")
        if reason is not None:
            self._dropped.add((work.name, name, way))
            self.remarks.append(f"{name} {way} has no figure for {work.name!r}: {reason}")
            return
        self.values[work.name][name][way].append(answer["value"])
        self.details.append(
            {"round": number_, "work": work.name, "peer": name, "way": way} | answer
        )

    def _drop_worse(self, number_: int, work: Work, name: str) -> None:
        """After the first round; each way of new branches stays, for each is a figure of its own."""
        if number_ != 0 or work.kind == "cold":
            return
        by_way = self.values[work.name][name]
        best = best_figure(by_way, work.faster_is_higher)
        for way, values in by_way.items():
            if best is None or not values:
                continue
            share = 1 / advantage(best.value, values[0], work.faster_is_higher)
            if share < _CLOSE:
                self._dropped.add((work.name, name, way))

    def close(self) -> None:
        for name, peer in self._peers.items():
            memory = peer.memory()
            self.facts[name]["rss_mb"] |= {"end": memory.now, "peak": memory.peak}
            peer.close()

    def best(self, work: Work, name: str) -> Figure | None:
        return best_figure(self.values[work.name][name], work.faster_is_higher)

    @property
    def works(self) -> tuple[Work, ...]:
        return self._works

    @property
    def estimate_s(self) -> float:
        """As if of several ways one went on after the first round."""
        return sum(
            estimate.seconds(work, name, way)
            for number_, work, name, way in self.plan()
            if number_ == 0 or way == self._ways(work, name)[0]
        )


def report(run: Run, gb_per_s: float, threads: int) -> dict[str, Any]:
    """Print the tables; returns everything as one object."""
    names = [name for name in ORDER if name in run.facts]
    rows = []
    for work in run.works:
        ours = run.best(work, "smysl")
        cells = [f"{work.name} [{work.unit}]"]
        for name in names:
            figure = run.best(work, name)
            if figure is None:
                cells.append("-")
                continue
            text = number(figure.value)
            if ours is not None and name != "smysl":
                times = advantage(ours.value, figure.value, work.faster_is_higher)
                text += f" ({times:.2f}x)"
            cells.append(text)
        rows.append(cells)
    for what in ("loaded", "peak", "adapted_peak"):
        memory = [run.facts[name]["rss_mb"].get(what) for name in names]
        title = {"adapted_peak": "peak under an adapter"}.get(what, what)
        rows.append([f"RSS {title} [MB]", *("-" if mb is None else f"{mb:,.0f}" for mb in memory)])
    print(table(["", *names], rows))
    print("\nin brackets: how many times better smysl is; medians, each peer by its best way")
    _print_ways(run, names)
    limit = _limit(run, gb_per_s)
    print(f"\nmemory bandwidth, {threads} threads reading: {gb_per_s:.1f} GB/s")
    if limit is not None:
        decode = run.best(_named(run, DECODE), "smysl") if _has(run, DECODE) else None
        share = "" if decode is None else f"; smysl reaches {decode.value / limit:.0%} of it"
        print(
            f"decoding is bound by it to {limit:.0f} tok/s for one sequence of our weights{share}"
        )
    higher = {work.name: work.faster_is_higher for work in run.works}
    found = verdicts(run.values, higher)
    for verdict in found:
        bar = verdict.bar
        mark = "reached" if verdict.reached else "NOT reached"
        against = f"{bar.peer} ({bar.way})" if bar.way else bar.peer
        print(f"{mark}: {bar.work} against {against}: {verdict.ratio:.2f}x, bar {bar.least}x")
    for name, reason in run.missing.items():
        print(f"no {name}: {reason}")
    for remark in dict.fromkeys(run.remarks):
        print(f"note: {remark}")
    for name in names:
        facts = run.facts[name]
        versions = ", ".join(
            f"{package} {version}" for package, version in facts["versions"].items()
        )
        print(f"\n{name}: {facts['title']} ({versions})")
        for key, text in facts["settings"].items():
            print(f"    {key}: {text}")
    return {
        "machine": _machine(),
        "threads": threads,
        "bandwidth_gb_per_s": gb_per_s,
        "decode_limit_tokens_per_s": limit,
        "peers": run.facts,
        "missing": run.missing,
        "remarks": list(dict.fromkeys(run.remarks)),
        "works": [dataclasses.asdict(work) | {"unit": work.unit} for work in run.works],
        "medians": _medians(run, names),
        "bars": [
            dataclasses.asdict(one.bar) | {"ratio": one.ratio, "reached": one.reached}
            for one in found
        ],
        "runs": run.details,
    }


def _print_ways(run: Run, names: Sequence[str]) -> None:
    for work in run.works:
        for name in names:
            by_way = {way: values for way, values in run.values[work.name][name].items() if values}
            if len(by_way) > 1:
                each = [best_figure({way: by_way[way]}, work.faster_is_higher) for way in by_way]
                texts = [f"{one.way} {number(one.value)}" for one in each if one is not None]
                print(f"{name}, {work.name}: {', '.join(texts)}")


def _medians(run: Run, names: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for work in run.works:
        figures = {name: run.best(work, name) for name in names}
        found[work.name] = {
            name: dataclasses.asdict(figure) for name, figure in figures.items() if figure
        }
    return found


def _limit(run: Run, gb_per_s: float) -> float | None:
    """Tokens a second if reading the weights were all there is to do."""
    settings = run.facts.get("bare", {}).get("settings", {})
    if "read_bytes_per_token" not in settings:
        return None
    return gb_per_s * 1e9 / float(settings["read_bytes_per_token"])


def _has(run: Run, name: str) -> bool:
    return any(work.name == name for work in run.works)


def _named(run: Run, name: str) -> Work:
    return next(work for work in run.works if work.name == name)


def _machine() -> dict[str, Any]:
    text = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "commit": asked.stdout.strip() or "unknown",
        "load_before": os.getloadavg()[0],
    }


def plot(run: Run, date: str) -> str:
    panels = []
    for work in run.works:
        bars = []
        for name in ORDER:
            figure = run.best(work, name) if name in run.facts else None
            if figure is not None:
                label = f"{number(figure.value)} {work.unit}"
                label += f" ({figure.way})" if figure.way else ""
                title = run.facts[name]["title"]
                bars.append(Bar(title, figure.value, label, ours=name == "smysl"))
        better = "more is better" if work.faster_is_higher else "less is better"
        panels.append(Panel(f"{work.name} ({work.unit}, {better})", tuple(bars)))
    cpu = _machine()["cpu"]
    return draw(
        "smysl and its peers on the same 4-bit weights",
        f"Qwen2-0.5B shape, random weights, 2 cores of {cpu}, medians, {date}",
        panels,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _pair(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if name not in ORDER or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not PEER=PATH with a PEER of {ORDER}")
    return name, path


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description="Measure smysl and its peers side by side."
    )
    parser.add_argument("--folder", type=Path, required=True, help="Where models are kept.")
    parser.add_argument("--peers-python", help="Python of the environment the peers are in.")
    parser.add_argument("--python", type=_pair, action="append", default=[], metavar="PEER=PATH")
    parser.add_argument("--peers", nargs="+", choices=ORDER, default=list(ORDER))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="At most so many of each work.")
    parser.add_argument("--quick", action="store_true", help="Small work, to try everything.")
    parser.add_argument(
        "--output",
        type=Path,
        help="Folder for the JSON and the plot; default: docs/benchmarks, none with --quick.",
    )
    arguments = parser.parse_args()
    arguments.python = dict(arguments.python)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    run = Run(arguments)
    if load > _BUSY_LOAD:
        run.remarks.append(f"the machine was not idle (load {load:.1f}): figures only for trying")
        _say(run.remarks[-1])
    gb_per_s = read_gb_per_s(arguments.threads)
    run.start([name for name in ORDER if name in arguments.peers])
    try:
        run.warm_up()
        _say(f"measuring takes about {minutes(run.estimate_s)} on two idle cores")
        started = time.monotonic()
        run.measure(started)
    finally:
        run.close()
    result = report(run, gb_per_s, arguments.threads)
    date = datetime.date.today().isoformat()
    result |= {"date": date, "seconds": time.monotonic() - started}
    output: Path | None = arguments.output
    if output is None and not arguments.quick:
        output = ROOT / "docs" / "benchmarks"
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / f"peers-{date}.json").write_text(json.dumps(result, indent=1) + "\n")
        (output / f"peers-{date}.svg").write_text(plot(run, date))
        print(f"\nwritten: peers-{date}.json and peers-{date}.svg in {output}")


if __name__ == "__main__":
    main()
