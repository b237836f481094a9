"""Tells what one state of adapters computed from what another did: a symbol is a token under a state.

Knows integers and states; never a call or the memory.
"""

import threading
from collections.abc import Sequence

import numpy as np

from smysl_engines.base import State


class Symbols:
    """Numbers the states of one engine as they come; the base model's symbols are its tokens. Any
    thread may call."""

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary
        self._states: list[State] = [()]
        self._offsets: dict[State, int] = {(): 0}
        self._lock = threading.Lock()

    def offset(self, state: State) -> int:
        """What a token's symbol under the state is above the token."""
        with self._lock:
            if (offset := self._offsets.get(state)) is None:
                offset = self._offsets[state] = len(self._states) * self._vocabulary
                self._states.append(state)
            return offset

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
