"""`smysl explain`: what a program would do with a question, call by call, and what it came to.

Knows plans and how they look in columns; never how a plan is made.
"""

import math
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
import typer

from smysl_cli import asking, diagnostics, output
from smysl_cli import text as texts
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.exits import Exit
from smysl_cli.options import Adapter, Json, Option, Recall, Seed
from smysl_cli.question import (
    checked_recall,
    checked_seed,
    option_values,
    question_and_context,
    read_piped,
)
from smysl_daemon.client import Client
from smysl_daemon.errors import DaemonError, RequestRefused
from smysl_daemon.protocol import Explain, Explained
from smysl_daemon.shapes import PlannedStepView, PlanView, SpentView

CANCEL_LIMIT_S = 3.0
"""How long Ctrl-C waits for the daemon to confirm that the run stopped."""
NAME_WIDTH = 12
"""Columns that names have at least, however long the numbers are."""
WIDTHS = (80, 120)
"""Of the whole, at least and at most."""
COLUMNS = ("calls", "prompt", "shared", "generated", "ms")
Numbers = tuple[str, ...]
Marks = tuple[str, str, str, str]
_MARKS: dict[bool, Marks] = {
    True: ("├─ ", "└─ ", "│  ", "   "),
    False: ("|- ", "`- ", "|  ", "   "),
}


def explain(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="See `smysl programs list`.")],
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="The question. Standard input becomes its context."),
    ] = None,
    adapter: Adapter = None,
    option: Option = None,
    seed: Seed = 0,
    recall: Recall = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Run it too, anew, and compare with the estimates.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what a program would do with a question: steps, calls, tokens, time."""
    piped = None if sys.stdin is None or sys.stdin.isatty() else read_piped(sys.stdin.buffer)
    question, context = question_and_context(text or [], piped)
    request = Explain(
        question=question,
        program=program,
        context=context,
        seed=checked_seed(seed),
        options=option_values(option or []),
        adapter=adapter,
        recall=None if recall is None else checked_recall(recall),
        analyze=analyze,
    )
    with asking.daemon() as client:
        plan = _plan(client, request)
    if json:
        every = plan.most
        output.say_json(
            msgspec.to_builtins(plan)
            | {
                "prompt_tokens": every.prompt_tokens,
                "shared_tokens": every.shared_tokens,
                "calls": every.calls,
            }
        )
        return
    width = min(max(shutil.get_terminal_size().columns, WIDTHS[0]), WIDTHS[1])
    output.say("\n".join(drawn(plan, width, unicode=texts.unicode_lines(sys.stdout))))


def _plan(client: Client, request: Explain) -> PlanView:
    """The daemon's reply; Ctrl-C stops what is analysed before it ends this command."""
    try:
        if request.analyze and diagnostics.is_terminal():
            diagnostics.note(f"running {request.program}, making everything anew")
        return asking.expect(client.ask(request), Explained).plan
    except RequestRefused as error:
        if not str(error).startswith("there is no program"):
            raise
        # "explain why the sky is blue" begins with this command
        words = f"explain {request.program} {request.question}"
        raise UsageError(f"{error}; to ask it as a question: smysl ask {words!r}") from None
    except KeyboardInterrupt:
        try:
            client.cancel(timeout_s=CANCEL_LIMIT_S)
            client.receive()
        except (KeyboardInterrupt, DaemonError, OSError):
            pass  # the error that says so, as a rule
        raise CommandFailed("interrupted", Exit.INTERRUPTED) from None


# ------------------------------------------------------------ drawing


class _Row(msgspec.Struct, frozen=True):
    """A line with numbers, and the lines of words below it."""

    gutter: str
    name: str
    numbers: Numbers
    below: tuple[str, ...] = ()
    rest: str = ""
    """The gutter of the lines below."""


def drawn(plan: PlanView, width: int, *, unicode: bool) -> list[str]:
    """The plan for people: header, steps by wave, totals, and what the compiler did."""
    marks = _MARKS[unicode]
    analysed = plan.actual is not None
    rows = [*_steps(plan, marks), *_totals(plan)]
    return [
        *_header(plan, width),
        "",
        *_table(rows, analysed=analysed, width=width),
        "",
        *_findings(plan, width),
        "",
        *_passes(plan, width),
    ]


