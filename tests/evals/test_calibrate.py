"""Thresholds chosen on data keep the precision asked for, and as much coverage as that leaves."""

import json
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_evals.calibrate import KNOT_ITEMS, SLACK, calibrate, confidences, isotonic, write
from smysl_evals.errors import EvalError
from smysl_evals.records import Record
from smysl_reasoning.thresholds import Thresholds


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
    file.write_text(
        '{"dialect": "native", "version": 1, "note": "kept", "thresholds": {"check": 0.1, "decline": 0.2}}'
    )
    chosen = calibrate(noisy(1), 0.9)
    write(file, chosen, {})
    content = json.loads(file.read_text())
    assert content["note"] == "kept"
    kept = {"decline": 0.2}
    assert content["thresholds"] == kept | {
        "agreement": chosen.agreement,
        "check": chosen.check,
    }


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2 * KNOT_ITEMS, max_size=300))
def test_a_calibration_rises_and_is_what_thresholds_take(pairs: list[tuple[float, bool]]) -> None:
    knots = isotonic(pairs)
    assert knots == sorted(knots)
    # what the runtime is told must be what it accepts
    calibrated = Thresholds(confidence={"checker": tuple(knots)})
    values = [calibrated.calibrated("checker", i / 50) for i in range(51)]
    assert values == sorted(values, key=lambda value: value or 0.0)
    assert all(value is not None and 0 < value < 1 for value in values)


def test_a_sure_fit_says_what_was_true() -> None:
    rng = Random(1)
    pairs = [(x, rng.random() < x**2) for x in (rng.random() for _ in range(4000))]
    calibrated = Thresholds(confidence={"answer": tuple(isotonic(pairs))})
    for raw in (0.3, 0.5, 0.7, 0.9):
        assert calibrated.calibrated("answer", raw) == pytest.approx(raw**2, abs=0.08)
    assert calibrated.calibrated("checker", 0.3) == 0.3, "what nobody measured stays as it is"


def test_each_method_is_fitted_to_the_program_that_shows_it() -> None:
    records = [
        msgspec.structs.replace(
            record(i, right=i % 2 == 0, agreement=1, checker=1), program=program, confidence=0.9
        )
        for program in ("direct", "solve")
        for i in range(40)
    ]
    found = confidences(records)
    assert set(found) == {"answer", "agreement"}
    assert found["answer"] == [(0.9, 0.5)]


def test_calibrated_confidences_are_not_calibrated_again(tmp_path: Path) -> None:
    file = tmp_path / "dialect.json"
    chosen = calibrate(noisy(3), 0.95)
    write(file, chosen, {"answer": [(0.5, 0.4)]})
    with pytest.raises(EvalError, match="confidence"):
        write(file, chosen, {})
