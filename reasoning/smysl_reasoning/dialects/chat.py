"""The dialect of instruct models: a conversation in the checkpoint's own chat template, answered in plain words.

Text that a person or a model wrote is tokenised apart from the template's control tokens, so nothing typed can become
one. Knows messages, token ids and thinking sections; never what a module says, an engine or a store.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from tokenizers import Tokenizer

from smysl_engines.base import Sampling
from smysl_reasoning.dialects.native import Question
from smysl_reasoning.dialects.template import PLAIN, BadTemplate, ChatTemplate

Role = Literal["system", "user", "assistant"]
TEMPLATE = "template"
"""Label of what the template itself adds."""
WORDS = 160
"""Tokens that a module's own words take beside a question, roundly."""
_THINK = "think|thinking|thought"
_OPENED = re.compile(rf"<({_THINK})>\s*\Z")
_CLOSED = re.compile(rf"</(?:{_THINK})>")
_SECTION = re.compile(rf"<({_THINK})>(.*?)(?:</(?:{_THINK})>|\Z)", re.DOTALL)


class Part(NamedTuple):
    """A piece of a message, and what it is: `system`, `question`, `plan`, `step` ..."""

    label: str
    text: str


class Message(NamedTuple):
    """What one side says. White space around it does not count."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts).strip()


class Segment(NamedTuple):
    """Tokens of a prompt that belong together."""

    label: str
    ids: tuple[int, ...]


class Split(NamedTuple):
    """A reply: what the model thought, and what it says."""

    thinking: str
    said: str


class Begun(NamedTuple):
    """How a reply begins that the model is to go on with."""

    thinking: str
    """What it thought before; nothing where it spoke at once."""
    parts: tuple[Part, ...]


class _Piece(NamedTuple):
    label: str
    text: str
    literal: bool
    """The template's: control tokens in it are control tokens."""


