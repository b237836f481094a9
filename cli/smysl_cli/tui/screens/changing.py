"""Changes of the selected node, and making anew what they touched. Each says its cost first.

Knows requests and dialogs; never what becomes stale or why.
"""

import os
from typing import TYPE_CHECKING

from smysl_cli.changes import SEED_BYTES
from smysl_cli.text import fit, one_line
from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.dialogs.choice import Choice, Item
from smysl_cli.tui.dialogs.confirm import Confirm
from smysl_cli.tui.dialogs.form import Field, Form, Values
from smysl_cli.tui.dialogs.writing import Writing, Written
from smysl_cli.tui.model import outcome, request
from smysl_daemon import protocol
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import Changed, ChangeRequest, Derive, Edit, Previewed
from smysl_daemon.shapes import NodeView

if TYPE_CHECKING:
    from smysl_cli.tui.screens.session import SessionScreen

LIST_WIDTH = 70


class Changing:
    def __init__(self, screen: "SessionScreen") -> None:
        self._screen = screen

    async def edit(self) -> None:
        if (node := self._node()) is None:
            return
        request = Edit(node=node.id, text="", branch=self._branch)
        written = await self._written(
            f"Edit {node.kind} {node.id[:SHORT_ID]}",
            node.text,
            draft=f"edit-{node.id}",
            about="Say something else in its place. It is held: no derivation overwrites it.",
            node=node,
        )
        if written is None:
            return
        if written.text == node.text.strip():
            self._screen.say("the text is as it was; nothing changed")
            return
        request = Edit(node=node.id, text=written.text, branch=self._branch)
        await self._change(request, f"edit-{node.id}", derive=written.derive)

    async def inject(self) -> None:
        if (node := self._node()) is None:
            return
        written = await self._written(
            f"Note at {node.kind} {node.id[:SHORT_ID]}",
            "",
            draft=f"note-{node.id}",
            about="Everything that is derived from this node sees the note.",
        )
        if written is not None:
            request = protocol.Inject(node=node.id, text=written.text, branch=self._branch)
            await self._change(request, f"note-{node.id}", derive=written.derive)

    async def pin(self) -> None:
        if (node := self._node()) is None:
            return
        on = not isinstance(node.hold, str)
        await self._change(protocol.Pin(node=node.id, on=on, branch=self._branch))

    async def delete(self) -> None:
        if (node := self._node()) is None:
            return
        sure = await self._screen.app.push_screen_wait(
            Confirm(
                f"Delete {node.kind} {node.id[:SHORT_ID]}?",
                f"{fit(one_line(node.text), 200)}\n\nUndo brings it back.",
                yes="Delete",
                danger=True,
            )
        )
        if sure:
            await self._change(protocol.Delete(node=node.id, branch=self._branch))

    async def retry(self) -> None:
        if (node := self._node()) is None:
            return
        programs = ["", *await self._screen.programs()]
        adapters = await self._screen.adapters()
        values = await self._screen.app.push_screen_wait(
            Form(
                f"Make {node.kind} {node.id[:SHORT_ID]} again",
                [
                    Field("seed", "Seed", hint="empty: a new one"),
                    Field("temperature", "Temperature", hint="empty: as before; 0 to 2"),
                    Field("program", "Program", choices=programs),
                    *([Field("adapter", "Adapter", choices=["", *adapters])] if adapters else []),
                ],
                ok="Go on",
                check=_wrong_retry,
            )
        )
        if values is None:
            return
        seed = request.seed(values["seed"])
        heat = request.temperature(values["temperature"])
        if values["program"]:
            self._screen.begin(
                Derive(
                    session=node.id,
                    node=node.id,
                    program=values["program"],
                    seed=seed,
                    branch=self._branch,
                )
            )
            return
        adapter = values.get("adapter") or None
        if seed is None and heat is None and adapter is None:
            seed = int.from_bytes(os.urandom(SEED_BYTES), "big")
        again = protocol.Retry(
            node=node.id, seed=seed, temperature=heat, adapter=adapter, branch=self._branch
        )
        await self._change(again)
        await self.derive()

    async def merge(self) -> None:
        if (node := self._node()) is None:
            return
        names = [one.name for one in await self._screen.branches() if one.name != self._branch]
        if not names:
            self._screen.say("there is one branch only; f begins another")
            return
        items = [Item(name, name) for name in names]
        source = await self._screen.app.push_screen_wait(
            Choice(f"Take {node.kind} {node.id[:SHORT_ID]} from which branch?", items)
        )
        if source is not None:
            await self._change(protocol.Merge(node=node.id, source=source, branch=self._branch))

    async def undo(self) -> None:
        if (id := self._screen.session.id) is not None:
            await self._change(protocol.Undo(session=id, branch=self._branch), told="undone: ")

    async def redo(self) -> None:
        if (id := self._screen.session.id) is not None:
            await self._change(protocol.Redo(session=id, branch=self._branch), told="done again: ")

    async def derive(self) -> None:
        """The cost first, then, if the person agrees, the run."""
        screen = self._screen
        if screen.session.id is None or screen.must_wait():
            return
        found = await screen.smysl.requests.ask(
            protocol.Preview(session=screen.session.id, branch=self._branch), Previewed
        )
        if not found.stale and not found.reused:
            screen.say(outcome.cost(found))
            return
        sure = await screen.app.push_screen_wait(
            Confirm(
                "Derive what is stale?",
                outcome.cost(found),
                yes="Derive",
                detail=outcome.listing(found, screen.session.thoughts, LIST_WIDTH),
            )
        )
        if sure:
            screen.begin(Derive(session=screen.session.id, branch=self._branch))

    @property
    def _branch(self) -> str:
        return self._screen.session.branch

    def _node(self) -> NodeView | None:
        node = self._screen.session.selected
        if node is None:
            self._screen.say("there is no node yet; ask a question first")
        return node

    async def _written(
        self, title: str, text: str, *, draft: str, about: str, node: NodeView | None = None
    ) -> Written | None:
        screen = self._screen
        drafts = screen.smysl.drafts
        kept = drafts.read(draft)

        async def preview(said: str) -> str:
            assert node is not None
            edit = Edit(node=node.id, text=said, branch=self._branch)
            try:
                found = await screen.smysl.requests.ask(
                    protocol.Preview(session=node.id, branch=self._branch, edit=edit), Previewed
                )
            except DaemonError as error:
                return str(error)
            return outcome.cost(found)

        return await screen.app.push_screen_wait(
            Writing(
                title,
                kept or text,
                about=about,
                preview=preview if node is not None else None,
                keep_draft=lambda said: drafts.write(draft, "" if said == text else said),
                edit=screen.edited,
            )
        )

    async def _change(
        self, request: ChangeRequest, draft: str = "", *, derive: bool = False, told: str = ""
    ) -> None:
        """Make the change; a refused one keeps its draft."""
        screen = self._screen
        done = await screen.smysl.requests.ask(request, Changed)
        if draft:
            screen.smysl.drafts.write(draft, "")
        await screen.reload()
        if done.node and done.node in screen.session.thoughts:
            screen.session.selection.choose(done.node)
            screen.draw()
        screen.say(told + outcome.changed(done))
        if derive and done.stale and not screen.must_wait():
            screen.begin(Derive(session=done.session, branch=done.branch))


def _wrong_retry(values: Values) -> str:
    try:
        request.seed(values["seed"])
        heat = request.temperature(values["temperature"])
    except request.BadSetting as error:
        return str(error)
    if values["program"] and (heat is not None or values.get("adapter")):
        return "another program reasons anew by its own settings; leave the others out"
    return ""
