"""Finds compiled engines where they are kept: one directory each, named by its fingerprint.

Only reads. Building, publishing and deleting are the build step's business.
"""

import os
from pathlib import Path

import msgspec
import platformdirs

from smysl_engines.base import EngineError
from smysl_engines.manifest import CorruptEngine, Manifest, read_manifest


# EngineError
# └── NoSuchEngine
class NoSuchEngine(EngineError):
    """No engine of that name or fingerprint is kept here."""


class Shelved(msgspec.Struct, frozen=True, kw_only=True):
    """An engine directory as it was found; its files were not hashed."""

    directory: Path
    manifest: Manifest | None
    """None if it cannot be used."""
    problem: str | None = None
    """Why not, with the remedy."""


def default_shelf() -> Path:
    """$SMYSL_DATA_DIR/engines, else the folder `engines` in the user's data folder for smysl."""
    if data := os.environ.get("SMYSL_DATA_DIR"):
        return Path(data) / "engines"
    return Path(platformdirs.user_data_dir("smysl", appauthor=False)) / "engines"


def list_engines(shelf: Path) -> list[Shelved]:
    """Every engine directory, sorted by model and fingerprint, unusable ones last."""
    found = []
    try:
        folders = [path for path in shelf.iterdir() if path.is_dir() and path.name[0] != "."]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise EngineError(f"the engines in {shelf} cannot be listed: {error.strerror}") from error
    for folder in folders:
        try:
            manifest = read_manifest(folder)
        except CorruptEngine as error:
            found.append(Shelved(directory=folder, manifest=None, problem=str(error)))
        else:
            found.append(Shelved(directory=folder, manifest=manifest))
    return sorted(found, key=_order)


def find_engine(shelf: Path, name: str) -> Shelved:
    """The usable engine of a model name, or of a fingerprint shortened to a unique prefix.

    Raises `CorruptEngine` if the fingerprint's directory is damaged,
    `NoSuchEngine` if nothing fits.
    """
    engines = list_engines(shelf)
    for engine in engines:
        if engine.manifest is not None and engine.manifest.model == name:
            return engine
    fitting = [engine for engine in engines if name and engine.directory.name.startswith(name)]
    if len(fitting) == 1:
        if fitting[0].problem is not None:
            raise CorruptEngine(fitting[0].problem)
        return fitting[0]
    known = ", ".join(sorted({e.manifest.model for e in engines if e.manifest})) or "none"
    if fitting:
        raise NoSuchEngine(f"{name!r} fits {len(fitting)} engines in {shelf}; give more of it")
    raise NoSuchEngine(
        f"no engine {name!r} in {shelf}; there: {known}. Build it: smysl build SOURCE --name {name}"
    )


def _order(engine: Shelved) -> tuple[bool, str, str]:
    model = "" if engine.manifest is None else engine.manifest.model
    return engine.manifest is None, model, engine.directory.name
