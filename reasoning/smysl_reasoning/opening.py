"""Opens a runtime over an engine directory: its tokenizer, its dialect and its thresholds.

Knows files; never runs, stores or sockets.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from tokenizers import Tokenizer

from smysl_engines.base import Engine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import EngineUnusable
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds


class _DialectFile(msgspec.Struct):
    """`dialect.json` of an engine directory; keys of later versions are passed over."""

    dialect: str = NativeDialect.name
    version: int = NativeDialect.version
    thresholds: Thresholds = Thresholds()


def open_runtime(
    engine: Engine, engine_directory: Path, store: Store, programs: Sequence[Path] = ()
) -> Runtime:
    """A runtime that speaks the dialect of the engine in `engine_directory`, with its thresholds.

    Reads `tokenizer.json` and `dialect.json` (`{"dialect", "version", "thresholds"}`); without the
    latter, the native dialect with conservative thresholds. `programs` are folders of a user's own.
    Raises `EngineUnusable`.
    """
    remedy = "Build the engine again (`smysl build`)."
    path = engine_directory / "dialect.json"
    try:
        spoken = msgspec.json.decode(path.read_bytes(), type=_DialectFile)
    except FileNotFoundError:
        spoken = _DialectFile()
    except (OSError, msgspec.MsgspecError) as error:
        raise EngineUnusable(f"{path} cannot be read: {error}. {remedy}") from None
    if (spoken.dialect, spoken.version) != (NativeDialect.name, NativeDialect.version):
        raise EngineUnusable(
            f"{path} asks for dialect {spoken.dialect!r} version {spoken.version}; this smysl "
            f"speaks {NativeDialect.name!r} version {NativeDialect.version}. {remedy}"
        )
    tokenizer = engine_directory / "tokenizer.json"
    try:
        dialect = NativeDialect(Tokenizer.from_str(tokenizer.read_text(encoding="utf-8")))
    except Exception as error:  # the tokenizers library raises bare Exception for a bad file
        raise EngineUnusable(f"{tokenizer} cannot be used: {error}. {remedy}") from None
    return Runtime(
        engine=engine,
        dialect=dialect,
        store=store,
        thresholds=spoken.thresholds,
        library=Library(MODULES, programs),
    )
