"""A session's calls, as a peer sees them: what runs under the adapter, and what each prompt begins with."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from benchmarks.peers.peer import Answer, Ask, Peer, Unsupported
from benchmarks.peers.work import INVOCATION, QUICK, Work, perform


class Plain(Peer):
    """Answers with numbers that count up."""

    title = "plain"
    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.asked: list[Ask] = []

    @classmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None: ...

    def open(self, folder: Path, threads: int) -> None: ...

    def settings(self) -> dict[str, str]:
        return {}

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        first = len(self.asked) * 1000
        self.asked += asks
        return [
            Answer(tuple(range(first + 100 * at, first + 100 * at + ask.tokens)))
            for at, ask in enumerate(asks)
        ]


class Adapting(Plain):
    within = False

    @contextmanager
    def adapters(self) -> Iterator[None]:
        self.within = True
        yield
        self.within = False

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        assert self.within
        return super().ask(asks, way)


def run(peer: Peer, kind: str) -> Work:
    work = next(work for work in QUICK if work.kind == kind)
    perform(peer, dataclasses.asdict(work), "", salt=1)
    return work


def test_the_checks_and_only_they_run_under_the_adapter_and_end_with_its_invocation() -> None:
    peer = Adapting()
    work = run(peer, "adapted session")
    adapted = [ask for ask in peer.asked if ask.adapted]
    assert len(adapted) == work.branches
    assert all(len(ask.options) == 2 for ask in adapted)
    ends = [ask.prompt[-len(INVOCATION) :] == INVOCATION for ask in peer.asked]
    assert ends == [ask.adapted for ask in peer.asked]
    assert not peer.within


def test_both_kinds_of_session_differ_in_nothing_but_the_adapter() -> None:
    plain, adapting = Plain(), Adapting()
    run(plain, "session")
    run(adapting, "adapted session")
    without = [dataclasses.replace(ask, adapted=False) for ask in adapting.asked]
    assert without == plain.asked


def test_a_peer_whose_adapters_are_not_measured_says_so_and_runs_nothing() -> None:
    peer = Plain()
    with pytest.raises(Unsupported, match="adapters"):
        run(peer, "adapted session")
    assert peer.asked == []
