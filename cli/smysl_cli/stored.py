"""Engines of the store as their manifests are written, for commands that load no engine's libraries.

Knows the store's folders and the few keys that lists show; never weights, hashes or the daemon.
"""

from pathlib import Path
from typing import Any

import msgspec


def stored_engines(store: Path) -> list[dict[str, Any]]:
    """The manifests, each with its `fingerprint`; what cannot be read is left out."""
    found = []
    for path in sorted(store.glob("[!.]*/manifest.json")):
        try:
            manifest = msgspec.json.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            continue
        if isinstance(manifest, dict) and isinstance(manifest.get("model"), str):
            found.append({**manifest, "fingerprint": path.parent.name})
    return found


def is_meant(name: str, *, model: str, fingerprint: str) -> bool:
    """Whether an engine is what a person calls `name`: its model, or the beginning of its fingerprint."""
    return bool(name) and (model == name or fingerprint.startswith(name))
