"""Thresholds chosen on data keep the precision asked for, and as much coverage as that leaves."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_evals.calibrate import SLACK, calibrate, write
from smysl_evals.errors import EvalError
from smysl_evals.records import Record


def record(i: int, right: bool, agreement: float, checker: float, outside: bool = False) -> Record:
    return Record(
        suite="s", item=str(i), family="f", program="solve", question="?",
        expected=None if outside else "1", answer="1" if right else "2", verdict="unverified",
        confidence=0.5, seconds=0.1, checks={"agreement": agreement, "checker": checker},
    )  # fmt: skip


def noisy(seed: int, count: int = 600) -> list[Record]:
    rng = Random(seed)
    made = []
    for i in range(count):
        right = rng.random() < 0.7
        agreement = rng.choice((4, 5, 6, 6, 6)) / 6 if right else rng.choice((1, 2, 3, 4, 6)) / 6
        checker = rng.uniform(0.6, 1.0) if right else rng.uniform(0.0, 0.9)
        made.append(record(i, right, agreement, checker, outside=not right and rng.random() < 0.2))
    return made


@given(st.integers(0, 50))
def test_the_chosen_thresholds_give_the_figures_they_state(seed: int) -> None:
    records = noisy(seed)
    chosen = calibrate(records, 0.95)
    verified = [
        r for r in records
        if r.checks["agreement"] >= chosen.agreement and r.checks["checker"] >= chosen.check
    ]  # fmt: skip
    right = sum(r.right for r in verified)
    assert right / len(verified) == chosen.precision >= 0.95
    assert chosen.coverage == right / sum(r.expected is not None for r in records)


def test_asking_for_more_precision_gives_no_more_coverage_than_the_slack() -> None:
    records = noisy(3)
    loose, strict = calibrate(records, 0.8), calibrate(records, 0.97)
    assert strict.coverage <= loose.coverage + SLACK
    assert strict.agreement >= 0.6 <= loose.agreement


def test_strictness_that_costs_next_to_nothing_is_taken() -> None:
    unanimous = [record(i, True, agreement=1.0, checker=0.95) for i in range(990)]
    split = [record(i, True, agreement=5 / 6, checker=0.95) for i in range(10)]
    assert calibrate(unanimous + split, 0.97).agreement > 5 / 6
    many = [record(i, True, agreement=5 / 6, checker=0.95) for i in range(100)]
    assert calibrate(unanimous + many, 0.97).agreement < 5 / 6


def test_data_that_cannot_reach_the_precision_is_refused_with_a_remedy() -> None:
    records = [record(i, right=i % 2 == 0, agreement=1.0, checker=1.0) for i in range(100)]
    with pytest.raises(EvalError, match="no thresholds reach a precision of 97%.*--precision"):
        calibrate(records, 0.97)
    with pytest.raises(EvalError, match="no result carries both checks"):
        calibrate([], 0.9)


def test_writing_keeps_what_else_stands_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dialect.json"
    file.write_text('{"dialect": "native", "version": 1, "note": "kept"}')
    chosen = calibrate(noisy(1), 0.9)
    write(file, chosen)
    content = json.loads(file.read_text())
    assert content["note"] == "kept"
    assert content["thresholds"] == {"agreement": chosen.agreement, "check": chosen.check}
