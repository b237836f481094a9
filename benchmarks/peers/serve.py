"""The program of one peer's process: `python -m benchmarks.peers.serve PEER FOLDER [--prepare]`.

Knows which module holds which peer; a peer's runtime is loaded only in its own process.
"""

import argparse
import importlib
import importlib.metadata
import json
from pathlib import Path

from benchmarks.peers.peer import Peer, serve

PEERS = {
    "smysl": ("peer_smysl", "Smysl"),
    "bare": ("bare_onnxruntime", "BareOnnxRuntime"),
    "llama": ("peer_llama", "Llama"),
    "openvino": ("peer_openvino", "OpenVino"),
    "genai": ("peer_genai", "OnnxGenai"),
    "transformers": ("peer_transformers", "Transformers"),
}


def load(name: str) -> type[Peer]:
    module, cls = PEERS[name]
    found: type[Peer] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), cls)
    return found


def describe(peer: type[Peer]) -> dict[str, object]:
    """What the driver must know before it starts the peer."""
    versions = {package: importlib.metadata.version(package) for package in peer.packages}
    adapters = peer.adapters is not Peer.adapters
    return {"title": peer.title, "versions": versions, "ways": peer.ways, "adapters": adapters}


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve one peer to the driver.")
    parser.add_argument("peer", choices=sorted(PEERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--describe", action="store_true", help="Print facts and stop.")
    parser.add_argument("--prepare", action="store_true", help="Write its model and stop.")
    arguments = parser.parse_args()
    if arguments.prepare and arguments.peer == "smysl":
        from benchmarks.peers.adapter import write_adapter
        from benchmarks.peers.checkpoint import write_checkpoint
        from benchmarks.peers.work import INVOCATION

        checkpoint = write_checkpoint(arguments.folder / "checkpoint")
        write_adapter(arguments.folder, checkpoint, INVOCATION)
    peer = load(arguments.peer)
    if arguments.describe:
        print(json.dumps(describe(peer)))
    elif arguments.prepare:
        peer.prepare(arguments.folder / "checkpoint", arguments.folder)
    else:
        serve(peer(), arguments.folder, arguments.threads)


if __name__ == "__main__":
    main()
