"""Where the bundled model lies: in the source tree, or where an installed wheel put it."""

import sys
from pathlib import Path

from smysl_build_engines.errors import BadCheckpoint

NAME = "zerno"


def bundled_model(name: str = NAME) -> Path:
    """The checkpoint folder of a bundled model.
    Raises `BadCheckpoint` if this installation has none.
    """
    places = (
        Path(__file__).resolve().parents[2] / "models",
        Path(sys.prefix) / "share" / "smysl" / "models",
    )
    for place in places:
        if (place / name / "config.json").is_file():
            return place / name
    looked = " and ".join(map(str, places))
    raise BadCheckpoint(
        f"the bundled model {name!r} is not in {looked}. Install smysl again, or give a folder."
    )
