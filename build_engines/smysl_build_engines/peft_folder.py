"""Reads an adapter as PEFT saves it: adapter_config.json and adapter_model.safetensors.

Knows PEFT's fields, its names of tensors and its rules for which modules an adapter changes, and
checks them against a checkpoint; never what an engine does with an adapter. What is not known to
change nothing is refused by name.
"""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from smysl_build_engines.checkpoint import Checkpoint
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadAdapter, UnsupportedAdapter
from smysl_build_engines.families.common import Family
from smysl_build_engines.families.fields import Fields, read_object
from smysl_build_engines.families.table import FAMILIES, places
from smysl_build_engines.low_rank import Adapter, LowRank
from smysl_build_engines.safetensors import SafetensorsFile
from smysl_build_engines.tensors import Float32
from smysl_engines.manifest import FileEntry, describe_file

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
N = TypeVar("N", int, float)

_PREFIX = "base_model.model."
_ALL_LINEAR = "all-linear"

_HARMLESS = frozenset(
    # names and versions
    "task_type auto_mapping base_model_name_or_path revision peft_version inference_mode"
    # training
    " lora_dropout eva_config corda_config loftq_config lora_ga_config runtime_config"
    # settings of what is refused by a field of its own
    " megatron_core qalora_group_size ensure_weight_tying".split()
)
"""Fields that change nothing about an adapter that is stored already."""
_UNSUPPORTED = (
    "arrow_config kasa_config layer_replication lora_bias megatron_config modules_to_save"
    " monteclora_config target_parameters trainable_token_indices use_bdlora use_qalora"
    " velora_config fan_in_fan_out"
).split()
"""Fields that must be absent or off."""


def open_adapter(name: str, folder: Path, checkpoint: Checkpoint) -> Adapter:
    """Raises `BadAdapter` for missing or contradictory files and an adapter of another base,
    `UnsupportedAdapter` by the name of what cannot be built.
    """
    for file in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / file).is_file():
            raise BadAdapter(
                f"adapter {name}: {folder} has no {file}; an adapter is a folder as PEFT's "
                "save_pretrained writes it, with safetensors"
            )
    config = _read_config(folder / CONFIG_FILE)
    _check_base(config, checkpoint)
    _check_invocation(config, checkpoint.config.vocab_size)
    stored = SafetensorsFile(folder / WEIGHTS_FILE)
    found = _sort_tensors(stored, config.dora)
    modules = _modules(checkpoint)
    wanted = _wanted(config, modules, found, checkpoint)
    _check_modules(stored.path, found, wanted, modules, checkpoint.family)
    changes: dict[str, LowRank] = {}
    for module in wanted:
        changes |= _read_module(stored, modules[module], found[module], config)
    return Adapter(
        name=name,
        kind="alora" if config.invocation else "lora",
        invocation=config.invocation,
        changes=changes,
        source={file: describe_file(folder / file) for file in (CONFIG_FILE, WEIGHTS_FILE)},
    )


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    where: str
    rank: int
    alpha: float
    ranks: dict[str, int]
    """By pattern of the module's name; the first that fits counts."""
    alphas: dict[str, float]
    rslora: bool
    dora: bool
    targets: list[str] | str | None
    """Names or ends of names, or a pattern of the whole name. None: what is stored."""
    excluded: list[str] | str | None
    layers: list[int] | None
    invocation: tuple[int, ...]
    base: dict[str, FileEntry]
    """Files of the base it was made for."""

    def rank_of(self, module: str) -> int:
        return _by_pattern(self.ranks, module, self.rank)

    def scaling_of(self, module: str) -> float:
        rank = self.rank_of(module)
        alpha = _by_pattern(self.alphas, module, self.alpha)
        return alpha / (math.sqrt(rank) if self.rslora else rank)


def _read_config(path: Path) -> _Config:
    values = {
        name: value
        for name, value in read_object(path).items()
        if name not in _HARMLESS and not _is_off(value)
    }
    f = Fields(str(path), values)
    kind = f.take("peft_type", str)
    if kind != "LORA":
        raise UnsupportedAdapter(f"{path}: peft_type is {kind!r}; only LORA adapters can be built")
    f.only("bias", "none")
    # others change the base model's weights before training begins
    f.only("init_lora_weights", True, "gaussian", "eva", "orthogonal")
    for name in _UNSUPPORTED:
        f.only(name)
    layers_pattern = (
        f.optional("layers_pattern", str)
        if _is_text(values, "layers_pattern")
        else (f.optional("layers_pattern", list[str]))
    )
    if layers_pattern not in (None, "layers", ["layers"]):
        raise f.refusal("layers_pattern", layers_pattern, "'layers'")
    config = _Config(
        where=str(path),
        rank=f.positive("r", int, 8),
        alpha=f.take("lora_alpha", float, 8.0),
        ranks=f.take("rank_pattern", dict[str, int], {}),
        alphas=f.take("alpha_pattern", dict[str, float], {}),
        rslora=f.take("use_rslora", bool, False),
        dora=f.take("use_dora", bool, False),
        targets=_names(f, values, "target_modules"),
        excluded=_names(f, values, "exclude_modules"),
        layers=_layers(f, values),
        invocation=tuple(f.take("alora_invocation_tokens", list[int], [])),
        base=f.take("base_model_files", dict[str, FileEntry], {}),
    )
    f.finish()
    if config.dora and config.invocation:
        raise f.refusal("use_dora", True, "aLoRA without it")
    for pattern, rank in config.ranks.items():
        if rank < 1:
            raise f.bad("rank_pattern", rank, f"the rank of {pattern!r} must be positive")
    for pattern in (*config.ranks, *config.alphas, *_patterns(config)):
        try:
            re.compile(pattern)
        except re.error as error:
            raise BadAdapter(f"{path}: {pattern!r} is no pattern of names: {error}") from error
    return config


