"""Reads a plain command line without Typer, whose loading would take longer than everything else that a client does.

The standard library's getopt takes the words apart by what `declared` says of the parameters. Whatever is not plain,
a mistake or a wish for help, is left to Typer; what is read here, Typer would read in the same way.
"""

import getopt
import os
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any, NamedTuple, get_args, get_origin

from smysl_cli.declared import Flag, Words, split

NEVER_TYPED = "\0"
"""No argument of a program holds it."""


class _Taken(NamedTuple):
    """What one flag does."""

    name: str
    """Of the parameter."""
    kind: type
    many: bool
    """Each use adds a value."""
    on: bool
    """Of a flag without a value."""
    minimum: float | None


def read(command: Callable[..., Any], words: Sequence[str]) -> dict[str, Any] | None:
    """Values of the parameters that `words` name, or None: ask Typer."""
    if os.environ.get("POSIXLY_CORRECT"):  # getopt would go by it, and Typer does not
        return None
    rest, taken = _table(command)
    short, long = _spelled(taken)
    try:
        found, others = getopt.gnu_getopt(list(words), short, long)
        values: dict[str, Any] = {}
        for flag, text in found:
            one = taken[flag]
            value = one.on if one.kind is bool else one.kind(text)
            if one.minimum is not None and value < one.minimum:
                return None
            if one.many:
                values.setdefault(one.name, []).append(value)
            else:
                values[one.name] = value
    except (getopt.GetoptError, ValueError):
        return None
    if others:
        if rest is None:
            return None
        values[rest] = others
    return values


def _table(command: Callable[..., Any]) -> tuple[str | None, dict[str, _Taken]]:
    """The parameter for words without a flag, and what each flag does."""
    rest: str | None = None
    taken: dict[str, _Taken] = {}
    for name, annotation in command.__annotations__.items():
        kind, declared = split(annotation)
        match declared:
            case Words():
                rest = name
            case Flag(flags=flags, minimum=minimum):
                kind, many = _value(kind)
                for pair in flags:
                    on, _, off = pair.partition("/")
                    taken[on] = _Taken(name, kind, many, True, minimum)
                    if off:
                        taken[off] = _Taken(name, kind, many, False, minimum)
    return rest, taken


def _value(kind: Any) -> tuple[type, bool]:
    """The type of one value of `kind`, and whether there may be many."""
    if NoneType in get_args(kind):
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is list:
        return get_args(kind)[0], True
    return kind, False


def _spelled(taken: dict[str, _Taken]) -> tuple[str, list[str]]:
    """In getopt's words: letters and names, those that take a value marked."""
    short, long = "", []
    for flag, one in taken.items():
        takes = one.kind is not bool
        if not flag.startswith("--"):
            short += flag[1:] + ":" * takes
            continue
        # the second is like the first and so forbids abbreviations, which Typer does not know
        long += [flag[2:] + "=" * takes, flag[2:] + NEVER_TYPED]
    return short, long
