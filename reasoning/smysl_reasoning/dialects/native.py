"""The bundled model's own dialect: control tokens, quantities as slots, one line of tokens per thought.

A derivation reads

    <bos> question with <n0> <n1> ...  <solve>
    <plan> story 2 <end>
    <step> <n0> - <n1> <end> <n2>
    <step> <n2> / <n3> <end> <n4>
    <answer> <n4> <end>
    <check> <yes>

and a direct answer `<bos> question with <n0> 4 8 <n1> ... <direct> 2 4 <end>`. Deduced facts use `<fact>` for
`<step>` and fill no slot. Knows tokens and typed node data; never an engine, a store or a program.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from tokenizers import Tokenizer

from smysl_reasoning.compute import FUNCTIONS, Value
from smysl_reasoning.nodes import PlanData, ThoughtKind
from smysl_reasoning.quantities import Quantity, find

SLOTS = 40
"""Most quantities a question and its steps may hold together."""
PROBLEMS = (
    "story", "arithmetic", "equation", "factors", "sequence", "legs", "logic", "family", "time", "outside",
)  # fmt: skip
"""What a plan can say a question is; `outside` means no family the model was trained on."""
CONTROLS = (
    "<pad>", "<bos>", "<end>", "<solve>", "<direct>", "<plan>", "<step>", "<fact>", "<answer>", "<check>",
    "<yes>", "<no>",
)  # fmt: skip
SPECIALS = (
    *CONTROLS,
    *(f"<n{i}>" for i in range(SLOTS)),
    *(f"<{problem}>" for problem in PROBLEMS),
    *(f"<{name}>" for name in FUNCTIONS),
    *(f"<spare{i}>" for i in range(20)),
)
"""Token ids 0, 1, 2 ... of every native tokenizer, in this order; the spares are for adapters."""

SENTENCE_END = re.compile(
    r"(?<=[.?!])(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bMrs\.)(?<!\b[ap]\.m\.)\s+"
)
SLOT = re.compile(r"n\d+")
CONTROL = re.compile(r"<(\w+)>")

Form = Literal["solve", "direct"]


class TooManyQuantities(ValueError):
    """A question with more numbers than there are slots."""


class Unreadable(ValueError):
    """Model output that does not follow the dialect."""


class Thought(NamedTuple):
    """One decoded line: a step with its expression, a fact, or an answer."""

    kind: ThoughtKind
    text: str
    """The expression over `n0` ... for a step; words for a fact; `n4` or words for an answer."""


class Question(NamedTuple):
    """A question and the quantities found in it."""

    text: str
    quantities: list[Quantity]

    @property
    def slots(self) -> list[Value]:
        """Values of `n0`, `n1` ... before any step."""
        return [quantity.value for quantity in self.quantities]


def read(text: str) -> Question:
    """Find the quantities of `text`. Raises `TooManyQuantities`."""
    quantities = find(text)
    if len(quantities) > SLOTS - 8:
        raise TooManyQuantities(
            f"the question holds {len(quantities)} numbers; this model works with {SLOTS - 8} at most. "
            "Ask about fewer at a time."
        )
    return Question(text, quantities)


def question_first(text: str) -> str:
    """The same question with the sentence that asks moved to the front: a rewording that keeps the meaning."""
    parts = sentences(text)
    return " ".join(parts[i] for i in asking_first(parts))


def sentences(text: str) -> list[str]:
    """The sentences of `text`, end marks included."""
    return SENTENCE_END.split(text.strip())


def asking_first(parts: Sequence[str]) -> list[int]:
    """The order of sentences in which the last one with a question mark (or simply the last) comes first."""
    asking = next((i for i in range(len(parts) - 1, -1, -1) if "?" in parts[i]), len(parts) - 1)
    return [asking, *(i for i in range(len(parts)) if i != asking)]


class NativeDialect:
    """Turns typed thoughts into token ids and back."""

    name = "native"
    version = 1

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Raises `ValueError` for a tokenizer whose first ids are not `SPECIALS`."""
        for i, token in enumerate(SPECIALS):
            if tokenizer.token_to_id(token) != i:
                raise ValueError(
                    f"not a native tokenizer: {token} has id {tokenizer.token_to_id(token)}, not {i}"
                )
        self.tokenizer = tokenizer
        self.ids = {token: i for i, token in enumerate(SPECIALS)}
        self.end = self.ids["<end>"]
        self.yes = self.ids["<yes>"]
        self.no = self.ids["<no>"]

    def read(self, text: str) -> Question:
        """Find the quantities of `text`. Raises `TooManyQuantities`."""
        return read(text)

    def length(self, question: Question) -> int:
        """Of the direct form, which spells out every number too."""
        return len(self.question(question, "direct"))

    def reworded(self, text: str) -> str:
        """The question with its last sentence first."""
        return question_first(text)

    def words(self, text: str) -> list[int]:
        """Token ids of plain words. Whatever a person typed can never become a control token."""
        # special tokens are matched before normalisation; NFKC then folds the full-width sign back to <
        safe = text.replace("<", "\uff1c")
        return list(self.tokenizer.encode(safe, add_special_tokens=False).ids)

    def question(self, question: Question, form: Form) -> list[int]:
        """`<bos>`, the question with slots (and the digits after each slot in direct form), `<solve>|<direct>`."""
        ids = [self.ids["<bos>"]]
        last = 0
        # a word is the same token wherever it stands: white space is one space, also at the start
        for i, quantity in enumerate(question.quantities):
            piece = question.text[last : quantity.start]
            ids += self.words(_spaced(piece if last else f" {piece}").rstrip(" "))
            ids.append(self.ids[f"<n{i}>"])
            if form == "direct":
                ids += self.words(str(quantity.value))
            last = quantity.end
        rest = question.text[last:]
        ids += self.words(_spaced(rest if last else f" {rest}").rstrip(" "))
        return [*ids, self.ids[f"<{form}>"]]

    def plan(self, plan: PlanData) -> list[int]:
        """`<plan> <story> 2 <end>`; a plan for what lies outside has no count."""
        ids = [self.ids["<plan>"], self.ids[f"<{plan.problem}>"]]
        if plan.problem != "outside":
            ids += self.words(str(plan.steps))
        return [*ids, self.end]

    def read_plan(self, ids: Sequence[int]) -> PlanData:
        """Inverse of `plan`. Raises `Unreadable`."""
        match = re.fullmatch(r"<plan><(\w+)>(?:\s*(\d+))?<end>", self.text(ids).replace(" ", ""))
        if not match or match[1] not in PROBLEMS:
            raise Unreadable(f"not a plan: {self.text(ids)!r}")
        return PlanData(match[1], int(match[2] or 0))

    def thought(self, thought: Thought, result: int | None = None) -> list[int]:
        """One line; `result` is the slot that a step fills."""
        symbolic = thought.kind == "step" or SLOT.fullmatch(thought.text)
        body = self._symbols(thought.text) if symbolic else self.words(f" {thought.text}")
        line = [self.ids[f"<{thought.kind}>"], *body, self.end]
        return line if result is None else [*line, self.ids[f"<n{result}>"]]

    def read_thought(self, ids: Sequence[int]) -> Thought:
        """Inverse of `thought` (without the result slot). Raises `Unreadable`."""
        match = re.fullmatch(r"<(step|fact|answer)>(.*)<end>", self.text(ids), re.DOTALL)
        if not match or not match[2].strip():
            raise Unreadable(f"not a thought: {self.text(ids)!r}")
        body = match[2].strip()
        if match[1] == "step":
            return Thought("step", self._expression(body))
        if match[1] == "fact":
            return Thought("fact", body)
        return Thought("answer", re.sub(r"^<(n\d+)>$", r"\1", body))

    def direct(self, answer: str) -> list[int]:
        """A direct answer: digits or words, then `<end>`."""
        return [*self.words(answer), self.end]

    def read_direct(self, ids: Sequence[int]) -> str:
        """Inverse of `direct`. Raises `Unreadable`."""
        match = re.fullmatch(r"([^<>]+)<end>", self.text(ids))
        if not match:
            raise Unreadable(f"not an answer: {self.text(ids)!r}")
        return re.sub(r"(?<=[\d.,:/-])\s+(?=[\d.,:/-])", "", match[1].strip())

    def check(self) -> list[int]:
        """Asks whether the derivation so far is right: `<check>`; the options are `yes` and `no`."""
        return [self.ids["<check>"]]

    def text(self, ids: Sequence[int]) -> str:
        """The tokens as text, control tokens included."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False))

    def shown(self, ids: Sequence[int], values: Sequence[str]) -> str:
        """Tokens of a running line as people may see them: slots as their `values`, no control tokens."""
        return CONTROL.sub(lambda match: _shown(match[1], values), self.text(ids))

    def _symbols(self, expression: str) -> list[int]:
        ids: list[int] = []
        for piece in re.findall(r"n\d+|[a-z]+|\d+(?:\.\d+)?|//|\S", expression):
            token = f"<{piece}>"
            ids += [self.ids[token]] if token in self.ids else self.words(piece)
        return ids

    def _expression(self, body: str) -> str:
        spaced = re.sub(r"<(\w+)>", r" \1 ", body)
        tight = re.sub(r"(?<=[\d.])\s+(?=[\d.])", "", re.sub(r"(n\d+)", r"\1 ", spaced))
        return pretty(tight)


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def pretty(expression: str) -> str:
    """Canonical spacing of an expression: `n0 * (n1 + 2)`, `gcd(n0, n1)`."""
    tokens = re.findall(r"n\d+|[a-z]+|\d+(?:\.\d+)?|//|\S", expression)
    out = ""
    previous = ""
    for token in tokens:
        binary = token in {"+", "*", "/", "//", "%"} or (
            token == "-" and previous not in {"", "(", ",", "+", "-", "*", "/", "//", "%"}
        )
        out += f" {token} " if binary else f"{token} " if token == "," else token
        previous = token
    return out


def _shown(control: str, values: Sequence[str]) -> str:
    if SLOT.fullmatch(control) and int(control[1:]) < len(values):
        return values[int(control[1:])]
    return control if control in FUNCTIONS or control in PROBLEMS else ""
