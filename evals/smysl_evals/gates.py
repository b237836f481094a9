"""Thresholds that a model must reach, and which of them it misses.

Knows records and their measures; never where a threshold comes from. A gate for which nothing was
measured is missed: an empty run must not pass.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from smysl_evals.errors import BadGates
from smysl_evals.measures import by_family, measure
from smysl_evals.records import Record

Figure = Literal[
    "accuracy",
    "mean_accuracy",
    "precision",
    "precision_low",
    "coverage",
    "wrong_verified",
    "outside_verified",
    "errors",
    "median_seconds",
]


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[gate]]` of a gates file. Exactly one of `min`, `max` and `above` is given."""

    name: str
    measure: Figure
    program: str
    suite: str | None = None
    """None: all suites together."""
    families: tuple[str, ...] | Literal["each"] | None = None
    """Judge each of these families (or each there is) by itself; None: all items together."""
    min: float | None = None
    max: float | None = None
    above: str | None = None
    """Another program, whose figure on the same items must be lower."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate found in one group of records."""

    gate: str
    family: str | None
    value: float | None
    """None: nothing was measured, which is a miss."""
    bound: str
    """What was asked of the value, for people: `>= 0.85`."""
    passed: bool


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gate: tuple[Gate, ...]


def load_gates(file: Path) -> tuple[Gate, ...]:
    """Raises `BadGates` naming the file and what is wrong in it."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadGates(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadGates(f"{file} is not TOML: {error}") from None
    try:
        gates = msgspec.convert(values, _File).gate
    except msgspec.ValidationError as error:
        raise BadGates(f"{file}: {error}") from None
    for gate in gates:
        if sum(bound is not None for bound in (gate.min, gate.max, gate.above)) != 1:
            raise BadGates(f"{file}: gate {gate.name!r} needs exactly one of min, max and above")
    if not gates:
        raise BadGates(f"{file} holds no [[gate]]")
    return gates


def judge(gates: Sequence[Gate], records: Sequence[Record]) -> list[Outcome]:
    """Every outcome, in the order of the gates; one per family where a gate names families."""
    return [outcome for gate in gates for outcome in _judge(gate, records)]


def _judge(gate: Gate, records: Sequence[Record]) -> list[Outcome]:
    scope = [r for r in records if gate.suite in (None, r.suite)]
    if gate.families is None:
        return [_outcome(gate, None, scope)]
    families = by_family(r for r in scope if r.program == gate.program)
    names = sorted(families) if gate.families == "each" else gate.families
    if not names:
        return [_outcome(gate, None, [])]
    return [_outcome(gate, name, [r for r in scope if r.family == name]) for name in names]


def _outcome(gate: Gate, family: str | None, records: Sequence[Record]) -> Outcome:
    ours = [r for r in records if r.program == gate.program]
    if gate.above is not None:
        theirs = {(r.suite, r.item): r for r in records if r.program == gate.above}
        ours = [r for r in ours if (r.suite, r.item) in theirs]
        rival = _figure(gate, [theirs[r.suite, r.item] for r in ours])
        value = _figure(gate, ours)
        passed = value is not None and rival is not None and value > rival
        bound = f"> {'nothing' if rival is None else f'{rival:.4g}'} of {gate.above}"
    else:
        value = _figure(gate, ours)
        if gate.min is not None:
            passed, bound = value is not None and value >= gate.min, f">= {gate.min:g}"
        else:
            assert gate.max is not None, "load_gates lets no gate without a bound through"
            passed, bound = value is not None and value <= gate.max, f"<= {gate.max:g}"
    return Outcome(gate=gate.name, family=family, value=value, bound=bound, passed=passed)


def _figure(gate: Gate, records: Sequence[Record]) -> float | None:
    if not records:
        return None
    measures = measure(records)
    if gate.measure == "outside_verified" and not measures.outside:
        return None
    value: float | None = getattr(measures, gate.measure)
    return value


def table(outcomes: Sequence[Outcome]) -> str:
    """One line per outcome, for people."""
    lines = []
    for o in outcomes:
        where = f" [{o.family}]" if o.family else ""
        value = "nothing measured" if o.value is None else f"{o.value:.4g}"
        lines.append(
            f"{'pass' if o.passed else 'MISS'}  {o.gate}{where}: {value} (asked {o.bound})"
        )
    return "\n".join(lines) + "\n"
