"""A gate passes on evidence only."""

from collections.abc import Callable
from pathlib import Path

import pytest

from smysl_evals.errors import BadGates
from smysl_evals.gates import Gate, judge, load_gates, table
from smysl_evals.records import Record

Make = Callable[..., Record]
BUNDLED = Path(__file__).parents[2] / "evals" / "gates.toml"


def gate(**fields: object) -> Gate:
    return Gate(**{"name": "g", "measure": "accuracy", "program": "solve", **fields})  # type: ignore[arg-type]


@pytest.fixture
def records(record: Make) -> list[Record]:
    solve = [record(str(n), "7" if n < 3 else "8", family="ab"[n % 2]) for n in range(4)]
    direct = [
        record(str(n), "7" if n < 2 else "8", family="ab"[n % 2], program="direct")
        for n in range(4)
    ]
    return solve + direct


@pytest.mark.parametrize(
    ("bounds", "passed"),
    [({"min": 0.75}, True), ({"min": 0.76}, False), ({"max": 0.75}, True), ({"max": 0.7}, False)],
)
def test_a_threshold_is_met_by_reaching_it(
    records: list[Record], bounds: dict[str, float], passed: bool
) -> None:
    (outcome,) = judge([gate(**bounds)], records)
    assert (outcome.value, outcome.passed) == (0.75, passed)


def test_each_family_is_judged_by_itself(records: list[Record]) -> None:
    outcomes = judge([gate(families="each", min=0.6)], records)
    assert [(o.family, o.value, o.passed) for o in outcomes] == [
        ("a", 1.0, True),
        ("b", 0.5, False),
    ]


def test_a_program_must_be_strictly_above_its_rival_on_each_family(records: list[Record]) -> None:
    outcomes = judge([gate(families=("a", "b"), above="direct")], records)
    assert [(o.family, o.value, o.passed) for o in outcomes] == [
        ("a", 1.0, True),
        ("b", 0.5, False),
    ]


def test_a_rival_is_compared_on_the_items_both_answered(record: Make) -> None:
    mixed = [record("1"), record("2", "8"), record("2", "7", program="direct")]
    (outcome,) = judge([gate(above="direct")], mixed)
    assert (outcome.value, outcome.passed) == (0.0, False)


@pytest.mark.parametrize(
    "asked",
    [
        gate(suite="other", min=0.0),
        gate(program="vote", min=0.0),
        gate(families=("c",), min=0.0),
        gate(families="each", suite="other", min=0.0),
        gate(above="vote"),
        gate(measure="precision", min=0.0),
        gate(measure="outside_verified", max=0),
    ],
)
def test_a_gate_without_evidence_is_missed(records: list[Record], asked: Gate) -> None:
    (outcome,) = judge([asked], records)
    assert not outcome.passed
    assert "MISS" in table([outcome]) and "nothing measured" in table([outcome])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gate = 3", "gate"),
        ("[[gate]\n", "not TOML"),
        ("gate = []", "no \\[\\[gate\\]\\]"),
        ('[[gate]]\nname="g"\nmeasure="luck"\nprogram="solve"\nmin=1', "luck"),
        ('[[gate]]\nname="g"\nmeasure="accuracy"\nprogram="solve"\nmini=1', "mini"),
        ('[[gate]]\nname="g"\nmeasure="accuracy"\nprogram="solve"', "exactly one"),
        ('[[gate]]\nname="g"\nmeasure="accuracy"\nprogram="solve"\nmin=1\nmax=1', "exactly one"),
    ],
)
def test_a_bad_gates_file_is_refused_with_what_is_wrong(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "gates.toml"
    file.write_text(text)
    with pytest.raises(BadGates, match=said) as refused:
        load_gates(file)
    assert str(file) in str(refused.value)


def test_a_missing_gates_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadGates, match=r"cannot read .*none\.toml"):
        load_gates(tmp_path / "none.toml")


def test_the_bundled_gates_are_all_missed_by_an_empty_run() -> None:
    outcomes = judge(load_gates(BUNDLED), [])
    assert outcomes and not any(outcome.passed for outcome in outcomes)
