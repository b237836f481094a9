"""What every peer must do to be measured, and the child process that does it on request.

Knows token ids and times; never a particular runtime.
"""

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

TOP_K = 40
"""Sampled calls use temperature 1 and this many of the likeliest tokens."""


@dataclass(frozen=True)
class Ask:
    """One call. It generates exactly `tokens` tokens; none of them ends it."""

    prompt: tuple[int, ...]
    tokens: int = 1
    seed: int | None = None
    """None is greedy."""
    options: tuple[int, ...] = ()
    """The answer is the likelier of these tokens. A peer that cannot restrict its output generates
    one token freely, which costs it no more."""
    slot: int | None = None
    """Where an earlier answer lies that the prompt begins with, for peers that want to be told."""
    adapted: bool = False
    """Under the adapter, from its invocation on, which ends the prompt; only within `adapters`."""


@dataclass(frozen=True)
class Answer:
    tokens: tuple[int, ...]
    first_s: float = 0.0
    """From the call to its first token; 0 where a peer cannot tell."""
    slot: int | None = None
    extra: dict[str, float] = field(default_factory=dict)


class Unsupported(Exception):
    """This peer cannot do what was asked; the message says why."""


class Peer(ABC):
    """One runtime with the model loaded. One thread calls it."""

    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    """Distributions whose versions are reported; all must be installed."""
    ways: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Several ways to do one kind of work, by the kind's name; all are measured, the best counts."""

    @classmethod
    @abstractmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None:
        """Write this peer's own form of the checkpoint below `folder`, unless it is there."""

    @abstractmethod
    def open(self, folder: Path, threads: int) -> None:
        """Load what `prepare` wrote."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """What was chosen, in words; after `open`."""

    @abstractmethod
    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        """Answer independent calls as fast as this peer can."""

    def branch(self, ask: Ask, count: int, way: str = "") -> list[Answer]:
        """`count` continuations of one prompt; with a seed, each of one of its own."""
        seeds = [None if ask.seed is None else ask.seed + number for number in range(count)]
        return self.ask([Ask(ask.prompt, ask.tokens, seed) for seed in seeds], way)

    def warm(self, prompt: tuple[int, ...], count: int, way: str = "") -> None:
        """Put a prompt in the cache for `count` branches that follow."""
        self.ask([Ask(prompt)], way)

    @contextmanager
    def adapters(self) -> Iterator[None]:
        """Within it the runtime holds the adapter besides the base model, and is warm."""
        raise Unsupported("its adapters are not measured")
        yield

    def wake(self, invocation: tuple[int, ...] = ()) -> None:
        """Load pages and start threads after the model was opened; with the adapter's invocation,
        for it too."""
        self.branch(Ask(tuple(range(1, 65)), 4), 4)
        if invocation:
            self.ask([Ask((*range(1, 65), *invocation), 2, adapted=True)])
        self.ask([Ask(tuple(range(101, 165)), 4)])

    def restart(self, prompt: tuple[int, ...]) -> float:
        """Seconds to the first token of a prompt computed before the runtime was closed and opened
        again; opening is not counted."""
        raise Unsupported("it keeps nothing over a restart")

    def close(self) -> None:
        """Free the model."""
        return


def serve(peer: Peer, folder: Path, threads: int) -> None:
    """Answer one JSON object a line on stdin with one on stdout until stdin ends."""
    from benchmarks.peers.work import perform

    out = sys.stdout
    # libraries print to it; lines that are no answers would be taken for some
    sys.stdout = sys.stderr

    def say(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=out, flush=True)

    started = time.perf_counter()
    peer.open(folder, threads)
    say({"ready_s": time.perf_counter() - started, "settings": peer.settings()})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say(perform(peer, request["work"], request["way"], request["salt"]))
        except Unsupported as reason:
            say({"unsupported": str(reason)})
        except Exception as error:
            say({"failed": f"{type(error).__name__}: {error}"})
    peer.close()
