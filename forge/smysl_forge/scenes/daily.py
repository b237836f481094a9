"""The family of daily life: its scenes, gathered from the files that tell them. Knows no scene itself."""

from smysl_forge.scenes import gatherings, household, pastimes, spending
from smysl_forge.story import Scene

SCENES: dict[str, tuple[float, Scene]] = spending.SCENES | household.SCENES | pastimes.SCENES | gatherings.SCENES
