"""What a build for TensorRT-LLM starts from: a folder with weights in 16 bits or smaller, or, for a
plan, its config.json alone.

Knows which files there must be; never what is built of them.
"""

from pathlib import Path

import msgspec

from smysl_build_engines.checkpoint import (
    CONFIG_FILE,
    INDEX_FILE,
    Checkpoint,
    demand_files,
    open_checkpoint,
    weights_files,
)
from smysl_build_engines.source_hashes import describe_source
from smysl_build_engines.tensorrt_llm.formats import QUANTISED_FILE
from smysl_build_engines.tensorrt_llm.merge import PASSED_ON
from smysl_build_engines.tensorrt_llm.models import Model, read_model
from smysl_build_engines.tensors import Held
from smysl_engines.manifest import TOKENIZER_FILE, FileEntry


class Source(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    folder: Path
    model: Model
    checkpoint: Checkpoint | None
    """With weights that this build step can read: 16 or 32 bits, of a known family."""
    shapes: Checkpoint | None
    """To check adapters against, with weights or without; None for a model of unknown shape."""
    files: tuple[Path, ...]
    """What decides the output, and what goes with it; none of a config.json alone."""

    def entries(self) -> dict[str, FileEntry]:
        """With the hash of each; reads all of them."""
        return {path.name: describe_source(path) for path in self.files}


def open_source(source: Path, name: str, *, config_only: bool) -> Source:
    """`config_only`: weights need not be there.

    Raises `BadCheckpoint` for missing or contradictory files, `UnsupportedModel` by the field's name.
    """
    model = read_model(source)
    folder = source if source.is_dir() else source.parent
    names = weights_files(folder)
    there = source.is_dir() and all((folder / each).is_file() for each in names)
    checkpoint: Checkpoint | None = None
    shapes: Checkpoint | None = None
    files: tuple[Path, ...] = ()
    if there or not config_only:
        demand_files(folder, (CONFIG_FILE, *names, TOKENIZER_FILE))
        known = model.dense and model.quantised is None
        checkpoint = open_checkpoint(folder) if known else None
        optional = (INDEX_FILE, QUANTISED_FILE, *PASSED_ON)
        found = [each for each in optional if (folder / each).is_file()]
        files = tuple(folder / each for each in dict.fromkeys((CONFIG_FILE, *names, *found)))
    if model.dense and model.held is not None:
        own = () if checkpoint is None else checkpoint.files
        shapes = checkpoint or Checkpoint(folder, model.held, model.family, Held({}), own)
    return Source(
        name=name,
        folder=folder,
        model=model,
        checkpoint=checkpoint,
        shapes=shapes,
        files=files,
    )
