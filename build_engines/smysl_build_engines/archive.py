"""An engine as one file that another machine can check before it uses it.

A plain tar: `manifest.json` first, then exactly the files it names, nothing else. Knows archives
and manifests; the store decides where an engine lives. What comes from outside is never trusted:
names, kinds, sizes and hashes must be those of the manifest, which must fit its own fingerprint.
"""

import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import IO, BinaryIO, cast

import msgspec

from smysl_build_engines.errors import BadArchive, StoreError
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import (
    MANIFEST_FILE,
    CorruptEngine,
    Manifest,
    load_manifest,
    read_manifest,
)

MAX_MANIFEST_BYTES = 1_000_000
MAX_FILES = 64
_PIECE_BYTES = 1 << 20


class _Pieces:
    """A file that is read in small pieces only: an extended header, of which `tarfile` would read
    whatever length it claims at once, is refused."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if size > 2 * _PIECE_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, position: int) -> int:
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    directory: Path
    manifest: Manifest
    reused: bool
    """The store had this very engine, undamaged; nothing was written."""


def export_engine(directory: Path, target: Path) -> Manifest:
    """Write an engine directory to the new file `target`.

    Raises `CorruptEngine` for a damaged engine, `StoreError` if `target` is there already or cannot
    be written; then no file is left.
    """
    manifest = load_manifest(directory)
    try:
        handle, name = tempfile.mkstemp(prefix=".export-", dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                for each in (MANIFEST_FILE, *sorted(manifest.files)):
                    _add(archive, directory / each)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(written, 0o644)
        # unlike a rename, a link never replaces what is there
        os.link(written, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        written.unlink(missing_ok=True)
    return manifest


def import_engine(source: Path, store: EngineStore) -> Imported:
    """Check an exported engine whole and publish it. Locks the store itself.

    Raises `BadArchive` for a file that is no exported engine or not as it was exported,
    `StoreError` if the store cannot be written; then the store is as before.
    """
    try:
        with source.open("rb") as file:
            pieces = cast(IO[bytes], _Pieces(file))
            with tarfile.open(fileobj=pieces, mode="r:") as archive:
                return _import(source, archive, store)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise BadArchive(f"{source} is no exported engine: {error}. Export it again.") from error
    except OSError as error:
        raise BadArchive(f"{source} cannot be read: {error.strerror}.") from error


def _import(source: Path, archive: tarfile.TarFile, store: EngineStore) -> Imported:
    with store.lock(), store.staging() as folder:
        first = archive.next()
        if first is None or first.name != MANIFEST_FILE:
            raise _bad(source, f"its first entry is not {MANIFEST_FILE}")
        if first.size > MAX_MANIFEST_BYTES:
            raise _bad(source, f"{MANIFEST_FILE} is over {MAX_MANIFEST_BYTES} bytes")
        _extract(source, archive, first, folder)
        manifest = _read(source, folder)
        existing = store.folder / manifest.fingerprint
        if _is_sound(existing, manifest):
            return Imported(directory=existing, manifest=manifest, reused=True)
        _check_room(source, manifest, folder)
        _extract_files(source, archive, manifest, folder)
        try:
            load_manifest(folder)
        except CorruptEngine as error:
            raise _bad(source, str(error)) from error
        return Imported(directory=store.publish(folder, manifest), manifest=manifest, reused=False)


def _read(source: Path, folder: Path) -> Manifest:
    try:
        manifest = read_manifest(folder)
    except CorruptEngine as error:
        raise _bad(source, str(error)) from error
    if len(manifest.files) > MAX_FILES:
        raise _bad(source, f"it names {len(manifest.files)} files; at most {MAX_FILES} are allowed")
    for name, entry in manifest.files.items():
        # a hidden file, the manifest itself or a folder is nothing a build writes
        if name[:1] in ("", ".") or name == MANIFEST_FILE or entry.bytes < 0:
            raise _bad(source, f"its manifest names {name!r} of {entry.bytes} bytes")
    return manifest


def _extract_files(
    source: Path, archive: tarfile.TarFile, manifest: Manifest, folder: Path
) -> None:
    missing = set(manifest.files)
    while (member := archive.next()) is not None:
        if member.name not in missing:
            raise _bad(
                source, f"it holds {member.name!r}, which its manifest does not name (again)"
            )
        if member.size != manifest.files[member.name].bytes:
            raise _bad(
                source,
                f"{member.name} has {member.size} bytes; its manifest says "
                f"{manifest.files[member.name].bytes}",
            )
        missing.remove(member.name)
        _extract(source, archive, member, folder)
    if missing:
        raise _bad(source, f"it ends before {sorted(missing)[0]}")


def _extract(source: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Copy one regular file of a checked name: links, devices and sparse files are refused."""
    reader = archive.extractfile(member) if member.isreg() and not member.issparse() else None
    if reader is None:
        raise _bad(source, f"{member.name!r} is not a plain file")
    left = member.size
    try:
        with (folder / member.name).open("xb") as file:
            while left and (piece := reader.read(min(left, _PIECE_BYTES))):
                file.write(piece)
                left -= len(piece)
    except OSError as error:
        raise StoreError(
            f"{member.name} of {source} cannot be written to the store: {error.strerror}. "
            "Free space there, or choose another with --store or SMYSL_DATA_DIR."
        ) from error
    if left:
        raise _bad(source, f"it ends within {member.name}")


def _is_sound(directory: Path, manifest: Manifest) -> bool:
    try:
        return load_manifest(directory) == manifest
    except CorruptEngine:
        return False


def _check_room(source: Path, manifest: Manifest, folder: Path) -> None:
    needed = sum(entry.bytes for entry in manifest.files.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(
            f"{source} takes {needed / 1e6:.0f} MB and the engine store has {free / 1e6:.0f} MB "
            "left. Free space there, or choose another with --store or SMYSL_DATA_DIR."
        )


def _add(archive: tarfile.TarFile, path: Path) -> None:
    # neither who exported it nor when is part of an engine
    entry = tarfile.TarInfo(path.name)
    entry.size = path.stat().st_size
    entry.mode = 0o644
    with path.open("rb") as file:
        archive.addfile(entry, file)


def _unwritable(target: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{target} cannot be written: {error.strerror}. Choose a new file in a folder with room."
    )


def _bad(source: Path, what: str) -> BadArchive:
    return BadArchive(f"{source} is refused: {what}. Export it again; the store is unchanged.")
