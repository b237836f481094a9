"""Where programs come from, which of the same name counts, and when they are read."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smysl_reasoning import checking
from smysl_reasoning import library as library_module
from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.library import BUILT_IN, PLUGINS, Library
from smysl_reasoning.modules.registry import MODULES


def text(name: str, *uses: str, summary: str = "") -> str:
    """A program that runs others and takes the last one's answer; `direct` where it names none."""
    steps = "".join(
        f'[[step]]\nname = "s{i}"\nprogram = "{use}"\ninputs = {{ question = "question" }}\n'
        for i, use in enumerate(uses or ("direct",))
    )
    every = [f"s{i}" for i in range(len(uses or ("direct",)))]
    end = f'[[step]]\nname = "end"\nmodule = "pick"\ninputs = {{ outcomes = {every} }}\n'
    return f'name = "{name}"\nsummary = "{summary}"\n{steps}{end}'


PART = """name = "looking"
summary = "a part"
inputs = { derivation = "derivation" }

[[step]]
name = "look"
module = "critique"
inputs = { derivation = "derivation" }
"""


def write(folder: Path, name: str, content: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(content)
    return path


# ------------------------------------------------------------ built-in ones


def test_every_built_in_program_is_sound_and_says_what_it_does() -> None:
    library = Library(MODULES)
    assert library.problems() == []
    listed = library.list()
    assert {"solve", "vote", "direct"} <= {info.name for info in listed}
    assert all(info.summary and info.source == BUILT_IN for info in listed)
    assert [info.name for info in listed] == sorted(info.name for info in listed)


def test_a_program_is_parsed_when_it_is_first_asked_for_and_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parsed: list[str] = []
    parse = checking.parse

    def counted(text: str, source: str, *rest: object) -> object:
        parsed.append(source)
        return parse(text, source, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(library_module, "parse", counted)
    path = write(tmp_path, "mine", text("mine", "other", "other"))
    other = write(tmp_path, "other", text("other", "direct"))
    library = Library(MODULES, [tmp_path])
    assert parsed == [], "a broken or slow file costs nobody who does not ask for it"
    program = library.get("mine")
    assert parsed == [str(path), str(other), "direct.toml"]
    assert library.get("mine") is program and len(parsed) == 3


# ------------------------------------------------------------ parts


def test_a_part_is_found_by_programs_and_cannot_be_asked(tmp_path: Path) -> None:
    write(tmp_path, "looking", PART)
    library = Library(MODULES, [tmp_path])
    assert library.part("looking").output == "critique"
    assert "looking" not in [info.name for info in library.list()]
    with pytest.raises(BadRequest, match="part of others: it takes derivation.*gives a critique"):
        library.get("looking")


def test_programs_that_contain_each_other_are_named_as_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "a", text("a", "b"))
    write(tmp_path, "b", text("b", "direct", "c"))
    write(tmp_path, "c", text("c", "a"))
    library = Library(MODULES, [tmp_path])
    with pytest.raises(ProgramError, match="contains itself: a -> b -> c -> a") as error:
        library.get("a")
    assert str(error.value).startswith(f"{tmp_path / 'a.toml'}:3: step 's0'")
    # whoever is in the circle cannot be used, whatever was asked for first
    for name in ("c", "b", "a"):
        with pytest.raises(ProgramError, match="contains itself"):
            library.get(name)


def test_a_program_that_contains_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", text("a", "a"))
    with pytest.raises(ProgramError, match="contains itself: a -> a"):
        Library(MODULES, [tmp_path]).get("a")


def test_a_mistake_in_a_part_is_named_where_it_is_and_where_it_is_used(tmp_path: Path) -> None:
    write(tmp_path, "mine", text("mine", "other"))
    path = write(tmp_path, "other", text("other").replace('"pick"', '"pik"'))
    library = Library(MODULES, [tmp_path])
    with pytest.raises(ProgramError) as error:
        library.get("mine")
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 'mine.toml'}:3: step 's0': {path}:7: step 'end'"), said
    assert "no module 'pik'; did you mean pick" in said
    assert len(library.problems()) == 2


def test_an_unknown_program_in_a_step_is_named_with_near_ones(tmp_path: Path) -> None:
    write(tmp_path, "mine", text("mine", "solv"))
    with pytest.raises(ProgramError, match="mine.toml:3: step 's0'.*'solv'; did you mean solve"):
        Library(MODULES, [tmp_path]).get("mine")


# ------------------------------------------------------------ folders


def test_a_later_folder_replaces_a_program_everywhere_it_is_used(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, "mine", text("mine", "other"))
    write(first, "other", text("other", summary="from the first"))
    write(second, "other", text("other", summary="from the second"))
    write(second, "vote", text("vote", summary="not the built-in one"))
    library = Library(MODULES, [first, second])
    step = library.get("mine").steps[0]
    assert step.body.summary == "from the second"
    assert library.get("vote").summary == "not the built-in one"
    assert library.get("vote").source == str(second / "vote.toml")
    assert library.text("other") == (second / "other.toml").read_text()
    assert Library(MODULES, [second, first]).get("other").summary == "from the first"


