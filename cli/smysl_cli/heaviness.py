"""What a memory's state looks like: a sign for its mass, or that it is pinned or muted, and the words.

Pure. A sign takes one column.
"""

from smysl_daemon.memory_protocol import MemoryView, PointView

STEPS = (0.35, 0.65, 0.88)
"""Masses at which the next heavier sign begins: half a year unused, a few weeks, used again and again."""
SIGNS = ("·", "•", "●", "◉")
ASCII_SIGNS = (".", "o", "O", "@")
PINNED, MUTED, WORDS = "⚑", "×", "◆"
ASCII_PINNED, ASCII_MUTED, ASCII_WORDS = "P", "x", "#"


def sign(one: MemoryView | PointView, *, unicode: bool = True) -> str:
    """One cell that says whether a memory is muted or pinned, else how heavy it is."""
    if one.muted:
        return MUTED if unicode else ASCII_MUTED
    if one.pinned:
        return PINNED if unicode else ASCII_PINNED
    return mass_sign(one.mass, unicode=unicode)


def mass_sign(mass: float, *, unicode: bool = True) -> str:
    """`mass`: 0..1."""
    signs = SIGNS if unicode else ASCII_SIGNS
    return signs[sum(mass >= step for step in STEPS)]


def words_sign(*, unicode: bool = True) -> str:
    """Where the words of a question lie."""
    return WORDS if unicode else ASCII_WORDS


def legend(*, unicode: bool = True) -> str:
    """What the signs mean, in one line."""
    signs = " ".join(SIGNS if unicode else ASCII_SIGNS)
    pinned = PINNED if unicode else ASCII_PINNED
    muted = MUTED if unicode else ASCII_MUTED
    return f"{signs} light to heavy, {pinned} pinned, {muted} muted"


def state(one: MemoryView) -> str:
    """In words; empty for one about which there is nothing to say."""
    return ", ".join(["pinned"] * one.pinned + ["muted"] * one.muted)
