"""What a sentence-transformers folder says besides the model: how a text becomes one vector.

Knows modules.json, the pooling module's config.json and the two files of settings; never a tensor.
Every module or setting that would change the vector and is not compiled is refused by name.
"""

from pathlib import Path

import msgspec

from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.families.fields import Fields, read_object
from smysl_engines.manifest import EncoderEntry, Pooling

MODULES_FILE = "modules.json"
POOLING_FILE = "1_Pooling/config.json"
SETTINGS_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_xlm-roberta_config.json",
)
MODEL_SETTINGS_FILE = "config_sentence_transformers.json"
_MODES: dict[str, Pooling] = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
_OTHER_MODES = (
    "pooling_mode_max_tokens",
    "pooling_mode_mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens",
    "pooling_mode_lasttoken",
)


class Pooled(msgspec.Struct, frozen=True, kw_only=True):
    """What the files say."""

    entry: EncoderEntry
    longest: int | None
    """`max_seq_length`: what the model was tuned for; None says nothing."""
    files: tuple[str, ...]
    """Those that were read, within the folder."""


class _Module(msgspec.Struct, frozen=True):
    path: str
    type: str


def read_pooling(folder: Path, hidden_size: int) -> Pooled:
    """A folder without these files is pooled by the mean, as sentence-transformers does.

    Raises `BadCheckpoint` for what cannot be, `UnsupportedModel` by the module's or field's name.
    """
    files = []
    pooling_file, normalise = POOLING_FILE, False
    if (folder / MODULES_FILE).is_file():
        files.append(MODULES_FILE)
        found, normalise = _read_modules(folder / MODULES_FILE)
        pooling_file = f"{found}/config.json"
        if not (folder / pooling_file).is_file():
            raise BadCheckpoint(
                f"{folder} has no {pooling_file}, which its {MODULES_FILE} names. Download it again, "
                "folders included."
            )
    pooling: Pooling = "mean"
    if (folder / pooling_file).is_file():
        files.append(pooling_file)
        pooling = _read_mode(folder / pooling_file, hidden_size)
    longest = None
    for name in SETTINGS_FILES:
        if (folder / name).is_file():
            files.append(name)
            longest = _read_settings(folder / name)
            break
    if (folder / MODEL_SETTINGS_FILE).is_file():
        files.append(MODEL_SETTINGS_FILE)
        _check_model_settings(folder / MODEL_SETTINGS_FILE, normalise)
    entry = EncoderEntry(pooling=pooling, normalise=normalise)
    return Pooled(entry=entry, longest=longest, files=tuple(files))


def _read_modules(path: Path) -> tuple[str, bool]:
    """The pooling module's folder, and whether a module normalises."""
    try:
        modules = msgspec.json.decode(path.read_bytes(), type=list[_Module])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error
    kinds = [module.type.rsplit(".", 1)[-1] for module in modules]
    known = ["Transformer", "Pooling", "Normalize"]
    if kinds not in (known[:2], known):
        other = next((kind for kind in kinds if kind not in known), None)
        what = f"the module {other!r}" if other else f"the modules {', '.join(kinds) or 'none'}"
        raise UnsupportedModel(
            f"{path} lists {what}; the onnx build compiles Transformer, Pooling and then Normalize "
            "or nothing"
        )
    if modules[0].path:
        raise UnsupportedModel(
            f"{path}: the path of Transformer is {modules[0].path!r}; the onnx build reads it from "
            "the folder itself. Move its files there and let the path be empty."
        )
    place = modules[1].path
    if Path(place).name != place or place[:1] in ("", "."):
        raise BadCheckpoint(f"{path}: the path of Pooling, {place!r}, is no folder within its own")
    return place, len(modules) == 3


def _read_mode(path: Path, hidden_size: int) -> Pooling:
    f = Fields(str(path), read_object(path))
    for name in ("word_embedding_dimension", "embedding_dimension"):
        width = f.optional(name, int)
        if width is not None and width != hidden_size:
            raise f.bad(name, width, f"the model's hidden_size is {hidden_size}")
    # True pools a text's prompt with it; there is no other way for who sees tokens only
    f.only("include_prompt", True)
    chosen = [mode for name, mode in _MODES.items() if f.take(name, bool, False)]
    for name in _OTHER_MODES:
        f.only(name, False)
    if (mode := f.optional("pooling_mode", str)) is not None:
        if mode not in _MODES.values():
            raise f.refusal("pooling_mode", mode, "'mean' or 'cls'")
        chosen = [each for each in _MODES.values() if each == mode or each in chosen]
    f.finish()
    if len(chosen) != 1:
        names = " and ".join(chosen) or "nothing"
        raise UnsupportedModel(
            f"{path} pools by {names}; the onnx build compiles either mean or cls (the fields "
            f"{' and '.join(_MODES)})"
        )
    return chosen[0]


def _read_settings(path: Path) -> int | None:
    f = Fields(str(path), read_object(path))
    if f.take("do_lower_case", bool, False):
        raise UnsupportedModel(
            f"{path}: do_lower_case is True; an engine does what tokenizer.json says, no more. Let "
            "the tokenizer's own normaliser do it, or give lower-case texts, and set it to false."
        )
    longest = f.optional_positive("max_seq_length", int)
    f.finish()
    return longest


def _check_model_settings(path: Path, normalise: bool) -> None:
    """The versions and prompts it lists are for callers to read; two settings change vectors or
    their use."""
    f = Fields(str(path), read_object(path))
    if not normalise:
        # for vectors of length 1, dot products and distances order texts as cosines do
        similarity = f.optional("similarity_fn_name", str)
        if similarity not in (None, "cosine"):
            raise f.refusal("similarity_fn_name", similarity, "cosine, as vectors have length 1,")
    prompts = f.optional("prompts", dict[str, str | None]) or {}
    name = f.optional("default_prompt_name", str)
    if name is not None and prompts.get(name) != "":
        raise UnsupportedModel(
            f"{path}: default_prompt_name is {name!r}; an engine adds no prompt to a text. Put it "
            "before your texts yourself, and set the field to null."
        )
