"""Everything building an engine can fail with;
each message names the value, the limit and the remedy.
"""

# BuildError
# ├── BadRequest           options that contradict each other or the model
# ├── BadCheckpoint        the source files are missing, truncated or contradict each other
# ├── UnsupportedModel     a sound checkpoint of a shape this build step does not compile
# ├── VerificationFailed   the built engine computes something else than the reference
# ├── BadArchive           an exported engine that is damaged or holds what it must not
# └── StoreError           the engine store cannot be written


class BuildError(Exception):
    """Anything a build can fail with."""


class BadRequest(BuildError):
    """Options that contradict each other or the model."""


class BadCheckpoint(BuildError):
    """The source files are missing, truncated or contradict each other."""


class UnsupportedModel(BuildError):
    """A sound checkpoint of a shape this build step does not compile."""


class VerificationFailed(BuildError):
    """The built engine computes something else than the reference; nothing was published."""


class BadArchive(BuildError):
    """An exported engine that is damaged, or holds what it must not; nothing was published."""


class StoreError(BuildError):
    """The engine store cannot be written."""
