"""The clock of a run's budgets: it stands while only a person can let the run go on."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.clock import Clock

MOVES = ("begin", "end", "wait", "resume")


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_stands_while_a_person_is_waited_for() -> None:
    time = Time()
    clock = Clock(time)
    time.now = 2.0
    with clock.waiting():
        assert clock.stands
        time.now = 1000.0
        assert clock.seconds == 2.0
    time.now = 1003.0
    assert not clock.stands and clock.seconds == 5.0


def test_it_goes_while_a_call_is_open_whoever_waits() -> None:
    time = Time()
    clock = Clock(time)
    with clock.waiting():
        clock.begin()
        time.now = 4.0
        assert clock.seconds == 4.0
        clock.end()
        time.now = 50.0
    assert clock.seconds == 4.0


@given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 9))))
def test_what_counts_is_when_a_call_is_open_or_nobody_waits(
    moves: Sequence[tuple[str, int]],
) -> None:
    time = Time()
    clock = Clock(time)
    changes: list[bool] = []
    clock.on_change = lambda: changes.append(clock.stands)
    counted = working = waiting = 0
    for move, seconds in moves:
        if move in ("end", "resume") and not (working if move == "end" else waiting):
            continue  # nothing was begun that could end
        getattr(clock, move)()
        working += {"begin": 1, "end": -1}.get(move, 0)
        waiting += {"wait": 1, "resume": -1}.get(move, 0)
        time.now += seconds
        counted += seconds if working or not waiting else 0
        assert clock.seconds == counted
        assert clock.stands is (waiting > 0 and working == 0)
    assert changes == [True, False] * (len(changes) // 2) + [True] * (len(changes) % 2)
