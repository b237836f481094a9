"""Every question ends in one record, or in the daemon being gone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smysl_daemon.errors import Code, FrameTooLarge, PeerDropped, RequestRefused
from smysl_evals.asking import Asker, Question
from smysl_evals.errors import DaemonGone
from smysl_evals.records import Record
from smysl_evals.runner import ask_all, questions, unanswered
from smysl_evals.suites import Item, Suite


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def one(connection: Any) -> Callable[[], Any]:
    return lambda: connection


@pytest.fixture
def asker(connection: Any) -> Iterator[Asker]:
    clock = Clock()
    made = Asker(lambda: connection, seed=3, timeout_s=9.0, clock=clock, sleep=clock.sleep)
    yield made
    made.close()


def test_a_run_becomes_a_record_with_its_answer_and_verdict(
    asker: Asker, connection: Any, item: Callable[..., Item]
) -> None:
    record = asker.ask(Question("s", item("1", "what = 7"), "solve"))
    assert (record.key, record.answer, record.verdict) == (("s", "1", "solve"), "7", "verified")
    assert (record.generated_tokens, record.calls, record.right) == (11, 2, True)
    (run,) = connection.asked
    assert (run.question, run.program, run.seed, run.budget_seconds) == ("what = 7", "solve", 3, 9)
    assert run.recall == 0  # not what the daemon's settings say


def test_one_connection_serves_many_questions(connection: Any, item: Callable[..., Item]) -> None:
    opened: list[int] = []

    def connect() -> Any:
        opened.append(1)
        return connection

    asker = Asker(connect, seed=0, timeout_s=1)
    for n in range(3):
        asker.ask(Question("s", item(str(n), "what = 7"), "solve"))
    assert len(opened) == 1


def test_a_busy_daemon_is_asked_again(
    asker: Asker, connection: Any, item: Callable[..., Item]
) -> None:
    assert asker.ask(Question("s", item("1", "busy = 7"), "solve")).right
    assert len(connection.asked) == 2


def test_a_daemon_that_stays_busy_ends_as_an_error(item: Callable[..., Item]) -> None:
    clock = Clock()

    def full() -> Any:
        raise RequestRefused(Code.BUSY, "64 clients")

    asker = Asker(full, seed=0, timeout_s=1, clock=clock, sleep=clock.sleep)
    record = asker.ask(Question("s", item("1", "q"), "solve"))
    assert record.error == "busy: 64 clients"
    assert 60 <= clock.now < 65


def test_a_refused_question_is_a_record_with_the_reason_on_a_fresh_connection(
    asker: Asker, connection: Any, item: Callable[..., Item]
) -> None:
    record = asker.ask(Question("s", item("1", "refuse"), "solve"))
    assert (record.answer, record.verdict, record.right) == (None, "failed", False)
    assert record.error == "bad_request: too long"
    assert connection.closed == 1


def test_a_question_too_large_for_a_frame_is_a_record(
    asker: Asker, connection: Any, item: Callable[..., Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: object) -> None:
        raise FrameTooLarge("the message takes 5,000,000 bytes")

    monkeypatch.setattr(connection, "send", refuse)
    assert "5,000,000" in asker.ask(Question("s", item("1", "long"), "solve")).error


@pytest.mark.parametrize("word", ["stopping", "drop"])
def test_a_daemon_that_goes_away_is_not_a_wrong_answer(
    asker: Asker, item: Callable[..., Item], word: str
) -> None:
    with pytest.raises((PeerDropped, RequestRefused)):
        asker.ask(Question("s", item("1", word), "solve"))


def test_many_workers_ask_each_question_once(
    new_connection: Callable[[], Any], item: Callable[..., Item]
) -> None:
    items = tuple(item(str(n), f"q = {n}", str(n)) for n in range(200))
    asked = questions([Suite("s", items)], ["direct", "solve"])
    connections = [new_connection() for _ in range(7)]
    askers = [Asker(one(c), seed=0, timeout_s=1) for c in connections]
    records = list(ask_all(asked, askers))
    assert all(record.right for record in records)
    assert len({record.key for record in records}) == len(records) == 400
    assert all(c.closed == 1 for c in connections if c.asked)


def test_losing_the_daemon_ends_the_run_at_once(
    new_connection: Callable[[], Any], item: Callable[..., Item]
) -> None:
    asked = [Question("s", item(str(n), "drop"), "solve") for n in range(50)]
    with pytest.raises(DaemonGone, match="closed the connection"):
        list(ask_all(asked, [Asker(new_connection, seed=0, timeout_s=1) for _ in range(3)]))


def test_nothing_to_ask_is_no_work() -> None:
    assert list(ask_all([], [])) == []


def test_what_was_answered_is_not_asked_again_unless_it_was_reworded(
    item: Callable[..., Item], record: Callable[..., Record]
) -> None:
    done = {r.key: r for r in (record("1"), record("2"))}
    asked = [
        Question("s", item("1", "question 1"), "solve"),
        Question("s", item("1", "question 1"), "direct"),
        Question("s", item("2", "question two"), "solve"),
        Question("s", item("3", "question 3"), "solve"),
    ]
    assert unanswered(asked, done) == asked[1:]
