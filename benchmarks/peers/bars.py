"""How far ahead the engine is meant to be, as checks over a run's figures.

Knows work and peers by name; never how they were measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.peers.figures import best_figure, paired_advantage
from benchmarks.peers.work import ADAPTED_SESSION

Values = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Values by work, peer and way, one a round."""


@dataclass(frozen=True)
class Bar:
    """smysl at least `least` times better than a peer."""

    work: str
    peer: str
    least: float
    way: str | None = None
    """One way of the peer's in place of its best."""


@dataclass(frozen=True)
class Verdict:
    bar: Bar
    ratio: float

    @property
    def reached(self) -> bool:
        return self.ratio >= self.bar.least


DECODE, PREFILL = "decode 128 after 512", "prefill 512"
BARS: tuple[Bar, ...] = (
    Bar(DECODE, "llama", 1.25),
    Bar(DECODE, "openvino", 1.5),
    Bar(DECODE, "genai", 1.8),
    Bar(DECODE, "bare", 0.95),
    Bar(PREFILL, "llama", 1.8),
    Bar(PREFILL, "openvino", 0.9),
    Bar("8 branches, 256 cached", "llama", 2.0),
    Bar("8 branches, 256 cached", "openvino", 1.35),
    Bar("8 branches, 256 new", "llama", 5.0, "requests"),
    Bar("reasoning session", "llama", 3.0),
    Bar(ADAPTED_SESSION, "llama", 3.0),
)


def verdicts(
    values: Values, higher: Mapping[str, bool], bars: Sequence[Bar] = BARS
) -> list[Verdict]:
    """The bars whose figures were measured."""
    found = []
    for bar in bars:
        by_peer = values.get(bar.work, {})
        ours, theirs = by_peer.get("smysl", {}), by_peer.get(bar.peer, {})
        if bar.way is not None:
            theirs = {bar.way: theirs.get(bar.way, ())}
        best = best_figure(theirs, higher[bar.work]) if bar.work in higher else None
        mine = best_figure(ours, higher[bar.work]) if best is not None else None
        if best is not None and mine is not None:
            ratio = paired_advantage(ours[mine.way], theirs[best.way], higher[bar.work])
            found.append(Verdict(bar, ratio))
    return found
