"""Opens a runtime over an engine directory: its tokenizer, its dialect and its thresholds.

Knows files; never runs, stores or sockets.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from tokenizers import Tokenizer

from smysl_engines.base import Engine
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.chat import ChatDialect
from smysl_reasoning.dialects.chat_files import BadChatFiles, chat_dialect
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import EngineUnusable
from smysl_reasoning.library import Library
from smysl_reasoning.modules.prompted import plugged_in
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

log = logging.getLogger(__name__)

REMEDY = "Build the engine again (`smysl build`)."
VERSIONS = {NativeDialect.name: NativeDialect.version, ChatDialect.name: ChatDialect.version}


class _DialectFile(msgspec.Struct):
    """`dialect.json` of an engine directory; keys of later versions are passed over."""

    dialect: str = NativeDialect.name
    version: int = 1
    thresholds: Thresholds = Thresholds()


class Spoken(NamedTuple):
    """How an engine is spoken to, and from where on its answers count as verified."""

    dialect: Dialect
    thresholds: Thresholds


def open_runtime(
    engine: Engine,
    engine_directory: Path,
    store: Store,
    programs: Sequence[Path] = (),
    modules: Sequence[Path] = (),
) -> Runtime:
    """A runtime that speaks the dialect of the engine in `engine_directory`, with its thresholds.

    `dialect.json` (`{"dialect", "version", "thresholds"}`) says which dialect; without it a native tokenizer is
    spoken to natively, and every other model by its chat template, or plainly where it has none. `programs` and
    `modules` are folders of a user's own; a module file that cannot be used is logged and left out. Raises
    `EngineUnusable`.
    """
    spoken = spoken_by(engine, engine_directory)
    plugins = plugged_in()
    for error in plugins.refused.values():
        log.error("a module was left out: %s", error)
    return Runtime(
        engine=engine,
        dialect=spoken.dialect,
        store=store,
        thresholds=spoken.thresholds,
        library=Library({**MODULES, **plugins.modules}, programs, modules),
    )


def spoken_by(engine: Engine, engine_directory: Path) -> Spoken:
    """How to speak to an engine, as `open_runtime` says. Raises `EngineUnusable`."""
    written = _dialect_file(engine_directory / "dialect.json")
    dialect = _dialect(written, engine_directory, engine.info.vocabulary)
    return Spoken(dialect, (written or _DialectFile()).thresholds)


def _dialect_file(path: Path) -> _DialectFile | None:
    try:
        spoken = msgspec.json.decode(path.read_bytes(), type=_DialectFile)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise EngineUnusable(f"{path} cannot be read: {error}. {REMEDY}") from None
    if VERSIONS.get(spoken.dialect) != spoken.version:
        known = " or ".join(f"{name!r} version {version}" for name, version in VERSIONS.items())
        raise EngineUnusable(
            f"{path} asks for dialect {spoken.dialect!r} version {spoken.version}; this smysl "
            f"speaks {known}. {REMEDY}"
        )
    return spoken


def _dialect(spoken: _DialectFile | None, folder: Path, vocabulary: int) -> Dialect:
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the tokenizers library raises bare Exception for a bad file
        raise EngineUnusable(f"{path} cannot be used: {error}. {REMEDY}") from None
    try:
        native = _native(tokenizer) if spoken is None else spoken.dialect == NativeDialect.name
        return NativeDialect(tokenizer) if native else chat_dialect(folder, tokenizer, vocabulary)
    except BadChatFiles as error:
        raise EngineUnusable(f"{error}. {REMEDY}") from None
    except ValueError as error:
        raise EngineUnusable(f"{path} cannot be used: {error}. {REMEDY}") from None


def _native(tokenizer: Tokenizer) -> bool:
    try:
        NativeDialect(tokenizer)
    except ValueError:
        return False
    return True
