"""Writes a checkpoint with an adapter merged as a 16-bit checkpoint of its own, on the CPU.

Knows the layout of a Hugging Face folder; what is merged, and how, is `adapters.merge`'s. Rows are
read, changed and written some at a time, so a model larger than memory can be merged.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from smysl_build_engines.checkpoint import CONFIG_FILE, Checkpoint
from smysl_build_engines.errors import BadRequest, StoreError
from smysl_build_engines.families.fields import read_object
from smysl_build_engines.families.table import FAMILIES, places
from smysl_build_engines.tensorrt_llm.tensors_out import SHARD_BYTES, Out, write_tensors
from smysl_build_engines.tensors import Float32, Tensors
from smysl_engines.manifest import CHAT_FILES, DIALECT_FILE, TOKENIZER_FILE

PASSED_ON = (
    TOKENIZER_FILE,
    DIALECT_FILE,
    *CHAT_FILES,
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
)
"""Small files that a checkpoint may have beside its weights, and that tokenizers are made of."""


def write_checkpoint(
    checkpoint: Checkpoint,
    folder: Path,
    tell: Callable[[str], None] = lambda line: None,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Fill an empty folder with the checkpoint's weights, which may be merged, in bfloat16."""
    tensors = _tensors(checkpoint)
    size = sum(tensor.bytes for tensor in tensors.values())
    tell(f"writing {size / 1e9:.2f} GB of merged 16-bit weights")
    write_tensors(folder, tensors, shard_bytes)
    config = read_object(checkpoint.folder / CONFIG_FILE)
    # transformers 5 writes "dtype" and reads both; before it, only the older name was known
    config |= {"dtype": "bfloat16", "torch_dtype": "bfloat16"}
    text = msgspec.json.format(msgspec.json.encode(config), indent=2)
    (folder / CONFIG_FILE).write_bytes(text + b"\n")
    for name in PASSED_ON:
        if (checkpoint.folder / name).is_file():
            shutil.copyfile(checkpoint.folder / name, folder / name)


def publish_checkpoint(
    checkpoint: Checkpoint,
    target: Path,
    tell: Callable[[str], None] = lambda line: None,
    shard_bytes: int = SHARD_BYTES,
) -> Path:
    """`write_checkpoint` to the new folder `target`, which is there whole or not at all.

    Raises `BadRequest` if it is there already, `StoreError` if it cannot be written.
    """
    if target.exists():
        raise BadRequest(f"{target} is there already; give a new folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            write_checkpoint(checkpoint, part, tell, shard_bytes)
            part.chmod(0o755)
            _sync(part)
            os.rename(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written: {error.strerror}. Choose a folder with room for "
            f"{merged_bytes(checkpoint) / 1e9:.1f} GB."
        ) from error
    return target


def merged_bytes(checkpoint: Checkpoint) -> int:
    """Of the weights in 16 bits."""
    return sum(tensor.bytes for tensor in _tensors(checkpoint).values())


def _tensors(checkpoint: Checkpoint) -> dict[str, Out]:
    """As the family stores them: fused where it fuses, under its names, in the model's order."""
    weights = checkpoint.weights
    parts: dict[str, list[str]] = {}
    for name, place in places(FAMILIES[checkpoint.family], checkpoint.config).items():
        parts.setdefault(place.name, []).append(name)
    found: dict[str, Out] = {}
    for stored, names in parts.items():
        rows = sum(weights.shape(name)[0] for name in names)
        shape = (rows, *weights.shape(names[0])[1:])
        found[stored] = Out(shape, _pieces(weights, names))
    return found


def _pieces(weights: Tensors, names: list[str]) -> Callable[[], Iterator[Float32]]:
    def pieces() -> Iterator[Float32]:
        for name in names:
            yield from weights.chunks(name)

    return pieces


def _sync(folder: Path) -> None:
    """A flat folder and what is in it, to the disk."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
