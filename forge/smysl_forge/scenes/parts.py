"""The pack of parts of wholes: fractions, remainders and ratios.

Knows which modules belong to it; they are listed, not told.
"""

from smysl_forge.scenes import ratios, shares, wholes
from smysl_forge.story import Scene

SCENES: dict[str, tuple[float, Scene]] = {**ratios.SCENES, **shares.SCENES, **wholes.SCENES}
