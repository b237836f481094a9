"""What reasoning can fail with, in one tree.

ReasoningError
├── BadRequest        a request that is refused before anything is written
├── ProgramError      a program file that cannot run: names file, line, step and what is wrong
├── ModuleError       a module file that cannot be used: names file and key
├── EngineUnusable    an engine folder without what reasoning needs from it
├── RuntimeClosed     asked after close
├── RunCancelled      a run that was waited for was cancelled
├── RunFailed         a run that was waited for has failed
├── BudgetSpent       (`calls`) a run, or a part of it, has spent what it may
├── WouldCall         (`calls`) a walk without an engine has come to a call
├── TakenOut          a node that a person took out of the branch is not made
├── Inconsistent      a conservation law of the runtime is broken: our own mistake
└── StoreError
    ├── StoreUnusable the file or its folder cannot be used
    ├── StoreCorrupt  not a database of ours, or damaged
    ├── StoreTooNew   written by a later version
    ├── StoreLocked   another process holds it
    ├── StoreFull     the disk has no room for it
    ├── Conflict      the branch has changed since it was looked at
    ├── NothingToUndo the branch is at its beginning
    ├── NothingToRedo nothing was undone since the last operation
    ├── BadArchive    what is no session, or a broken one, cannot be imported
    ├── UnknownId     no session, branch, node or run has this id
    └── AmbiguousId   a shortened id that several share
"""


class ReasoningError(Exception):
    """Anything this package can fail with."""


class BadRequest(ReasoningError):
    """A request that is refused before anything is written; names value, limit and remedy."""


class ProgramError(ReasoningError):
    """A program that cannot run; names file, line, step and what is wrong."""


class ModuleError(ReasoningError):
    """A module file of a user's or plug-in's that cannot be used; names file, key and what is wrong."""


class EngineUnusable(ReasoningError):
    """An engine folder that lacks, or holds a broken, tokenizer or dialect."""


class RuntimeClosed(ReasoningError):
    """A request that came after the runtime was closed."""


class RunCancelled(ReasoningError):
    """A run that was waited for was cancelled, by whoever may; asked again it may end well."""


class RunFailed(ReasoningError):
    """A run that was waited for has failed."""


class TakenOut(ReasoningError):
    """A node that a program would make, and that a person took out of the branch."""


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


class StoreFull(StoreError):
    """The disk is full. What was written before is kept and the file is sound."""


class Conflict(StoreError):
    """The branch has changed since it was looked at; nothing was written."""


class NothingToUndo(StoreError):
    """The branch is at its beginning."""


class NothingToRedo(StoreError):
    """Nothing was undone since the last operation."""


class BadArchive(StoreError):
    """What is to be imported is no session, or a broken one; nothing was written."""


class UnknownId(StoreError):
    """No session, branch, node or run has this id."""


class AmbiguousId(StoreError):
    """A shortened id that several sessions or nodes share."""
