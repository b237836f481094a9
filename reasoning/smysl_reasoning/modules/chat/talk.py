"""What the chat modules share: a conversation, one reply to it, and what people and models see of a value.

Knows prompts, replies and drafts; never what a module wants to know.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from smysl_engines.base import Constraint, JsonSchema, Sampling
from smysl_reasoning.calls import Line, Lines
from smysl_reasoning.dialects.chat import (
    Begun,
    ChatDialect,
    Hearing,
    Message,
    Part,
    Segment,
    ids_of,
)
from smysl_reasoning.hopeless import Hope
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Checked,
    Critiqued,
    Derived,
    Input,
    Planned,
    Planning,
    Written,
)
from smysl_reasoning.nodes import Kind, Node, ReplyData, Stats, Status
from smysl_reasoning.workbench import Draft, Workbench, digest, line_stats

REPLY_TOKENS = 2048
"""Most tokens of a derivation. A model that thinks first may take `THINKING` times as many."""
THINKING = 4
SHORT_TOKENS = 512
"""Most tokens of a plan, a list, an answer given at once."""
ASKED = ("question", "context")
"""Roles of the nodes in which a question stands."""
ROOM = 32
"""Fewest tokens that must be left for a reply."""


class Reply(NamedTuple):
    """What the model said, once."""

    thinking: str
    said: str
    whole: bool
    """It came to its own end."""
    stats: Stats
    problem: str = ""
    """Why no answer is to be read from it."""


class Chosen(NamedTuple):
    """What the model chose, and how likely each option was."""

    option: int
    """Its number."""
    probabilities: tuple[float, ...]
    stats: Stats


def dialect_of(bench: Workbench) -> ChatDialect:
    """Of a model that is spoken to in conversations; the compiler has seen to it that it is."""
    dialect = bench.desk.dialect
    assert isinstance(dialect, ChatDialect), f"{dialect.name} has no conversations"
    return dialect


# ------------------------------------------------------------ prompts


def system(text: str) -> Message:
    return Message("system", (Part("system", text.strip()),))


def user(*parts: Part | str) -> Message:
    """A plain text is an instruction of ours."""
    return Message(
        "user", tuple(Part("instruction", one) if isinstance(one, str) else one for one in parts)
    )


def assistant(text: str) -> Message:
    return Message("assistant", (Part("reply", text),))


def question(asked: Asked) -> Part:
    """With its context before it and the notes of a person after it."""
    return Part("question", asked.told.text)


def prompt(
    bench: Workbench,
    messages: Sequence[Message],
    *,
    thinking: bool = True,
    begun: Begun | None = None,
) -> list[int]:
    """Token ids of a conversation up to the model's next words."""
    return ids_of(segments(bench, messages, thinking=thinking, begun=begun))


def segments(
    bench: Workbench,
    messages: Sequence[Message],
    *,
    thinking: bool = True,
    begun: Begun | None = None,
) -> list[Segment]:
    return dialect_of(bench).prompt(messages, thinking=thinking, begun=begun)


def sampling(
    bench: Workbench, tokens: int, *, temperature: float = 0.0, thinking: bool = True
) -> Sampling:
    """Greedy unless there is a temperature, else as the model's makers advise; a model that thinks first has more room
    for it."""
    dialect = dialect_of(bench)
    room = tokens * THINKING if thinking and dialect.thinks else tokens
    # what is cut off the likeliest token does not miss; a penalty would make another one the likeliest
    penalty = dialect.advised.repetition_penalty if temperature else 1.0
    return msgspec.structs.replace(
        dialect.advised,
        temperature=temperature,
        repetition_penalty=penalty,
        seed=bench.seed if temperature else 0,
        max_tokens=room,
        stop=dialect.stops,
    )


