"""A Hugging Face checkpoint folder: its files, its model, and its tensors under the decoder's names.

Knows which files there must be and which shapes config.json demands; never ONNX, quantisation or
the store.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.families.fields import read_object
from smysl_build_engines.families.table import Described, Place, places, read_config
from smysl_build_engines.low_rank import Adapter
from smysl_build_engines.safetensors import SafetensorsFile
from smysl_build_engines.source_hashes import describe_source
from smysl_build_engines.tensors import Float32, Tensors
from smysl_engines.manifest import (
    CHAT_FILES,
    DIALECT_FILE,
    TOKENIZER_FILE,
    FileEntry,
)

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
OPTIONAL_FILES = (DIALECT_FILE, *CHAT_FILES)
CALIBRATION_FILE = "calibration.txt"
"""Text of the kind the model is for, one sample a line; not every model has it."""


class Checkpoint(msgspec.Struct, frozen=True):
    """A checked source folder."""

    folder: Path
    config: Decoder
    family: str
    """`model_type` of config.json."""
    weights: Tensors
    """Under the decoder's names."""
    files: tuple[Path, ...]
    """What decides the output: config.json, the weights, tokenizer.json, and dialect.json and the
    chat files where the model has them."""
    merged: Adapter | None = None
    """In the weights already."""
    bank: tuple[Adapter, ...] = ()
    """To be kept beside the weights, by name in order."""

    @property
    def source(self) -> dict[str, FileEntry]:
        """What the weights were read from."""
        entries = {path.name: describe_source(path) for path in self.files}
        if self.merged is not None:
            name = self.merged.name
            entries |= {f"{name}/{file}": entry for file, entry in self.merged.source.items()}
        return entries

    @property
    def passed_on(self) -> tuple[Path, ...]:
        """Files that go into the engine directory as they are."""
        return tuple(f for f in self.files if f.name in (TOKENIZER_FILE, *OPTIONAL_FILES))


def open_checkpoint(folder: Path) -> Checkpoint:
    """Raises `BadCheckpoint` for missing or contradictory files,
    `UnsupportedModel` by the field's name.
    """
    weights_names = weights_files(folder)
    names = (CONFIG_FILE, *weights_names, TOKENIZER_FILE)
    demand_files(folder, names)
    described = read_config(folder / CONFIG_FILE)
    shards = [SafetensorsFile(folder / name) for name in weights_names]
    weights = _open_weights(folder, described, shards)
    optional = [name for name in OPTIONAL_FILES if (folder / name).is_file()]
    files = tuple(folder / name for name in (*names, *optional))
    return Checkpoint(folder, described.decoder, described.family.model_type, weights, files)


def embedding_at(checkpoint: Checkpoint, layer: int | None) -> Checkpoint:
    """The same model with embeddings made of the states after `layer` layers; None, and all of them,
    is after the last norm. Raises `UnsupportedModel`."""
    count = len(checkpoint.config.layers)
    if layer is not None and not 1 <= layer <= count:
        raise UnsupportedModel(
            f"embeddings of layer {layer} were asked; the model has layers 1 to {count}"
        )
    at = None if layer == count else layer
    config = msgspec.structs.replace(checkpoint.config, embedding_layer=at)
    return msgspec.structs.replace(checkpoint, config=config)


def demand_files(folder: Path, names: Sequence[str]) -> None:
    """Raises `BadCheckpoint` for the first that the folder lacks."""
    for name in names:
        if not (folder / name).is_file():
            pickled = sorted(folder.glob("pytorch_model*.bin"))
            raise BadCheckpoint(
                f"{folder} has no {name}; a source is a folder with {', '.join(names[:3])}"
                f"{' and so on' if len(names) > 3 else ''}. "
                + (
                    f"{pickled[0].name} is not read, because to unpickle runs code: save the model as "
                    "safetensors."
                    if pickled and name == WEIGHTS_FILE
                    else "Download what is missing."
                )
            )


