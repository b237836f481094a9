"""What a model thought, apart from what it then said.

Pure. A finished node brings the two apart; while it grows, the tags of the thinking section part them.
"""

import re

import msgspec

from smysl_daemon.shapes import NodeView

_TAG = "think|thinking|thought"
_SECTION = re.compile(rf"<(?:{_TAG})>(.*?)(</(?:{_TAG})>|\Z)", re.DOTALL)
_CLOSED = re.compile(rf"</(?:{_TAG})>")
_WRITTEN = frozenset({"question", "context", "note"})
"""What people write may speak of such tags."""


class Parts(msgspec.Struct, frozen=True):
    thought: str
    said: str
    thinks: bool
    """The section is open: what comes next is thought."""

    @property
    def words(self) -> int:
        return len(self.thought.split())


def parts(node: NodeView) -> Parts:
    thought = (node.data or {}).get("thinking")
    if isinstance(thought, str) and thought.strip():
        # a reply that was cut off inside its thoughts says nothing else
        said = "" if node.text.strip() == thought.strip() else node.text
        return Parts(thought.strip(), said, False)
    if node.kind in _WRITTEN or "think" not in node.text and "thought" not in node.text:
        return Parts("", node.text, False)
    return _parted(node.text, running=node.status == "running")


def _parted(text: str, *, running: bool) -> Parts:
    closed, first = _CLOSED.search(text), _SECTION.search(text)
    if closed is not None and (first is None or closed.start() < first.start()):
        # the prompt had opened the section
        text = f"<think>{text}"
    sections = list(_SECTION.finditer(text))
    if not sections:
        return Parts("", text, False)
    thought = "\n\n".join(filter(None, (one[1].strip() for one in sections)))
    return Parts(thought, _SECTION.sub("", text).strip(), running and not sections[-1][2])
