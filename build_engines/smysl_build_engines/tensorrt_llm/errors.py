"""What a build for TensorRT-LLM can fail with beside the errors of every build."""

from smysl_build_engines.errors import BuildError

# BuildError
# ├── MissingGpu           no NVIDIA GPU here, or its driver gives no answer
# ├── OldDriver            the driver is older than the library's CUDA
# ├── MissingToolkit       TensorRT-LLM is not installed here, or is one that nothing is known of
# ├── MissingQuantiser     a step needs Model Optimizer, which is not installed here
# ├── OutOfGpuMemory       the card was too small for the build or the check
# └── ToolkitFailed        the library failed otherwise, or its process died


class MissingGpu(BuildError):
    """No NVIDIA GPU here, or its driver gives no answer."""


class OldDriver(BuildError):
    """The driver is older than what the library's CUDA needs."""


class MissingToolkit(BuildError):
    """TensorRT-LLM is not installed here, or offers neither way that this build step knows."""


class MissingQuantiser(BuildError):
    """A step needs NVIDIA Model Optimizer, which is not installed here."""


class OutOfGpuMemory(BuildError):
    """The card was too small for the build or the check; nothing was published."""


class ToolkitFailed(BuildError):
    """The library failed, or its process died; nothing was published."""
