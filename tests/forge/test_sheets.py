"""Problem sheets: what a paragraph draws, what it refuses, and that every bundled one can be told."""

import re
from random import Random

import pytest

from smysl_forge.problem import BadTrace
from smysl_forge.sheet import BadSheet, Task, read_sheet, sheets, typed
from smysl_forge.story import tell
from smysl_reasoning.quantities import find


def only(text: str) -> Task:
    (task,) = read_sheet("test.txt", text)
    return task


def test_a_paragraph_becomes_a_problem_with_its_arithmetic_as_steps() -> None:
    task = only(
        "{A} had {n:5..9} nuts and ate {k:2..4}. How many are left?\n= left = n - k; left * 1"
    )
    for seed in range(20):
        problem = tell(task, Random(seed), "sheets")
        given = [quantity.value.amount for quantity in find(problem.question)]
        assert len(given) == 2 and problem.answer == str(given[0] - given[1])
        assert [thought.text for thought in problem.thoughts] == ["n0 - n1", "n2 * 1", "n3"]


def test_the_same_words_and_people_come_again() -> None:
    task = only("So {A} has {n:2..9} {T:pens|rings}; {B} wants {his} {T}: how many {T}?\n= n + 1")
    for seed in range(30):
        question = tell(task, Random(seed), "sheets").question
        told = re.search(r"has \S+ (\w+);? \S+ wants (his|her) (\w+): how many (\w+)", question)
        assert told and told[1] == told[3] == told[4]


def test_numbers_are_drawn_by_range_step_and_choice() -> None:
    task = only("{a:10..30/10} and {p:0.5..1.5/0.5} and {c:7|9}?\n=~ a + p + c")
    drawn = [
        [quantity.value.amount for quantity in find(tell(task, Random(seed), "s").question)]
        for seed in range(40)
    ]
    assert {float(a) for a, _, _ in drawn} == {10, 20, 30}
    assert {float(p) for _, p, _ in drawn} == {0.5, 1, 1.5}
    assert {float(c) for _, _, c in drawn} == {7, 9}


def test_steps_are_whole_and_not_negative_and_the_condition_holds() -> None:
    task = only(
        "{n:2..20} and {k:2..20}: how many each?\n= d = n - k; d / 3 if n > 2 * k and k != 5"
    )
    for seed in range(30):
        problem = tell(task, Random(seed), "sheets")
        n, k = (quantity.value.amount for quantity in find(problem.question))
        assert n > 2 * k and k != 5 and (n - k) % 3 == 0


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("no arithmetic here", ["line that starts with ="]),
        ("{n:1..2} and {n:2..3}\n= n", ["{n}", "twice"]),
        ("{n} is not drawn\n= n", ["{n}", "before it is drawn"]),
        ("{n:a few} things\n= n", ["no range"]),
        ("{n:1..9} things\n= n - m", ["'m'", "not drawn"]),
        ("{n:1..9} things\n= n - ", ["no expression"]),
    ],
)
def test_a_mistake_is_named_with_sheet_and_line(text: str, names: list[str]) -> None:
    with pytest.raises(BadSheet) as error:
        list(read_sheet("bad.txt", f"# a remark\n\n{text}"))
    assert str(error.value).startswith("bad.txt:3: ")
    assert all(name in str(error.value) for name in names), str(error.value)


def test_how_people_type_changes_no_number() -> None:
    text = "A farmer, with 1,200 hens, sells 300. How many are left?"
    for seed in range(200):
        assert [q.value for q in find(typed(text, Random(seed)))] == [q.value for q in find(text)]


def test_every_bundled_paragraph_can_be_told() -> None:
    bundled = sheets()
    assert sum(map(len, bundled.values())) > 3000
    broken = []
    for task in [task for tasks in bundled.values() for task in tasks]:
        try:
            problem = tell(task, Random(task.place), "sheets", attempts=1000)
        except BadTrace as error:
            broken.append(f"{task.place}: {error}")
        else:
            assert problem.answer and problem.thoughts[-1].kind == "answer"
    assert broken == []
