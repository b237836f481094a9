"""Full-text search: what is found, in what order, and that any words are safe to search for."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_reasoning.events import RunFinished
from smysl_reasoning.history import MAIN
from smysl_reasoning.nodes import Node
from smysl_reasoning.search import query_of
from smysl_reasoning.store import RunRecord, Store

END = RunFinished(session="s", outcome="done", answer=None, verdict="unverified", confidence=None)


def session(store: Store, id: str, texts: Sequence[str]) -> None:
    """A session with one note a text: `ID0`, `ID1`, ..."""
    question = Node(id=f"{id}q", session=id, kind="question", text="?", status="done")
    record = RunRecord(id=f"{id}r", session=id, question=f"{id}q", program="p", request=b"{}")
    store.begin_run(record, [question], f"title of {id}").result()
    notes = [
        Node(id=f"{id}{number}", session=id, kind="note", text=text, status="done")
        for number, text in enumerate(texts)
    ]
    store.put_soon(notes, run=f"{id}r").result()


def found(store: Store, text: str) -> list[str]:
    return [hit.node.id for hit in store.search(text)]


def test_nodes_are_found_across_sessions_the_best_first(store: Store) -> None:
    session(store, "s", ["apples and pears and plums and figs", "a train to Rome", "apples"])
    session(store, "t", ["apples or pears"])
    assert found(store, "apples") == ["s2", "t0", "s0"]
    (first, *_) = store.search("apples pears")
    assert (first.session, first.title, first.node.text) == ("t", "title of t", "apples or pears")
    assert first.snippet == "[apples] or [pears]" and first.rank < 0
    assert found(store, "apples Rome") == [], "every word has to be there"


def test_the_last_word_may_be_begun_and_case_and_accents_do_not_count(store: Store) -> None:
    session(store, "s", ["Das Vermögen wächst", "смысл слова", "48 / 2 = 24"])
    assert found(store, "vermogen wach") == ["s0"]
    assert found(store, "verm wächst") == [], "only the last word may be begun"
    assert found(store, "СМЫ") == ["s1"]
    assert found(store, "48 / 2") == ["s2"] == found(store, "48/2") == found(store, "= 24")


def test_a_long_text_is_shown_around_what_was_found(store: Store) -> None:
    session(store, "s", [f"{'before ' * 60}needle{' after' * 60}"])
    (hit,) = store.search("needle")
    assert "[needle]" in hit.snippet and len(hit.snippet) < 150


def test_at_most_as_many_are_found_as_were_asked_for(store: Store) -> None:
    session(store, "s", ["apple"] * 30)
    assert len(store.search("apple")) == 20 and len(store.search("apple", 3)) == 3
    assert store.search("apple", 0) == []


def test_of_a_word_that_very_many_nodes_share_the_newest_are_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smysl_reasoning.search.RANKED", 10)
    session(store, "s", ["apple"] * 11)
    assert found(store, "apple")[:2] == ["s10", "s9"]
    assert [hit.snippet for hit in store.search("app", 1)] == ["[apple]"]
    assert store.search("app", 1)[0].rank == 0


def test_a_node_is_found_once_by_any_text_that_a_branch_may_show(store: Store) -> None:
    session(store, "s", ["the value is wrong"])
    right = Node(id="s0", session="s", kind="note", text="the value is right", status="done")
    head = store.view("s").branch.head
    store.commit("s", MAIN, "edit", "edit", [(right, "edited", ())], head=head).result()
    (hit,) = store.search("the value")
    assert hit.node == right
    store.undo("s").result()
    assert [hit.node.text for hit in store.search("wrong")] == ["the value is wrong"]


def test_a_deleted_session_is_not_found(store: Store) -> None:
    session(store, "s", ["apples"])
    session(store, "t", ["apples"])
    store.end_run("sr", END).result()
    store.delete("s").result()
    assert found(store, "apples") == ["t0"]


@pytest.mark.parametrize("text", ["", "  ", "*", '"', "()", '"" ""', "-", "^", "\0", "...", "😀"])
def test_without_a_word_nothing_is_found(store: Store, text: str) -> None:
    session(store, "s", ['apples * " ( ) - ^ ...'])
    assert found(store, text) == []


@pytest.mark.parametrize(
    "text",
    ["apples AND", "NOT apples", "apples OR zebra", "text:apples", "apples NEAR(", "(apples", "{a"],
)
def test_words_of_the_query_language_are_words_like_others(store: Store, text: str) -> None:
    session(store, "s", [f"{text} here", "zebra"])
    assert found(store, text) == ["s0"]


@given(text=st.text(st.characters() | st.sampled_from('"*^:(){}+-\0 aA1\ud800'), max_size=30))
@settings(max_examples=100)
def test_any_text_is_safe_to_search_for(text: str, store: Store) -> None:
    if not store.sessions():
        session(store, "s", ["apples and pears", "A1 a"])
    assert all(hit.session == "s" for hit in store.search(text))


@given(words=st.lists(st.text("abcé1я", min_size=1, max_size=6), min_size=1, max_size=4))
@settings(max_examples=50)
def test_a_text_is_found_by_each_of_its_words(words: list[str], store: Store) -> None:
    number = len(store.sessions(1000))
    session(store, f"s{number}x", [" ".join(words)])
    for word in words:
        hits = store.search(word, 10_000)
        assert f"s{number}x0" in [hit.node.id for hit in hits]
    assert query_of(words[0]) == f'"{words[0]}"*'
