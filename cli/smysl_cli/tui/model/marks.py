"""What a node's state looks like: a sign, a word and a tone, each enough without the others.

Pure. Tones are names; which colour they have is the theme's business.
"""

from typing import Literal

import msgspec
from msgspec import UNSET

from smysl_daemon.shapes import NodeView

Tone = Literal["plain", "faint", "good", "warn", "bad", "held", "live"]

SPINNER = "◐◓◑◒"
ASCII_SPINNER = "|/-\\"
_ASCII = {
    "?": "?",
    "·": ".",
    "✓": "+",
    "✗": "x",
    "≠": "~",
    "✎": "e",
    "⚑": "p",
    "⇄": "t",
    "⊘": "o",
    "=": "=",
    "∞": "m",
}


class Mark(msgspec.Struct, frozen=True):
    sign: str
    word: str
    """Empty for a node about which there is nothing to say."""
    tone: Tone


def mark(node: NodeView, *, tick: int = 0, unicode: bool = True) -> Mark:
    """The most urgent of what can be said about a node. `tick` turns the sign of a running one."""
    found = _mark(node, tick if unicode else 0)
    if unicode:
        return found
    turns = found.sign in SPINNER
    sign = ASCII_SPINNER[tick % 4] if turns else _ASCII.get(found.sign, "?")
    return Mark(sign, found.word, found.tone)


def waits(node: NodeView) -> bool:
    """Whether a run has put this question to the person and waits."""
    return node.kind == "question" and node.status == "running" and bool(node.inputs)


def _mark(node: NodeView, tick: int) -> Mark:
    if waits(node):
        return Mark("?", "asks you", "live")
    match node.status:
        case "running" | "pending":
            return Mark(SPINNER[tick % 4], node.status, "live")
        case "failed":
            return Mark("✗", "failed", "bad")
        case "cancelled":
            return Mark("⊘", "cancelled", "bad")
    if node.stale is True:
        return Mark("≠", "stale", "warn")
    match node.hold:
        case "edited":
            return Mark("✎", "edited", "held")
        case "pinned":
            return Mark("⚑", "pinned", "held")
        case "taken":
            return Mark("⇄", "taken", "held")
    if node.kind == "check" and node.data and node.data.get("passed") is not None:
        if node.data["passed"]:
            return Mark("✓", "passed", "good")
        return Mark("✗", "not passed", "bad")
    if node.kind == "memory":
        return Mark("∞", "recalled" if node.pull is not UNSET else "", "plain")
    if node.kept is True:
        return Mark("=", "kept", "faint")
    return Mark("·", "", "plain")


def remarks(node: NodeView) -> list[str]:
    """Every word about a node's state, for where there is room."""
    words = [] if node.status == "done" or waits(node) else [node.status]
    words += ["stale"] if node.stale is True else []
    words += [node.hold] if isinstance(node.hold, str) else []
    words += ["kept"] if node.kept is True else []
    word = _mark(node, 0).word
    return words if not word or word in words else [*words, word]
