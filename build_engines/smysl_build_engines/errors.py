"""Everything building an engine can fail with;
each message names the value, the limit and the remedy.
"""

# BuildError
# ├── BadCheckpoint        the source files are missing, truncated or contradict each other
# ├── UnsupportedModel     a sound checkpoint of a shape this build step does not compile
# ├── VerificationFailed   the built engine computes something else than the reference
# └── StoreError           the engine store cannot be written


class BuildError(Exception):
    """Anything a build can fail with."""


class BadCheckpoint(BuildError):
    """The source files are missing, truncated or contradict each other."""


class UnsupportedModel(BuildError):
    """A sound checkpoint of a shape this build step does not compile."""


class VerificationFailed(BuildError):
    """The built engine computes something else than the reference; nothing was published."""


class StoreError(BuildError):
    """The engine store cannot be written."""