def _header(plan: PlanView, width: int) -> list[str]:
    said = (
        f"program {plan.program}, model {plan.model}, {plan.dialect} dialect, "
        f"question of {plan.question_tokens} tokens"
    )
    return textwrap.wrap(texts.one_line(said), width, break_on_hyphens=False)


def _steps(plan: PlanView, marks: Marks) -> Iterator[_Row]:
    analysed = plan.actual is not None
    sums = {wave.number: wave.estimate for wave in plan.waves}
    for number in sorted({step.wave for step in plan.steps}):
        steps = [step for step in plan.steps if step.wave == number]
        actual = _together(steps) if analysed else None
        title = f"wave {number}" if number in sums else "without calls"
        yield _Row("", title, _numbers(sums.get(number), actual, analysed=analysed))
        for place, step in enumerate(steps, 1):
            last = place == len(steps)
            yield _Row(
                marks[1] if last else marks[0],
                texts.one_line(step.name),
                _step_numbers(step, analysed=analysed),
                tuple(_words(step)),
                marks[3] if last else marks[2],
            )


def _together(steps: Sequence[PlannedStepView]) -> SpentView | None:
    """What steps that run side by side came to; None where all were passed over."""
    spent = [step.actual for step in steps if step.ran and step.actual is not None]
    if not spent:
        return None
    return SpentView(
        calls=sum(one.calls for one in spent),
        prompt_tokens=sum(one.prompt_tokens for one in spent),
        shared_tokens=sum(one.shared_tokens for one in spent),
        generated_tokens=sum(one.generated_tokens for one in spent),
        seconds=max((one.seconds for one in spent), default=0.0),
    )


def _step_numbers(step: PlannedStepView, *, analysed: bool) -> Numbers:
    estimate = step.estimate if step.estimate.calls else None
    actual = step.actual if step.ran and step.actual and step.actual.calls else None
    return _numbers(estimate, actual, analysed=analysed)


def _words(step: PlannedStepView) -> Iterator[str]:
    """What a step is and what it waits for, in parts that a line may end between."""
    times = ""
    if step.branches is not None:
        most = "at most " * step.decided
        times = f" in {most}{step.branches} branch{'es' * (step.branches != 1)}"
    elif step.foreach is not None:
        times = f" for each of {step.foreach}"
    yield step.module + times
    if step.ran is False:
        yield "passed over"
    elif not step.certain and step.ran is None:
        yield "may be passed over"
    if step.when:
        yield f"when {' and '.join(step.when)}"
    if step.adapter is not None:
        yield f"adapter {step.adapter}"
    if step.budget is not None:
        yield f"budget {step.budget}"
    if step.waits_for:
        yield f"waits for {', '.join(step.waits_for)}"


def _totals(plan: PlanView) -> list[_Row]:
    analysed = plan.actual is not None
    every = _Row("", "all steps", _numbers(plan.most, plan.actual, analysed=analysed))
    if all(step.certain for step in plan.steps):
        return [every]
    return [_Row("", "certain steps", _numbers(plan.certain, None, analysed=analysed)), every]


def _numbers(estimate: SpentView | None, actual: SpentView | None, *, analysed: bool) -> Numbers:
    """One cell per column; of an analysis two, the estimate and what it came to."""
    if not analysed:
        return _cells(estimate)
    pairs = zip(_cells(estimate), _cells(actual), strict=True)
    return tuple(cell for pair in pairs for cell in pair)


def _cells(spent: SpentView | None) -> Numbers:
    if spent is None:
        return ("-",) * len(COLUMNS)
    return (
        _short(spent.calls),
        _short(spent.prompt_tokens),
        _short(spent.shared_tokens),
        _short(spent.generated_tokens),
        _milliseconds(spent.seconds),
    )


def _short(count: int) -> str:
    """In five letters at most, so that the table keeps its width."""
    if count < 100_000:
        return str(count)
    return f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1e6:.3g}M"


