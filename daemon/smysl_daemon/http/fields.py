"""Whether a request says anything that cannot be kept to, before anything else looks at it.

Knows names and values of fields; never what they mean.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from smysl_daemon.http.failures import ApiError, refused

T = TypeVar("T")


class Fields(NamedTuple):
    """What one endpoint does with each field."""

    honoured: frozenset[str]
    harmless: frozenset[str]
    """Known to the API, and of no consequence for what comes out here."""
    refused: Mapping[str, tuple[tuple[object, ...], str]]
    """Known to the API and not to be had here: values that ask for nothing, and the reason."""


def fields(
    request: type[msgspec.Struct],
    harmless: Iterable[str] = (),
    refused: Mapping[str, tuple[tuple[object, ...], str]] | None = None,
) -> Fields:
    """`request`: its fields are those that are honoured."""
    return Fields(frozenset(request.__struct_encode_fields__), frozenset(harmless), refused or {})


def checked(body: Mapping[str, Any], known: Fields, request: type[T]) -> T:
    """The request in a body. A null is as good as absent. Raises `ApiError` 400 that names the field."""
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name in known.honoured or name in known.harmless:
            continue
        if name not in known.refused:
            raise _unknown(name, known)
        neutral, reason = known.refused[name]
        # True == 1 in Python, and not in JSON
        if not any(value == one and type(value) is type(one) for one in neutral):
            raise refused(f"{name!r} is not supported: {reason}", name, "unsupported_parameter")
    return converted({name: given[name] for name in given if name in known.honoured}, request)


def converted(value: object, kind: type[T], at: str = "") -> T:
    """`value` as a type. Raises `ApiError` 400 with the place that is wrong."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        place = re.sub(r"^\.", "", f"{at}{where.rstrip('`')}")
        shown = f"{place}: {reason}" if place else reason
        raise refused(shown, place or None, "invalid_value") from None


def _unknown(name: str, known: Fields) -> ApiError:
    everything = [*known.honoured, *known.harmless, *known.refused]
    near = difflib.get_close_matches(name[:80], everything, n=1)
    hint = (
        f"; did you mean {near[0]!r}?" if near else f". Fields: {', '.join(sorted(known.honoured))}"
    )
    return refused(f"unknown field {name[:80]!r}{hint}", name[:80], "unknown_parameter")
