"""What the façade and the daemon have done, as Prometheus reads it (text format 0.0.4).

Knows numbers and their names; never requests or runs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from smysl_daemon.counts import SECONDS, Counts, Histogram
from smysl_daemon.protocol import DaemonStatus
from smysl_daemon.shapes import EngineStatsView

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ENGINE_GAUGES = {
    "running": "calls in progress",
    "waiting": "calls that wait for a slot",
    "blocks": "blocks of KV memory there may be",
    "held_blocks": "blocks in use by running calls",
    "cached_blocks": "blocks kept for reuse",
    "weights_bytes": "size of the weights in memory",
    "kv_bytes": "size of held and cached blocks",
    "kv_cap_bytes": "size of all blocks there may be",
    "prefill_tokens_per_s": "prompt tokens computed in a second, lately",
}
ENGINE_COUNTERS = {
    "prompt_tokens": "prompt tokens of the calls admitted",
    "cached_tokens": "prompt tokens reused",
    "restored_tokens": "prompt tokens read from snapshots",
    "computed_tokens": "tokens that went through the model",
    "generated_tokens": "tokens that ended calls gave",
    "drafted_tokens": "tokens guessed ahead",
    "accepted_tokens": "guesses that were right",
    "steps": "passes that gave every running call a token",
    "preempted": "times that a running call had to wait again",
    "evicted_blocks": "cached blocks that gave way",
    "saved_blocks": "snapshots written",
}


class Metrics:
    """Counts requests. One event loop."""

    def __init__(self) -> None:
        self.in_progress = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: dict[str, Histogram] = {}

    def done(self, route: str, method: str, status: int, seconds: float) -> None:
        """`route`: one of a fixed few, never what a client typed."""
        self._requests[route, method, status] += 1
        self._seconds.setdefault(route, Histogram()).add(seconds)

    def text(self, status: DaemonStatus, counts: Counts) -> str:
        return "".join(f"{line}\n" for line in self._lines(status, counts))

    def _lines(self, status: DaemonStatus, counts: Counts) -> Iterator[str]:
        yield from _family(
            "smysl_info",
            "gauge",
            "version and model; always 1",
            [
                (
                    {
                        "version": status.version,
                        "model": status.model,
                        "fingerprint": status.fingerprint,
                        "backend": status.backend,
                        "precision": status.precision,
                    },
                    1,
                )
            ],
        )
        yield from _one("smysl_uptime_seconds", "gauge", "since the start", status.uptime_seconds)
        yield from _one("smysl_resident_bytes", "gauge", "memory of the process", status.rss_bytes)
        yield from _one(
            "smysl_clients", "gauge", "clients of the daemon's own socket", status.clients
        )
        yield from _one("smysl_runs_in_progress", "gauge", "runs and calls", status.runs)
        yield from _family(
            "smysl_runs_total",
            "counter",
            "runs that ended, by program, outcome and verdict",
            [
                ({"program": program, "outcome": outcome, "verdict": verdict}, count)
                for (program, outcome, verdict), count in sorted(counts.runs.items())
            ],
        )
        yield from _family(
            "smysl_nodes_total",
            "counter",
            "nodes that runs finished, by kind",
            [({"kind": kind}, count) for kind, count in sorted(counts.nodes.items())],
        )
        yield from _histograms(
            "smysl_run_seconds",
            "how long runs took, by program",
            "program",
            dict(sorted(counts.seconds.items())),
        )
        yield from self._http()
        if status.engine is not None:
            yield from _engine(status.engine)

    def _http(self) -> Iterator[str]:
        yield from _one(
            "smysl_http_requests_in_progress", "gauge", "HTTP requests", self.in_progress
        )
        yield from _family(
            "smysl_http_requests_total",
            "counter",
            "HTTP requests answered, by route, method and status",
            [
                ({"route": route, "method": method, "status": str(code)}, count)
                for (route, method, code), count in sorted(self._requests.items())
            ],
        )
        yield from _histograms(
            "smysl_http_request_seconds",
            "from a request's headers to the end of its response",
            "route",
            dict(sorted(self._seconds.items())),
        )


def _engine(engine: EngineStatsView) -> Iterator[str]:
    yield from _one(
        "smysl_engine_loaded", "gauge", "1 while the engine is in memory", int(engine.loaded)
    )
    for name, text in ENGINE_GAUGES.items():
        yield from _one(f"smysl_engine_{name}", "gauge", text, getattr(engine, name))
    for name, text in ENGINE_COUNTERS.items():
        yield from _one(f"smysl_engine_{name}_total", "counter", text, getattr(engine, name))
    yield from _family(
        "smysl_engine_calls_total",
        "counter",
        "calls that ended, by reason",
        [({"reason": reason}, count) for reason, count in sorted(engine.finished.items())],
    )


def _one(name: str, kind: str, text: str, value: float) -> Iterator[str]:
    return _family(name, kind, text, [({}, value)])


def _family(
    name: str, kind: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield _sample(name, labels, value)


def _histograms(name: str, text: str, label: str, found: Mapping[str, Histogram]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} histogram"
    for value, histogram in found.items():
        below = 0
        for bound, count in zip((*map(_number, SECONDS), "+Inf"), histogram.buckets, strict=True):
            below += count
            yield _sample(f"{name}_bucket", {label: value, "le": bound}, below)
        yield _sample(f"{name}_sum", {label: value}, histogram.total)
        yield _sample(f"{name}_count", {label: value}, below)


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {_number(value)}" if shown else f"{name} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