def _milliseconds(seconds: float) -> str:
    """To the millisecond; a short time to a tenth of it. Where nothing is known, a dash."""
    if not seconds or not math.isfinite(seconds):
        return "-"
    if seconds >= 100:
        return f"{seconds:.0f} s"
    return f"{seconds * 1000:.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


def _table(rows: Sequence[_Row], *, analysed: bool, width: int) -> list[str]:
    titles = [("est", "act") if analysed else (title,) for title in COLUMNS]
    every = [title for pair in titles for title in pair]
    widths = [
        max(len(title), *(len(row.numbers[i]) for row in rows)) for i, title in enumerate(every)
    ]
    if analysed:
        # a pair is as wide as the word above it
        for i, title in enumerate(COLUMNS):
            widths[2 * i] += max(0, len(title) - widths[2 * i] - widths[2 * i + 1] - 1)
    gaps = [" " if analysed and i % 2 else "  " for i in range(len(widths))]
    room = sum(widths) + sum(map(len, gaps))
    wanted = max(texts.cells(row.gutter + row.name) for row in rows)
    names = max(min(wanted, width - room), NAME_WIDTH)
    lines = [_titles(names, widths, gaps), _line("", every, names, widths, gaps)]
    if not analysed:
        lines = lines[:1]
    for row in rows:
        name = row.gutter + texts.fit(row.name, names - len(row.gutter))
        lines.append(_line(name, row.numbers, names, widths, gaps))
        lines += [row.rest + "  " + line for line in _wrapped(row.below, width - len(row.rest) - 2)]
    return lines


def _titles(names: int, widths: Sequence[int], gaps: Sequence[str]) -> str:
    if len(widths) == len(COLUMNS):
        return _line("", COLUMNS, names, widths, gaps)
    pairs = [widths[i] + 1 + widths[i + 1] for i in range(0, len(widths), 2)]
    return _line("", COLUMNS, names, pairs, gaps[::2])


def _line(
    name: str, cells: Sequence[str], names: int, widths: Sequence[int], gaps: Sequence[str]
) -> str:
    padded = name + " " * (names - texts.cells(name))
    for cell, width, gap in zip(cells, widths, gaps, strict=True):
        padded += f"{gap}{cell:>{width}}"
    return padded.rstrip()


def _wrapped(parts: Sequence[str], width: int) -> list[str]:
    """Parts with `; ` between them; a line ends between two where it can."""
    lines: list[str] = []
    for part in map(texts.one_line, parts):
        joined = f"{lines[-1]}; {part}" if lines else part
        if lines and texts.cells(joined) <= width:
            lines[-1] = joined
        else:
            lines += textwrap.wrap(part, width, break_on_hyphens=False)
    return lines


def _findings(plan: PlanView, width: int) -> list[str]:
    estimated = f"{_percent(plan.most)} of the prompt tokens estimated"
    shared = f"shared    {estimated}"
    if plan.actual is not None:
        shared += f", {_percent(plan.actual)} in the run"
    lines = [shared]
    if plan.actual is not None:
        said = texts.one_line(plan.answer) if plan.answer is not None else "none"
        lines.append(f"answer    {said} ({plan.verdict})")
        lines.append(f"session   {plan.session}")
    lines.append(
        "estimates from earlier runs on this engine"
        if plan.measured
        else "estimates the modules' own: these steps have not run on this engine yet"
    )
    if decided := [step.name for step in plan.steps if step.decided]:
        names = texts.one_line(", ".join(decided))
        lines.append(f"at most   what is estimated of {names}: once decided, no more run")
    return [texts.fit(line, width) for line in lines]


def _percent(spent: SpentView) -> str:
    if not spent.prompt_tokens:
        return "0 %"
    return f"{100 * spent.shared_tokens / spent.prompt_tokens:.0f} %"


def _passes(plan: PlanView, width: int) -> list[str]:
    names = max((len(one.name) for one in plan.passes), default=0)
    lines = [f"{'pass':<{names}}  {'ms':>7}"]
    for one in plan.passes:
        said = f"{one.name:<{names}}  {one.milliseconds:>7.2f}  {texts.one_line(one.result)}"
        lines.append(texts.fit(said, width))
    return lines
