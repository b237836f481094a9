"""Suites are read whole or refused with the place of the fault; the bundled ones check out."""

import ast
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from smysl_evals.answers import Clock, value
from smysl_evals.errors import BadSuite
from smysl_evals.suites import load_suite, load_suites

LINE = '{"id":"%s","question":"q","answer":"1","tags":["%s"]}\n'
BUNDLED = ["newcomer", "numbers", "outside", "wordings"]


def test_a_folder_is_one_suite_of_all_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "field"
    folder.mkdir()
    (folder / "b.jsonl").write_text(LINE % ("b1", "b"))
    (folder / "a.jsonl").write_text(LINE % ("a1", "a") + "\n" + LINE % ("a2", "a"))
    suite = load_suite(str(folder))
    assert suite.name == "field"
    assert [(item.id, item.family) for item in suite.items] == [
        ("a1", "a"),
        ("a2", "a"),
        ("b1", "b"),
    ]


def test_a_limit_takes_the_first_items_of_each_family(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    file.write_text("".join(LINE % (f"{n}", "ab"[n % 2]) for n in range(6)))
    assert [item.id for item in load_suite(str(file), limit=2).items] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id":"1","question":"q","tags":["t"]}', "answer"),
        ('{"id":"1","question":"q","answer":"1","tags":[]}', "no tags"),
        ('{"id":"1","question":" ","answer":"1","tags":["t"]}', "empty question"),
        ('{"id":"1","question":"q","answer":"","tags":["t"]}', "write null"),
        ('{"id":"1","question":"q","answer":"1","tags":["t"],"anser":"2"}', "anser"),
        ('{"id":1}', "str"),
        ("not json", "malformed"),
        ("\udcff", "malformed"),
        (LINE % ("1", "t") + LINE % ("1", "t"), "already used"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_line(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "bad.jsonl"
    good = LINE % ("0", "t")
    file.write_bytes(good.encode() + content.encode(errors="surrogateescape"))
    with pytest.raises(BadSuite) as refused:
        load_suite(str(file))
    assert str(refused.value).startswith((f"{file}:2: ", f"{file}:3: "))
    assert said in str(refused.value)


def test_an_empty_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSuite, match="holds no items"):
        load_suite(str(tmp_path))


def test_an_unknown_name_is_refused_with_the_bundled_names() -> None:
    with pytest.raises(BadSuite, match="newcomer, numbers, outside, wordings"):
        load_suite("nowcomer")


def test_two_suites_of_one_name_are_refused() -> None:
    with pytest.raises(BadSuite, match="two suites"):
        load_suites(["numbers", "numbers"])


def test_bundled_suites_hold_enough_items_of_their_own_family() -> None:
    sizes = {name: len(load_suite(name).items) for name in BUNDLED}
    assert sizes["newcomer"] >= 60 and sizes["numbers"] >= 30 and sizes["outside"] >= 40
    for name in BUNDLED:
        assert {item.family for item in load_suite(name).items} == {name}


def test_no_question_is_asked_twice() -> None:
    asked = [item.question.casefold() for name in BUNDLED for item in load_suite(name).items]
    assert len(set(asked)) == len(asked)


def test_questions_outside_have_no_expected_answer() -> None:
    assert {item.answer for item in load_suite("outside").items} == {None}


@pytest.mark.parametrize("name", ["newcomer", "numbers", "wordings"])
def test_every_bundled_answer_follows_from_its_working(name: str) -> None:
    for item in load_suite(name).items:
        assert item.answer is not None and item.working is not None, item.id
        expected = value(item.answer)
        if isinstance(expected, Clock):
            assert expected.seconds == 60 * work_out(item.working), item.id
        else:
            assert expected == work_out(item.working), item.id


_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., int]] = {"gcd": math.gcd, "lcm": math.lcm}


def work_out(text: str) -> Fraction:
    """Exact value of an arithmetic expression."""

    def at(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant():
                return Fraction(ast.get_source_segment(text, node) or "")
            case ast.BinOp(left, operation, right):
                return Fraction(_OPERATIONS[type(operation)](at(left), at(right)))
            case ast.UnaryOp(ast.USub(), operand):
                return -at(operand)
            case ast.Call(ast.Name(name), arguments):
                return Fraction(_FUNCTIONS[name](*(int(at(one)) for one in arguments)))
            case _:
                raise ValueError(f"no arithmetic: {text}")

    return at(ast.parse(text, mode="eval").body)
