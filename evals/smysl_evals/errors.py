"""What can go wrong in an evaluation that a person can put right."""


# EvalError
# ├── BadSuite      a suite that cannot be read, with file and line
# ├── BadResults    a results folder that cannot be read, written or continued
# ├── BadGates      a thresholds file that cannot be read, with file and gate
# ├── BadCard       a model card without a place for the tables
# └── DaemonGone    the daemon stopped answering while items were left
class EvalError(Exception):
    """The message names the file, the value and the remedy."""


class BadSuite(EvalError):
    pass


class BadResults(EvalError):
    pass


class BadGates(EvalError):
    pass


class BadCard(EvalError):
    pass


class DaemonGone(EvalError):
    """What was answered before is in the results folder; the same command continues."""
