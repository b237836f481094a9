"""The field of the memory: how heavy, how near, what falls; as equations."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.memory.field import DAMPING, FLOOR, HOPS, Body, Fall, Tie, falling
from smysl_reasoning.memory.mass import EXACT_USES, activation, mass
from smysl_reasoning.memory.nearness import informative, near, nearness, rarity, same_words
from smysl_reasoning.memory.stems import Stemmer

HOUR, DAY, YEAR = 1.0, 24.0, 8760.0
ages = st.floats(0, 50 * YEAR)

# ------------------------------------------------------------ mass


def test_a_new_memory_weighs_three_quarters_and_one_of_a_year_can_still_be_found() -> None:
    assert mass([0], 1, 0) == pytest.approx(0.75, abs=0.01)
    assert mass([YEAR], 1, YEAR) == pytest.approx(0.2, abs=0.01)
    daily = [DAY * day for day in range(31)]
    assert mass(daily, 31, daily[-1]) > 0.95
    assert mass([50 * YEAR], 1, 50 * YEAR, pinned=True) == 1


@given(st.lists(ages, min_size=1, max_size=30), st.floats(0, YEAR))
def test_time_makes_nothing_heavier(before: list[float], later: float) -> None:
    oldest = max(before)
    now = mass(before, len(before), oldest)
    then = mass([age + later for age in before], len(before), oldest + later)
    assert 0 < then <= now + 1e-12 <= 1


@given(st.lists(ages, min_size=1, max_size=30))
def test_another_use_makes_heavier(before: list[float]) -> None:
    kept = sorted(before)[:EXACT_USES]
    once_more = sorted([0.0, *before])[:EXACT_USES]
    oldest = max(before)
    assert mass(once_more, len(before) + 1, oldest) > mass(kept, len(before), oldest)


@given(st.lists(ages, min_size=1, max_size=EXACT_USES))
def test_few_uses_are_summed_exactly(before: list[float]) -> None:
    total = sum(max(age, DAY) ** -0.5 for age in before)
    assert activation(before, len(before), max(before)) == pytest.approx(math.log(total))


@given(st.integers(EXACT_USES + 1, 400), st.floats(30, 5000))
def test_many_even_uses_are_near_what_their_sum_would_be(number: int, apart: float) -> None:
    every = [apart * (place + 1) for place in range(number)]
    exact = math.log(sum(age**-0.5 for age in every))
    assert activation(every[:EXACT_USES], number, every[-1]) == pytest.approx(exact, abs=0.05)


# ------------------------------------------------------------ nearness


def test_words_that_tell_nothing_are_not_looked_for() -> None:
    assert informative("How many pencils does Mia have? 3 boxes, 12 each!") == [
        "pencils",
        "mia",
        "boxes",
    ]
    assert informative("In 1945 and 1945") == ["1945"]
    assert informative("1 + 2 = ?") == []
    assert informative("Не знаю, ÄPFEL") == ["не", "знаю", "äpfel"]


@pytest.mark.parametrize("text", ['"quoted" (words', "MATCH OR NEAR(", "naïve cafés", "", "a-b\0c"])
def test_any_text_has_stems(text: str) -> None:
    (stems,) = Stemmer()([text])
    assert stems == sorted(set(stems))


def test_stems_are_those_of_a_whole_text_whatever_else_is_asked() -> None:
    stem = Stemmer()
    alone = [stem([text])[0] for text in ("Boxes of pencils", "Ponies", "cafés")]
    assert (
        stem(["Boxes of pencils", "Ponies", "cafés"])
        == alone
        == [["box", "pencil"], ["poni"], ["cafe"]]
    )


def test_texts_that_differ_in_capitals_and_spaces_say_the_same() -> None:
    assert same_words("A Box  holds\n12 pencils. ") == same_words("a box holds 12 PENCILS.")
    assert same_words("Stra\u00dfe") == same_words("STRASSE")
    assert same_words("A box holds 12 pencils.") != same_words("A box holds 10 pencils.")


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_rarer_word_tells_more_and_a_common_one_nothing(a: int, b: int) -> None:
    memories = 10_000
    assert rarity(a, memories) >= rarity(b, memories) or a > b
    assert rarity(memories, memories) == 0 < rarity(0, 0)


@given(st.floats(0, 50), st.floats(0, 50), st.integers(0, 500), st.floats(0, 10))
def test_nearness_is_a_share_that_grows_with_what_is_shared_and_falls_with_length(
    shared: float, rest: float, words: int, more: float
) -> None:
    possible = shared + rest
    here = nearness(shared, possible, words)
    assert 0 <= here <= 1
    assert nearness(min(shared + more, possible), possible, words) >= here
    assert nearness(shared, possible, words + 1) <= here


def test_what_is_shared_adds_up() -> None:
    assert near({"a": 2.0, "b": 0.5}, [("a", [1, 2]), ("b", [2])]) == {1: 2.0, 2: 2.5}


# ------------------------------------------------------------ what falls

IDS = "abcdefgh"
shares = st.floats(0, 1)
bodies_of = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(Body, shares, shares, st.booleans(), st.booleans(), st.integers(0, 9)),
    min_size=1,
)
ties_of = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), shares),
    max_size=14,
    unique_by=lambda t: t[:2],
).map(lambda some: [Tie(a, b, weight) for a, b, weight in some if a < b])


def strengths(falls: list[Fall]) -> dict[str, float]:
    return {fall.memory: fall.strength for fall in falls}


def grew(before: list[Fall], after: list[Fall]) -> bool:
    now = strengths(after)
    return all(now.get(id, 0.0) >= strength - 1e-9 for id, strength in strengths(before).items())


@given(bodies_of, ties_of)
def test_strength_is_mass_times_reach_and_a_way_explains_no_more(
    bodies: dict[str, Body], ties: list[Tie]
) -> None:
    weights = {(tie.a, tie.b): tie.weight for tie in ties}
    for fall in falling(bodies, ties, floor=0.0):
        body = bodies[fall.memory]
        assert not body.muted and 0 <= fall.strength <= 1 and 0 <= fall.reach <= 1
        assert fall.strength == (1 if body.pinned else pytest.approx(body.mass * fall.reach))
        assert fall.path[-1].memory == fall.memory and len(fall.path) <= HOPS + 1
        assert 0 <= fall.share <= fall.strength
        if fall.reach == 0:
            assert body.pinned and len(fall.path) == 1
            continue
        product = fall.path[0].weight
        assert product == bodies[fall.path[0].memory].nearness
        for (here, _), (there, weight) in zip(fall.path, fall.path[1:], strict=False):
            assert weight == weights[min(here, there), max(here, there)]
            product *= DAMPING * weight / (1 + math.log(max(1, bodies[here].fan)))
        assert product <= fall.reach + 1e-9
        assert fall.share == pytest.approx(min(body.mass * product, fall.strength), abs=1e-9)


@given(bodies_of, ties_of, st.randoms())
def test_the_order_of_what_is_given_does_not_matter(
    bodies: dict[str, Body], ties: list[Tie], chance: random.Random
) -> None:
    other = list(bodies.items())
    chance.shuffle(other)
    turned = [Tie(tie.b, tie.a, tie.weight) for tie in ties]
    chance.shuffle(turned)
    assert falling(dict(other), turned) == falling(bodies, ties)


@given(bodies_of, ties_of, st.sampled_from(IDS), shares, shares)
def test_more_mass_or_nearness_of_one_takes_nothing_from_any(
    bodies: dict[str, Body], ties: list[Tie], id: str, more: float, nearer: float
) -> None:
    before = falling(bodies, ties, floor=0.0)
    if id in bodies:
        body = bodies[id]
        raised = body._replace(mass=max(body.mass, more), nearness=max(body.nearness, nearer))
        assert grew(before, falling({**bodies, id: raised}, ties, floor=0.0))


@given(bodies_of, ties_of, st.integers(0, 13), shares)
def test_a_stronger_link_takes_nothing_from_any(
    bodies: dict[str, Body], ties: list[Tie], which: int, weight: float
) -> None:
    if not ties:
        return
    tie = ties[which % len(ties)]
    other = [one for one in ties if one != tie]
    stronger = falling(bodies, [*other, tie._replace(weight=max(weight, tie.weight))], floor=0.0)
    before = falling(bodies, ties, floor=0.0)
    assert grew(before, stronger)
    assert grew(falling(bodies, other, floor=0.0), before), "cutting it gives nothing to any"


@given(bodies_of, ties_of, st.sampled_from(IDS))
def test_muting_one_gives_nothing_to_any_and_it_neither_falls_nor_conducts(
    bodies: dict[str, Body], ties: list[Tie], id: str
) -> None:
    if id not in bodies:
        return
    muted = falling({**bodies, id: bodies[id]._replace(muted=True)}, ties, floor=0.0)
    assert grew(muted, falling(bodies, ties, floor=0.0))
    assert all(id not in {step.memory for step in fall.path} for fall in muted)


@given(bodies_of, ties_of, st.builds(Body, shares, st.just(0.0), st.just(False)))
def test_a_memory_that_is_neither_near_nor_linked_changes_nothing(
    bodies: dict[str, Body], ties: list[Tie], body: Body
) -> None:
    assert falling({**bodies, "z": body}, ties) == falling(bodies, ties)


@given(bodies_of, ties_of)
def test_what_is_below_the_floor_does_not_fall_and_the_pinned_come_first(
    bodies: dict[str, Body], ties: list[Tie]
) -> None:
    every = falling(bodies, ties, floor=0.0)
    some = falling(bodies, ties)
    assert some == [one for one in every if bodies[one.memory].pinned or one.strength >= FLOOR]
    order = [(not bodies[one.memory].pinned, -one.strength, one.memory) for one in some]
    assert order == sorted(order)


def test_a_hub_gives_less_to_each_and_three_links_are_the_most() -> None:
    chain = {id: Body(mass=1.0, nearness=float(id == "a"), fan=2) for id in "abcde"}
    ties = [Tie(a, b, 1.0) for a, b in zip("abcd", "bcde", strict=True)]
    found = strengths(falling(chain, ties, floor=0.0))
    passed = DAMPING / (1 + math.log(2))
    assert found == pytest.approx({"a": 1.0, "b": passed, "c": passed**2, "d": passed**3})
    hub = {**chain, "a": chain["a"]._replace(fan=50)}
    assert strengths(falling(hub, ties, floor=0.0))["b"] < found["b"]


def test_evidence_of_two_origins_comes_together_and_that_of_one_does_not_count_twice() -> None:
    bodies = {id: Body(mass=1.0, nearness=0.8 * (id in "ab"), fan=1) for id in "abcd"}
    both = falling(bodies, [Tie("a", "c", 1.0), Tie("b", "c", 1.0)])
    assert strengths(both)["c"] == pytest.approx(1 - (1 - 0.4) ** 2)
    triangle = [Tie("a", "c", 1.0), Tie("a", "d", 1.0), Tie("c", "d", 1.0)]
    assert strengths(falling(bodies, triangle))["c"] == pytest.approx(0.4)
