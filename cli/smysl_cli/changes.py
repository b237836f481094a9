"""Commands that change what a branch shows: edit, inject, delete, pin, retry, merge, undo, redo.

Knows requests and how their outcome is told; never what becomes stale or why.
"""

import os
from typing import Annotated

import typer

from smysl_cli import asking, deriving, diagnostics, output, tree, wording
from smysl_cli import text as texts
from smysl_cli.diagnostics import UsageError
from smysl_cli.following import Manner
from smysl_cli.options import (
    Adapter,
    Branch,
    DeriveAfter,
    Json,
    NodeId,
    Preview,
    Quiet,
    SessionId,
    Usage,
    Verbose,
)
from smysl_cli.question import checked_seed
from smysl_daemon import protocol
from smysl_daemon.client import Client
from smysl_daemon.protocol import Changed, ChangeRequest, Derive, NodeShown, Show

SEED_BYTES = 4


def edit(
    node: NodeId,
    text: Annotated[
        str | None,
        typer.Option("--text", "-t", metavar="T", help="Instead of standard input or $EDITOR."),
    ] = None,
    preview: Preview = False,
    derive: DeriveAfter = False,
    branch: Branch = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Say something else in a node's place. What rests on it becomes stale."""
    manner = Manner(json=json, quiet=quiet, verbose=verbose, usage=usage)
    with asking.daemon() as client:
        said = wording.given(text)
        if said is None:
            shown = asking.expect(client.ask(Show(id=node, branch=branch)), NodeShown)
            said = wording.checked(wording.edited(shown.node.text), "as the editor left it")
            if said == shown.node.text.strip():
                diagnostics.note("the text is as it was; nothing changed")
                return
        request = protocol.Edit(node=node, text=said, branch=branch)
        if preview:
            deriving.say_preview(client, protocol.Preview(branch=branch, edit=request), json=json)
            return
        after = _After(client, branch, derive, manner)
        after.change(request, "edited {node}")


def inject(
    node: NodeId,
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="The note; without it, standard input or $EDITOR."),
    ] = None,
    derive: DeriveAfter = False,
    branch: Branch = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Put a note at a node. Everything derived from the node sees it."""
    said = wording.given(" ".join(text) if text else None, "TEXT")
    if said is None:
        said = wording.checked(wording.edited("", "TEXT"), "as the editor left it")
    request = protocol.Inject(node=node, text=said, branch=branch)
    manner = Manner(json=json, quiet=quiet, verbose=verbose, usage=usage)
    with asking.daemon() as client:
        after = _After(client, branch, derive, manner)
        after.change(request, f"note {{node}} is put at {node}")


def delete(
    node: NodeId,
    derive: DeriveAfter = False,
    branch: Branch = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Take a node out of the branch. `smysl undo` brings it back."""
    manner = Manner(json=json, quiet=quiet, verbose=verbose, usage=usage)
    with asking.daemon() as client:
        after = _After(client, branch, derive, manner)
        after.change(protocol.Delete(node=node, branch=branch), "deleted {node}")


def pin(node: NodeId, branch: Branch = None, json: Json = False, quiet: Quiet = False) -> None:
    """Hold a node as it is: it is not derived again."""
    with asking.daemon() as client:
        after = _After(client, branch, False, Manner(json=json, quiet=quiet))
        after.change(protocol.Pin(node=node, on=True, branch=branch), "pinned {node}")


