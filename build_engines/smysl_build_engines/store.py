"""Publishes and removes engine directories so that a reader never sees half of one.

Knows folders, locks and manifests; never what an engine is made of.
`smysl_engines.shelf` is the reading side.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from smysl_build_engines.errors import StoreError
from smysl_build_engines.exchange import exchange
from smysl_engines.manifest import CorruptEngine, Manifest, load_manifest
from smysl_engines.shelf import Shelved, list_engines

_LOCK_FILE = ".lock"
_STAGING = ".staging-"


class EngineStore:
    """Write access to one folder of engines. Hold `lock()` around everything that changes it."""

    def __init__(self, folder: Path, tell: Callable[[str], None] = lambda line: None) -> None:
        """`tell`: takes a line for people while `lock` waits."""
        self.folder = folder
        self._tell = tell

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait until no other process changes the store.
        Raises `StoreError` if the folder is not writable.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / _LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._refusal(error) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._tell(
                    f"waiting for another process that changes the engine store {self.folder}"
                )
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder in the store, removed at the end unless it was published."""
        # the lock is ours: what lies here was left by a build that was killed
        for abandoned in self.folder.glob(f"{_STAGING}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        try:
            folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.folder))
        except OSError as error:
            raise self._refusal(error) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, staged: Path, manifest: Manifest) -> Path:
        """Move a finished directory under its fingerprint, on disk before this returns.

        Replaces a directory of the same fingerprint, and other engines of the same model name.
        """
        target = self.folder / manifest.fingerprint
        try:
            for path in staged.iterdir():
                _sync(path)
            _sync(staged)
            # what was there is left in the staging folder, which is removed
            if not (target.exists() and exchange(staged, target)):
                if target.exists():
                    os.rename(target, self._aside(target))
                os.rename(staged, target)
            _sync(self.folder)
        except OSError as error:
            raise self._refusal(error) from error
        for engine in list_engines(self.folder):
            if engine.directory != target and engine.manifest is not None:
                if engine.manifest.model == manifest.model:
                    self.delete(engine)
        self._sweep()
        return target

    def delete(self, engine: Shelved) -> None:
        """Processes that have it open keep running: their files live on until they close them."""
        try:
            # renamed first, so that nobody finds half an engine
            os.rename(engine.directory, self._aside(engine.directory))
        except OSError as error:
            raise self._refusal(error) from error
        self._sweep()

    def valid(self, model: str, precision: str, source: object) -> Manifest | None:
        """The manifest of an undamaged engine built from exactly this source, if there is one."""
        for engine in list_engines(self.folder):
            manifest = engine.manifest
            if manifest is None or (manifest.model, manifest.precision) != (model, precision):
                continue
            if manifest.source != source:
                continue
            try:
                return load_manifest(engine.directory)
            except CorruptEngine:
                continue
        return None

    def _aside(self, directory: Path) -> Path:
        return Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.folder)) / directory.name

    def _sweep(self) -> None:
        for aside in self.folder.glob(f"{_STAGING}*"):
            shutil.rmtree(aside, ignore_errors=True)

    def _refusal(self, error: OSError) -> StoreError:
        return StoreError(
            f"the engine store {self.folder} cannot be written: {error.strerror}. "
            "Free space or permissions there, or choose another with --store or SMYSL_DATA_DIR."
        )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
