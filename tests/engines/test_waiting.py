import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_engines import waiting as waiting_module
from smysl_engines.base import Call
from smysl_engines.job import Job
from smysl_engines.stream import Channel
from smysl_engines.waiting import Waiting


def job(number: int, session: str = "", priority: int = 0) -> Job:
    made = Job(Call(prompt=(1,), session=session, priority=priority), Channel())
    made.number = number
    return made


def take(waiting: Waiting) -> Job:
    first = waiting.peek()
    waiting.remove(first)
    return first


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc")), max_size=30))
def test_every_job_comes_once_in_the_order_of_priority(asked: list[tuple[int, str]]) -> None:
    waiting = Waiting()
    for number, (priority, session) in enumerate(asked):
        waiting.begin(job(number, session, priority))
    taken = [take(waiting) for _ in range(len(waiting))]
    assert sorted(one.number for one in taken) == list(range(len(asked)))
    assert [one.call.priority for one in taken] == sorted(one.call.priority for one in taken)
    assert len(waiting) == 0
    for one in taken:
        waiting.end(one)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=40))
def test_sessions_that_always_want_more_are_served_alike(sizes: list[int]) -> None:
    waiting = Waiting()
    served = {"a": 0, "b": 0}
    for number in range(2 * len(sizes)):
        waiting.begin(job(number, "ab"[number % 2]))
    for size in sizes:
        one = take(waiting)
        waiting.serve(one, size, 0)
        served[one.call.session] += size
        assert abs(served["a"] - served["b"]) <= max(sizes)


def test_a_session_that_comes_late_does_not_make_up_for_its_absence() -> None:
    waiting = Waiting()
    for number in range(4):
        waiting.begin(job(number, "early"))
    for _ in range(2):
        waiting.serve(take(waiting), 1000, 0)
    waiting.begin(job(9, "late"))
    waiting.begin(job(10, "late"))
    order = []
    for _ in range(3):
        one = take(waiting)
        waiting.serve(one, 10, 0)
        order.append(one.call.session)
    assert order == ["early", "late", "early"]


def test_a_job_that_lost_its_row_is_first_in_its_line_again() -> None:
    waiting = Waiting()
    for number in range(3):
        waiting.begin(job(number))
    first = take(waiting)
    waiting.add(first)
    assert take(waiting) is first


class Plain:
    """Looks at every session each time."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.alive: list[Job] = []
        self.served: dict[str, float] = {}

    def begin(self, job: Job) -> None:
        session = job.call.session
        if session not in self.served:
            self.served[session] = min(self.served.values(), default=0.0)
        self.alive.append(job)
        self.jobs.append(job)

    def next(self) -> Job:
        return min(
            self.jobs,
            key=lambda job: (
                job.call.priority,
                self.served[job.call.session],
                min(one.number for one in self.line(job)),
                job.number,
            ),
        )

    def line(self, job: Job) -> list[Job]:
        call = job.call
        return [
            one
            for one in self.jobs
            if (one.call.session, one.call.priority) == (call.session, call.priority)
        ]

    def end(self, job: Job) -> None:
        self.alive.remove(job)
        if not any(one.call.session == job.call.session for one in self.alive):
            del self.served[job.call.session]


@settings(max_examples=200)
@given(st.data())
def test_the_next_job_is_the_one_that_looking_at_all_would_find(data: st.DataObject) -> None:
    waiting, plain, running = Waiting(), Plain(), list[Job]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting_module, "FEW_ENTRIES", 1)
        for number in range(data.draw(st.integers(1, 60))):
            deed = data.draw(st.sampled_from(["begin", "begin", "take", "serve", "back", "end"]))
            if deed == "begin":
                session, priority = data.draw(st.sampled_from("abcd")), data.draw(st.integers(0, 1))
                new = job(number, session, priority)
                waiting.begin(new)
                plain.begin(new)
            elif deed == "take" and plain.jobs:
                running.append(take(waiting))
                plain.jobs.remove(running[-1])
            elif deed == "end" and plain.jobs and data.draw(st.booleans()):
                # cancelled before it ran
                dropped = data.draw(st.sampled_from(plain.jobs))
                waiting.remove(dropped)
                waiting.end(dropped)
                plain.jobs.remove(dropped)
                plain.end(dropped)
            elif running:
                one = data.draw(st.sampled_from(running))
                if deed == "serve":
                    tokens = data.draw(st.integers(0, 5))
                    waiting.serve(one, tokens, 0)
                    plain.served[one.call.session] += tokens
                else:
                    running.remove(one)
                    if deed == "back":
                        waiting.add(one)
                        plain.jobs.append(one)
                    else:
                        waiting.end(one)
                        plain.end(one)
            assert len(waiting) == len(plain.jobs)
            if plain.jobs:
                assert waiting.peek() is plain.next()
