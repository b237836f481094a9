"""`smysl programs`: lists, texts, checks, and a program to start from."""

import json
from pathlib import Path
from typing import Any

import pytest

from smysl_cli.programs import starter
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES


def test_the_list_names_the_files_that_were_left_out(talk: Any) -> None:
    done = talk("programs", "list")
    assert done.code == 0 and "Plan, step, check" in done.out
    assert done.err == "smysl: left out: /home/eve/mine.toml:3: step 'a': there is no module 'b'\n"


def test_a_program_shows_its_own_text_or_everything(talk: Any) -> None:
    assert talk("programs", "show", "solve").out == 'name = "solve"\n'
    found = json.loads(talk("programs", "show", "solve", "--json").out)
    assert found["follows"] == "a paper" and found["inputs"] == {"question": "question"}
    assert found["options"]["samples"]["maximum"] == 32
    assert found["steps"][0]["module"] == "plan@1"
    unknown = talk("programs", "show", "slove")
    assert unknown.code == 2 and "did you mean solve" in unknown.err


def test_files_are_checked_and_a_mistake_is_exit_code_2(talk: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("sound")
    bad.write_text("mistake")
    done = talk("programs", "check", str(good))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{good}: sound, 1 step, gives an outcome\n"
    both = talk("programs", "check", str(good), str(bad))
    assert both.code == 2 and str(good) in both.out
    assert both.err.splitlines()[0] == f"smysl: {bad}:2: a mistake"
    found = json.loads(talk("programs", "check", str(good), str(bad), "--json").out)
    assert [one["sound"] for one in found] == [True, False]


def test_what_is_no_program_file_is_not_sent(talk: Any, tmp_path: Path) -> None:
    missing = talk("programs", "check", str(tmp_path / "none.toml"))
    assert missing.code == 2 and "cannot be read" in missing.err
    binary = tmp_path / "a.toml"
    binary.write_bytes(b"ab\xff")
    assert "position 2" in talk("programs", "check", str(binary)).err
    binary.write_bytes(b"x" * (1 << 20) + b"x")
    large = talk("programs", "check", str(binary))
    assert large.code == 2 and "1,048,576 bytes" in large.err


def test_a_new_program_is_written_once(talk: Any, shell: Any) -> None:
    done = talk("programs", "new", "mine")
    file = shell.dirs.config / "programs" / "mine.toml"
    assert (done.code, done.out) == (0, f"{file}\n") and "programs check" in done.err
    file.write_text("kept")
    again = talk("programs", "new", "mine")
    assert again.code == 2 and "there already" in again.err and file.read_text() == "kept"
    taken = talk("programs", "new", "solve")
    assert taken.code == 2 and "program 'solve' already" in taken.err
    for name in ("Mine", "../mine", "", "x" * 41, "ä"):
        assert talk("programs", "new", name).code == 2
    assert [one.name for one in file.parent.iterdir()] == ["mine.toml"]


def test_a_new_program_needs_no_daemon(cold: Any) -> None:
    done = cold.smysl("programs", "new", "mine")
    assert done.returncode == 0 and Path(done.stdout.strip()).is_file()


def test_the_program_to_start_from_is_sound() -> None:
    text = starter("mine-1")
    library = Library(MODULES).having({"mine-1": (text, "mine-1.toml")})
    program = library.get("mine-1")
    assert program.name == "mine-1" and program.runnable
    assert program.settled({"samples": 8}) == {"samples": 8}
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    "line", ["# budget = { tokens = 2000 }", '# when = "majority.agreement < 1"', "# source = "]
)
def test_what_the_comments_of_the_start_offer_works(line: str) -> None:
    text = starter("mine")
    assert text.count(line) == 1
    changed = text.replace(line, line.removeprefix("# "))
    Library(MODULES).having({"mine": (changed, "mine.toml")}).get("mine")


def test_editors_get_a_schema(talk: Any) -> None:
    assert json.loads(talk("programs", "schema").out)["title"] == "smysl program"


def test_modules_say_what_they_take_and_give(talk: Any) -> None:
    done = talk("programs", "modules")
    assert done.out.splitlines() == [
        "vote@2  the majority's answer",
        "    main?: derivation, others: derivation* -> choice",
        "    share = 0.5 (from 0 to 1)  of all",
        "    models: chat, native",
    ]
    found = json.loads(talk("programs", "modules", "--json").out)
    assert found[0]["inputs"]["others"]["many"] and found[0]["dialects"] == ["chat", "native"]
