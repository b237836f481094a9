"""What `smysl engines` starts: looks at an engine store and changes it, whether a daemon runs or not.

`python -m smysl_build_engines.store_app STORE VERB ...` answers in one JSON document on stdout, with
progress and errors on stderr; exit code 0 or 1. Its caller asks people and shows them the answer.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from smysl_build_engines.archive import export_engine, import_engine
from smysl_build_engines.errors import BuildError
from smysl_build_engines.gguf_export import export_gguf
from smysl_build_engines.store import EngineStore
from smysl_engines.base import EngineError
from smysl_engines.manifest import CorruptEngine, Manifest, load_manifest, read_manifest
from smysl_engines.shelf import NoSuchEngine, Shelved, find_engine, list_engines

TOLD_BYTES = 500_000_000
"""An engine that takes seconds to hash is announced."""


class StoredEngine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine directory."""

    fingerprint: str
    """The directory's name."""
    model: str
    """Empty, as what follows, where the manifest cannot be read."""
    backend: str
    precision: str
    size_bytes: int
    embedding_layer: int | None = None
    """Which layer's states a decoder's embeddings are made of; None: those after the last norm."""
    problem: str | None
    """What is wrong, with the remedy; None when nothing is, or when nothing was looked at."""


def survey(shelf: Path, *, verify: bool) -> list[StoredEngine]:
    """Every engine of the store; with `verify`, each of their files is hashed."""
    return [_stored(engine, verify) for engine in list_engines(shelf)]


def main(words: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(words)
    try:
        answer = _answer(given)
    except (BuildError, EngineError) as error:
        _tell(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    print(msgspec.json.encode(answer).decode())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smysl engines")
    parser.add_argument("store", type=Path)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list")
    verbs.add_parser("verify")
    verbs.add_parser("delete").add_argument("fingerprint")
    export = verbs.add_parser("export")
    export.add_argument("engine")
    export.add_argument("file", type=Path, nargs="?")
    export.add_argument("--format", choices=("tar", "gguf"), default="tar")
    export.add_argument("--precision", choices=("f16", "f32"), default="f16")
    export.add_argument("--source", type=Path)
    verbs.add_parser("import").add_argument("file", type=Path)
    return parser


def _answer(given: argparse.Namespace) -> Any:
    store = EngineStore(given.store, _tell)
    match given.verb:
        case "list" | "verify":
            return survey(store.folder, verify=given.verb == "verify")
        case "delete":
            return _delete(store, given.fingerprint)
        case "export":
            return _export(store, given)
        case "import":
            imported = import_engine(given.file, store)
            return _named(imported.manifest) | {
                "directory": str(imported.directory),
                "reused": imported.reused,
            }
    raise AssertionError(given.verb)


def _delete(store: EngineStore, fingerprint: str) -> StoredEngine:
    with store.lock():
        for engine in list_engines(store.folder):
            if engine.directory.name == fingerprint:
                found = _stored(engine, verify=False)
                store.delete(engine)
                return found
    raise NoSuchEngine(f"no engine {fingerprint!r} in {store.folder}; look at `smysl engines list`")


def _export(store: EngineStore, given: argparse.Namespace) -> dict[str, Any]:
    engine = find_engine(store.folder, given.engine)
    file: Path | None = given.file
    if file is None:
        model = engine.manifest.model if engine.manifest is not None else ""
        file = Path(f"{model}-{engine.directory.name[:12]}.{given.format}")
    elif file.is_dir():
        raise BuildError(f"{file} is a folder; give the name of a new file in it")
    if given.format == "gguf":
        return _export_gguf(engine, given, file)
    _announce(engine)
    manifest = export_engine(engine.directory, file)
    return _named(manifest) | {"file": str(file), "size_bytes": file.stat().st_size}


def _export_gguf(engine: Shelved, given: argparse.Namespace, file: Path) -> dict[str, Any]:
    manifest = read_manifest(engine.directory)
    done = export_gguf(manifest, given.source, file, given.precision)
    if done.left_out:
        _tell(
            f"GGUF has no place for {' and '.join(done.left_out)} of this tokenizer: token ids mean the same, "
            "but a program that gives llama.cpp text may get other tokens"
        )
    return _named(manifest) | {
        "precision": given.precision,
        "file": str(file),
        "size_bytes": file.stat().st_size,
        "source": str(done.source),
    }


def _stored(engine: Shelved, verify: bool) -> StoredEngine:
    name, manifest, problem = engine.directory.name, engine.manifest, engine.problem
    if manifest is None:
        return StoredEngine(
            fingerprint=name, model="", backend="", precision="", size_bytes=0, problem=problem
        )
    if verify:
        _announce(engine)
        try:
            load_manifest(engine.directory)
        except CorruptEngine as error:
            problem = str(error)
    return StoredEngine(
        fingerprint=name,
        model=manifest.model,
        backend=manifest.backend,
        precision=manifest.precision,
        size_bytes=_size(manifest),
        embedding_layer=manifest.embedding_layer,
        problem=problem,
    )


def _announce(engine: Shelved) -> None:
    if engine.manifest is not None and (size := _size(engine.manifest)) >= TOLD_BYTES:
        _tell(f"hashing {engine.manifest.model}, {size / 1e9:.1f} GB")


def _named(manifest: Manifest) -> dict[str, Any]:
    return {
        "fingerprint": manifest.fingerprint,
        "model": manifest.model,
        "precision": manifest.precision,
    }


def _size(manifest: Manifest) -> int:
    return sum(entry.bytes for entry in manifest.files.values())


def _tell(line: str) -> None:
    print(f"smysl: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
