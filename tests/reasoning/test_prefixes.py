"""Common prefixes: a radix tree counts what a plain tree of single tokens would."""

import random as chance
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.prefixes import Prefixes, computed

# few different tokens, so that prompts have much in common
prompts = st.lists(st.lists(st.integers(0, 2), max_size=8), max_size=12)


def nodes(prompts: Sequence[Sequence[int]]) -> set[tuple[int, ...]]:
    """Every different prefix: the nodes of a tree with a token at each."""
    return {tuple(prompt[:end]) for prompt in prompts for end in range(1, len(prompt) + 1)}


@given(prompts)
def test_what_is_computed_is_every_different_prefix_once(prompts: list[list[int]]) -> None:
    assert computed(prompts) == len(nodes(prompts))


@given(prompts, st.randoms())
def test_the_order_of_prompts_does_not_matter(
    prompts: list[list[int]], random: chance.Random
) -> None:
    shuffled = prompts[:]
    random.shuffle(shuffled)
    assert computed(shuffled) == computed(prompts)


@given(prompts, st.lists(st.integers(0, 2), max_size=8))
def test_a_prompt_shares_its_longest_prefix_that_was_there_before(
    prompts: list[list[int]], prompt: list[int]
) -> None:
    tree = Prefixes()
    for earlier in prompts:
        tree.add(earlier)
    known = nodes(prompts)
    longest = max(
        (end for end in range(len(prompt) + 1) if tuple(prompt[:end]) in known), default=0
    )
    assert tree.add(prompt) == longest
    assert tree.add(prompt) == len(prompt), "added once, it is known whole"


def test_a_prompt_that_another_begins_with_costs_nothing() -> None:
    assert computed([[1, 2, 3, 4], [1, 2]]) == computed([[1, 2], [1, 2, 3, 4]]) == 4
    assert computed([]) == computed([[]]) == 0
