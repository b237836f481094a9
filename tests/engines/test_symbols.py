from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.symbols import Symbols

STATES = [(), (("a", 1.0),), (("a", 0.5), ("b", 0.5)), (("b", 1.0),)]
texts = st.lists(st.tuples(st.integers(0, 96), st.sampled_from(STATES)), min_size=1, max_size=20)


def symbols_of(
    symbols: Symbols, text: list[tuple[int, tuple[tuple[str, float], ...]]]
) -> list[int]:
    return [token + symbols.offset(state) for token, state in text]


@given(texts, texts, st.permutations(STATES))
def test_content_tells_texts_apart_and_is_the_same_in_every_process(
    one: list[tuple[int, tuple[tuple[str, float], ...]]],
    two: list[tuple[int, tuple[tuple[str, float], ...]]],
    order: list[tuple[tuple[str, float], ...]],
) -> None:
    here, there = Symbols(97), Symbols(97)
    for state in order:
        there.offset(state)
    first = here.content(symbols_of(here, one))
    assert first == there.content(symbols_of(there, one))
    assert (first == here.content(symbols_of(here, two))) == (one == two)


def test_symbols_of_the_base_model_are_its_tokens() -> None:
    assert Symbols(97).offset(()) == 0
