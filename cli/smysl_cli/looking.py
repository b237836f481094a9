"""`smysl why` and `smysl search`: what a thought rests on, and where something was thought.

Knows replies and how they look; asks one question of the daemon each.
"""

import shutil
import sys
import textwrap
from typing import Annotated

import typer
from msgspec import UNSET

from smysl_cli import asking, output, recalled, tree
from smysl_cli import text as texts
from smysl_cli.deriving import thoughts
from smysl_cli.diagnostics import UsageError
from smysl_cli.options import Branch, Json, NodeId
from smysl_daemon import protocol
from smysl_daemon.protocol import HitList, WhyPart
from smysl_daemon.shapes import HitView, ReasonView


def why(node: NodeId, branch: Branch = None, json: Json = False) -> None:
    """What a node rests on, down to the question, in the words used."""
    with asking.daemon() as client:
        part = asking.expect(client.ask(protocol.Why(node=node, branch=branch)), WhyPart)
        reasons = list(part.reasons)
        while part.more:
            part = asking.expect(client.receive(), WhyPart)
            reasons += part.reasons
    if json:
        output.say_json({"session": part.session, "branch": part.branch, "reasons": reasons})
        return
    last = reasons[-1].node
    output.say(
        f"{last.kind} {last.id[: tree.SHORT_ID]} rests on {thoughts(len(reasons) - 1)} "
        f"(branch {part.branch} of session {part.session[: tree.SHORT_ID]})"
    )
    width = shutil.get_terminal_size().columns
    for reason in reasons:
        output.say("\n" + "\n".join(_reason(reason, width)))


def _reason(reason: ReasonView, width: int) -> list[str]:
    node = reason.node
    title = f"{node.kind} {node.id[: tree.SHORT_ID]}"
    remarks = [f"used as {', '.join(reason.roles)}"] if reason.roles else []
    remarks += [node.hold] if isinstance(node.hold, str) else []
    remarks += ["stale"] if node.stale is True else []
    remarks += [] if node.status == "done" else [node.status]
    lines = [f"{title}  {'; '.join(remarks)}".rstrip(), *_wrapped(node.text, width)]
    if node.pull is not UNSET:
        lines.append(
            f"  memory {node.pull.memory[: tree.SHORT_ID]}, strength {node.pull.strength:.2f}:"
        )
        lines += [f"    {line}" for line in recalled.reasons(node.pull, max(width - 4, 20))]
    for used in reason.used:
        lines += ["  what was used said otherwise:", *_wrapped(used, width)]
    if not reason.current and not reason.used:
        lines.append("  has changed since it was used")
    return lines


def _wrapped(said: str, width: int) -> list[str]:
    lines: list[str] = []
    for line in texts.printable(said).splitlines():
        lines += textwrap.wrap(line, max(width - 4, 20), break_on_hyphens=False) or [""]
    return [f"    {line}" for line in lines]


def search(
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="Words to look for.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    json: Json = False,
) -> None:
    """Find thoughts in all sessions. The last word may be a beginning."""
    words = " ".join(text)
    if not words.strip():
        raise UsageError("there is nothing to search for; give a word or its beginning")
    reply = asking.ask(protocol.Search(text=words, limit=limit), HitList)
    if json:
        output.say_json(reply.hits)
        return
    if not reply.hits:
        output.say(f"Nothing says {texts.one_line(words)!r}.")
        return
    width = min(shutil.get_terminal_size().columns, 200) if sys.stdout.isatty() else 80
    session = ""
    for hit in reply.hits:
        # hits of one session that follow each other share its title
        if hit.session != session:
            session = hit.session
            title = texts.fit(texts.one_line(hit.title), width - tree.SHORT_ID - 2)
            output.say(f"{session[: tree.SHORT_ID]}  {title}")
        output.say(_hit(hit, width))


def _hit(hit: HitView, width: int) -> str:
    label = f"  {hit.node[: tree.SHORT_ID]}  {hit.kind:<{tree.KIND_WIDTH}} "
    return label + texts.fit(texts.one_line(hit.snippet), width - len(label))