class ChatDialect:
    """Turns conversations into token ids, and a model's token ids into text."""

    name = "chat"
    version = 1

    def __init__(
        self,
        tokenizer: Tokenizer,
        template: str | None = None,
        tokens: Mapping[str, str] | None = None,
        ends: Sequence[int] = (),
        advised: Sampling | None = None,
    ) -> None:
        """`template`: jinja2; None is `PLAIN`. `tokens`: `bos_token` and the like. `ends`: ids that end a reply,
        beside the one that the template puts after each. `advised`: how the model's makers would have it sampled.
        Raises `BadTemplate`."""
        self.advised = advised or Sampling()
        self._tokenizer = tokenizer
        fields = json.loads(tokenizer.to_str())
        self._plain = _plain(fields, first=True)
        self._following = _plain(fields, first=False)
        self._controls = {token["content"]: _Control(token) for token in fields["added_tokens"]}
        controls = [text for text, control in self._controls.items() if not control.word]
        by_length = sorted(controls, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, by_length)) or r"(?!)")
        thinks = re.compile(rf"</?(?:{_THINK})>")
        self._hidden = {
            control.id
            for text, control in self._controls.items()
            if control.special and not thinks.fullmatch(text)
        }
        self._forbidden = {c.id for text, c in self._controls.items() if not c.word}
        tokens = tokens or {}
        self._template = ChatTemplate(PLAIN if template is None else template, tokens)
        self._system = self._takes_system()
        self.stops = tuple(dict.fromkeys([*self._ends_of_a_reply(), *ends]))
        """Every id that ends a reply."""
        if not self.stops:
            raise BadTemplate(
                "neither the template nor the model's files say which token ends a reply"
            )
        self.end = self.stops[0]
        asked = [Message("user", (Part("question", "?"),))]
        begins = self._rendered(asked, True, True)
        self.opens = bool(_OPENED.search(begins[-1].text))
        """The template itself begins a thinking section."""
        self.thinks = self.opens or bool(re.search(rf"</(?:{_THINK})>", template or ""))
        """It is a model that thinks before it speaks."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own, control tokens included."""
        return self._tokenizer

    def read(self, text: str) -> Question:
        """Chat models read numbers as they stand."""
        return Question(text, [])

    def length(self, question: Question) -> int:
        asked = self.prompt([Message("user", (Part("question", question.text),))])
        return WORDS + len(ids_of(asked))

    def prompt(
        self, messages: Sequence[Message], *, thinking: bool = True, begun: Begun | None = None
    ) -> list[Segment]:
        """A conversation up to the model's next words. Without `thinking` it is to speak at once. `begun`: words of
        the reply that are given. Raises `BadTemplate`."""
        pieces = self._rendered(messages, True, thinking)
        opened = bool(_OPENED.search(pieces[-1].text))
        if begun is not None and begun.thinking:
            pieces += [] if opened else [_Piece(TEMPLATE, "<think>\n", True)]
            pieces.append(_Piece("thinking", begun.thinking, False))
            pieces.append(_Piece(TEMPLATE, "\n</think>\n\n", True))
        elif opened and (begun is not None or not thinking):
            pieces.append(_Piece(TEMPLATE, "\n</think>\n\n", True))
        if begun is not None:
            pieces += [_Piece(part.label, part.text, False) for part in begun.parts]
        return list(self._segments(pieces))

    def words(self, text: str) -> list[int]:
        """Token ids of plain words: none of them is a control token, whatever the text."""
        return [i for i, _ in self._encoded(text, first=False)]

    def text(self, ids: Sequence[int]) -> str:
        """What a model said, without control tokens but with the marks of thinking."""
        kept = [i for i in ids if i not in self._hidden]
        return str(self._tokenizer.decode(kept, skip_special_tokens=False))

    def split(self, text: str, *, opened: bool = False) -> Split:
        """Thinking apart from what is said. `opened`: the prompt had begun to think. A section that does not end is
        thinking to the last word."""
        closed = _CLOSED.search(text)
        first = _SECTION.search(text)
        if opened or (closed and (first is None or closed.start() < first.start())):
            text = f"<think>{text}"
        thoughts = [match[2].strip() for match in _SECTION.finditer(text)]
        said = _CLOSED.sub("", _SECTION.sub("", text))
        return Split("\n\n".join(filter(None, thoughts)), said.strip())

    # ------------------------------------------------------------ rendering

    def _takes_system(self) -> bool:
        """Some templates refuse a system message, some pass it over."""
        question = Message("user", (Part("question", "?"),))
        try:
            self._filled([Message("system", (Part("system", "?"),)), question], True, True)
        except BadTemplate:
            self._filled([question], True, True)
            return False
        return True

    def _ends_of_a_reply(self) -> list[int]:
        """The control token that the template puts after a reply."""
        talk: list[Message] = [
            Message("user", (Part("question", "?"),)),
            Message("assistant", (Part("reply", "!"),)),
        ]
        try:
            pieces = self._filled(talk, False, True)
        except BadTemplate:
            return []
        after = pieces[-1].text if pieces[-1].literal else ""
        found = self._control.match(after.lstrip())
        return [self._controls[found[0]].id] if found else []

    def _rendered(self, messages: Sequence[Message], begin: bool, thinking: bool) -> list[_Piece]:
        """Pieces of the text; the system's words join the question's where the template has no place for them."""
        if not self._system and messages and messages[0].role == "system":
            system, user, *rest = messages
            gap = Part(TEMPLATE, "\n\n")
            parts = (*_stripped(system.parts), gap, *_stripped(user.parts))
            messages = [Message("user", parts), *rest]
        return self._filled(messages, begin, thinking)

    def _filled(self, messages: Sequence[Message], begin: bool, thinking: bool) -> list[_Piece]:
        marks = [f"\ue000{number}\ue001" for number in range(len(messages))]
        given = [
            {"role": message.role, "content": mark}
            for message, mark in zip(messages, marks, strict=True)
        ]
        text = self._template.render(given, begin=begin, thinking=thinking)
        pieces: list[_Piece] = []
        for mark, message in zip(marks, messages, strict=True):
            if text.count(mark) != 1:
                raise BadTemplate(f"the chat template does not say what the {message.role} says")
            before, text = text.split(mark)
            pieces.append(_Piece(TEMPLATE, before, True))
            pieces += [_Piece(part.label, part.text, False) for part in _stripped(message.parts)]
        pieces.append(_Piece(TEMPLATE, text, True))
        return pieces

    # ------------------------------------------------------------ tokens

    def _segments(self, pieces: Iterable[_Piece]) -> Iterator[Segment]:
        label, ids = TEMPLATE, list[int]()
        for token, of in self._tokens_of(pieces):
            if of != label and ids:
                yield Segment(label, tuple(ids))
                ids = []
            label = of
            ids.append(token)
        if ids:
            yield Segment(label, tuple(ids))

    def _tokens_of(self, pieces: Iterable[_Piece]) -> Iterator[tuple[int, str]]:
        """(id, label). Text between control tokens is encoded in one go, so that words join across pieces as they
        would in the whole."""
        run: list[_Piece] = []
        first = True
        for piece in pieces:
            rest = piece.text
            while piece.literal and (found := self._control.search(rest)):
                control = self._controls[found[0]]
                before = rest[: found.start()]
                run.append(piece._replace(text=before.rstrip() if control.strips_left else before))
                yield from self._run(run, first)
                first, run = False, []
                yield control.id, piece.label
                rest = rest[found.end() :]
                rest = rest.lstrip() if control.strips_right else rest
            run.append(piece._replace(text=rest))
        yield from self._run(run, first)

    def _run(self, run: Sequence[_Piece], first: bool) -> Iterator[tuple[int, str]]:
        ends: list[tuple[int, str]] = []
        at = 0
        for piece in run:
            if piece.text:
                at += len(piece.text)
                ends.append((at, piece.label))
        for token, start in self._encoded("".join(piece.text for piece in run), first=first):
            while len(ends) > 1 and start >= ends[0][0]:
                del ends[0]
            yield token, ends[0][1]

    def _encoded(self, text: str, *, first: bool) -> list[tuple[int, int]]:
        """(id, offset of its first character), without control tokens."""
        if not text:
            return []
        tokenizer = self._plain if first else self._following
        found = tokenizer.encode(text, add_special_tokens=False)
        tokens = [(i, start) for i, (start, _) in zip(found.ids, found.offsets, strict=True)]
        if self._forbidden.isdisjoint(found.ids):
            return tokens
        # a vocabulary that holds a control token as a word: character by character it cannot come about
        return [
            (i, at)
            for at, character in enumerate(text)
            for i in self._following.encode(character, add_special_tokens=False).ids
            if i not in self._forbidden
        ]


