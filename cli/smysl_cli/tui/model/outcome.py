"""Sentences about what was done, what it touches and what it costs.

Pure: replies in, one or a few lines out.
"""

from collections.abc import Iterable

from smysl_cli.text import fit, one_line, thoughts
from smysl_cli.tree import SHORT_ID, summary
from smysl_daemon.protocol import Changed, Previewed, RunEnded
from smysl_daemon.shapes import NodeView, SessionView

LISTED = 8


def cost(found: Previewed) -> str:
    """What a derivation would take, in a line."""
    wanted = dict.fromkeys([*found.stale, *found.reused])
    if not wanted:
        return f"nothing to derive: {thoughts(found.kept)} stay as they are"
    new = len(wanted) - len(found.reused)
    return (
        f"{thoughts(len(wanted))} to derive: {new} to compute, {len(found.reused)} from the cache; "
        f"about {found.expected_tokens} tokens in {found.calls} calls, "
        f"{found.expected_seconds:.1f} s"
    )


def listing(found: Previewed, nodes: Iterable[NodeView], width: int) -> list[str]:
    """The nodes that a derivation would make, a line each, the first few."""
    reused = set(found.reused)
    known = {node.id: node for node in nodes}
    wanted = [known[id] for id in dict.fromkeys([*found.stale, *found.reused]) if id in known]
    lines = [
        fit(
            f"{'reuse' if node.id in reused else 'compute':<8}{node.kind:<10}{summary(node)}", width
        )
        for node in wanted[:LISTED]
    ]
    if len(wanted) > LISTED:
        lines.append(f"and {len(wanted) - LISTED} more")
    return lines


def changed(what: Changed) -> str:
    stale = len(what.stale)
    after = "nothing is stale" if not stale else f"{thoughts(stale)} stale: r derives them"
    return f"{fit(one_line(what.label), 60)}; {after}"


def ended(end: RunEnded) -> str:
    """How a run went, in a line."""
    if end.outcome != "done":
        return end.message or end.outcome
    verdict = verdict_words(end.verdict)
    said = f"{end.answer}: {verdict}" if end.answer is not None else verdict
    return f"{said}; {end.message}" if end.message else said


def verdict_words(verdict: str | None) -> str:
    return {
        "verified": "verified",
        "unverified": "not verified",
        "failed": "not confident",
        "budget": "the budget is spent",
        None: "not finished",
    }.get(verdict, str(verdict))


def heading(view: SessionView | None) -> str:
    """A session in a line."""
    if view is None:
        return "a new session"
    return f"{view.id[:SHORT_ID]} {one_line(view.title)}"
