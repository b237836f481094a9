"""Writes the model of an engine as one GGUF file, for llama.cpp and what is built on it.

Knows which checkpoint an engine was built from and that it must still be that one; the store decides where
engines lie, `gguf_model` and `gguf_tokenizer` what the file says. An engine's own files hold weights in its
graph's layout, often rounded, so the checkpoint's are taken.
"""

import os
import tempfile
from pathlib import Path

import msgspec

from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.checkpoint import CONFIG_FILE, Checkpoint, open_checkpoint
from smysl_build_engines.errors import BadCheckpoint, BadRequest, StoreError, UnsupportedModel
from smysl_build_engines.families.fields import read_object
from smysl_build_engines.gguf_file import U32, Stored, Value, write_header, write_tensor
from smysl_build_engines.gguf_model import ARCHITECTURE, GgufModel
from smysl_build_engines.gguf_tokenizer import Ends, describe_tokens
from smysl_build_engines.source_hashes import describe_source
from smysl_engines.manifest import TOKENIZER_FILE, Manifest

_FILE_TYPES: dict[Stored, int] = {"f32": 0, "f16": 1}
_TEMPLATE_FILE = "chat_template.jinja"
_TOKENIZER_CONFIG = "tokenizer_config.json"


class Exported(msgspec.Struct, frozen=True):
    source: Path
    """The checkpoint's folder."""
    left_out: tuple[str, ...]
    """What of the tokenizer the format has no place for."""


def export_gguf(manifest: Manifest, source: Path | None, target: Path, stored: Stored) -> Exported:
    """Write the new file `target`. `source`: the checkpoint's folder; None finds a bundled model.

    Raises `BadRequest` for an engine that is no plain decoder, `BadCheckpoint` where the checkpoint is not
    at hand or no longer what the engine was built from, `UnsupportedModel`, and `StoreError` if `target` is
    there already or cannot be written; then no file is left.
    """
    if manifest.kind != "decoder":
        raise BadRequest(
            f"{manifest.model} embeds texts and is no decoder; only decoders are exported as GGUF"
        )
    folder = _source(manifest, source)
    checkpoint = open_checkpoint(folder)
    try:
        return _write(manifest, checkpoint, target, stored)
    except OverflowError as error:
        raise UnsupportedModel(f"{error}. Export it with --precision f32") from error


def _source(manifest: Manifest, given: Path | None) -> Path:
    """The folder that holds exactly what the engine was built from."""
    if any("/" in name for name in manifest.source):
        raise BadRequest(
            f"engine {manifest.model} has an adapter merged into it; GGUF is written from a checkpoint. "
            "Export the engine of its base, or merge the adapter into a checkpoint first"
        )
    if given is None:
        try:
            given = bundled_model(manifest.model)
        except BadCheckpoint:
            raise BadRequest(
                f"GGUF is written from the checkpoint that engine {manifest.model} was built from, and an "
                "engine does not keep where that lies. Name its folder: --source FOLDER"
            ) from None
    for name, entry in manifest.source.items():
        try:
            found = describe_source(given / name)
        except OSError as error:
            raise BadCheckpoint(
                f"{given / name} cannot be read: {error.strerror}. Engine {manifest.model} was built from a "
                "folder that has it; name that with --source"
            ) from error
        if found != entry:
            raise BadCheckpoint(
                f"{given / name} is not what engine {manifest.model} {manifest.fingerprint[:12]} was built "
                f"from. Build the engine again (smysl build {given}), or name its folder with --source"
            )
    return given


def _write(manifest: Manifest, checkpoint: Checkpoint, target: Path, stored: Stored) -> Exported:
    folder, decoder = checkpoint.folder, checkpoint.config
    model = GgufModel(str(folder / CONFIG_FILE), decoder, checkpoint.weights, stored)
    tokens = describe_tokens(
        str(folder / TOKENIZER_FILE),
        (folder / TOKENIZER_FILE).read_bytes(),
        decoder.vocab_size,
        _ends(folder),
    )
    metadata: dict[str, Value] = {
        "general.architecture": ARCHITECTURE,
        "general.name": manifest.model,
        "general.file_type": U32(_FILE_TYPES[stored]),
        **model.metadata(),
        **tokens.metadata,
    }
    if template := _template(folder):
        metadata["tokenizer.chat_template"] = template
    try:
        handle, name = tempfile.mkstemp(prefix=".export-", dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            plans = model.tensors()
            write_header(file, metadata, plans)
            for plan, pieces in zip(plans, model.data(), strict=True):
                write_tensor(file, plan, pieces)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(written, 0o644)
        # unlike a rename, a link never replaces what is there
        os.link(written, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        written.unlink(missing_ok=True)
    return Exported(folder, tokens.left_out)


def _ends(folder: Path) -> Ends:
    fields = read_object(folder / CONFIG_FILE)

    def id_of(role: str) -> int | None:
        found = fields.get(f"{role}_token_id")
        first = found[0] if isinstance(found, list) and found else found
        return first if isinstance(first, int) and not isinstance(first, bool) else None

    return Ends(bos=id_of("bos"), eos=id_of("eos"), pad=id_of("pad"))


def _template(folder: Path) -> str | None:
    if (folder / _TEMPLATE_FILE).is_file():
        return (folder / _TEMPLATE_FILE).read_text(encoding="utf-8")
    if not (folder / _TOKENIZER_CONFIG).is_file():
        return None
    found = read_object(folder / _TOKENIZER_CONFIG).get("chat_template")
    return found if isinstance(found, str) else None


def _unwritable(target: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{target} cannot be written: {error.strerror}. Choose a new file in a folder with room."
    )
