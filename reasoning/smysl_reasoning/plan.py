"""A compiled program for one question: which calls, in which waves, what they share, what they will cost; and beside
each estimate what it came to.

Plain data, as `smysl explain --json` prints it; how it is made is `compiler`'s business.
"""

import msgspec


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What something costs: an estimate, or what it did cost."""

    calls: int = 0
    prompt_tokens: int = 0
    """As if every call were sent whole."""
    shared_tokens: int = 0
    """Of these, what need not be computed, because an earlier or parallel call of the run has."""
    generated_tokens: int = 0
    seconds: float = 0.0


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the flat program."""

    name: str
    module: str
    """`derive@1`; of a step that runs a program for each item, `program NAME`."""
    wave: int
    """When its calls run; a step without calls has that of what it waits for."""
    waits_for: tuple[str, ...]
    when: tuple[str, ...] = ()
    """Conditions, all of which must hold."""
    branches: int | None = None
    decided: bool = False
    """It ends with fewer branches once these decide: the estimate is of all of them, the most that it can be."""
    foreach: str | None = None
    adapter: str | None = None
    budget: str | None = None
    """Of this step, or shared with the others under the same name."""
    estimate: Spent
    """Were it to run."""
    certain: bool = True
    """False where it may be passed over."""
    actual: Spent | None = None
    ran: bool | None = None


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that run side by side."""

    number: int
    steps: tuple[str, ...]
    adapters: tuple[str, ...]
    """In the order in which calls are sent, so that the engine changes adapters least."""
    estimate: Spent


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """One pass of the compiler and what it came to."""

    name: str
    milliseconds: float
    result: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A program compiled for a question and a loaded model."""

    program: str
    model: str
    dialect: str
    question_tokens: int
    steps: tuple[PlannedStep, ...]
    waves: tuple[Wave, ...]
    certain: Spent
    """Of the steps that always run."""
    most: Spent
    """Of all of them."""
    passes: tuple[Pass, ...]
    measured: bool
    """Estimates come from earlier runs on this engine, not from the modules' own guesses."""
    actual: Spent | None = None
    answer: str | None = None
    verdict: str | None = None
    session: str | None = None
