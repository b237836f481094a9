"""A sentence encoder's folder: its files, its model, how its texts become vectors, and its tensors
under the encoder's names.

Knows which files there must be and which shapes config.json demands; never ONNX, quantisation or
the store.
"""

from pathlib import Path

import msgspec

from smysl_build_engines.checkpoint import (
    CONFIG_FILE,
    checked_weights,
    demand_files,
    weights_files,
)
from smysl_build_engines.encoder import Encoder
from smysl_build_engines.families.encoders import (
    BUFFERS,
    ENCODERS,
    NAMES,
    UNUSED,
    describe_encoder,
)
from smysl_build_engines.families.fields import read_object
from smysl_build_engines.families.table import Place, layer_of, role_of
from smysl_build_engines.pooling_files import read_pooling
from smysl_build_engines.safetensors import SafetensorsFile
from smysl_build_engines.tensors import Tensors
from smysl_engines.manifest import TOKENIZER_FILE, EncoderEntry, FileEntry, describe_file


class EncoderCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A checked source folder."""

    folder: Path
    encoder: Encoder
    family: str
    """`model_type` of config.json."""
    entry: EncoderEntry
    longest: int
    """Tokens of a text that the model was tuned for; it computes up to `encoder.longest`."""
    weights: Tensors
    """Under the encoder's names."""
    files: tuple[str, ...]
    """What decides the output, within the folder."""

    @property
    def source(self) -> dict[str, FileEntry]:
        """What the engine is built from."""
        return {name: describe_file(self.folder / name) for name in self.files}

    @property
    def passed_on(self) -> tuple[Path, ...]:
        """Files that go into the engine directory as they are."""
        return (self.folder / TOKENIZER_FILE,)


def is_encoder(source: Path) -> bool:
    """Whether the config.json, or that of the folder, names a model that embeds texts and generates
    none. Raises `BadCheckpoint` for a file that cannot be read; where there is none, there is no
    encoder."""
    path = source if source.is_file() else source / CONFIG_FILE
    return path.is_file() and read_object(path).get("model_type") in ENCODERS


def open_encoder(folder: Path) -> EncoderCheckpoint:
    """Of a folder that `is_encoder`. Raises `BadCheckpoint` for missing or contradictory files,
    `UnsupportedModel` by the field's, the module's or the tensor's name.
    """
    names = weights_files(folder)
    files = (CONFIG_FILE, *names, TOKENIZER_FILE)
    demand_files(folder, files)
    values = read_object(folder / CONFIG_FILE)
    encoder = describe_encoder(str(folder / CONFIG_FILE), values)
    shapes = encoder.shapes()
    places = {name: Place(stored_name(name), 0, shape[0]) for name, shape in shapes.items()}
    said = read_pooling(folder, encoder.hidden_size)
    shards = [SafetensorsFile(folder / name, BUFFERS) for name in names]
    return EncoderCheckpoint(
        folder=folder,
        encoder=encoder,
        family=values["model_type"],
        entry=said.entry,
        longest=min(said.longest or encoder.longest, encoder.longest),
        weights=checked_weights(
            folder,
            values["model_type"],
            places,
            shapes,
            shards,
            lambda name: name in BUFFERS or name in UNUSED,
        ),
        files=(*files, *said.files),
    )


def stored_name(name: str) -> str:
    """Of the encoder's tensor in the checkpoint."""
    return NAMES[role_of(name)].format(layer_of(name)) + name[name.rindex(".") :]
