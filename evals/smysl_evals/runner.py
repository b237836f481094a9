"""Asks many questions at once and hands each record over as it comes.

Knows threads and queues; never the wire, files or scores. Each worker owns one connection; only
the caller's thread sees records, so that one owner writes the results.
"""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence

from smysl_daemon.errors import DaemonError
from smysl_evals.asking import Asker, Question
from smysl_evals.errors import DaemonGone
from smysl_evals.records import Record
from smysl_evals.suites import Suite


def questions(suites: Iterable[Suite], programs: Sequence[str]) -> list[Question]:
    """Every item for every program; the programs of one item stand together, so that a partial
    run compares them on the same items."""
    return [
        Question(suite.name, item, program)
        for suite in suites
        for item in suite.items
        for program in programs
    ]


def unanswered(
    asked: Iterable[Question], done: dict[tuple[str, str, str], Record]
) -> list[Question]:
    """The questions without a record of the same wording and the same expected answer."""

    def is_done(question: Question) -> bool:
        item = question.item
        record = done.get((question.suite, item.id, question.program))
        return record is not None and (record.question, record.expected, record.accept) == (
            item.question,
            item.answer,
            item.accept,
        )

    return [question for question in asked if not is_done(question)]


class _Finished:
    """A worker has nothing left to do."""


def ask_all(asked: Sequence[Question], askers: Sequence[Asker]) -> Iterator[Record]:
    """Yield one record per question, in order of completion.

    Raises `DaemonGone` at once when any worker loses the daemon. When the caller stops
    iterating, questions in flight are left to end by themselves.
    """
    todo: queue.SimpleQueue[Question] = queue.SimpleQueue()
    for question in asked:
        todo.put(question)
    results: queue.SimpleQueue[Record | _Finished | Exception] = queue.SimpleQueue()
    stop = threading.Event()
    workers = [
        threading.Thread(target=_work, args=(asker, todo, results, stop), daemon=True)
        for asker in askers
    ]
    for worker in workers:
        worker.start()
    running = len(workers)
    try:
        while running:
            match results.get():
                case _Finished():
                    running -= 1
                case Record() as record:
                    yield record
                case DaemonError() as error:
                    raise DaemonGone(str(error)) from error
                case error:
                    raise error
    finally:
        stop.set()


def _work(
    asker: Asker,
    todo: "queue.SimpleQueue[Question]",
    results: "queue.SimpleQueue[Record | _Finished | Exception]",
    stop: threading.Event,
) -> None:
    try:
        while not stop.is_set():
            results.put(asker.ask(todo.get_nowait()))
    except queue.Empty:
        results.put(_Finished())
    except Exception as error:  # raised again by the caller's thread
        results.put(error)
    else:
        results.put(_Finished())
    finally:
        asker.close()
