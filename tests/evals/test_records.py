"""Results survive a kill, and results of different engines never mix."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from smysl_evals.errors import BadResults
from smysl_evals.records import RESULTS, Record, ResultFolder, Setup, read_results, read_setup


def test_a_folder_continues_after_a_line_cut_off_by_a_kill(
    tmp_path: Path, setup: Setup, record: Callable[..., Record]
) -> None:
    with ResultFolder(tmp_path, setup) as folder:
        folder.add(record("1"))
    with (tmp_path / RESULTS).open("ab") as file:
        file.write(b'{"suite":"s","item":"2","fam')
    assert [r.item for r in read_results(tmp_path)] == ["1"]
    with ResultFolder(tmp_path, setup) as folder:
        assert set(folder.done) == {("s", "1", "solve")}
        folder.add(record("2"))
    assert [r.item for r in read_results(tmp_path)] == ["1", "2"]


def test_a_refused_item_is_asked_again_and_its_new_record_counts(
    tmp_path: Path, setup: Setup, record: Callable[..., Record]
) -> None:
    with ResultFolder(tmp_path, setup) as folder:
        folder.add(record("1", None, error="internal: see the log"))
    with ResultFolder(tmp_path, setup) as folder:
        assert folder.done == {}
        folder.add(record("1"))
    assert [(r.item, r.error) for r in read_results(tmp_path)] == [("1", "")]


@pytest.mark.parametrize("change", [{"fingerprint": "def"}, {"seed": 1}, {"model": "other"}])
def test_results_of_another_engine_or_seed_are_not_mixed_in(
    tmp_path: Path, setup: Setup, change: dict[str, object]
) -> None:
    ResultFolder(tmp_path, setup).__exit__(None, None, None)
    with pytest.raises(BadResults, match="choose another --out"):
        ResultFolder(tmp_path, msgspec.structs.replace(setup, **change))


def test_a_continued_folder_remembers_its_start_and_all_its_suites(
    tmp_path: Path, setup: Setup
) -> None:
    ResultFolder(tmp_path, setup).__exit__(None, None, None)
    later = msgspec.structs.replace(setup, started="later", suites=("t",), programs=("vote",))
    ResultFolder(tmp_path, later).__exit__(None, None, None)
    found = read_setup(tmp_path)
    assert found is not None
    assert found.started == setup.started
    assert (found.suites, found.programs) == (("s", "t"), ("direct", "solve", "vote"))


def test_a_damaged_line_is_refused_with_its_number(
    tmp_path: Path, setup: Setup, record: Callable[..., Record]
) -> None:
    with ResultFolder(tmp_path, setup) as folder:
        folder.add(record("1"))
    with (tmp_path / RESULTS).open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(BadResults, match=rf"{RESULTS}:2: "):
        read_results(tmp_path)


def test_results_without_a_setup_are_not_written_over(tmp_path: Path, setup: Setup) -> None:
    (tmp_path / RESULTS).write_text("mine\n")
    with pytest.raises(BadResults, match="no run.json"):
        ResultFolder(tmp_path, setup)
    assert (tmp_path / RESULTS).read_text() == "mine\n"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, setup: Setup) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadResults, match=r"cannot write in .*/file/sub"):
        ResultFolder(tmp_path / "file" / "sub", setup)


def test_other_accepted_spellings_are_right(record: Callable[..., Record]) -> None:
    asked = msgspec.structs.replace(record("1", "8:15 pm"), expected="8:15", accept=("8:15 pm",))
    assert asked.right


def test_an_outside_question_is_never_right(record: Callable[..., Record]) -> None:
    assert not record("1", "7", expected=None).right
