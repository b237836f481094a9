"""One training sequence."""

from typing import NamedTuple


class Example(NamedTuple):
    """Token ids and, for each, whether predicting it is learnt."""

    ids: list[int]
    learnt: list[bool]
