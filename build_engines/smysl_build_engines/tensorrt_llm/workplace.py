"""What an artefact is built from, and where.

Knows folders, checkpoints and processes; never the order of steps.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from smysl_build_engines.checkpoint import Checkpoint
from smysl_build_engines.store import EngineStore
from smysl_build_engines.tensorrt_llm.adapters import Opened
from smysl_build_engines.tensorrt_llm.source import Source
from smysl_build_engines.tensorrt_llm.spawn import Spawner
from smysl_build_engines.tensorrt_llm.toolkit import Probe

Progress = Callable[[str], None]


class Ingredients(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is built from."""

    source: Source
    runtime: tuple[Opened, ...] = ()
    """Adapters chosen call by call, by name in order."""
    merged: Checkpoint | None = None
    """The source with the adapter in its weights."""
    reference: Checkpoint | None = None
    """What the self-check compares with: 16 bits, the adapter merged where there is one."""
    text: Path | None = None
    """That scales are fitted to."""


class Workplace(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is built."""

    store: EngineStore
    spawner: Spawner
    probe: Probe
    driver: str | None
    progress: Progress
