"""Which adapters TensorRT-LLM takes call by call, and how it calls what they change.

Knows the decoder's names, PEFT's settings and the library's names; never the library.
"""

from pathlib import Path

import msgspec

from smysl_build_engines.errors import BadRequest, UnsupportedAdapter
from smysl_build_engines.families.fields import read_object
from smysl_build_engines.families.table import role_of
from smysl_build_engines.low_rank import Adapter
from smysl_build_engines.peft_folder import CONFIG_FILE
from smysl_engines.tensorrt_llm.artefact import BoundAdapter

MAX_RANK = 64
"""`max_lora_rank` that the library has without being told otherwise."""
_MODULES = {
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_dense",
    "gate": "mlp_h_to_4h",
    "up": "mlp_gate",
    "down": "mlp_4h_to_h",
}
"""Role -> the library's name, in its order."""
_ATTENTION = ("q", "k", "v")
_MERGE = "Build an engine of it: --adapters merged"


class Opened(msgspec.Struct, frozen=True):
    """An adapter checked against its base, and where it came from."""

    adapter: Adapter
    folder: Path


def bind_merged(adapter: Adapter) -> BoundAdapter:
    return BoundAdapter(
        name=adapter.name,
        int_id=1,
        rank=_rank(adapter),
        how="merged",
        modules=_modules(adapter),
        source=adapter.source,
    )


def bind_runtime(opened: list[Opened]) -> tuple[BoundAdapter, ...]:
    """By name in order, numbered from 1. Raises `UnsupportedAdapter` for one that can only be merged,
    `BadRequest` for a rank above the maximum."""
    for each in opened:
        _check_runtime(each)
    in_order = sorted(opened, key=lambda each: each.adapter.name)
    return tuple(
        BoundAdapter(
            name=each.adapter.name,
            int_id=number,
            rank=_rank(each.adapter),
            how="runtime",
            modules=_modules(each.adapter),
            source=each.adapter.source,
            # not *.safetensors: a loader of weights takes every such file of a checkpoint
            files={
                name: f"adapter-{each.adapter.name}.{'json' if name == CONFIG_FILE else 'weights'}"
                for name in each.adapter.source
            },
        )
        for number, each in enumerate(in_order, 1)
    )


def modules_of(adapters: tuple[BoundAdapter, ...]) -> list[str]:
    """What any of them changes, in the library's order."""
    changed = {module for adapter in adapters for module in adapter.modules}
    return [module for module in _MODULES.values() if module in changed]


def runtime_bytes(adapters: list[Opened]) -> int:
    """In 16 bits on the card. The parts of a fused module share their first factor."""
    total = 0
    for each in adapters:
        seen: set[str] = set()
        for change in each.adapter.changes.values():
            total += 2 * change.b.size
            if change.module not in seen:
                total += 2 * change.a.size
                seen.add(change.module)
    return total


def _check_runtime(opened: Opened) -> None:
    adapter, name = opened.adapter, opened.adapter.name
    if adapter.kind == "alora":
        raise UnsupportedAdapter(
            f"adapter {name} sets in at tokens of its own (alora_invocation_tokens), which "
            "TensorRT-LLM does not do. Keep it in an engine of the onnx backend: --adapters bank"
        )
    if adapter.has_magnitudes:
        raise UnsupportedAdapter(
            f"adapter {name} is DoRA (use_dora), which TensorRT-LLM is not known to apply call by "
            f"call. {_MERGE}"
        )
    if foreign := sorted(t for t in adapter.changes if role_of(t) not in _MODULES):
        raise UnsupportedAdapter(
            f"adapter {name} changes {foreign[0]}, which TensorRT-LLM does not do call by call. {_MERGE}"
        )
    fused = [c.module for t, c in adapter.changes.items() if not _is_whole(t, c.module)]
    if fused:
        raise UnsupportedAdapter(
            f"adapter {name} changes the fused layer {fused[0]}, of which TensorRT-LLM's engines know "
            f"the parts only. {_MERGE}"
        )
    config = read_object(opened.folder / CONFIG_FILE)
    for field in ("rank_pattern", "alpha_pattern"):
        if config.get(field):
            raise UnsupportedAdapter(
                f"adapter {name} has a {field}, which TensorRT-LLM does not read: every layer would "
                f"get the same. {_MERGE}"
            )
    if (rank := _rank(adapter)) > MAX_RANK:
        raise BadRequest(
            f"adapter {name} has rank {rank}; adapters chosen call by call may have up to {MAX_RANK}. "
            f"Train it with a smaller one, or {_MERGE[0].lower()}{_MERGE[1:]}"
        )


def _is_whole(tensor: str, module: str) -> bool:
    return module.endswith(f".{role_of(tensor)}_proj")


def _rank(adapter: Adapter) -> int:
    return max(change.rank for change in adapter.changes.values())


def _modules(adapter: Adapter) -> tuple[str, ...]:
    roles = {role_of(tensor) for tensor in adapter.changes}
    if roles.intersection(_ATTENTION):
        # the library wants the three together, and fills what is missing with zeros
        roles.update(_ATTENTION)
    return tuple(name for role, name in _MODULES.items() if role in roles)
