"""The pack of problem sheets (`smysl_forge.sheet`): every task of every sheet is a scene."""

from smysl_forge.sheet import sheets
from smysl_forge.story import Scene

SCENES: dict[str, tuple[float, Scene]] = {
    task.place: (1.0, task) for tasks in sheets().values() for task in tasks
}
