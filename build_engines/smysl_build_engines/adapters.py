"""What an engine does with adapters: keeps them in its bank, or is built with one merged.

Knows which adapter can be had in which way; never a file or a graph.
"""

from collections.abc import Sequence

import msgspec

from smysl_build_engines.checkpoint import Checkpoint
from smysl_build_engines.errors import BadRequest, UnsupportedAdapter
from smysl_build_engines.low_rank import Adapter, Merged

MAX_ADAPTERS = 32
"""Of a bank: each is a file, and an exported engine has at most 64."""
MAX_NAME = 64


def check_name(name: str) -> None:
    """Raises `BadRequest` for a name that cannot stand in a file's or an engine's."""
    if not name or len(name) > MAX_NAME or not name[0].isalnum() or not _is_plain(name):
        raise BadRequest(
            f"{name!r} cannot name an adapter; use up to {MAX_NAME} letters, digits, '.', '_' and "
            "'-', starting with a letter or digit"
        )


def _is_plain(name: str) -> bool:
    return name.isascii() and all(c.isalnum() or c in "._-" for c in name)


def check_names(names: Sequence[str]) -> None:
    """Raises `BadRequest` also for a name given twice, and for more than a bank holds."""
    for name in names:
        check_name(name)
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadRequest(f"two adapters are called {twice[0]!r}; give each a name of its own")
    if len(names) > MAX_ADAPTERS:
        raise BadRequest(f"{len(names)} adapters were given; an engine takes {MAX_ADAPTERS}")


def with_bank(checkpoint: Checkpoint, adapters: Sequence[Adapter]) -> Checkpoint:
    """The base with adapters to keep beside it. Raises `UnsupportedAdapter` for one that can only be
    merged."""
    check_names([adapter.name for adapter in adapters])
    for adapter in adapters:
        if adapter.has_magnitudes:
            raise UnsupportedAdapter(
                f"adapter {adapter.name} is DoRA (use_dora), which rescales the base's weights and "
                "fits no bank. Build an engine of it: --adapters merged"
            )
        if "head.weight" in adapter.changes:
            raise UnsupportedAdapter(
                f"adapter {adapter.name} changes the head, which no bank does. Build an engine of "
                "it: --adapters merged"
            )
    in_order = sorted(adapters, key=lambda adapter: adapter.name)
    return msgspec.structs.replace(checkpoint, bank=tuple(in_order))


def merge(checkpoint: Checkpoint, adapter: Adapter) -> Checkpoint:
    """The base with one adapter in its weights. Raises `UnsupportedAdapter` for an activated one."""
    check_name(adapter.name)
    if adapter.kind == "alora":
        raise UnsupportedAdapter(
            f"adapter {adapter.name} sets in at tokens of its own (alora_invocation_tokens) and the "
            "tokens before see the base: merged, it would be another function. Keep it in the bank: "
            "--adapters bank"
        )
    weights = Merged(checkpoint.weights, adapter.changes)
    return msgspec.structs.replace(checkpoint, weights=weights, merged=adapter)
