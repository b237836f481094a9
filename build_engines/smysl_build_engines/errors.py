"""Everything building an engine can fail with;
each message names the value, the limit and the remedy.
"""

# BuildError
# ├── BadRequest           options that contradict each other or the model
# ├── BadCheckpoint        the source files are missing, truncated or contradict each other
# │   └── BadAdapter       so are an adapter's, or it was made for another base
# ├── HubUnavailable       a model of the hub is not in its cache and cannot be fetched
# ├── UnsupportedModel     a sound checkpoint of a shape this build step does not compile
# │   └── UnsupportedAdapter
# ├── VerificationFailed   the built engine computes something else than the reference
# ├── BadArchive           an exported engine that is damaged or holds what it must not
# └── StoreError           the engine store cannot be written


class BuildError(Exception):
    """Anything a build can fail with."""


class BadRequest(BuildError):
    """Options that contradict each other or the model."""


class BadCheckpoint(BuildError):
    """The source files are missing, truncated or contradict each other."""


class HubUnavailable(BuildError):
    """A model of the hub is not in its cache, and it cannot be fetched."""


class UnsupportedModel(BuildError):
    """A sound checkpoint of a shape this build step does not compile."""


class BadAdapter(BadCheckpoint):
    """An adapter's files are missing or damaged, contradict each other or belong to another base."""


class UnsupportedAdapter(UnsupportedModel):
    """A sound adapter of a kind this build step does not compile."""


class VerificationFailed(BuildError):
    """The built engine computes something else than the reference; nothing was published."""


class BadArchive(BuildError):
    """An exported engine that is damaged, or holds what it must not; nothing was published."""


class StoreError(BuildError):
    """The engine store cannot be written."""
