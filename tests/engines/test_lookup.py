from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.lookup import Drafts

few = st.lists(st.integers(0, 2), max_size=30)


def reference(
    lookup: list[int], text: list[int], count: int, longest: int, shortest: int
) -> list[int]:
    """Looks everywhere, last place first."""
    for size in range(longest, shortest - 1, -1):
        if len(text) < size:
            continue
        for source in (text, lookup):
            for at in range(len(source) - 1, size - 1, -1):
                if source[at - size : at] == text[-size:]:
                    if source is lookup:
                        return source[at : at + count]
                    period = text[at:]
                    return [period[i % len(period)] for i in range(count)]
    return []


@given(few, few, few, st.integers(1, 8), st.integers(2, 3), st.integers(0, 2))
def test_the_longest_end_that_stood_before_tells_what_follows(
    lookup: list[int], prompt: list[int], output: list[int], count: int, shortest: int, more: int
) -> None:
    drafts = Drafts(prompt, lookup, longest=shortest + more, shortest=shortest)
    text = list(prompt)
    assert drafts.propose(count) == reference(lookup, text, count, shortest + more, shortest)
    for token in output:
        drafts.append(token)
        text.append(token)
        assert drafts.propose(count) == reference(lookup, text, count, shortest + more, shortest)


def test_the_latest_place_counts_and_the_longest_before_it() -> None:
    assert Drafts([1, 2, 7, 1, 2, 8, 1, 2]).propose(3) == [8, 1, 2]
    assert Drafts([5, 1, 2, 7, 9, 1, 2, 8, 5, 1, 2]).propose(2) == [7, 9]


def test_a_text_that_repeats_itself_is_expected_to_go_on_so() -> None:
    assert Drafts([3, 4, 3, 4]).propose(5) == [3, 4, 3, 4, 3]
    assert Drafts([6, 6, 6]).propose(4) == [6, 6, 6, 6]


def test_two_texts_are_not_read_as_one() -> None:
    assert Drafts([7, 8], [5, 7, 8]).propose(4) == []
    assert Drafts([7, 8], [5, 7, 8, 9]).propose(4) == [9]
    assert Drafts([1, 2, 0, 5, 1], [0, 5]).propose(4) == []


def test_ends_that_are_new_or_too_short_give_no_guess() -> None:
    for prompt in ([], [1], [1, 2], [1, 2, 3, 4, 5]):
        assert Drafts(prompt).propose(4) == []
        assert Drafts(prompt, [9]).propose(4) == []


def test_ids_of_a_large_vocabulary_are_told_apart() -> None:
    high = 2**31 - 2
    assert Drafts([high, high - 1, high - 2, 0, high, high - 1]).propose(1) == [high - 2]
    assert Drafts([1, 0, 7, 0, 1]).propose(1) == []
