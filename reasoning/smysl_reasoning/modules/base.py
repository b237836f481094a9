"""What a module of thinking is: a typed signature and one coroutine; and the values that pass
between modules.

Knows types and options; never an engine, a store or a program.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import msgspec

from smysl_reasoning.conditions import FieldType
from smysl_reasoning.derivation import Derivation
from smysl_reasoning.dialects.native import Question
from smysl_reasoning.events import Verdict
from smysl_reasoning.hopeless import AS_THE_MODEL, given_up
from smysl_reasoning.nodes import Node, PlanData
from smysl_reasoning.plausible import doubt

if TYPE_CHECKING:
    from smysl_reasoning.dialects.base import Dialect, ThoughtDialect
    from smysl_reasoning.workbench import Workbench

Setting = bool | int | float | str
T = TypeVar("T")


class OptionError(ValueError):
    """An option's value that is not allowed; names option, value and what is."""


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A setting of a module or program. Its type is that of its default."""

    default: bool | int | float | str
    minimum: int | float | None = None
    maximum: int | float | None = None
    help: str = ""

    def settle(self, name: str, value: object) -> Setting:
        """`value` as this option's type. Raises `OptionError`."""
        settled: Setting
        match self.default, value:
            case bool(), bool(given):
                return given
            case bool(), _:
                raise OptionError(f"option {name!r} is {value!r}; it takes true or false")
            case str(), str(text):
                return text
            case str(), _:
                raise OptionError(f"option {name!r} is {value!r}; it takes a text")
            case int(), int() | float() as number if not isinstance(value, bool) and number == int(
                number
            ):
                settled = int(number)
            case float(), int() | float() as number if not isinstance(value, bool):
                settled = float(number)
            case _:
                raise OptionError(
                    f"option {name!r} is {value!r}; it takes a {self._noun}{self._range}"
                )
        too_low = self.minimum is not None and settled < self.minimum
        too_high = self.maximum is not None and settled > self.maximum
        if too_low or too_high or settled != settled:
            raise OptionError(f"option {name!r} is {value!r}; it takes a {self._noun}{self._range}")
        return settled

    @property
    def _noun(self) -> str:
        return "whole number" if isinstance(self.default, int) else "number"

    @property
    def _range(self) -> str:
        low = "" if self.minimum is None else f" from {self.minimum}"
        high = "" if self.maximum is None else f" to {self.maximum}"
        return low + high


class Port(NamedTuple):
    """An input of a module."""

    type: str
    many: bool = False
    """It takes several values, and lists of branches."""
    optional: bool = False


# ------------------------------------------------------------ values on the wires


class Input(NamedTuple):
    """A node that another is made of, and the part it plays."""

    role: str
    node: Node


class Asked(NamedTuple):
    """`question`: what was asked, and its node."""

    node: Node
    question: Question
    """With the context before it, if there is one."""
    context: Node | None = None
    notes: tuple[str, ...] = ()
    """What a person has noted at question and context, and the memories that fell there."""
    told: Question = Question("", [])
    """The question with the notes in it."""

    @property
    def inputs(self) -> list[Input]:
        """What a node that rests on the question's words or quantities is made of."""
        return [Input("question", self.node)] + (
            [Input("context", self.context)] if self.context else []
        )


class Planned(NamedTuple):
    """`plan`"""

    node: Node
    plan: PlanData | None
    """None when the model's plan could not be read."""
    held: bool = False
    """A person wrote, pinned or took it."""


class Derived(NamedTuple):
    """`derivation`: one way to an answer."""

    node: Node
    """Its last node: the answer, the candidate, or where it failed."""
    answer: str | None
    """In normal form; None when it reached none."""
    derivation: Derivation | None
    """None for an answer given at once."""
    outside: bool = False
    """Its plan says that the question is outside what the model was trained on."""
    confidence: float | None = None
    held: bool = False
    """It rests on a node that a person wrote, pinned or took from another branch."""
    said: str | None = None
    """The answer as it was written, where that is not its normal form."""
    told: tuple[Input, ...] = ()
    """What its words are beside `node`: who reads all of it rests on these too, since a node that is
    held lets nothing of what is before it through."""

    @property
    def given_up(self) -> bool:
        """It was not gone on with: it is no vote for anything."""
        return given_up(self.node)

    @property
    def doubt(self) -> str | None:
        """Why it cannot be right as it stands (`plausible`)."""
        return None if self.derivation is None else doubt(self.derivation)


class Chosen(NamedTuple):
    """`choice`: the derivation to stand by, among all."""

    winner: Derived | None
    main: Derived | None
    """The derivation that was to be compared with the others, where there is one."""
    votes: tuple[tuple[str, int], ...]
    """(answer, derivations that reach it), most first."""
    total: int
    """Derivations, with those that reached no answer."""
    node: Node | None
    given_up: int = 0
    """Of the derivations: those that were not gone on with, as hopeless."""

    @property
    def agreement(self) -> float:
        """Share of all derivations that reach the winner's answer."""
        if self.winner is None or not self.total:
            return 0.0
        return dict(self.votes)[self.winner.answer or ""] / self.total

    @property
    def outvoted(self) -> bool:
        """The others' majority replaced the main derivation."""
        return self.main is not None and self.winner is not None and self.winner is not self.main


class Checked(NamedTuple):
    """`check`: what a verifier found."""

    node: Node | None
    probability: float | None


