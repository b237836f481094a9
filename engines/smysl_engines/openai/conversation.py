"""Reads a chat template backwards: which conversation a prompt is the text of.

For servers that put a model's template around what they are sent themselves. Knows the template beside a tokenizer and
text; never tokens or a server. What is read is filled into the template again, and counts only where that gives the
very same text.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from smysl_engines.chat_template import compiled

TEMPLATE_FILE = "chat_template.jinja"
CONFIG_FILE = "tokenizer_config.json"
_SYSTEM, _USER, _REPLY, _NEXT = (f"\ue000{mark}\ue001" for mark in "0123")


class Message(msgspec.Struct, frozen=True):
    role: str
    content: str


class Conversation(msgspec.Struct, frozen=True):
    """What a prompt says, up to where the model's reply begins."""

    messages: tuple[Message, ...]
    thinking: bool = True
    """False: the template is told that the model is to speak at once."""
    opened: bool = False
    """The template begins a thinking section for the model."""


class _Frame(msgspec.Struct, frozen=True):
    """What a template puts around messages; None where it takes no such ones."""

    head: str
    tail: str
    system: tuple[str, str] | None
    """Before the system's words, and between them and the user's."""
    turns: tuple[str, str] | None
    """After a user's words, and after a reply's."""


class Conversations:
    """The template in a folder. Raises `ValueError` where there is none, or none that takes a question."""

    def __init__(self, folder: Path) -> None:
        source, self._tokens = _read(folder)
        self._template = compiled(source)
        frames = {thinking: self._frame(thinking) for thinking in (True, False)}
        self._frames = {thinking: frame for thinking, frame in frames.items() if frame is not None}
        if not self._frames:
            raise ValueError("its chat template takes no question")

    def read(self, text: str) -> Conversation | None:
        """None for what is no conversation of this template that ends where a reply begins."""
        for thinking, frame in self._frames.items():
            if not frame.tail or not text.endswith(frame.tail):
                continue
            body = text.removesuffix(frame.tail)
            for messages in _guesses(frame, body):
                if self.fill(messages, thinking) == text:
                    opened = frame.tail.rstrip().endswith("<think>")
                    return Conversation(tuple(messages), thinking, opened)
        return None

    def fill(self, messages: Sequence[Message], thinking: bool = True) -> str | None:
        """The text of a conversation, up to where a reply begins; None where the template refuses it."""
        try:
            return self._template.render(
                messages=[msgspec.to_builtins(message) for message in messages],
                tools=None,
                documents=None,
                add_generation_prompt=True,
                enable_thinking=thinking,
                **self._tokens,
            )
        except Exception:  # a template is a program: it may fail with anything
            return None

    def _frame(self, thinking: bool) -> _Frame | None:
        asked = self.fill([Message("user", _USER)], thinking)
        if asked is None or asked.count(_USER) != 1:
            return None
        head, tail = asked.split(_USER)
        system = turns = None
        told = self.fill([Message("system", _SYSTEM), Message("user", _USER)], thinking)
        if told is not None and told.count(_SYSTEM) == 1 and told.endswith(f"{_USER}{tail}"):
            before, after = told.removesuffix(f"{_USER}{tail}").split(_SYSTEM)
            system = (before, after)
        talk = [Message("user", _USER), Message("assistant", _REPLY), Message("user", _NEXT)]
        went = self.fill(talk, thinking)
        if (
            went is not None
            and went.startswith(f"{head}{_USER}")
            and went.endswith(f"{_NEXT}{tail}")
        ):
            between = went.removeprefix(f"{head}{_USER}").removesuffix(f"{_NEXT}{tail}")
            if between.count(_REPLY) == 1:
                before, after = between.split(_REPLY)
                turns = (before, after)
        return _Frame(head, tail, system, turns)


def _guesses(frame: _Frame, body: str) -> list[list[Message]]:
    """What a text without its tail may say. A system message that the template puts there by itself is none."""
    found = []
    if body.startswith(frame.head):
        found.append(_turns(frame, body.removeprefix(frame.head)))
    if frame.system is not None and body.startswith(frame.system[0]):
        words, between, rest = body.removeprefix(frame.system[0]).partition(frame.system[1])
        if between:
            found.append([Message("system", words), *_turns(frame, rest)])
    return found


def _turns(frame: _Frame, rest: str) -> list[Message]:
    messages = []
    while frame.turns is not None and all(frame.turns):
        question, after, later = rest.partition(frame.turns[0])
        reply, end, following = later.partition(frame.turns[1])
        if not after or not end:
            break
        messages += [Message("user", question), Message("assistant", reply)]
        rest = following
    return [*messages, Message("user", rest)]


def _read(folder: Path) -> tuple[str, dict[str, str]]:
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
    except FileNotFoundError:
        config = {}
    tokens = {"bos_token": "", "eos_token": ""}
    for name, value in config.items():
        content = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(content, str):
            tokens[name] = content
    source = config.get("chat_template")
    if isinstance(source, list):
        named = {one.get("name"): one.get("template") for one in source if isinstance(one, dict)}
        source = named.get("default")
    if (folder / TEMPLATE_FILE).is_file():
        source = (folder / TEMPLATE_FILE).read_text(encoding="utf-8")
    if not isinstance(source, str):
        raise ValueError(f"it has neither {TEMPLATE_FILE} nor chat_template in {CONFIG_FILE}")
    return source, tokens
