"""`smysl derive`, and the control of runs: making anew what is stale, seeing its cost before, stopping.

Knows requests and replies; never what makes a node stale.
"""

import shutil
import sys
from collections.abc import Sequence

import typer

from smysl_cli import asking, diagnostics, output, text, tree
from smysl_cli import following as run
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.following import Manner
from smysl_cli.options import (
    Branch,
    BudgetCalls,
    BudgetSeconds,
    BudgetTokens,
    Json,
    Preview,
    Quiet,
    RunJson,
    SessionId,
    Stream,
    Usage,
    Verbose,
)
from smysl_cli.text import thoughts as thoughts
from smysl_daemon import protocol
from smysl_daemon.client import Client
from smysl_daemon.errors import Code, RequestRefused
from smysl_daemon.memory_protocol import StaleSession
from smysl_daemon.protocol import Action, Control, Controlled, Derive, Previewed, RunEnded
from smysl_daemon.shapes import AskResult, NodeView

LISTED = 12
"""Most nodes or sessions named after a change; `smysl show` and `--json` have them all."""


def derive(
    session: SessionId = "@last",
    preview: Preview = False,
    branch: Branch = None,
    budget_tokens: BudgetTokens = None,
    budget_calls: BudgetCalls = None,
    budget_seconds: BudgetSeconds = None,
    stream: Stream = None,
    json: RunJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Make anew what is stale, and nothing else. The answer alone goes to standard output."""
    if quiet and verbose:
        raise UsageError("-q and -v contradict each other; choose one")
    with asking.daemon() as client:
        if preview:
            say_preview(client, protocol.Preview(session=session, branch=branch), json=json)
            return
        request = Derive(
            session=session,
            branch=branch,
            budget_tokens=budget_tokens,
            budget_calls=budget_calls,
            budget_seconds=budget_seconds,
        )
        manner = Manner(stream=stream, json=json, quiet=quiet, verbose=verbose, usage=usage)
        raise derived(client, request, manner)


def derived(client: Client, request: Derive, manner: Manner) -> typer.Exit:
    """Derive and show it; where nothing is stale, the answer that stands."""
    try:
        return typer.Exit(run.follow(client, request, manner))
    except RequestRefused as error:
        if error.code is not Code.NOTHING_TO_DO:
            raise
        return _standing(client, request, manner, str(error))


def _standing(client: Client, request: Derive, manner: Manner, reason: str) -> typer.Exit:
    status = asking.expect(client.ask(protocol.GetStatus()), protocol.DaemonStatus)
    session, nodes = asking.session(client, request.session, request.branch)
    match session.verdict:
        case "verified" | "unverified" | "failed" | "budget" as verdict:
            pass
        case _:
            raise CommandFailed(f"{reason}; no run of this session has ended with an answer")
    end = RunEnded(
        session=session.id,
        outcome="done",
        answer=session.answer,
        verdict=verdict,
        confidence=_confidence(nodes),
        message=session.message,
    )
    if not (manner.quiet or manner.json):
        diagnostics.note(f"{reason}; this answer stands")
    result = AskResult(
        session=end.session,
        answer=end.answer,
        verdict=end.verdict,
        confidence=end.confidence,
        program=session.program,
        model=status.model,
        nodes=nodes,
        usage=end.usage,
        seconds=0.0,
    )
    return run.conclude(end, result, manner)


def _confidence(nodes: tuple[NodeView, ...]) -> float | None:
    answers = [node for node in nodes if node.kind == "answer"]
    return answers[-1].stats.confidence if answers else None


def say_preview(client: Client, request: protocol.Preview, *, json: bool) -> None:
    """What a derivation would run, and its cost."""
    found = asking.expect(client.ask(request), Previewed)
    if json:
        output.say_json(
            {
                "stale": found.stale,
                "reused": found.reused,
                "calls": found.calls,
                "expected_tokens": found.expected_tokens,
                "expected_seconds": found.expected_seconds,
            }
        )
        return
    wanted = dict.fromkeys([*found.stale, *found.reused])
    if not wanted:
        output.say(f"nothing is stale: {thoughts(found.kept)} as they should be")
        return
    _, nodes = asking.session(client, found.session, found.branch)
    new = len(wanted) - len(found.reused)
    output.say(
        f"{thoughts(len(wanted))} to derive: {new} to compute, {len(found.reused)} from the "
        f"cache; {found.kept} stay as they are\n"
        f"about {found.expected_tokens} tokens in {found.calls} calls, "
        f"{found.expected_seconds:.1f} s"
    )
    say_nodes([node for node in nodes if node.id in wanted], cached=frozenset(found.reused))


def say_nodes(nodes: list[NodeView], *, cached: frozenset[str] | None = None) -> None:
    """A line per node, the first few; with `cached`, whether each is computed or reused."""
    indent = 2 if cached is None else 11
    style = tree.Style(
        width=shutil.get_terminal_size().columns - indent,
        ids=True,
        unicode=text.unicode_lines(sys.stdout),
    )
    shown = nodes[:LISTED]
    for node, line in zip(shown, tree.listed(shown, style), strict=True):
        if cached is None:
            output.say(f"  {line}")
        else:
            output.say(f"  {'reuse' if node.id in cached else 'compute':<9}{line}")
    if len(nodes) > LISTED:
        output.say(f"  and {len(nodes) - LISTED} more; `smysl show` marks them")


def say_elsewhere(stale: Sequence[StaleSession]) -> None:
    """Which sessions rest on a memory that has changed, and how each is made anew."""
    if not stale:
        output.say("nothing is stale")
        return
    width = shutil.get_terminal_size().columns
    for one in stale[:LISTED]:
        said = f"{thoughts(one.stale)} {'is' if one.stale == 1 else 'are'} stale"
        title = text.one_line(one.title)
        output.say(text.fit(f"{said} in {one.session[: tree.SHORT_ID]}: {title}", width))
    if (more := len(stale) - LISTED) > 0:
        output.say(f"and {more} session{'s' * (more > 1)} more")
    if len(stale) > 1:
        diagnostics.note("`smysl derive SESSION` derives one, a question at a time")
    else:
        diagnostics.note(
            f"`smysl derive {stale[0].session[: tree.SHORT_ID]}` derives them, a question at a time"
        )


_DONE: dict[Action, str] = {
    "pause": "paused; `smysl resume` goes on",
    "resume": "goes on",
    "cancel": "cancelled; its finished thoughts stay",
    "finish": "answers with what it has",
}


def _control(action: Action, session: str, json: bool) -> None:
    reply = asking.ask(Control(action=action, session=session), Controlled)
    if json:
        output.say_json({"session": reply.session, "action": reply.action})
    else:
        output.say(f"session {reply.session[: tree.SHORT_ID]} {_DONE[action]}")


def pause(session: SessionId = "@last", json: Json = False) -> None:
    """Hold what runs in a session; no thought begins until `resume`."""
    _control("pause", session, json)


def resume(session: SessionId = "@last", json: Json = False) -> None:
    """Go on with what was paused."""
    _control("resume", session, json)


def cancel(session: SessionId = "@last", json: Json = False) -> None:
    """Stop what runs in a session; finished thoughts stay."""
    _control("cancel", session, json)


def finish(session: SessionId = "@last", json: Json = False) -> None:
    """Stop thinking, answer now: the run ends with what is there."""
    _control("finish", session, json)
