"""A regular expression in the protocol's syntax as a grammar.

What is the same in Rust's `regex` and in ASCII Python is read: characters, classes, groups,
alternatives, repetition, `.`, \\d \\w \\s and their opposites. Knows characters; never a token.
"""

from smysl_engines.base import BadCall
from smysl_engines.tensorrt_llm.ebnf import (
    LAST,
    Expression,
    Rules,
    Text,
    char,
    either,
    none_of,
    one_of,
    repeat,
    row,
)

Range = tuple[int, int]
MOST = 1000
"""Of a repetition's bounds."""
DEPTH = 100
"""Of groups in groups."""
_CLASSES: dict[str, tuple[Range, ...]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7}
_PUNCTUATION = frozenset(r"\.+*?()|[]{}^$#&-~/ " + "\"'!%,:;<=>@_`")
_NEWLINE = char("\n")


def of_regex(pattern: str) -> Rules:
    """Raises `BadCall` for what is not read, with its place."""
    return Rules(regex_expression(pattern), {})


def regex_expression(pattern: str) -> Expression:
    reader = _Reader(pattern)
    found = reader.alternatives(0)
    if not reader.done:
        raise reader.refusal("a ')' that closes nothing")
    return found


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at >= len(self._text)

    def refusal(self, what: str) -> BadCall:
        return BadCall(
            f"Regex cannot be used: {what} at {self._at} is not something TensorRT-LLM's grammars and "
            "this engine have in common. Use characters, classes, groups, |, and repetition, or an "
            "ONNX engine."
        )

    def alternatives(self, depth: int) -> Expression:
        if depth > DEPTH:
            raise self.refusal(f"more than {DEPTH} groups within each other")
        options = [self._row(depth)]
        while self._take("|"):
            options.append(self._row(depth))
        return either(*options)

    def _row(self, depth: int) -> Expression:
        parts: list[Expression] = []
        while not self.done and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._one(depth)))
        return row(*parts)

    def _repeated(self, body: Expression) -> Expression:
        while not self.done:
            if self._take("*"):
                body = repeat(body)
            elif self._take("+"):
                body = repeat(body, 1)
            elif self._take("?"):
                body = repeat(body, 0, 1)
            elif self._text[self._at] == "{":
                body = repeat(body, *self._bounds())
            else:
                return body
            # a lazy repetition has the same language; a possessive one is Python's alone
            self._take("?")
            if not self.done and self._text[self._at] == "+":
                raise self.refusal("a possessive repetition")
        return body

    def _bounds(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
        numbers = [least] if not comma else [least, most] if most else [least]
        if end < 0 or not all(n.isascii() and n.isdigit() for n in numbers):
            raise self.refusal("'{'")
        if any(int(n) > MOST for n in numbers) or (most and int(most) < int(least)):
            raise self.refusal(f"a repetition beyond {MOST} or the wrong way round")
        self._at = end + 1
        return int(least), int(most) if most else None if comma else int(least)

    def _one(self, depth: int) -> Expression:
        character = self._text[self._at]
        match character:
            case "(":
                self._at += 1
                if self._take("?"):
                    if not self._take(":"):
                        raise self.refusal("a group of the kind '(?'")
                inner = self.alternatives(depth + 1)
                if not self._take(")"):
                    raise self.refusal("a '(' that is not closed")
                return inner
            case "[":
                self._at += 1
                return self._class()
            case ".":
                self._at += 1
                return none_of(_NEWLINE)
            case "\\":
                self._at += 1
                return self._escape()
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise self.refusal(repr(character))
            case "^" | "$":
                raise self.refusal(f"the anchor {character!r}, which a whole match does not need,")
        self._at += 1
        return Text(character)

    def _escape(self) -> Expression:
        letter = self._next()
        if letter.lower() in _CLASSES:
            ranges = _CLASSES[letter.lower()]
            return one_of(*ranges) if letter.islower() else none_of(*ranges)
        return Text(chr(self._escaped(letter)))

    def _escaped(self, letter: str) -> int:
        if letter in _PUNCTUATION:
            return ord(letter)
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter == "x" and len(digits := self._text[self._at : self._at + 2]) == 2:
            try:
                code = int(digits, 16)
            except ValueError:
                raise self.refusal("'\\x'") from None
            self._at += 2
            return code
        raise self.refusal(f"'\\{letter}'")

    def _class(self) -> Expression:
        negated = self._take("^")
        ranges: list[Range] = []
        first = True
        while first or not self._take("]"):
            if self.done:
                raise self.refusal("a '[' that is not closed")
            if self._text[self._at] == "[" or self._text[self._at : self._at + 2] in (
                "&&",
                "--",
                "~~",
            ):
                raise self.refusal("a class within a class")
            ranges += self._members()
            first = False
        return none_of(*ranges) if negated else one_of(*ranges)

    def _members(self) -> tuple[Range, ...]:
        start = self._member()
        if isinstance(start, tuple):
            return start
        following = self._text[self._at + 1 : self._at + 2]
        if (
            self._at < len(self._text)
            and self._text[self._at] == "-"
            and following not in ("]", "")
        ):
            self._at += 1
            end = self._member()
            if isinstance(end, tuple) or end < start:
                raise self.refusal("a range that ends before it begins")
            return ((start, end),)
        return ((start, start),)

    def _member(self) -> int | tuple[Range, ...]:
        letter = self._next()
        if letter != "\\":
            return ord(letter)
        letter = self._next()
        if letter.lower() not in _CLASSES:
            return self._escaped(letter)
        ranges = _CLASSES[letter.lower()]
        return ranges if letter.islower() else _others(ranges)

    def _next(self) -> str:
        if self.done:
            raise self.refusal("the end")
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, character: str) -> bool:
        if self._text[self._at : self._at + 1] == character:
            self._at += 1
            return True
        return False


def _others(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    starts = [0, *(last + 1 for _, last in ranges)]
    ends = [*(first - 1 for first, _ in ranges), LAST]
    return tuple((a, b) for a, b in zip(starts, ends, strict=True) if a <= b)