def test_a_broken_file_is_a_problem_of_its_own_program_only(tmp_path: Path) -> None:
    write(tmp_path, "broken", "name = ")
    write(tmp_path, "named", text("otherwise"))
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    write(tmp_path, "fine", text("fine"))
    library = Library(MODULES, [tmp_path])
    assert library.get("fine").source == str(tmp_path / "fine.toml")
    for name in ("broken", "named", "folder", "latin"):
        with pytest.raises(ProgramError, match=f"{name}.toml"):
            library.get(name)
    listed = [info.name for info in library.list()]
    assert "fine" in listed and not {"broken", "named", "folder", "latin"} & set(listed)
    assert len(library.problems()) == 4


def test_what_changes_in_a_folder_counts_from_the_next_time(tmp_path: Path) -> None:
    library = Library(MODULES, [tmp_path])
    write(tmp_path, "mine", text("mine", summary="one"))
    assert library.get("mine").summary == "one"
    path = write(tmp_path, "mine", text("mine", summary="another"))
    os.utime(path, ns=(1, 1))
    assert library.get("mine").summary == "another"
    path.unlink()
    with pytest.raises(BadRequest, match="no program 'mine'"):
        library.get("mine")


def test_trying_out_a_file_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "mine", text("mine", "other"))
    write(tmp_path, "other", text("other", summary="as it is"))
    library = Library(MODULES, [tmp_path])
    tried = library.having({"other": (text("other", summary="tried"), "<tried>")})
    body = tried.get("mine").steps[0].body
    assert (body.summary, tried.get("other").source) == ("tried", "<tried>")
    assert library.get("other").summary == "as it is"
    assert library.get("mine").steps[0].body.summary == "as it is"


MODULE = """name = "advise"
summary = "VERSION"
output = "text"

[chat]
user = "{question}"
"""
ADVISED = """name = "advised"
summary = ""

[[step]]
name = "advise"
module = "advise"
inputs = { question = "question" }
"""


def test_a_module_file_that_is_new_changed_or_gone_counts_from_the_next_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    programs, modules = tmp_path / "programs", tmp_path / "modules"
    write(programs, "advised", ADVISED)
    library = Library(MODULES, [programs], [modules])
    with pytest.raises(ProgramError, match="no module 'advise'"):
        library.get("advised")
    path = write(modules, "advise", MODULE.replace("VERSION", "first"))
    kept = library.get("advised")
    assert kept.steps[0].body.summary == library.modules["advise"].summary == "first"
    assert library.get("advised") is kept, "what has not changed is not read again"
    write(modules, "advise", MODULE.replace("VERSION", "the second"))
    assert library.get("advised").steps[0].body.summary == "the second"
    assert kept.steps[0].body.summary == "first", "a run that goes on keeps what it began with"
    write(modules, "advise", MODULE.replace("[chat]", "[chatty]"))
    with pytest.raises(ProgramError) as error:
        library.get("advised")
    said = str(error.value)
    assert said.startswith(f"{programs / 'advised.toml'}:4: step 'advise': module 'advise' cannot")
    assert f"{path}: " in said and "chatty" in said
    program, module = map(str, library.problems())
    assert program == said and module.startswith(f"{path}: ")
    assert str(path) in caplog.text and "advise" not in library.modules
    path.unlink()
    with pytest.raises(ProgramError, match="no module 'advise'"):
        library.get("advised")
    assert library.problems() and "advise.toml" not in str(library.problems()[-1])


def test_a_module_of_a_users_may_replace_a_built_in_one_and_gives_it_back(tmp_path: Path) -> None:
    text = MODULE.replace('"advise"', '"summarise"').replace("VERSION", "of the user")
    path = write(tmp_path, "summarise", text)
    library = Library(MODULES, (), [tmp_path])
    assert library.modules["summarise"].summary == "of the user"
    path.unlink()
    assert library.modules["summarise"] is MODULES["summarise"]


# ------------------------------------------------------------ plug-ins


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path of a package `plugged` that offers its programs, as pip would install it."""
    site = tmp_path / "site"
    (site / "plugged").mkdir(parents=True)
    (site / "plugged" / "__init__.py").write_text("")
    facts = site / "plugged-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (facts / "entry_points.txt").write_text(f"[{PLUGINS}]\nplugged = plugged\n")
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("plugged", None)


def test_a_plug_ins_programs_are_found_and_a_users_go_before_them(
    installed: Path, tmp_path: Path
) -> None:
    write(installed / "plugged", "shared", text("shared", summary="of the plug-in"))
    write(installed / "plugged", "vote", text("vote", summary="of the plug-in too"))
    library = Library(MODULES)
    assert library.get("shared").source == "plugged/shared.toml"
    assert library.get("vote").summary == "of the plug-in too"
    write(tmp_path / "mine", "shared", text("shared", summary="of the user"))
    assert Library(MODULES, [tmp_path / "mine"]).get("shared").summary == "of the user"


def test_a_plug_in_that_cannot_be_loaded_is_a_problem_and_no_more(installed: Path) -> None:
    (installed / "plugged" / "__init__.py").write_text("raise ValueError('no such luck')")
    library = Library(MODULES)
    (problem,) = library.problems()
    assert "plug-in plugged: cannot be loaded: no such luck" in str(problem)
    assert library.get("direct").name == "direct"
