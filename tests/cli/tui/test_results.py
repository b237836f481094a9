"""Results of smysl-eval: where they are found, what is said of them, and the screen that shows them."""

import json
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, OptionList

from smysl_cli.tui.model import results
from smysl_cli.tui.model.results import Measures, cells
from smysl_evals.records import Record, Setup


def written(folder: Path, started: str, **more: Any) -> Path:
    """A folder as `smysl-eval run` leaves it: two right, one wrong, one outside."""
    folder.mkdir(parents=True)
    setup = Setup(
        version="0.1",
        model="zerno",
        fingerprint="f" * 32,
        backend="onnx",
        precision="fp32",
        seed=0,
        started=started,
        concurrency=8,
        suites=("newcomer",),
        programs=("solve",),
    )
    (folder / "run.json").write_text(json.dumps(_plain(setup) | more))
    items = [("a", "1", "1", "sums"), ("b", "2", "2", "sums"), ("c", "3", "4", "stories")]
    records = [
        Record(
            suite="newcomer",
            item=item,
            family=family,
            program="solve",
            question="?",
            expected=expected,
            answer=answer,
            verdict="verified",
            confidence=1.0,
            seconds=0.25,
            tags=(family, "short"),
        )
        for item, expected, answer, family in items
    ]
    lines = "".join(json.dumps(_plain(one)) + "\n" for one in records)
    (folder / "results.jsonl").write_text(lines)
    return folder


def _plain(one: Any) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(one))


def test_folders_are_found_where_they_are_and_the_last_stands_first(tmp_path: Path) -> None:
    old = written(tmp_path / "a" / "deep", "2026-11-01T10:00:00+00:00")
    new = written(tmp_path / "b", "2026-11-02T10:00:00+00:00")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "results.jsonl").touch()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "results.jsonl").touch()
    (tmp_path / "d" / "run.json").write_text("not JSON")
    found = results.folders([tmp_path, tmp_path / "b", tmp_path / "nowhere"])
    assert [one.path for one in found] == [new, old]
    assert "zerno" in found[0].described() and "newcomer, solve" in found[0].described()


def test_a_date_that_is_none_is_left_out(tmp_path: Path) -> None:
    (one,) = results.folders([written(tmp_path / "a", "yesterday")])
    assert one.when == ""


def test_a_figure_that_cannot_be_is_a_dash() -> None:
    assert cells(Measures(items=3, errors=1)) == ("3 (1 failed)", "-", "-", "-", "-", "-")
    assert cells(Measures(items=4, accuracy=0.5, median_seconds=0.25))[1] == "50.0 %"


async def test_the_screen_shows_the_tables_that_smysl_eval_makes(
    opened: Any, tmp_path: Path, size: Any
) -> None:
    written(tmp_path / "eval-results" / "first", "2026-11-01T10:00:00+00:00")
    written(tmp_path / "eval-results" / "second", "2026-11-02T10:00:00+00:00")
    async with opened() as person:
        await person.press("f9")
        screen = person.app.screen
        await person.until(lambda: "66.7 %" in person.shown())
        assert "second" in person.shown() and "by family" in person.shown()
        assert "sums" in str([one.group for one in _report(screen).groups])
        await person.press("t")
        await person.until(lambda: "by tag" in person.shown())
        assert "short" in str([one.group for one in _report(screen).groups])
        await person.press("down")
        await person.until(lambda: "eval-results/first" in person.shown())
        await person.press("escape")
        assert person.app.screen is person.app.main


def _report(screen: Any) -> Any:
    return screen._reports[screen._chosen().path, screen._by]


async def test_nothing_measured_says_how_and_another_folder_can_be_opened(
    opened: Any, tmp_path: Path
) -> None:
    other = written(tmp_path / "far" / "away", "2026-11-01T10:00:00+00:00")
    async with opened() as person:
        await person.press("f9")
        await person.until(lambda: "Nothing was measured here yet." in person.shown())
        await person.press("o")
        dialog = await person.dialog("Form")
        dialog.query_one("#folder", Input).value = str(tmp_path / "nowhere")
        await person.press("enter")
        await person.until(lambda: "holds no run.json" in str(dialog.query_one("#wrong").content))
        dialog.query_one("#folder", Input).value = str(other)
        await person.press("enter")
        await person.until(lambda: "66.7 %" in person.shown())


async def test_results_that_cannot_be_counted_say_why(opened: Any, tmp_path: Path) -> None:
    folder = written(tmp_path / "eval-results" / "bad", "2026-11-01T10:00:00+00:00")
    (folder / "results.jsonl").write_text("")
    async with opened() as person:
        await person.press("f9")
        await person.until(lambda: "holds no results yet" in person.shown())
        assert person.app.screen.query_one(OptionList).option_count == 1


@pytest.mark.parametrize("text", [b"{}", b"nonsense"])
def test_a_report_of_another_shape_is_refused(text: bytes) -> None:
    import msgspec

    with pytest.raises(msgspec.MsgspecError):
        results.report(text)
