"""Adds a bank of adapters to an engine's folder and proves it: arrays, adapted graph, verification.

Knows the order of these steps; how each is done is in its own module.
"""

from pathlib import Path

import msgspec
import onnx

from smysl_build_engines.adapted_graph import adapted
from smysl_build_engines.bank_file import file_name, write_bank_file
from smysl_build_engines.checkpoint import Checkpoint
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.low_rank import Adapter, LowRank
from smysl_build_engines.padding import Padded
from smysl_build_engines.quantise import Precision
from smysl_build_engines.recipe import PARTS
from smysl_build_engines.verify_adapters import verify_adapters
from smysl_engines.bank import ADAPTED_GRAPH_FILE, Bank
from smysl_engines.manifest import AdapterEntry, Architecture, Verification
from smysl_engines.onnx import GRAPH_FILE


def add_bank(
    checkpoint: Checkpoint,
    model: Padded,
    folder: Path,
    architecture: Architecture,
    precision: Precision,
) -> dict[str, AdapterEntry]:
    """The manifest's entries of the checkpoint's bank, whose files are in `folder` now.

    The graph and its weights are there already. Raises `VerificationFailed`.
    """
    entries: dict[str, AdapterEntry] = {}
    for adapter in checkpoint.bank:
        path = folder / file_name(adapter.name)
        layout = write_bank_file(path, adapter, checkpoint.config, model.decoder)
        entries[adapter.name] = AdapterEntry(
            kind=adapter.kind,
            file=path.name,
            ranks=layout.ranks,
            widths=layout.widths,
            invocation=adapter.invocation,
            source=adapter.source,
        )
    bank = Bank(folder, _Described(architecture, entries))
    plain = onnx.load(folder / GRAPH_FILE, load_external_data=False)
    graph = adapted(plain, bank.widths, architecture.layers)
    onnx.save_model(graph, folder / ADAPTED_GRAPH_FILE)
    measured = verify_adapters(
        folder / ADAPTED_GRAPH_FILE,
        bank,
        checkpoint.bank,
        checkpoint.config,
        model,
        architecture.context,
        precision,
    )
    return {
        name: msgspec.structs.replace(entry, verification=measured[name])
        for name, entry in entries.items()
    }


def verify_bank(
    checkpoint: Checkpoint,
    model: Padded,
    folder: Path,
    entries: dict[str, AdapterEntry],
    architecture: Architecture,
    precision: Precision,
) -> dict[str, Verification]:
    """Measure a stored engine's adapters again: against the checkpoint's bank, or where it has none
    against the stored arrays. Raises `VerificationFailed`.
    """
    bank = Bank(folder, _Described(architecture, entries))
    given, shapes = checkpoint.bank, checkpoint.config
    if not given:
        given, shapes = (
            tuple(_stored(bank, name, model.decoder) for name in bank.names),
            model.decoder,
        )
    graph = folder / ADAPTED_GRAPH_FILE
    return verify_adapters(graph, bank, given, shapes, model, architecture.context, precision)


class _Described(msgspec.Struct, frozen=True):
    architecture: Architecture
    adapters: dict[str, AdapterEntry]


def _stored(bank: Bank, name: str, decoder: Decoder) -> Adapter:
    """An adapter as the bank holds it, in the graph's shapes."""
    arrays = bank.select((name,)).inputs
    changes: dict[str, LowRank] = {}
    for number in range(len(decoder.layers)):
        for role in bank.widths:
            product = f"layers.{number}.{role}"
            a, b = arrays[f"adapter_a.{product}"], arrays[f"adapter_b.{product}"]
            first = 0
            for part in PARTS[role]:
                last = first + decoder.widths[part][0]
                change = LowRank(product, a.T, b[:, first:last].T)
                changes[f"layers.{number}.{part}.weight"] = change
                first = last
    return Adapter(name, bank.kind(name), bank.invocation(name), changes, {})