class Hearing:
    """Text of a reply as its tokens come: each piece as soon as its last character is whole."""

    def __init__(self, dialect: ChatDialect) -> None:
        self._dialect = dialect
        self._ids: list[int] = []
        self._from = 0
        self._told = 0
        self.text = ""

    def add(self, token: int) -> str:
        """The text that this token has completed."""
        self._ids.append(token)
        # the window begins at a piece told before: how a token reads may depend on the one before it, and bytes that
        # are characters side by side are none if the first is cut in two
        before = self._dialect.text(self._ids[self._from : self._told])
        now = self._dialect.text(self._ids[self._from :])
        if now.endswith("\ufffd"):
            return ""
        piece = now[len(before) :]
        if self._dialect.text(self._ids[self._told :]):
            self._from = self._told
        self._told = len(self._ids)
        self.text += piece
        return piece


class _Control:
    """An added token of a tokenizer."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        content, number = fields["content"], fields["id"]
        assert isinstance(content, str) and isinstance(number, int)
        self.id = number
        self.special = bool(fields["special"])
        self.strips_left = bool(fields["lstrip"])
        self.strips_right = bool(fields["rstrip"])
        self.word = _is_word(fields)


def _is_word(fields: Mapping[str, object]) -> bool:
    """White space that a tokenizer keeps whole is an added token, but a word like any other."""
    return not fields["special"] and not str(fields["content"]).strip()


def _plain(fields: Mapping[str, object], *, first: bool) -> Tokenizer:
    """The tokenizer without control tokens; for text that is not `first`, without a space put before it."""
    plain = json.loads(json.dumps(fields))
    plain["added_tokens"] = [token for token in plain["added_tokens"] if _is_word(token)]
    plain["post_processor"] = plain["truncation"] = plain["padding"] = None
    steps = plain["pre_tokenizer"] or {}
    for step in [steps, *steps.get("pretokenizers", [])]:
        if not first and step.get("prepend_scheme") == "first":
            step["prepend_scheme"] = "never"
    return Tokenizer.from_str(json.dumps(plain))


def _stripped(parts: Sequence[Part]) -> list[Part]:
    kept = [part for part in parts if part.text]
    while kept and not kept[0].text.strip():
        del kept[0]
    while kept and not kept[-1].text.strip():
        del kept[-1]
    if kept:
        kept[0] = kept[0]._replace(text=kept[0].text.lstrip())
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip())
    return kept


def ids_of(segments: Iterable[Segment]) -> list[int]:
    """A prompt's token ids."""
    return [i for segment in segments for i in segment.ids]
