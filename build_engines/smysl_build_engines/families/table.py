"""The families of models the build step compiles, and which of them a config.json names."""

from pathlib import Path
from typing import Any

import msgspec

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import UnsupportedModel
from smysl_build_engines.families import (
    gemma2,
    gemma3,
    granite,
    llama,
    mistral,
    phi3,
    qwen2,
    qwen3,
    smollm3,
)
from smysl_build_engines.families.common import Family
from smysl_build_engines.families.encoders import ENCODERS
from smysl_build_engines.families.fields import Fields, read_object

FAMILIES = {
    module.FAMILY.model_type: module.FAMILY
    for module in (llama, mistral, qwen2, qwen3, gemma2, gemma3, phi3, granite, smollm3)
}


class Described(msgspec.Struct, frozen=True):
    """A config.json understood."""

    family: Family
    decoder: Decoder


def read_config(path: Path) -> Described:
    """Raises `BadCheckpoint` for what cannot be, `UnsupportedModel` by the field's name."""
    return describe(str(path), read_object(path))


def describe(where: str, values: dict[str, Any]) -> Described:
    """`values`: the fields of a config.json; `where` names it in errors."""
    fields = Fields(where, values)
    kind = fields.take("model_type", str, "llama")
    family = FAMILIES.get(kind)
    if family is None:
        raise fields.refusal("model_type", kind, ", ".join(sorted([*FAMILIES, *ENCODERS])))
    for architecture in fields.take("architectures", list[str], []):
        if architecture != family.architecture:
            raise fields.refusal("architectures", architecture, repr(family.architecture))
    decoder = family.describe(fields)
    fields.finish()
    return Described(family, decoder)


def places(family: Family, decoder: Decoder) -> dict[str, "Place"]:
    """Where a checkpoint of the family keeps each tensor of the decoder."""
    found: dict[str, Place] = {}
    filled: dict[str, int] = {}
    shapes = decoder.shapes()
    for name, shape in shapes.items():
        if (place := family.names.get(role_of(name))) is None:
            raise UnsupportedModel(f"{family.model_type} models have no tensor for {name}")
        stored = place.format(layer_of(name)) + name[name.rindex(".") :]
        start = filled.get(stored, 0)
        filled[stored] = start + shape[0]
        found[name] = Place(stored, start, start + shape[0])
    return found


class Place(msgspec.Struct, frozen=True):
    """Rows [start, stop) of a tensor in the files."""

    name: str
    start: int
    stop: int


def role_of(name: str) -> str:
    """`layers.3.q.weight` -> `q`"""
    return name.split(".")[-2]


def layer_of(name: str) -> str:
    """`layers.3.q.weight` -> `3`; nothing for a tensor outside the layers."""
    return name.split(".")[1] if name.startswith("layers.") else ""
