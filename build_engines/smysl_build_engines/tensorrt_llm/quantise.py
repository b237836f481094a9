"""The step that makes a checkpoint smaller, through NVIDIA Model Optimizer in a process of its own.

Knows which formats the step makes and how it is called; `optimizer.py` is what runs in that process.
"""

import shlex
from pathlib import Path
from typing import Literal

import msgspec

from smysl_build_engines.tensorrt_llm.errors import MissingQuantiser, ToolkitFailed
from smysl_build_engines.tensorrt_llm.formats import QUANTISED_FILE
from smysl_build_engines.tensorrt_llm.spawn import Spawner
from smysl_build_engines.tensorrt_llm.toolkit import MODEL_OPTIMIZER, Probe

Format = Literal["fp8", "nvfp4"]
SCRIPT = Path(__file__).with_name("optimizer.py")


class Quantisation(msgspec.Struct, frozen=True, kw_only=True):
    """A step to do."""

    source: str
    """16-bit checkpoint."""
    target: str
    """A new folder."""
    format: Format
    text: str
    """Of the kind the model is for, one sample a line: scales of activations are fitted to it."""

    @property
    def words(self) -> list[str]:
        return [
            "--source",
            self.source,
            "--target",
            self.target,
            "--format",
            self.format,
            "--kv",
            "fp8",
            "--calibration",
            self.text,
        ]

    @property
    def command(self) -> str:
        """For a person, where this machine cannot do it."""
        return shlex.join(["python", str(SCRIPT), *self.words])


def check_optimizer(step: Quantisation, probe: Probe, first: str | None, then: str) -> None:
    """`first`, `then`: the command that makes the step's source, and the one that goes on with its
    result. Raises `MissingQuantiser`."""
    if probe.model_optimizer is None:
        raise MissingQuantiser(
            f"{step.format} needs a checkpoint quantised by NVIDIA Model Optimizer, which is not "
            f"installed here. Install it (pip install '{MODEL_OPTIMIZER}[torch]'; it comes with "
            "TensorRT-LLM and its container), or go step by step, this one where it is:\n"
            + "".join(f"  {line}\n" for line in (first, step.command, then) if line).rstrip()
        )


def quantise(step: Quantisation, spawner: Spawner) -> None:
    """Raises `ToolkitFailed`."""
    code = spawner.start([spawner.python, str(SCRIPT), *step.words], f"quantising to {step.format}")
    if code != 0 or not (Path(step.target) / QUANTISED_FILE).is_file():
        what = f"was killed by signal {-code}" if code < 0 else f"ended with the status {code}"
        raise ToolkitFailed(
            f"quantising to {step.format} failed: Model Optimizer's process {what}"
            f"{'' if code else f' and wrote no {QUANTISED_FILE}'}. Its own lines above say more; "
            "nothing was published. A card that is too small for the 16-bit model is the usual reason."
        )
