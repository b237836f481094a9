"""Tells what a chat model thinks from what it says, while it speaks.

Knows text with marks of thinking; never tokens. Marks may arrive in pieces.
"""

OPENS = ("<think>", "<thinking>", "<thought>")
CLOSES = ("</think>", "</thinking>", "</thought>")


class Thinking:
    """The place that one output has come to."""

    def __init__(self, opened: bool = False) -> None:
        """`opened`: the prompt had begun to think."""
        self.inside = opened
        self._kept = ""
        """What may be the beginning of a mark."""
        self._begun = False
        """Something other than white space was said."""

    def add(self, text: str) -> tuple[str, str]:
        """Of a piece of output: what is thought, and what is said."""
        thought = said = ""
        self._kept += text
        while True:
            marks = CLOSES if self.inside else OPENS
            found = [(self._kept.index(mark), mark) for mark in marks if mark in self._kept]
            if not found:
                break
            at, mark = min(found)
            before, self._kept = self._kept[:at], self._kept[at + len(mark) :]
            thought, said = self._given(before, thought, said)
            self.inside = not self.inside
        certain = len(self._kept) - _begins(self._kept, marks)
        before, self._kept = self._kept[:certain], self._kept[certain:]
        return self._given(before, thought, said)

    def rest(self) -> tuple[str, str]:
        """At the end."""
        before, self._kept = self._kept, ""
        return self._given(before, "", "")

    def _given(self, text: str, thought: str, said: str) -> tuple[str, str]:
        if self.inside:
            return thought + text, said
        if not self._begun:
            # a template puts empty lines between the two
            text = text.lstrip()
            self._begun = bool(text)
        return thought, said + text


def _begins(text: str, marks: tuple[str, ...]) -> int:
    """Length of the end of `text` with which a mark may begin."""
    return max(
        (
            size
            for mark in marks
            for size in range(min(len(mark) - 1, len(text)), 0, -1)
            if text.endswith(mark[:size])
        ),
        default=0,
    )
