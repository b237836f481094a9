"""Tells what one state of adapters computed from what another did: a symbol is a token under a state.

Knows integers and states; never a call or the memory.
"""

from collections.abc import Sequence

import numpy as np

from smysl_engines.base import State


class Symbols:
    """Numbers the states of one engine as they come; the base model's symbols are its tokens."""

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary
        self._states: list[State] = [()]

    def offset(self, state: State) -> int:
        """What a token's symbol under the state is above the token."""
        if state not in self._states:
            self._states.append(state)
        return self._states.index(state) * self._vocabulary

    def content(self, symbols: Sequence[int]) -> bytes:
        """The same for the same tokens under the same states, in any process."""
        numbers, tokens = np.divmod(np.array(symbols, "<i8"), self._vocabulary)
        used = [(int(number), self._states[number]) for number in np.unique(numbers)]
        if used == [(0, ())]:
            return tokens.tobytes()
        # in order of their appearance, which does not hang on this process's numbers
        order = list(dict.fromkeys(numbers.tolist()))
        places = np.array([order.index(number) for number in numbers.tolist()], "<i8")
        return tokens.tobytes() + places.tobytes() + repr([self._states[n] for n in order]).encode()
