"""What of TensorRT-LLM and Model Optimizer is installed, asked without loading them here."""

import importlib.util
import sys

from smysl_build_engines.tensorrt_llm.errors import ToolkitFailed
from smysl_build_engines.tensorrt_llm.jobs import Look, Looked
from smysl_build_engines.tensorrt_llm.spawn import TOOLKIT, Spawner
from smysl_build_engines.tensorrt_llm.toolkit import PACKAGE, Installed, Probe


def look(spawner: Spawner) -> Probe:
    """Never raises. Importing the library takes seconds and memory on the card: a process does it,
    and where there is nothing to import there is no process."""
    ours = spawner.toolkit == TOOLKIT and spawner.python == sys.executable
    if ours and importlib.util.find_spec(PACKAGE) is None:
        return Installed().probe()
    try:
        answer = spawner.run(Look(), "looking for TensorRT-LLM", "")
    except ToolkitFailed as error:
        return Probe(tensorrt_llm="unknown", problem=str(error))
    assert isinstance(answer, Looked)
    return answer.probe
