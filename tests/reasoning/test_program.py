"""Programs: what the parser accepts, and how it names what it does not."""

from pathlib import Path

import pytest

from smysl_reasoning.checking import parse
from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.program import Program

GOOD = """name = "mine"
summary = "two samples"

[options.samples]
default = 2
minimum = 1
maximum = 8

[[step]]
name = "samples"
module = "candidate"
inputs = { question = "question" }
branches = "$samples"

[[step]]
name = "vote"
module = "vote"
inputs = { others = ["samples"] }

[[step]]
name = "verify"
module = "verify"
inputs = { choice = "vote" }

[[step]]
name = "answer"
module = "answer"
inputs = { choice = "vote", verdict = "verify" }
"""


def program(text: str) -> Program:
    return parse(text, "mine.toml", MODULES)


def test_the_built_in_programs_parse_and_say_what_they_do() -> None:
    library = Library(MODULES)
    assert {"direct", "solve", "vote"} <= {info.name for info in library.list()}
    assert all(info.summary and info.source == "built-in" for info in library.list())


def test_a_program_keeps_its_steps_in_order() -> None:
    parsed = program(GOOD)
    assert [step.name for step in parsed.steps] == ["samples", "vote", "verify", "answer"]
    assert parsed.settled({}) == {"samples": 2}
    assert parsed.settled({"samples": 8.0}) == {"samples": 8}


@pytest.mark.parametrize(
    ("old", "new", "line", "names"),
    [
        ('module = "vote"', 'module = "vot"', 15, ["step 'vote'", "no module 'vot'", "vote"]),
        ('{ choice = "vote" }', "{}", 20, ["step 'verify'", "'choice'", "missing"]),
        ('{ choice = "vote" }', '{ choice = "votes" }', 20, ["'votes'", "did you mean vote"]),
        ('{ choice = "vote" }', '{ choise = "vote" }', 20, ["no input 'choise'", "choice"]),
        ('{ choice = "vote" }', '{ choice = "answer" }', 20, ["'answer'", "no earlier step"]),
        ('{ choice = "vote" }', '{ choice = "samples" }', 20, ["takes a choice", "derivation*"]),
        ('{ others = ["samples"] }', '{ main = "samples" }', 15, ["takes one derivation"]),
        ('branches = "$samples"', 'branches = "$sample"', 9, ["'$sample'", "$samples"]),
        ('branches = "$samples"', "branches = 0", 9, ["branches is 0"]),
        ('branches = "$samples"', "branch = 2", 9, ["unknown field", "branch"]),
        ('branches = "$samples"', "options = { temperature = 9 }", 9, ["temperature", "9", "2.0"]),
        ('branches = "$samples"', "options = { heat = 1 }", 9, ["no option 'heat'", "temperature"]),
        (
            'branches = "$samples"',
            'options = { temperature = "$samples" }',
            9,
            ["temperature", "8"],
        ),
        ('name = "verify"', 'name = "vote"', 20, ["'vote'", "taken"]),
        ('name = "verify"', 'name = "Veri fy"', 20, ["lower-case"]),
    ],
)
def test_a_mistake_in_a_step_is_named_with_file_line_and_step(
    old: str, new: str, line: int, names: list[str]
) -> None:
    assert old in GOOD
    with pytest.raises(ProgramError) as error:
        program(GOOD.replace(old, new, 1))
    message = str(error.value)
    assert message.startswith(f"mine.toml:{line}: "), message
    assert all(name in message for name in names), message


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('name = "mine"', 'name = "My program"', ["'My program'", "lower-case"]),
        ('name = "mine"\n', "", ["name"]),
        ("default = 2", "default = 20", ["'samples'", "20", "8"]),
        ("default = 2", 'default = "two', ["mine.toml"]),
        ("minimum = 1", "least = 1", ["least"]),
    ],
)
def test_a_mistake_in_the_head_is_named_with_the_file(old: str, new: str, names: list[str]) -> None:
    with pytest.raises(ProgramError) as error:
        program(GOOD.replace(old, new, 1))
    assert str(error.value).startswith("mine.toml")
    assert all(name in str(error.value) for name in names), str(error.value)


def test_a_program_must_end_in_an_outcome() -> None:
    with pytest.raises(ProgramError, match="last step.*answer"):
        program(GOOD[: GOOD.rindex("[[step]]")])
    with pytest.raises(ProgramError, match="last step"):
        program('name = "x"\nsummary = "nothing"')


TEXT = """name = "mine"
summary = "a text"

[[step]]
name = "state"
module = "summarise"
inputs = { question = "question" }
"""


def test_a_text_at_the_end_is_made_an_outcome() -> None:
    parsed = program(TEXT)
    assert parsed.output == "outcome" and parsed.runnable
    assert [(step.name, step.body.name) for step in parsed.steps] == [
        ("state", "summarise"),
        ("state-1", "state"),
    ]
    several = program(TEXT + "branches = 3\n")
    assert several.steps[-1].inputs == {"texts": ("state",)}


def test_of_a_part_of_others_a_text_stays_a_text() -> None:
    part = TEXT + "[options.sentences]\ndefault = 3\n"
    part = 'inputs = { question = "question", other = "text" }\n' + part.replace(
        'question = "question" }', 'question = "question" }', 1
    )
    assert program(part).output == "text"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"summarise"', '"candidate"', "mine.toml:4: step 'state' gives a derivation; the last"),
        ("}\n", '}\nwhen = "1 < 2"\n', "may be passed over"),
        (
            TEXT[TEXT.index("[[step]]") :],
            GOOD[GOOD.index("[[step]]") :].replace('"$samples"', "2")
            + '[[step]]\nname = "keep"\nmodule = "remember"\n'
            'inputs = { question = "question", outcome = "answer" }\n',
            "step 'keep' answers nothing; the last",
        ),
    ],
)
def test_what_is_neither_a_text_nor_an_outcome_does_not_end_a_program(
    old: str, new: str, message: str
) -> None:
    assert old in TEXT
    with pytest.raises(ProgramError, match=message):
        program(TEXT.replace(old, new, 1))


def test_branches_named_by_an_option_need_bounds() -> None:
    with pytest.raises(ProgramError, match="minimum"):
        program(GOOD.replace("maximum = 8\n", ""))


def test_a_users_folder_adds_programs_and_may_replace_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    (tmp_path / "vote.toml").write_text(GOOD.replace('"mine"', '"vote"'))
    (tmp_path / "broken.toml").write_text("name = ")
    (tmp_path / "other.toml").write_text(GOOD)
    library = Library(MODULES, [tmp_path])
    built_in = {info.name for info in Library(MODULES).list()}
    assert {info.name for info in library.list()} == built_in | {"mine"}
    assert library.get("vote").source == str(tmp_path / "vote.toml")
    for name in ("broken", "other"):
        with pytest.raises(ProgramError, match=f"{name}.toml"):
            library.get(name)
    with pytest.raises(BadRequest, match="mine"):
        library.get("mien")