class FamilyWeights(Tensors):
    """A checkpoint's tensors under our names, cut out of fused ones."""

    def __init__(self, places: dict[str, Place], shards: dict[str, SafetensorsFile]) -> None:
        """`shards`: the file of each stored tensor."""
        self._places = places
        self._shards = shards

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def shape(self, name: str) -> tuple[int, ...]:
        place = self._places[name]
        return place.stop - place.start, *self._shards[place.name].shape(place.name)[1:]

    def rows(self, name: str, start: int, stop: int) -> Float32:
        place = self._places[name]
        shard = self._shards[place.name]
        found = shard.rows(place.name, place.start + start, place.start + stop)
        # the extremes tell, at less than a tenth of what `isfinite` of everything costs
        if found.size and not np.isfinite([found.min(), found.max()]).all():
            raise BadCheckpoint(
                f"{shard.path}: {place.name!r} holds values that are not finite. Download or export it "
                "again"
            )
        return found


def weights_files(folder: Path) -> tuple[str, ...]:
    """The one file, or the shards that the index names. Raises `BadCheckpoint`."""
    path = folder / INDEX_FILE
    if not path.exists():
        return (WEIGHTS_FILE,)
    try:
        index = msgspec.convert(read_object(path).get("weight_map"), dict[str, str])
    except msgspec.ValidationError as error:
        raise BadCheckpoint(f"{path}: weight_map: {error}") from error
    names = sorted(set(index.values()))
    if outside := [name for name in names if Path(name).name != name or name[0] == "."]:
        raise BadCheckpoint(f"{path} names the file {outside[0]!r} outside its folder")
    if not names:
        raise BadCheckpoint(f"{path} names no file. Download it again")
    return tuple(names)


def _open_weights(
    folder: Path, described: Described, shards: list[SafetensorsFile]
) -> FamilyWeights:
    decoder, family = described.decoder, described.family
    # a tied head and the rotary table may be stored although they follow from the rest
    tied = {f"{family.names['head']}.weight"} if decoder.tie_word_embeddings else set()
    return checked_weights(
        folder,
        family.model_type,
        places(family, decoder),
        decoder.shapes(),
        shards,
        lambda name: name in tied or name.endswith(".rotary_emb.inv_freq"),
    )


def checked_weights(
    folder: Path,
    model_type: str,
    wanted: dict[str, Place],
    shapes: Mapping[str, tuple[int, ...]],
    shards: Sequence[SafetensorsFile],
    ignorable: Callable[[str], bool],
) -> FamilyWeights:
    """Check that the files hold exactly what config.json demands, besides what is `ignorable`.

    `wanted`, `shapes`: of each tensor under our name. Raises `BadCheckpoint`, `UnsupportedModel`.
    """
    found: dict[str, SafetensorsFile] = {}
    for shard in shards:
        for name in shard:
            if name in found:
                raise BadCheckpoint(
                    f"{found[name].path} and {shard.path} both have a tensor {name!r}"
                )
            found[name] = shard
    stored: dict[str, tuple[int, ...]] = {}
    for name, place in wanted.items():
        stored[place.name] = (place.stop, *shapes[name][1:])
    for name, shape in stored.items():
        if name not in found:
            raise BadCheckpoint(
                f"{folder} has no tensor {name!r}; config.json demands it. Download the folder again, "
                "so that weights and config.json are of one model"
            )
        if found[name].shape(name) != shape:
            raise BadCheckpoint(
                f"{found[name].path}: {name!r} is {list(found[name].shape(name))}; config.json "
                f"demands {list(shape)}. Download the folder again, so that weights and config.json are "
                "of one model"
            )
    for name in sorted(set(found) - set(stored)):
        if not ignorable(name):
            raise UnsupportedModel(
                f"{found[name].path} has the tensor {name!r}, which a {model_type} model "
                "of this config.json does not use"
            )
    return FamilyWeights(wanted, found)