def _is_off(value: object) -> bool:
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)


def _is_text(values: dict[str, Any], name: str) -> bool:
    return isinstance(values.get(name), str)


def _names(f: Fields, values: dict[str, Any], name: str) -> list[str] | str | None:
    return f.optional(name, str) if _is_text(values, name) else f.optional(name, list[str])


def _layers(f: Fields, values: dict[str, Any]) -> list[int] | None:
    name = "layers_to_transform"
    if isinstance(values.get(name), int):
        return [f.take(name, int)]
    return f.optional(name, list[int])


def _patterns(config: _Config) -> list[str]:
    return [names for names in (config.targets, config.excluded) if isinstance(names, str)]


def _by_pattern(values: dict[str, N], module: str, default: N) -> N:
    """As PEFT does: a pattern fits the whole name, or its end after a dot."""
    for pattern, value in values.items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return value
    return default


def _fits(names: list[str] | str, module: str) -> bool:
    """As PEFT does: a text is a pattern, a list holds names or ends of names."""
    if isinstance(names, str):
        return re.fullmatch(names, module) is not None
    return any(_ends(module, name) for name in names)


def _ends(module: str, name: str) -> bool:
    return module == name or module.endswith(f".{name}")


def _check_base(config: _Config, checkpoint: Checkpoint) -> None:
    for file in checkpoint.files:
        wanted = config.base.get(file.name)
        if wanted is None:
            continue
        if file.stat().st_size != wanted.bytes or describe_file(file) != wanted:
            raise BadAdapter(
                f"{config.where} was made for another base: its {file.name} had {wanted.bytes} "
                f"bytes and the hash {wanted.blake2b[:16]}..., which {file} has not. Give the "
                "checkpoint it was trained on."
            )


def _check_invocation(config: _Config, vocabulary: int) -> None:
    for token in config.invocation:
        if not 0 <= token < vocabulary:
            raise BadAdapter(
                f"{config.where}: alora_invocation_tokens holds {token}; this base has the ids 0 to "
                f"{vocabulary - 1}. Give the checkpoint it was trained on."
            )


class _Module(msgspec.Struct, frozen=True):
    """A linear layer of the checkpoint, and the decoder's tensors that lie in it."""

    name: str
    outputs: int
    inputs: int
    parts: dict[str, slice]
    """Its rows, by tensor."""


def _modules(checkpoint: Checkpoint) -> dict[str, _Module]:
    decoder = checkpoint.config
    shapes = decoder.shapes()
    found: dict[str, _Module] = {}
    for tensor, place in places(_family(checkpoint), decoder).items():
        shape = shapes[tensor]
        if len(shape) < 2 or tensor == "embedding.weight":
            continue
        name = place.name.removesuffix(".weight")
        parts = found[name].parts if name in found else {}
        rows = slice(place.start, place.stop)
        found[name] = _Module(name, place.stop, shape[1], parts | {tensor: rows})
    return found


def _family(checkpoint: Checkpoint) -> Family:
    family: Family = FAMILIES[checkpoint.family]
    return family


def _wanted(
    config: _Config, modules: dict[str, _Module], found: Iterable[str], checkpoint: Checkpoint
) -> list[str]:
    """The modules the adapter changes."""
    family, decoder = _family(checkpoint), checkpoint.config
    targets = config.targets
    if targets is None:
        return sorted(found)
    if isinstance(targets, str) and targets.lower() == _ALL_LINEAR:
        chosen = {name for name in modules if name != family.names["head"]}
    else:
        _check_targets(config, targets, modules, family, decoder)
        chosen = {name for name in modules if _fits(targets, name)}
        if config.layers is not None and isinstance(targets, list):
            chosen = {
                name
                for name in chosen
                # a name that is given whole counts whatever its layer is
                if name in targets or _layer_of(name) in config.layers
            }
    if config.excluded is not None:
        chosen = {name for name in chosen if not _fits(config.excluded, name)}
    if not chosen:
        raise BadAdapter(f"{config.where}: no module of this {family.model_type} model is changed")
    return sorted(chosen)


