"""`smysl-eval`: ask suites, report, compare, gate. The one place where an end becomes an exit code.

Results go to stdout, progress and complaints to stderr.
"""

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from smysl_daemon.errors import DaemonError
from smysl_evals import calibrate as calibrating
from smysl_evals import compare as comparing
from smysl_evals import gates as gating
from smysl_evals import programs as comparison
from smysl_evals.asking import Asker
from smysl_evals.daemon import Daemon, known_programs, own_daemon, running_daemon
from smysl_evals.errors import DaemonGone, EvalError
from smysl_evals.exits import Exit
from smysl_evals.progress import Progress
from smysl_evals.records import ResultFolder, Setup, read_results, read_setup
from smysl_evals.report import Grouping, make_report, markdown, to_json, write_card
from smysl_evals.runner import ask_all, questions, unanswered
from smysl_evals.suites import load_suites

app = typer.Typer(
    name="smysl-eval",
    help="Measure the running daemon on suites of questions with known answers.",
    epilog="Exit codes: 0 ok, 1 error, 2 usage, 5 gate failed, 69 daemon unreachable, "
    "130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Results = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `run` wrote.")]


@app.command()
def run(
    suites: Annotated[
        list[str],
        typer.Argument(
            metavar="SUITE...",
            help="A .jsonl file, a folder of them, or newcomer, numbers, outside.",
        ),
    ],
    program: Annotated[
        str, typer.Option("-p", "--program", help="Programs to ask, separated by commas.")
    ] = "direct,solve",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results; asking again into it continues."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Ask only the first N items of each family.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("-j", "--concurrency", min=1, max=32, help="Questions asked at once.")
    ] = 8,
    seed: Annotated[int, typer.Option(help="Seed of sampling programs.")] = 0,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="Seconds a question may take in the daemon.")
    ] = 60.0,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Reuse nothing of other runs, so that costs are whole."),
    ] = False,
    own: Annotated[
        bool,
        typer.Option("--own-daemon", help="Measure a daemon with an empty journal, then stop it."),
    ] = False,
    json: Json = False,
) -> None:
    """Ask every item of the suites and print the report. A killed run continues where it was."""
    loaded = load_suites(suites, limit=limit)
    programs = tuple(dict.fromkeys(name.strip() for name in program.split(",") if name.strip()))
    if not programs:
        raise typer.BadParameter("name at least one program", param_hint="--program")
    folder = out or Path("eval-results") / _now().strftime("%Y%m%d-%H%M%S")
    with _daemon(own=own) as daemon:
        known_programs(daemon, programs)
        status = daemon.status
        setup = Setup(
            version=status.version,
            model=status.model,
            fingerprint=status.fingerprint,
            backend=status.backend,
            precision=status.precision,
            seed=seed,
            started=_now().isoformat(timespec="seconds"),
            concurrency=concurrency,
            suites=tuple(suite.name for suite in loaded),
            programs=programs,
        )
        with ResultFolder(folder, setup) as results:
            asked = questions(loaded, programs)
            todo = unanswered(asked, results.done)
            _say(f"{len(todo):,} of {len(asked):,} questions to ask; results in {folder}")
            askers = [
                Asker(daemon.open, seed=seed, timeout_s=timeout, fresh=fresh)
                for _ in range(min(concurrency, len(todo)))
            ]
            progress = Progress(len(todo), sys.stderr)
            try:
                for record in ask_all(todo, askers):
                    results.add(record)
                    progress.add(right=record.right, error=bool(record.error))
            except KeyboardInterrupt:
                _say(f"\nstopped; --out {folder} continues it")
                raise
            finally:
                progress.close()
    report = make_report(folder)
    _print(to_json(report) if json else markdown(report))


@app.command()
def report(
    results: Results,
    by: Annotated[
        Grouping, typer.Option(help="Group the items by family, or by each tag.")
    ] = "family",
    card: Annotated[
        Path | None,
        typer.Option(help="Also write the tables between the markers of this model card."),
    ] = None,
    json: Json = False,
) -> None:
    """Print the tables of a results folder."""
    made = make_report(results, by=by)
    if card is not None:
        write_card(card, markdown(made))
    _print(to_json(made) if json else markdown(made))


@app.command()
def programs(
    results: Results,
    page: Annotated[
        Path | None, typer.Option(help="Also write the tables between the markers of this page.")
    ] = None,
) -> None:
    """Compare the programs of a results folder: right, tokens, calls, seconds, and what a confidence is worth."""
    setup = read_setup(results)
    if setup is None:
        raise EvalError(f"{results} has no run.json; `smysl-eval run --out` writes such a folder")
    made = comparison.page(setup, read_results(results))
    if page is not None:
        write_card(page, made)
    _print(made)


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="A results folder or file.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    json: Json = False,
) -> None:
    """Show what became right and wrong from A to B, on the items both have."""
    changes = comparing.compare(read_results(before), read_results(after))
    if not changes:
        raise EvalError(f"{before} and {after} have no question in common under the same program")
    _print(_json(changes) if json else comparing.table(changes))


@app.command()
def calibrate(
    results: Results,
    precision: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Wanted share of right among verified.")
    ] = 0.97,
    write: Annotated[
        Path | None, typer.Option(help="Also put the thresholds into this dialect.json.")
    ] = None,
) -> None:
    """Choose the thresholds behind "verified" on results of `solve`; prints them as JSON. With results of `direct` and
    `chain` beside them, what a confidence is worth is written too."""
    records = [r for r in read_results(results) if not r.error]
    chosen = calibrating.calibrate([r for r in records if r.program == "solve"], precision)
    if write is not None:
        calibrating.write(write, chosen, calibrating.confidences(records))
    _print(_json(chosen))


@app.command()
def gate(
    results: Results,
    gates: Annotated[Path, typer.Option("--gates", help="Thresholds (TOML).")],
    json: Json = False,
) -> None:
    """Hold results against thresholds; exit code 5 when one is missed."""
    outcomes = gating.judge(gating.load_gates(gates), read_results(results))
    _print(_json(outcomes) if json else gating.table(outcomes))
    missed = sum(not outcome.passed for outcome in outcomes)
    if missed:
        _say(f"{missed} of {len(outcomes)} gates missed")
        raise typer.Exit(Exit.GATE_FAILED)


@contextlib.contextmanager
def _daemon(*, own: bool) -> Iterator[Daemon]:
    if own:
        with own_daemon(_say) as daemon:
            yield daemon
    else:
        yield running_daemon(_say)


def _now() -> datetime:
    return datetime.now(UTC)


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _print(text: str) -> None:
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> NoReturn:
    """The `smysl-eval` program."""
    try:
        app(prog_name="smysl-eval")
    except DaemonGone as error:
        _say(f"smysl-eval: {error}. What was answered is kept: the same --out continues.")
        sys.exit(Exit.UNREACHABLE)
    except EvalError as error:
        _say(f"smysl-eval: {error}")
        sys.exit(Exit.ERROR)
    except DaemonError as error:
        _say(f"smysl-eval: {error}")
        sys.exit(Exit.UNREACHABLE)
    sys.exit(Exit.OK)


if __name__ == "__main__":
    main()
