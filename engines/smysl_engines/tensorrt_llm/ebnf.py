"""Grammars as data: built here, written in the EBNF that xgrammar reads, or begun with what was said.

The language of an expression after a text is its derivative (Brzozowski, 1964); rules may refer to each
other, and a rule that begins with itself is not allowed. Knows characters; never a token or JSON.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


class Text(msgspec.Struct, frozen=True):
    """These characters; none of them is the empty text."""

    chars: str


class OneOf(msgspec.Struct, frozen=True):
    """One character of these ranges, both ends included, in order."""

    ranges: tuple[tuple[int, int], ...]


class Row(msgspec.Struct, frozen=True):
    """One after the other."""

    parts: tuple["Expression", ...]


class Either(msgspec.Struct, frozen=True):
    """One of these; of none of them there is no text at all."""

    options: tuple["Expression", ...]


class Repeat(msgspec.Struct, frozen=True):
    body: "Expression"
    least: int
    most: int | None
    """None is any number."""


class Named(msgspec.Struct, frozen=True):
    rule: str


Expression = Text | OneOf | Row | Either | Repeat | Named
EMPTY = Text("")
NOTHING = Either(())


def row(*parts: Expression) -> Expression:
    """Without empty parts; nothing where one is nothing."""
    flat: list[Expression] = []
    for part in parts:
        if part == NOTHING:
            return NOTHING
        flat += part.parts if isinstance(part, Row) else () if part == EMPTY else (part,)
    return EMPTY if not flat else flat[0] if len(flat) == 1 else Row(tuple(flat))


def either(*options: Expression) -> Expression:
    """Each once."""
    flat: dict[Expression, None] = {}
    for option in options:
        inner = option.options if isinstance(option, Either) else (option,)
        flat |= dict.fromkeys(inner)
    kept = tuple(flat)
    return kept[0] if len(kept) == 1 else Either(kept)


def repeat(body: Expression, least: int = 0, most: int | None = None) -> Expression:
    if most == 0 or body == EMPTY:
        return EMPTY
    if body == NOTHING:
        return NOTHING if least else EMPTY
    return body if (least, most) == (1, 1) else Repeat(body, least, most)


def one_of(*ranges: tuple[int, int]) -> Expression:
    """Of any ranges, in any order. What is no character (surrogates) is none of them."""
    first, last = _SURROGATES
    parts = [(a, min(b, first - 1)) for a, b in ranges if a < first]
    return _from(_joined(parts + [(max(a, last + 1), b) for a, b in ranges if b > last]))


def none_of(*ranges: tuple[int, int]) -> Expression:
    """Any other character."""
    kept, start = [], 0
    for first, last in _joined([*ranges, _SURROGATES]):
        if start < first:
            kept.append((start, first - 1))
        start = last + 1
    if start <= LAST:
        kept.append((start, LAST))
    return _from(tuple(kept))


def char(character: str) -> tuple[int, int]:
    return ord(character), ord(character)


def _joined(ranges: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)


def _from(ranges: tuple[tuple[int, int], ...]) -> Expression:
    return OneOf(ranges) if ranges else NOTHING


class Rules:
    """A language: an expression, and the rules that it and they refer to."""

    def __init__(self, start: Expression, rules: Mapping[str, Expression]) -> None:
        self.start = start
        self._rules = rules

    def after(self, said: str) -> "Rules | None":
        """What may follow a text that begins an output; None if it begins none."""
        left = self.start
        for character in said:
            left = self._derive(left, ord(character))
            if left == NOTHING:
                return None
        return Rules(left, self._rules)

    @property
    def complete(self) -> bool:
        """Nothing need follow."""
        return self._may_be_empty(self.start)

    def text(self) -> str:
        """In xgrammar's EBNF, whose first rule is named root."""
        lines = [f"root ::= {_write(self.start, 0)}"]
        lines += [f"{name} ::= {_write(rule, 0)}" for name, rule in self._needed().items()]
        return "\n".join(lines) + "\n"

    def _needed(self) -> dict[str, Expression]:
        needed: dict[str, Expression] = {}
        todo = [self.start]
        while todo:
            for name in sorted(_names(todo.pop()) - needed.keys()):
                needed[name] = self._rules[name]
                todo.append(self._rules[name])
        return needed

    def _may_be_empty(self, e: Expression) -> bool:
        match e:
            case Text(chars):
                return not chars
            case OneOf():
                return False
            case Row(parts):
                return all(map(self._may_be_empty, parts))
            case Either(options):
                return any(map(self._may_be_empty, options))
            case Repeat(body, least):
                return not least or self._may_be_empty(body)
            case Named(rule):
                return self._may_be_empty(self._rules[rule])
            case _:
                assert_never(e)

    def _derive(self, e: Expression, code: int) -> Expression:
        match e:
            case Text(chars):
                return Text(chars[1:]) if chars and ord(chars[0]) == code else NOTHING
            case OneOf(ranges):
                return EMPTY if any(a <= code <= b for a, b in ranges) else NOTHING
            case Row(parts):
                first, rest = parts[0], row(*parts[1:])
                begun = row(self._derive(first, code), rest)
                if self._may_be_empty(first):
                    return either(begun, self._derive(rest, code))
                return begun
            case Either(options):
                return either(*(self._derive(option, code) for option in options))
            case Repeat(body, least, most):
                fewer = repeat(body, max(0, least - 1), None if most is None else most - 1)
                return row(self._derive(body, code), fewer)
            case Named(rule):
                return self._derive(self._rules[rule], code)
            case _:
                assert_never(e)


def _names(e: Expression) -> set[str]:
    match e:
        case Row(parts):
            return set().union(*map(_names, parts))
        case Either(options):
            return set().union(*map(_names, options))
        case Repeat(body):
            return _names(body)
        case Named(rule):
            return {rule}
    return set()


def _write(e: Expression, tightness: int) -> str:
    """`tightness`: 0 takes alternatives as they are, 1 a row, 2 one thing only."""
    match e:
        case Text(chars):
            return f'"{"".join(map(_quoted, chars))}"'
        case OneOf(ranges):
            return f"[{''.join(map(_range, ranges))}]"
        case Named(rule):
            return rule
        case Row(parts):
            written = " ".join(_write(part, 1) for part in parts)
            return f"({written})" if tightness > 1 else written
        case Either(options):
            if not options:
                return "[]"  # no character, so no text
            written = " | ".join(_write(option, 1) for option in options)
            return f"({written})" if tightness else written
        case Repeat(body, least, most):
            written = _write(body, 2) + _times(least, most)
            return f"({written})" if tightness > 1 else written
        case _:
            assert_never(e)


def _times(least: int, most: int | None) -> str:
    match least, most:
        case 0, None:
            return "*"
        case 1, None:
            return "+"
        case 0, 1:
            return "?"
        case _, None:
            return f"{{{least},}}"
    return f"{{{least}}}" if least == most else f"{{{least},{most}}}"


def _quoted(character: str) -> str:
    return f"\\{character}" if character in '"\\' else _escaped(ord(character))


def _range(ends: tuple[int, int]) -> str:
    first, last = ends
    return _in_class(first) if first == last else f"{_in_class(first)}-{_in_class(last)}"


def _in_class(code: int) -> str:
    # which characters a class may escape by themselves differs from reader to reader; numbers do not
    return f"\\u{code:04x}" if chr(code) in "\\]-^[\"'" else _escaped(code)


def _escaped(code: int) -> str:
    """Printable ASCII as it is."""
    if 0x20 <= code < 0x7F:
        return chr(code)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