def _layer_of(module: str) -> int | None:
    """The first number of the name, as PEFT looks for it."""
    found = re.match(r".*?\.[^.]*\.(\d+)\.", module)
    return int(found.group(1)) if found else None


def _check_targets(
    config: _Config,
    targets: list[str] | str,
    modules: dict[str, _Module],
    family: Family,
    decoder: Decoder,
) -> None:
    barred = [family.names["embedding"]]
    if decoder.tie_word_embeddings:
        barred.append(family.names["head"])
    for each in [targets] if isinstance(targets, str) else targets:
        fits = [each] if isinstance(targets, list) else each
        if hit := [name for name in barred if _fits(fits, name)]:
            raise UnsupportedAdapter(
                f"{config.where}: target_modules names {hit[0]}; adapters of embeddings, and of a "
                "head that is tied to them, cannot be built. Train it without."
            )
        if not any(_fits(fits, name) for name in modules):
            known = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in modules}))
            raise BadAdapter(
                f"{config.where}: target_modules names {each!r}, and no linear layer of this "
                f"{family.model_type} model is called that; it has {known}. Give the checkpoint it "
                "was trained on."
            )


class _Stored(msgspec.Struct):
    """Names of a module's tensors in the file."""

    a: str | None = None
    b: str | None = None
    magnitude: str | None = None


_ENDS = {
    ".lora_A.weight": "a",
    ".lora_B.weight": "b",
    ".lora_magnitude_vector": "magnitude",
    ".lora_magnitude_vector.weight": "magnitude",
}


def _sort_tensors(stored: SafetensorsFile, dora: bool) -> dict[str, _Stored]:
    """The tensors by module. Raises `UnsupportedAdapter` for one that is no part of a LoRA."""
    found: dict[str, _Stored] = {}
    for name in stored:
        end = next((end for end in _ENDS if name.endswith(end)), None)
        if end is None or not name.startswith(_PREFIX):
            raise UnsupportedAdapter(
                f"{stored.path} has the tensor {name!r}; only the parts of linear layers' LoRA "
                f"({', '.join(sorted(_ENDS)[:3])}) can be built"
            )
        module = name.removeprefix(_PREFIX).removesuffix(end)
        setattr(found.setdefault(module, _Stored()), _ENDS[end], name)
    for module, tensors in found.items():
        if None in (tensors.a, tensors.b) or dora == (tensors.magnitude is None):
            parts = "lora_A, lora_B and lora_magnitude_vector" if dora else "lora_A and lora_B"
            raise BadAdapter(
                f"{stored.path}: {module} must have {parts} and nothing else, as "
                f"{CONFIG_FILE} says. Download or save it again"
            )
    return found


def _check_modules(
    path: Path,
    found: dict[str, _Stored],
    wanted: list[str],
    modules: dict[str, _Module],
    family: str,
) -> None:
    """The file holds what the config asks for, in modules that the base has."""
    if foreign := sorted(set(found) - set(modules)):
        raise BadAdapter(
            f"{path} changes {foreign[0]}, which this {family} model does not have as a linear "
            "layer: it was made for another base. Give the checkpoint it was trained on."
        )
    if missing := [name for name in wanted if name not in found]:
        raise BadAdapter(
            f"{path} has no tensors of {missing[0]}, which {CONFIG_FILE} names. Download or save "
            "it again"
        )
    if extra := sorted(set(found) - set(wanted)):
        raise BadAdapter(
            f"{path} has tensors of {extra[0]}, which {CONFIG_FILE} does not name. Download or save "
            "it again"
        )


def _read_module(
    stored: SafetensorsFile, module: _Module, tensors: _Stored, config: _Config
) -> dict[str, LowRank]:
    """What it changes, by the decoder's tensors."""
    rank = config.rank_of(module.name)
    assert tensors.a is not None and tensors.b is not None
    a = _read(stored, tensors.a, (rank, module.inputs))
    b = _read(stored, tensors.b, (module.outputs, rank))
    b *= np.float32(config.scaling_of(module.name))
    magnitude = None
    if tensors.magnitude is not None:
        magnitude = _read(stored, tensors.magnitude, (module.outputs,))
    return {
        tensor: LowRank(module.name, a, b[rows], None if magnitude is None else magnitude[rows])
        for tensor, rows in module.parts.items()
    }


def _read(stored: SafetensorsFile, name: str, shape: tuple[int, ...]) -> Float32:
    found = stored.shape(name)
    if found != shape:
        raise BadAdapter(
            f"{stored.path}: {name} is {list(found)}; {CONFIG_FILE} and this base demand "
            f"{list(shape)}. It was made for another base or damaged: give the checkpoint it was "
            "trained on."
        )
    values = stored[name]
    if not np.isfinite(values).all():
        raise BadAdapter(
            f"{stored.path}: {name} holds values that are not finite. Save it again from a sound run."
        )
    return values
