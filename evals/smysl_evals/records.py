"""Results on disk: what was asked, of which engine, and what came back, one JSON line each.

Knows files; never how an item is asked or judged. A folder holds `run.json` (what was measured)
and `results.jsonl` (appended as answers come, so a kill loses at most the line being written).
"""

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from smysl_evals.answers import same
from smysl_evals.errors import BadResults

RESULTS = "results.jsonl"
SETUP = "run.json"


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What the results of one folder have in common."""

    version: str
    """Of the daemon."""
    model: str
    fingerprint: str
    """Of the engine: the same weights, precision and tokenizer."""
    backend: str
    precision: str
    seed: int
    started: str
    """ISO 8601 with offset; when the first question of the folder was asked."""
    concurrency: int
    """Questions asked at once; latencies are measured under this load."""
    suites: tuple[str, ...] = ()
    """Names, in the order given."""
    programs: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One item asked of one program."""

    suite: str
    item: str
    family: str
    program: str
    question: str
    expected: str | None
    """None: the question lies outside and must not be verified."""
    answer: str | None
    verdict: str
    confidence: float | None
    """0..1."""
    seconds: float
    """Wall-clock time from sending the question to the end of the run, as the client saw it."""
    generated_tokens: int = 0
    prompt_tokens: int = 0
    """As if every call were sent whole."""
    cached_tokens: int = 0
    """Of these, what did not have to be computed."""
    calls: int = 0
    tags: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    checks: dict[str, float] = {}
    """Probability (0..1) that each check node gave, by its method."""
    error: str = ""
    """Why the daemon refused or failed this question; empty when it ran."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.suite, self.item, self.program

    @property
    def right(self) -> bool:
        """True for an expected answer that was given; an outside question is never right."""
        if self.answer is None or self.expected is None:
            return False
        return any(same(self.answer, wanted) for wanted in (self.expected, *self.accept))

    @property
    def verified(self) -> bool:
        return self.verdict == "verified"


_setups = msgspec.json.Decoder(Setup)
_records = msgspec.json.Decoder(Record)


def read_setup(folder: Path) -> Setup | None:
    """What was measured; None in a folder without `run.json`. Raises `BadResults`."""
    file = folder / SETUP
    try:
        return _setups.decode(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadResults(f"cannot read {file}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadResults(f"{file} is damaged: {error}") from None


def read_results(where: Path) -> list[Record]:
    """The last record of each key, in file order. `where` is a results folder or its file.

    A last line cut off by a kill is left out. Raises `BadResults` for any other bad line.
    """
    file = where / RESULTS if where.is_dir() else where
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadResults(
            f"cannot read {file}: {error.strerror}; `smysl-eval run --out` writes such a folder"
        ) from None
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    records: dict[tuple[str, str, str], Record] = {}
    for number, line in enumerate(lines, 1):
        try:
            record = _records.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadResults(f"{file}:{number}: {error}") from None
        records[record.key] = record
    return list(records.values())


class ResultFolder:
    """One folder being written. Use as a context manager; one process at a time."""

    def __init__(self, folder: Path, setup: Setup) -> None:
        """Begin a folder, or continue one of the same engine and seed. Raises `BadResults`."""
        before = read_setup(folder)
        if before is None and (folder / RESULTS).exists():
            raise BadResults(f"{folder} has {RESULTS} but no {SETUP}; choose another --out")
        if before is not None:
            _same_engine(folder, before, setup)
            setup = _merged(before, setup)
        self.setup = setup
        self.done: dict[tuple[str, str, str], Record] = {}
        """What earlier runs left: answered items by key. Errors are not in it: asked again."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_whole(folder / SETUP, msgspec.json.format(msgspec.json.encode(setup)))
            self._file = _open_at_last_whole_line(folder / RESULTS)
        except OSError as error:
            raise BadResults(f"cannot write in {folder}: {error.strerror}") from None
        self.done = {r.key: r for r in read_results(folder) if not r.error}

    def add(self, record: Record) -> None:
        """Write a record; it is in the file when this returns."""
        self._file.write(msgspec.json.encode(record) + b"\n")
        self._file.flush()

    def __enter__(self) -> "ResultFolder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _same_engine(folder: Path, before: Setup, now: Setup) -> None:
    for name in ("model", "fingerprint", "seed"):
        there, here = getattr(before, name), getattr(now, name)
        if there != here:
            raise BadResults(
                f"{folder} holds results of {name} {there!r}, this run is of {here!r}; "
                "choose another --out"
            )


def _merged(before: Setup, now: Setup) -> Setup:
    return msgspec.structs.replace(
        now,
        started=before.started,
        suites=_union(before.suites, now.suites),
        programs=_union(before.programs, now.programs),
    )


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _write_whole(file: Path, content: bytes) -> None:
    partial = file.with_name(f"{file.name}.part")
    partial.write_bytes(content)
    os.replace(partial, file)


def _open_at_last_whole_line(file: Path) -> BinaryIO:
    opened = file.open("r+b") if file.exists() else file.open("w+b")
    content = opened.read()
    opened.seek(content.rfind(b"\n") + 1)
    opened.truncate()
    return opened