def shortened(bench: Workbench, texts: Sequence[str], tokens: int) -> list[str]:
    """`texts`, of which long ones lose their beginnings, so that all take about `tokens`: a conclusion stands at
    the end."""
    dialect = dialect_of(bench)
    share = max(ROOM, tokens // max(1, len(texts)))
    found = []
    for text in texts:
        length = len(dialect.words(text))
        if length > share:
            text = "... " + text[-max(1, len(text) * share // length) :]
        found.append(text)
    return found


def planned_dialect(planning: Planning) -> ChatDialect:
    assert isinstance(planning.dialect, ChatDialect)
    return planning.dialect


def shape(
    planning: Planning,
    instruction: str,
    *,
    generates: int,
    fresh: int = 0,
    thinking: bool = True,
    rounds: int = 1,
) -> list[CallShape]:
    """Calls that ask `instruction` about the question, with `fresh` tokens more."""
    dialect = planned_dialect(planning)
    asked = [system(instruction), user(Part("question", planning.question.text))]
    ids = ids_of(dialect.prompt(asked, thinking=thinking))
    return [CallShape(tuple(ids), fresh=fresh, generates=generates, rounds=rounds)]


# ------------------------------------------------------------ replies


class Telling:
    """Tells watchers of a reply as it comes, and journals it."""

    def __init__(self, bench: Workbench, draft: Draft, kind: Kind, *, start: bool = True) -> None:
        self._hearing = Hearing(dialect_of(bench))
        self._stops = dialect_of(bench).stops
        self._draft = draft
        if start:
            draft.start(kind)

    @property
    def text(self) -> str:
        return self._hearing.text

    def __call__(self, token: int) -> None:
        self._draft.journal(token)
        if token not in self._stops:
            self._draft.grow(self._hearing.add(token))


async def reply(
    bench: Workbench,
    draft: Draft,
    asked: Sequence[int],
    kind: Kind,
    *,
    constraint: Constraint | None = None,
    thinking: bool = True,
    hope: Hope | None = None,
) -> Reply:
    """One reply, which a node of `kind` is to hold; goes on where a crash cut it off. Once `hope` fades it is cut off,
    which is its problem. Raises `EngineError`, `BudgetSpent`, `WouldCall`."""
    if full := no_room(bench, asked):
        return Reply("", "", False, Stats(), full)
    lines = lines_of(bench, draft, constraint)
    if hope is None:
        lines.resume(draft.journaled())
    try:
        line = await lines.line(asked, Telling(bench, draft, kind), hope=hope)
    finally:
        lines.close()
    found = read(bench, line, draft.sampling, thinking=thinking)
    return found._replace(problem=hope.reason) if hope is not None and line.hopeless else found


async def written(
    bench: Workbench,
    label: str,
    messages: Sequence[Message],
    rests: Sequence[Input],
    *,
    name: str,
    tokens: int = SHORT_TOKENS,
    temperature: float = 0.0,
    constraint: Constraint | None = None,
) -> Written:
    """A text that the model writes, as a node; empty where it wrote none, or none that fits the constraint."""
    asked = prompt(bench, messages, thinking=False)
    spelt = "" if constraint is None else msgspec.json.encode(constraint).decode()
    draft = bench.draft(
        label,
        rests,
        name=name,
        prompt=f"{digest(asked)} {spelt}".strip(),
        sampling=sampling(bench, tokens, temperature=temperature, thinking=False),
    )
    node = await draft.reused()
    if node is None:
        said = await reply(bench, draft, asked, "step", constraint=constraint, thinking=False)
        sound = bool(said.said) and (constraint is None or said.whole or _is_json(said.said))
        text = said.said or said.problem or "the model said nothing"
        data = ReplyData(None, said.thinking)
        status: Status = "done" if sound else "failed"
        node = await draft.finish("step", text, data, stats=said.stats, status=status)
    return Written(node, node.text if node.status == "done" else "")


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return False
    return True


async def aside(
    bench: Workbench, draft: Draft, asked: Sequence[int], asking: Sampling, constraint: Constraint
) -> Reply:
    """One reply under a constraint, of which nobody is told."""
    if full := no_room(bench, asked):
        return Reply("", "", False, Stats(), full)
    lines = Lines(
        bench.calls,
        asking,
        end=dialect_of(bench).end,
        context=bench.info.context,
        line_tokens=asking.max_tokens,
        adapter=draft.adapter,
        constraint=constraint,
    )
    try:
        line = await lines.line(asked)
    finally:
        lines.close()
    return read(bench, line, asking, thinking=False)


def lines_of(bench: Workbench, draft: Draft, constraint: Constraint | None = None) -> Lines:
    """A reader of the draft's reply. Close it."""
    return Lines(
        bench.calls,
        draft.sampling,
        end=dialect_of(bench).end,
        context=bench.info.context,
        line_tokens=draft.sampling.max_tokens,
        adapter=draft.adapter,
        constraint=constraint,
    )


def no_room(bench: Workbench, asked: Sequence[int]) -> str:
    """Why a prompt leaves no room for a reply, or nothing."""
    if len(asked) + ROOM <= bench.info.context:
        return ""
    return (
        f"the prompt has {len(asked)} tokens and {bench.info.model} takes {bench.info.context} with its "
        "reply; ask a shorter question or fewer branches"
    )


def read(bench: Workbench, line: Line, asked: Sampling, *, thinking: bool) -> Reply:
    dialect = dialect_of(bench)
    ended = line.ids[-1:] != () and line.ids[-1] in dialect.stops
    text = dialect.text(line.ids[:-1] if ended else line.ids)
    split = dialect.split(text, opened=thinking and dialect.opens)
    return Reply(split.thinking, split.said, ended, line_stats(line))


async def choose(bench: Workbench, asked: Sequence[int], options: Sequence[str]) -> Chosen:
    """Which of `options` the model says, by the probability of each as a whole."""
    dialect = dialect_of(bench)
    ids = [tuple(dialect.words(option)) for option in options]
    made = await bench.choose(asked, tuple(ids))
    finish = made.finish
    assert finish.choice is not None
    stats = Stats(
        prompt_tokens=made.prompt_tokens,
        cached_tokens=finish.cached_tokens,
        generated_tokens=finish.generated_tokens,
        calls=1,
        milliseconds=round(made.milliseconds, 3),
        confidence=finish.probabilities[finish.choice],
    )
    return Chosen(finish.choice, finish.probabilities, stats)


def added(*stats: Stats) -> Stats:
    """What several calls cost together; the confidence of the first that has one."""
    known = [one.confidence for one in stats if one.confidence is not None]
    return Stats(
        prompt_tokens=sum(one.prompt_tokens for one in stats),
        cached_tokens=sum(one.cached_tokens for one in stats),
        generated_tokens=sum(one.generated_tokens for one in stats),
        calls=sum(one.calls for one in stats),
        milliseconds=round(sum(one.milliseconds for one in stats), 3),
        confidence=known[0] if known else None,
    )


def parsed(text: str) -> Any:
    """The JSON value in a reply, which may stand in a fence or among words. Raises `ValueError`."""
    for candidate in (text, text[text.find("{") : text.rfind("}") + 1]):
        try:
            return msgspec.json.decode(candidate.encode())
        except (msgspec.DecodeError, UnicodeEncodeError):
            continue
    raise ValueError("no JSON object")


def json_schema(properties: Mapping[str, object], required: Sequence[str]) -> JsonSchema:
    """An object of exactly these properties."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return JsonSchema(msgspec.json.encode(schema).decode())


# ------------------------------------------------------------ values as others read them


def pieces(bench: Workbench, asked: Asked, derivations: Sequence[Derived]) -> list[str]:
    """Derivations as they are put before the model, so short that all have room: those of other questions with the
    question they answer."""
    room = (bench.info.context - len(dialect_of(bench).words(asked.told.text))) // 2
    texts = shortened(bench, [derivation_text(one) for one in derivations], room)
    found = []
    for derived, text in zip(derivations, texts, strict=True):
        about = [one.node for one in derived.told if one.role == "question"]
        notes = notes_at(bench, [derived.node])
        other = [f"Question: {about[0].text}"] if about and about[0].id != asked.node.id else []
        found.append("\n".join([*other, text, *notes]))
    return found


def derivation_text(derived: Derived) -> str:
    """A derivation as a model reads it: everything it says, the answer last."""
    steps = [input.node.text for input in derived.told if input.role in ("before", "after")]
    text = derived.node.text
    data = derived.node.data
    if steps or (isinstance(data, ReplyData) and derived.node.kind == "answer"):
        text = f"Answer: {text}"
    return "\n".join([*steps, text])


def question_of(bench: Workbench, derived: Derived) -> str:
    """What a derivation answers: context, question and the notes at them."""
    nodes = [
        one.node for role in ("context", "question") for one in derived.told if one.role == role
    ]
    return "\n\n".join([*(node.text for node in nodes), *notes_at(bench, nodes)])


def notes_at(bench: Workbench, nodes: Sequence[Node]) -> list[str]:
    """What a person has noted at nodes, a line each."""
    return [f"Note: {' '.join(note.text.split())}" for node in nodes for note in bench.notes(node)]


def derivation_inputs(role: str, derived: Derived) -> list[Input]:
    """What a node rests on that reads all of a derivation."""
    told = [one for one in derived.told if one.role not in ASKED]
    return [Input(role, derived.node), *(Input(f"{role} {one.role}", one.node) for one in told)]


def asked_inputs(derived: Derived) -> list[Input]:
    """The nodes of the question that a derivation answers."""
    return [one for one in derived.told if one.role in ASKED]


def shown(value: object) -> str:
    """A value of any module as a model reads it."""
    match value:
        case Asked():
            return value.told.text
        case Derived():
            return derivation_text(value)
        case Planned():
            return value.node.text
        case Written() | Critiqued():
            return value.text
        case Checked():
            return value.node.text if value.node else ""
    raise AssertionError(f"{type(value).__name__} is not shown to models")


def inputs_of(role: str, value: object) -> list[Input]:
    """The nodes that a value's words stand in."""
    match value:
        case Asked():
            return value.inputs
        case Derived():
            return derivation_inputs(role, value)
        case Planned() | Written():
            return [Input(role, value.node)]
        case Critiqued() | Checked():
            return [Input(role, value.node)] if value.node else []
    raise AssertionError(f"{type(value).__name__} has no nodes of its own")
