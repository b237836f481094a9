"""Tables say what was counted, and a card keeps everything but its tables."""

import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from smysl_evals.errors import BadCard
from smysl_evals.progress import Progress
from smysl_evals.records import Record, Setup
from smysl_evals.report import BEGIN, END, Report, markdown, report_of, to_json, write_card

Make = Callable[..., Record]


@pytest.fixture
def records(record: Make) -> list[Record]:
    return [
        record("1", family="gcd", verdict="verified"),
        record("1", "8", family="gcd", program="direct"),
        record("2", family="lcm", seconds=0.3),
        record("3", "9", family="lcm"),
        record("4", None, expected=None, family="out", suite="t", verdict="failed"),
    ]


def test_accuracy_stands_per_family_and_program(setup: Setup, records: list[Record]) -> None:
    text = markdown(report_of(setup, records))
    assert "| right in s | items | direct | solve |" in text
    assert "| gcd | 1 | 0.0 % | 100.0 % |" in text
    assert "| lcm | 2 |  | 50.0 % |" in text
    assert "| **mean of the families** | 3 | **0.0 %** | **75.0 %** |" in text
    assert "| s | solve | 3 | 66.7 % | 1 | 100.0 % (>= 20.7 %) | 33.3 % | 0.0 % | - |" in text
    assert "| t | solve | 1 | - | 0 | - | - | 0.0 % | 0 of 1 | 100 ms |" in text


def test_every_row_of_a_table_has_as_many_cells(setup: Setup, records: list[Record]) -> None:
    for table in markdown(report_of(setup, records)).split("\n\n")[1:]:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_json_holds_the_same_figures_and_reads_back(setup: Setup, records: list[Record]) -> None:
    made = report_of(setup, records)
    assert msgspec.json.decode(to_json(made), type=Report) == made


def test_items_can_be_grouped_by_each_of_their_tags(setup: Setup, records: list[Record]) -> None:
    groups = report_of(setup, records, by="tag").groups
    odd = [g.measures.items for g in groups if (g.group, g.program) == ("odd", "solve")]
    assert odd == [2]


def test_a_card_keeps_everything_outside_its_markers(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"# zerno\n\n{BEGIN}\nold\n{END}\n\nend\n")
    write_card(card, "new\n")
    assert card.read_text() == f"# zerno\n\n{BEGIN}\nnew\n{END}\n\nend\n"
    write_card(card, "newer\n")
    assert card.read_text() == f"# zerno\n\n{BEGIN}\nnewer\n{END}\n\nend\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_card_without_a_place_is_left_alone(tmp_path: Path, text: str) -> None:
    card = tmp_path / "README.md"
    card.write_text(text)
    with pytest.raises(BadCard, match="smysl-eval:begin"):
        write_card(card, "new\n")
    assert card.read_text() == text


def test_progress_tells_how_much_is_left() -> None:
    now = [0.0]
    out = io.StringIO()
    progress = Progress(40, out, clock=lambda: now[0])
    for n in range(10):
        now[0] += 2.0
        progress.add(right=n % 2 == 0, error=n == 3)
    progress.close()
    last = out.getvalue().splitlines()[-1]
    assert last == "10/40  0.5 items/s  5 right  1 errors  1:00 left"
    assert len(out.getvalue().splitlines()) == 3, "a log gets a line in ten seconds, not per item"
