"""Commands about branches: fork, list, switch, compare.

Knows requests and how replies look; never how branches are kept.
"""

import shutil
from collections.abc import Iterable
from typing import Annotated

import typer

from smysl_cli import asking, output, tree
from smysl_cli import text as texts
from smysl_cli.deriving import thoughts
from smysl_cli.options import Branch, Json, NodeId, SessionId, SessionOption
from smysl_daemon import protocol
from smysl_daemon.client import Client
from smysl_daemon.protocol import BranchChosen, BranchList, DiffPart, ListBranches, TextDiff
from smysl_daemon.shapes import BranchView, DifferenceView, NodeView

BranchName = Annotated[str, typer.Argument(metavar="NAME", help="As in `smysl branches`.")]


def fork(
    node: NodeId,
    name: Annotated[
        str,
        typer.Option("--name", "-n", metavar="N", help="Small letters, digits and . _ - for it."),
    ],
    branch: Branch = None,
    json: Json = False,
) -> None:
    """Begin a branch at a node, and work on it from now on."""
    reply = asking.ask(protocol.Fork(node=node, name=name, branch=branch), BranchChosen)
    _say_chosen(reply.branch, json)


def switch(name: BranchName, session: SessionId = "@last", json: Json = False) -> None:
    """Work on another branch of a session from now on."""
    reply = asking.ask(protocol.Switch(name=name, session=session), BranchChosen)
    _say_chosen(reply.branch, json)


def _say_chosen(branch: BranchView, json: bool) -> None:
    if json:
        output.say_json(branch)
        return
    at = f", forked at {branch.at[: tree.SHORT_ID]}" if branch.at else ""
    output.say(
        f"branch {branch.name} of session {branch.session[: tree.SHORT_ID]} is the current one: "
        f"{thoughts(branch.nodes)}, {branch.stale} stale{at}"
    )


def branches(session: SessionId = "@last", json: Json = False) -> None:
    """The branches of a session."""
    reply = asking.ask(ListBranches(session=session), BranchList)
    if json:
        output.say_json(reply.branches)
        return
    rows = [
        (
            "*" if one.current else "",
            one.name,
            str(one.nodes),
            str(one.stale),
            one.at[: tree.SHORT_ID] if one.at else "-",
            texts.fit(texts.one_line(one.last), 30) or "-",
        )
        for one in reply.branches
    ]
    titles = ("", "NAME", "NODES", "STALE", "FORKED AT", "LAST CHANGE")
    output.say_table(titles, rows, empty="The session has no branch.")


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A branch of the session, or a node.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    session: SessionOption = "@last",
    json: Json = False,
) -> None:
    """Compare two branches, or the texts of two nodes."""
    with asking.daemon() as client:
        reply = client.ask(protocol.Diff(a=a, b=b, session=session))
        if isinstance(reply, TextDiff):
            _say_text_diff(reply, json)
            return
        first = asking.expect(reply, DiffPart)
        found = _differences(client, first)
    if json:
        output.say_json({"session": first.session, "a": a, "b": b, "differences": found})
        return
    if not found:
        output.say(f"{a} and {b} show the same")
        return
    output.say(f"{a} -> {b}: {thoughts(len(found))} differ{'s' * (len(found) == 1)}")
    for one in found:
        output.say("\n".join(_difference(one, a, b)))


def _differences(client: Client, part: DiffPart) -> list[DifferenceView]:
    found = list(part.differences)
    while part.more:
        part = asking.expect(client.receive(), DiffPart)
        found += part.differences
    return found


def _difference(one: DifferenceView, a: str, b: str) -> Iterable[str]:
    what = {"only a": f"only in {a}", "only b": f"only in {b}"}.get(one.what, one.what)
    lines = [f"{one.kind} {one.node[: tree.SHORT_ID]}: {what}"]
    if one.what == "hold":
        return [f"{lines[0][:-4]}{_held(one.a)} in {a}, {_held(one.b)} in {b}"]
    width = shutil.get_terminal_size().columns - 4
    if one.a is not None:
        lines.append(f"  - {_said(one.a, width)}")
    if one.b is not None:
        lines.append(f"  + {_said(one.b, width)}")
    return lines


def _held(node: NodeView | None) -> str:
    return node.hold if node is not None and isinstance(node.hold, str) else "not held"


def _said(node: NodeView, width: int) -> str:
    status = "" if node.status == "done" else f"({node.status}) "
    return texts.fit(status + tree.summary(node), width)


def _say_text_diff(found: TextDiff, json: bool) -> None:
    if json:
        output.say_json({"a": found.a, "b": found.b, "words": found.words})
        return
    output.say(f"- {found.a.kind} {found.a.id}\n+ {found.b.kind} {found.b.id}\n")
    marks = {"=": ("", ""), "-": ("[-", "-]"), "+": ("{+", "+}")}
    output.say("".join(f"{marks[op][0]}{words}{marks[op][1]}" for op, words in found.words))
