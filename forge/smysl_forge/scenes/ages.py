"""The pack of ages: compared with one another and over the years.

Knows which modules belong to it; they are listed, not told.
"""

from smysl_forge.scenes import agepuzzles, lifetimes, older
from smysl_forge.story import Scene

SCENES: dict[str, tuple[float, Scene]] = {**agepuzzles.SCENES, **lifetimes.SCENES, **older.SCENES}
