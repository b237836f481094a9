"""Turns a results folder into figures, and figures into Markdown and JSON.

Knows records and their measures; never the daemon or thresholds.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from smysl_evals.errors import BadCard, BadResults
from smysl_evals.measures import Measures, measure
from smysl_evals.records import Record, Setup, read_results, read_setup

BEGIN = "<!-- smysl-eval:begin -->"
END = "<!-- smysl-eval:end -->"
"""The two lines of a model card between which the tables are kept."""

Grouping = Literal["family", "tag"]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one group of a suite (None: the whole suite) under one program."""

    suite: str
    group: str | None
    program: str
    measures: Measures


class Report(msgspec.Struct, frozen=True, kw_only=True):
    setup: Setup
    suites: tuple[Group, ...]
    groups: tuple[Group, ...]


def make_report(folder: Path, *, by: Grouping = "family") -> Report:
    """Raises `BadResults` for a folder that `smysl-eval run` did not write, or without results."""
    setup = read_setup(folder)
    if setup is None:
        raise BadResults(f"{folder} has no run.json; `smysl-eval run --out` writes such a folder")
    records = read_results(folder)
    if not records:
        raise BadResults(f"{folder} holds no results yet; run its `smysl-eval run` again")
    return report_of(setup, records, by=by)


def report_of(setup: Setup, records: Sequence[Record], *, by: Grouping = "family") -> Report:
    """Figures per suite and per group, in the order in which suites and programs were asked."""
    suites: list[Group] = []
    groups: list[Group] = []
    for suite in _ordered(setup.suites, (r.suite for r in records)):
        of_suite = [r for r in records if r.suite == suite]
        programs = _ordered(setup.programs, (r.program for r in of_suite))
        for program in programs:
            part = [r for r in of_suite if r.program == program]
            suites.append(_group(suite, None, program, part))
        for name in sorted({name for r in of_suite for name in _names(r, by)}):
            for program in programs:
                part = [r for r in of_suite if r.program == program and name in _names(r, by)]
                if part:
                    groups.append(_group(suite, name, program, part))
    return Report(setup=setup, suites=tuple(suites), groups=tuple(groups))


def _names(record: Record, by: Grouping) -> tuple[str, ...]:
    return (record.family,) if by == "family" else record.tags


def _group(suite: str, name: str | None, program: str, records: Sequence[Record]) -> Group:
    return Group(suite=suite, group=name, program=program, measures=measure(records))


def _ordered(known: Iterable[str], present: Iterable[str]) -> list[str]:
    there = set(present)
    return [name for name in known if name in there] + sorted(there.difference(known))


def to_json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def markdown(report: Report) -> str:
    """The tables of a model card: accuracy per group, then each suite under each program."""
    parts = [heading(report.setup)]
    for suite in dict.fromkeys(group.suite for group in report.suites):
        groups = [g for g in report.groups if g.suite == suite and g.measures.inside]
        if len({g.group for g in groups}) > 1:
            wholes = [g for g in report.suites if g.suite == suite]
            parts.append(_accuracy_table(suite, groups, wholes))
    parts.append(_suite_table(report.suites))
    return "\n\n".join(parts) + "\n"


def heading(setup: Setup) -> str:
    """What was measured, in a sentence."""
    return (
        f"Measured by `smysl-eval` {setup.started[:10]}: model {setup.model}, engine "
        f"{setup.fingerprint[:12]} ({setup.backend}, {setup.precision}), smysl {setup.version}, "
        f"seed {setup.seed}, {setup.concurrency} questions at once."
    )


def _accuracy_table(suite: str, groups: Sequence[Group], wholes: Sequence[Group]) -> str:
    programs = [g.program for g in wholes]
    rows = []
    for name in dict.fromkeys(g.group for g in groups):
        of_name = {g.program: g.measures for g in groups if g.group == name}
        items = max(m.inside for m in of_name.values())
        shares = [percent(of_name[p].accuracy) if p in of_name else "" for p in programs]
        rows.append([str(name), f"{items:,}", *shares])
    total = max(g.measures.inside for g in wholes)
    means = [f"**{percent(g.measures.mean_accuracy)}**" for g in wholes]
    rows.append(["**mean of the families**", f"{total:,}", *means])
    return table([f"right in {suite}", "items", *programs], rows)


def _suite_table(suites: Sequence[Group]) -> str:
    rows = []
    for group in suites:
        m = group.measures
        rows.append(
            [
                group.suite,
                group.program,
                f"{m.items:,}",
                percent(m.accuracy),
                f"{m.verified:,}",
                _precision(m),
                percent(m.coverage),
                percent(m.wrong_verified),
                f"{m.outside_verified:,} of {m.outside:,}" if m.outside else "-",
                "-" if m.median_seconds is None else f"{1000 * m.median_seconds:,.0f} ms",
            ]
        )
    titles = [
        "suite",
        "program",
        "items",
        "right",
        "verified",
        "of these right",
        "coverage",
        "wrong and verified",
        "outside and verified",
        "median time",
    ]
    return table(titles, rows)


def _precision(m: Measures) -> str:
    return f"{percent(m.precision)} (>= {percent(m.precision_low)})" if m.verified else "-"


def percent(share: float | None) -> str:
    """`12.3 %`, or a dash for what was not measured."""
    return "-" if share is None else f"{100 * share:.1f} %"


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    # the first column and the program's name are words, everything else is figures
    rule = ["---" if title in (titles[0], "program") else "---:" for title in titles]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows))


def write_card(card: Path, tables: str) -> None:
    """Replace what stands between the markers of a model card. Raises `BadCard`."""
    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCard(f"cannot read {card}: {error}") from None
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise BadCard(
            f"{card} must hold the lines {BEGIN} and {END}, once each and in this order: "
            "the tables are written between them"
        )
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    partial = card.with_name(f"{card.name}.part")
    try:
        partial.write_text(f"{before}{BEGIN}\n{tables}{END}{after}", encoding="utf-8")
        os.replace(partial, card)
    except OSError as error:
        raise BadCard(f"cannot write {card}: {error.strerror}") from None
