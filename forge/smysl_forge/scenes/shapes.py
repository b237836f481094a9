"""The pack of shapes and runs of numbers.

Knows which modules belong to it; they are listed, not told.
"""

from smysl_forge.scenes import figures, plots, rectangles
from smysl_forge.story import Scene

SCENES: dict[str, tuple[float, Scene]] = {**figures.SCENES, **plots.SCENES, **rectangles.SCENES}