class Judged(NamedTuple):
    """`verdict`"""

    verdict: Verdict
    confidence: float | None
    message: str
    node: Node | None


class Outcome(NamedTuple):
    """`outcome`: what a program answers."""

    answer: str | None
    verdict: Verdict
    confidence: float | None
    message: str
    derived: Derived | None = None
    """The derivation it stands by; None where there is no answer."""


class Critiqued(NamedTuple):
    """`critique`: what speaks against a derivation, and where."""

    node: Node | None
    derived: Derived
    """What was looked at."""
    probability: float | None
    """That it is right as it stands."""
    passed: bool
    step: int | None
    """Its first doubtful thought, from 0; None when it passed, or when the doubt is of the whole."""
    text: str = ""


class Written(NamedTuple):
    """`text`: words that are no derivation: a summary, a JSON object, what was recalled."""

    node: Node
    text: str


class Routed(NamedTuple):
    """`route`: which of the program's ways a question is to take."""

    node: Node | None
    way: str
    probability: float | None


FIELDS: Mapping[str, Mapping[str, FieldType]] = {
    "derivation": {"answer": "text", "confidence": "number", "outside": "truth"},
    "choice": {"agreement": "number", "total": "number"},
    "check": {"probability": "number"},
    "verdict": {"verdict": "text", "confidence": "number"},
    "outcome": {"answer": "text", "verdict": "text", "confidence": "number"},
    "critique": {"probability": "number", "passed": "truth"},
    "route": {"way": "text", "probability": "number"},
    "text": {"text": "text"},
}
"""What a condition may ask of a value, by its type; of a list only `count`."""
TYPES = frozenset({"question", "plan", *FIELDS})
"""Every type that can pass between steps."""


class Inputs:
    """Values by port, as the program's parser has checked them."""

    def __init__(self, values: Mapping[str, Sequence[object]]) -> None:
        self._values = values

    def one(self, port: str, kind: type[T]) -> T:
        (value,) = self._values[port]
        assert isinstance(value, kind)
        return value

    def maybe(self, port: str, kind: type[T]) -> T | None:
        return self.one(port, kind) if self._values.get(port) else None

    def many(self, port: str, kind: type[T]) -> list[T]:
        values = self._values.get(port, ())
        assert all(isinstance(value, kind) for value in values)
        return list(values)  # type: ignore[arg-type]


Settings = Mapping[str, Setting]
HOPELESS = Option(
    default=AS_THE_MODEL,
    minimum=AS_THE_MODEL,
    maximum=1.0,
    help="a branch whose confidence falls below this is given up; 0 gives none up, -1 is as the model has it",
)
"""Option of modules that branch."""


class CallShape(NamedTuple):
    """Calls that a module will make, as far as they are known before it runs."""

    prompt: tuple[int, ...]
    """How their prompt begins: what is known already."""
    grows: int = 0
    """Tokens after it that earlier calls of the same run will have computed (estimated)."""
    fresh: int = 0
    """Tokens after those that nobody has computed (estimated)."""
    generates: int = 0
    """Tokens it usually generates; past runs know better."""
    number: int = 1
    """How many such calls run side by side."""
    rounds: int = 1
    """How many times that happens, one after the other."""


class Planning(NamedTuple):
    """What a module may know before anything has run."""

    question: Question
    dialect: "Dialect"
    settings: "Settings"
    counts: Mapping[str, int]
    """Port -> how many values it will have at most."""

    def native(self) -> "ThoughtDialect":
        """For modules that speak it only."""
        assert self.dialect.name == "native"
        return cast("ThoughtDialect", self.dialect)

    def solving(self) -> tuple[int, ...]:
        """The prompt that a native derivation of the question begins with."""
        return tuple(self.native().question(self.question, "solve"))


Shape = Callable[[Planning], Sequence[CallShape]]
Run = Callable[["Workbench", Inputs, Settings], Awaitable[object]]
NATIVE = frozenset({"native"})
CHAT = frozenset({"chat"})


def spoken(*, native: Run, chat: Run) -> Run:
    """One coroutine for models of both dialects."""
    by_dialect = {"native": native, "chat": chat}

    async def run(bench: "Workbench", inputs: Inputs, settings: Settings) -> object:
        return await by_dialect[bench.desk.dialect.name](bench, inputs, settings)

    return run


def shaped(*, native: Shape, chat: Shape) -> Shape:
    """What the calls will be for models of both dialects."""
    by_dialect = {"native": native, "chat": chat}
    return lambda planning: by_dialect[planning.dialect.name](planning)


class Module(NamedTuple):
    """A module of thinking: inputs -> output, by one coroutine that writes nodes on its way."""

    name: str
    version: int
    """Raised when the same inputs would give another node: recipe keys hold it."""
    summary: str
    inputs: Mapping[str, Port]
    output: str
    run: Run
    options: Mapping[str, Option] = {}
    many: bool = False
    """It gives a list of `output`."""
    dialects: frozenset[str] = frozenset({"native", "chat"})
    """Of the models that it can speak to; one that makes no calls speaks to all."""
    effect: bool = False
    """What it does matters even where nothing uses what it gives."""
    shape: "Shape | None" = None
    """What its calls will be, for plans; None where it makes none."""

    @property
    def label(self) -> str:
        """Name and version, as recipes hold it: `derive@1`."""
        return f"{self.name}@{self.version}"
