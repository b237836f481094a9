"""What reasoning can fail with, in one tree.

ReasoningError
├── BadRequest        a request that is refused before anything is written
├── ProgramError      a program file that cannot run: names file, line, step and what is wrong
├── EngineUnusable    an engine folder without what reasoning needs from it
├── RuntimeClosed     asked after close
├── Inconsistent      a conservation law of the runtime is broken: our own mistake
└── StoreError
    ├── StoreUnusable the file or its folder cannot be used
    ├── StoreCorrupt  not a database of ours, or damaged
    ├── StoreTooNew   written by a later version
    ├── StoreLocked   another process holds it
    ├── UnknownId     no session or node has this id
    └── AmbiguousId   a shortened id that several share
"""


class ReasoningError(Exception):
    """Anything this package can fail with."""


class BadRequest(ReasoningError):
    """A request that is refused before anything is written; names value, limit and remedy."""


class ProgramError(ReasoningError):
    """A program that cannot run; names file, line, step and what is wrong."""


class EngineUnusable(ReasoningError):
    """An engine folder that lacks, or holds a broken, tokenizer or dialect."""


class RuntimeClosed(ReasoningError):
    """A request that came after the runtime was closed."""


class Inconsistent(ReasoningError):
    """A conservation law that `check()` found broken."""


class StoreError(ReasoningError):
    """Anything a store can fail with."""


class StoreUnusable(StoreError):
    """The database file or its folder cannot be read or written."""


class StoreCorrupt(StoreError):
    """The file is no database of ours, or a damaged one. It is left untouched."""


class StoreTooNew(StoreError):
    """The database was written by a later version. It is left untouched."""


class StoreLocked(StoreError):
    """Another process is writing."""


class UnknownId(StoreError):
    """No session or node has this id."""


class AmbiguousId(StoreError):
    """A shortened id that several sessions or nodes share."""
