"""What a build asks of the process that holds TensorRT-LLM, and what it answers: plain messages.

Knows keywords and token ids; never the library.
"""

from typing import Any, Literal

import msgspec

from smysl_build_engines.tensorrt_llm.toolkit import Probe
from smysl_engines.tensorrt_llm.artefact import Kind


class Look(msgspec.Struct, frozen=True, tag=True):
    """Say what is installed."""


class Compile(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Build an engine and save it."""

    model: str
    """Folder of the checkpoint."""
    options: dict[str, Any]
    workspace: str
    directory: str
    """Where the engine goes; made by the library."""


class Prompted(msgspec.Struct, frozen=True, kw_only=True):
    """One group of prompts, under one adapter or none."""

    prompts: tuple[tuple[int, ...], ...]
    adapter: str = ""
    int_id: int = 0
    folder: str = ""
    """As PEFT saves it."""


class Generate(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Load an artefact and continue prompts greedily."""

    kind: Kind
    model: str
    options: dict[str, Any]
    groups: tuple[Prompted, ...]
    max_tokens: int


Job = Look | Compile | Generate


class Looked(msgspec.Struct, frozen=True, tag=True):
    probe: Probe


class Compiled(msgspec.Struct, frozen=True, tag=True):
    pass


class Continued(msgspec.Struct, frozen=True):
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Of each token, natural logarithm."""


class Generated(msgspec.Struct, frozen=True, tag=True):
    groups: tuple[tuple[Continued, ...], ...]


class Failed(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    what: Literal["memory", "library"]
    message: str


Answer = Looked | Compiled | Generated | Failed
