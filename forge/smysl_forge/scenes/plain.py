"""The pack of plain number questions: arithmetic, factors, equations and sequences.

Knows which modules belong to it; they are listed, not told.
"""

from smysl_forge.scenes import (
    arithmetic,
    equations,
    factors,
    lists,
    riddles,
    sequences,
    worded,
)
from smysl_forge.story import Scene

SCENES: dict[str, tuple[float, Scene]] = {
    **arithmetic.SCENES,
    **worded.SCENES,
    **lists.SCENES,
    **factors.SCENES,
    **equations.SCENES,
    **riddles.SCENES,
    **sequences.SCENES,
}
