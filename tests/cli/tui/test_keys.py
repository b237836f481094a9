"""Keys: the ones in force, what a person may change of them, and how they are written."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.tui.actions import ACTIONS, BY_NAME, Action
from smysl_cli.tui.keys import WALKING, keymap, shown_keys
from smysl_cli.tui.screens.help import rows
from smysl_daemon.errors import BadConfig

FREE = [f"ctrl+f{number}" for number in range(1, 9)]
"""No action has one of these."""


def meet(one: Action, other: Action) -> bool:
    return one.where == other.where or "everywhere" in (one.where, other.where)


def keys_of(keys: dict[str, str], name: str) -> set[str]:
    return set(filter(None, keys[name].split(",")))


def test_the_default_keys_of_a_screen_are_of_one_action_each() -> None:
    keys = keymap({})
    assert keys == {action.name: action.keys for action in ACTIONS}
    for one, other in combinations(ACTIONS, 2):
        if one.where == other.where:
            assert not keys_of(keys, one.name) & keys_of(keys, other.name), (one, other)


def test_an_action_of_another_screen_is_called_by_it() -> None:
    for action in ACTIONS:
        if action.where not in ("everywhere", "session"):
            assert action.name == f"{action.where}_{action.deed}"


@given(st.dictionaries(st.sampled_from(sorted(BY_NAME)), st.sampled_from(FREE), max_size=6))
def test_a_key_that_is_given_is_of_no_other_action_of_its_screen(given: dict[str, str]) -> None:
    clash = any(
        given[one] == given[other] and meet(BY_NAME[one], BY_NAME[other])
        for one, other in combinations(given, 2)
    )
    if clash:
        with pytest.raises(BadConfig, match="is both"):
            keymap(given)
        return
    keys = keymap(given)
    assert {name: keys[name] for name in given} == given
    assert {name: keys[name] for name in keys.keys() - given.keys()} == {
        action.name: action.keys for action in ACTIONS if action.name not in given
    }


def test_a_key_is_taken_from_whatever_had_it_on_the_same_screen() -> None:
    assert keymap({"fork": "e"})["edit"] == ""
    assert keymap({"fork": "a"})["ask"] == "slash"
    found = keymap({"engines_verify": "B"})
    assert found["engines_verify"] == "B" and found["engines_build"] == ""
    # of another screen
    assert keymap({"engines_verify": "t"})["evals_by_tag"] == "t"
    # everywhere
    found = keymap({"theme": "ctrl+t"})
    assert found["rename"] == found["sessions_rename"] == ""
    # a screen's own goes before one that works everywhere, and there alone
    found = keymap({"sessions_rename": "f4"})
    assert (found["sessions_rename"], found["daemon"]) == ("f4", "f4")


def test_signs_are_known_by_their_names_and_as_they_are_written() -> None:
    found = keymap({"fork": "?, -"})
    assert found["fork"] == "question_mark,minus"
    assert keymap({"theme": "?"})["help"] == "f1"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("forc", "fork"),
        ("engine_verify", "engines_verify"),
        ("session_rename", "sessions_rename"),
        ("Daemon", "daemon"),
        ("zzz", ""),
    ],
)
def test_an_unknown_action_is_refused_by_name_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(BadConfig) as refused:
        keymap({name: "e"})
    assert f"tui.keys.{name}: no such action; the nearest is {nearest}" in str(refused.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fork": ""}, "write a key"),
        ({"fork": "e,"}, "write a key"),
        ({"fork": "e", "edit": "e"}, "'e' is both fork and edit"),
        ({"help": "f5", "refresh": "f5"}, "'f5' is both help and refresh"),
        ({"engines_use": "f4", "daemon": "f4"}, "'f4' is both engines_use and daemon"),
        ({"sessions_rename": "r"}, "what is typed there is searched for"),
        ({"sessions_rename": "?"}, "what is typed there is searched for"),
        ({"fork": "j"}, "j walks through the thoughts"),
        ({"help": "G"}, "G walks through the thoughts"),
    ],
)
def test_a_key_that_could_not_work_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(BadConfig, match="tui.keys") as refused:
        keymap(given)
    assert said in str(refused.value)


def test_no_action_has_a_key_that_walks() -> None:
    for action in ACTIONS:
        if action.where in ("session", "everywhere"):
            assert not keys_of(keymap({}), action.name) & WALKING


def test_help_says_the_keys_in_force_under_the_screen_that_they_work_on() -> None:
    said = list(rows(keymap({"sessions_rename": "f7", "programs": "f12"})))
    at = said.index(("Ctrl+S", "sessions, and there:"))
    assert ("F7", "give it another title (sessions_rename)") in said[at : at + 5]
    assert ("F12", "programs, and there:") in said
    assert {text.rsplit("(")[-1].rstrip(")") for _, text in said} >= BY_NAME.keys()


def test_keys_are_written_as_people_write_them() -> None:
    assert shown_keys("ctrl+s") == "Ctrl+S"
    assert shown_keys("question_mark,f1") == "?, F1"
    assert shown_keys("delete,X") == "Del, X"
    assert shown_keys("left_square_bracket,space,pageup") == "[, Space, PageUp"
    assert shown_keys("") == ""