def unpin(
    node: NodeId,
    derive: DeriveAfter = False,
    branch: Branch = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Let a pinned, edited or taken node be derived again."""
    manner = Manner(json=json, quiet=quiet, verbose=verbose, usage=usage)
    with asking.daemon() as client:
        after = _After(client, branch, derive, manner)
        after.change(protocol.Pin(node=node, on=False, branch=branch), "unpinned {node}")


def retry(
    node: NodeId,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="A new one is chosen by default.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="T", min=0.0, max=2.0, help="0 to 2.")
    ] = None,
    program: Annotated[
        str | None,
        typer.Option("--program", "-p", help="Reason about its question with this program."),
    ] = None,
    adapter: Adapter = None,
    derive: DeriveAfter = True,
    branch: Branch = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Make a node once more in another way. What rests on it is derived, too."""
    manner = Manner(json=json, quiet=quiet, verbose=verbose, usage=usage)
    with asking.daemon() as client:
        if program is not None:
            if temperature is not None or adapter is not None:
                raise UsageError("-p reasons anew by its own settings; leave out the others")
            seed = None if seed is None else checked_seed(seed)
            request = Derive(session=node, node=node, program=program, seed=seed, branch=branch)
            raise deriving.derived(client, request, manner)
        if (seed, temperature, adapter) == (None, None, None):
            seed = int.from_bytes(os.urandom(SEED_BYTES), "big")
        again = protocol.Retry(
            node=node,
            seed=None if seed is None else checked_seed(seed),
            temperature=temperature,
            adapter=adapter,
            branch=branch,
        )
        after = _After(client, branch, derive, manner)
        after.change(again, "{node} is made again" + f" with seed {seed}" * (seed is not None))


def merge(
    node: NodeId,
    source: Annotated[
        str, typer.Option("--from", metavar="BRANCH", help="The branch to take it from.")
    ],
    derive: DeriveAfter = False,
    branch: Branch = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Take a node as another branch shows it."""
    manner = Manner(json=json, quiet=quiet, verbose=verbose, usage=usage)
    with asking.daemon() as client:
        after = _After(client, branch, derive, manner)
        request = protocol.Merge(node=node, source=source, branch=branch)
        after.change(request, f"took {{node}} from branch {source}")


def undo(
    session: SessionId = "@last", branch: Branch = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Take back the last change of a branch, or the last run."""
    with asking.daemon() as client:
        after = _After(client, branch, False, Manner(json=json, quiet=quiet))
        after.change(protocol.Undo(session=session, branch=branch), "undone: {label}")


def redo(
    session: SessionId = "@last", branch: Branch = None, json: Json = False, quiet: Quiet = False
) -> None:
    """Do again what was undone last."""
    with asking.daemon() as client:
        after = _After(client, branch, False, Manner(json=json, quiet=quiet))
        after.change(protocol.Redo(session=session, branch=branch), "done again: {label}")


class _After:
    """Makes a change and tells what became of it, or goes on to derive."""

    def __init__(self, client: Client, branch: str | None, derive: bool, manner: Manner) -> None:
        if manner.quiet and manner.verbose:
            raise UsageError("-q and -v contradict each other; choose one")
        self._client = client
        self._branch = branch
        self._derive = derive
        self._manner = manner

    def change(self, request: ChangeRequest, told: str) -> None:
        """`told` says what was done; `{node}` and `{label}` stand for the reply's."""
        changed = asking.expect(self._client.ask(request), Changed)
        short = changed.node[: tree.SHORT_ID]
        said = told.replace("{node}", short).replace("{label}", texts.fit(changed.label, 60))
        if self._derive and changed.elsewhere is None:
            if not (self._manner.quiet or self._manner.json):
                diagnostics.note(f"{said}; {_stale(changed).rstrip(':')}")
            rest = Derive(
                session=changed.session, branch=changed.branch, node=_meant(request, changed)
            )
            raise deriving.derived(self._client, rest, self._manner)
        if self._manner.json:
            output.say_json(
                {
                    "session": changed.session,
                    "branch": changed.branch,
                    "op": changed.op,
                    "label": changed.label,
                    "node": changed.node,
                    "stale": changed.stale,
                }
                | ({} if changed.elsewhere is None else {"elsewhere": changed.elsewhere})
            )
        elif not self._manner.quiet:
            self._tell(changed, said)

    def _tell(self, changed: Changed, said: str) -> None:
        if changed.elsewhere is not None:
            output.say(f"{said}, a memory")
            deriving.say_elsewhere(changed.elsewhere)
            return
        where = f"in branch {changed.branch} of session {changed.session[: tree.SHORT_ID]}"
        output.say(f"{said}, {where}\n{_stale(changed)}")
        if not changed.stale:
            return
        wanted = set(changed.stale)
        _, nodes = asking.session(self._client, changed.session, changed.branch)
        deriving.say_nodes([node for node in nodes if node.id in wanted])
        words = ["smysl derive", changed.session[: tree.SHORT_ID]]
        words += ["--branch", changed.branch] if self._branch else []
        diagnostics.note(f"`{' '.join(words)}` derives them; with --preview it says the cost")


def _meant(request: ChangeRequest, changed: Changed) -> str | None:
    """A node of the question to derive: the one the change was about, where it is still there."""
    match request:
        case protocol.Undo() | protocol.Redo():
            return None
        case protocol.Delete():
            return changed.stale[-1] if changed.stale else None
        case _:
            return request.node


def _stale(changed: Changed) -> str:
    match len(changed.stale):
        case 0:
            return "nothing is stale"
        case 1:
            return "1 thought is stale:"
        case count:
            return f"{count} thoughts are stale:"
