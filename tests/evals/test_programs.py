"""Programs are compared by what they cost and by whether their confidence is worth something."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_evals.programs import BINS, calibration_error, cost, page, reliability
from smysl_evals.records import Record, Setup

Make = Callable[..., Record]


def test_costs_are_means_over_the_questions(record: Make) -> None:
    spent = cost(
        [
            record("1", generated_tokens=10, prompt_tokens=100, cached_tokens=75, calls=2),
            record("2", generated_tokens=20, prompt_tokens=100, cached_tokens=25, calls=4),
        ]
    )
    assert (spent.generated_tokens, spent.prompt_tokens, spent.calls) == (15, 100, 3)
    assert spent.computed_share == 0.5


def test_a_confidence_that_is_always_true_has_no_error(record: Make) -> None:
    records = [record(str(i), confidence=1.0) for i in range(4)]
    (only,) = reliability(records)
    assert (only.items, only.confidence, only.right) == (4, 1.0, 1.0)
    assert calibration_error([only]) == 0


def test_a_confidence_that_is_never_true_is_all_error(record: Make) -> None:
    records = [record(str(i), "no such number", confidence=1.0) for i in range(4)]
    assert calibration_error(reliability(records)) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_every_answer_lies_in_one_class(confidences: list[float]) -> None:
    records = [
        Record(
            suite="s", item=str(i), family="f", program="solve", question="?", expected="1",
            answer="1", verdict="unverified", confidence=value, seconds=0.1,
        )
        for i, value in enumerate(confidences)
    ]  # fmt: skip
    bins = reliability(records)
    assert sum(one.items for one in bins) == len(records)
    assert all(
        one.low in BINS and one.low - 1e-9 <= one.confidence <= one.high + 1e-9 for one in bins
    )


def test_what_was_not_answered_is_in_no_class(record: Make) -> None:
    assert reliability([record("1", None), record("2", confidence=None)]) == []
    assert calibration_error([]) is None


def test_the_page_has_every_program_and_family_in_tables_of_one_width(
    setup: Setup, record: Make
) -> None:
    records = [
        record("1", family="gcd", confidence=0.97),
        record("1", family="gcd", program="direct"),
        record("2", family="lcm", generated_tokens=7),
    ]
    text = page(setup, records)
    assert "| gcd | 100.0 % | 100.0 % |" in text and "| lcm |  | 100.0 % |" in text
    assert "`solve`" in text and "0.95 to 0.99" in text
    for table in [part for part in text.split("\n\n") if part.startswith("|")]:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_command_writes_between_the_markers(
    setup: Setup, record: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from smysl_evals.app import app
    from smysl_evals.records import ResultFolder
    from smysl_evals.report import BEGIN, END

    with ResultFolder(tmp_path / "results", setup) as results:
        results.add(record("1", family="gcd"))
    card = tmp_path / "page.md"
    card.write_text(f"# Programs\n\n{BEGIN}\n{END}\n")
    app(
        ["programs", str(tmp_path / "results"), "--page", str(card)],
        standalone_mode=False,
    )
    assert "| gcd |" in card.read_text() and "| gcd |" in capsys.readouterr().out
