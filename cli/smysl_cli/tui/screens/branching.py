"""Branches of the session that is shown: begin, choose, compare.

Knows requests and dialogs; never how branches are kept.
"""

import re
from typing import TYPE_CHECKING

from smysl_cli.text import fit, one_line, thoughts
from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.dialogs.choice import Choice, Item
from smysl_cli.tui.dialogs.form import Field, Form, Values
from smysl_daemon import protocol
from smysl_daemon.protocol import BranchChosen
from smysl_daemon.shapes import BranchView

if TYPE_CHECKING:
    from smysl_cli.tui.screens.session import SessionScreen

_NAME = re.compile(r"[a-z0-9._-]+")


class Branching:
    def __init__(self, screen: "SessionScreen") -> None:
        self._screen = screen

    async def fork(self) -> None:
        screen = self._screen
        node = screen.session.selected
        if node is None:
            screen.say("there is no node yet; ask a question first")
            return
        taken = {one.name for one in await screen.branches()}
        number = next(n for n in range(2, len(taken) + 3) if f"branch-{n}" not in taken)
        values = await screen.app.push_screen_wait(
            Form(
                f"Begin a branch at {node.kind} {node.id[:SHORT_ID]}",
                [Field("name", "Name", f"branch-{number}")],
                ok="Fork",
                check=_wrong_name,
            )
        )
        if values is None:
            return
        request = protocol.Fork(node=node.id, name=values["name"], branch=screen.session.branch)
        await self._chosen(await screen.smysl.requests.ask(request, BranchChosen), "begun")

    async def choose(self) -> None:
        screen = self._screen
        name = await self._which("Work on which branch?", at=screen.session.branch)
        if name is None or screen.session.id is None:
            return
        request = protocol.Switch(name=name, session=screen.session.id)
        await self._chosen(await screen.smysl.requests.ask(request, BranchChosen), "chosen")

    async def compare(self) -> None:
        screen = self._screen
        here = screen.session.branch
        others = [one for one in await screen.branches() if one.name != here]
        if not others:
            screen.say("there is one branch only; f begins another")
            return
        other: str | None = others[0].name
        if len(others) > 1:
            other = await self._which(f"Compare {here} with which branch?", leave_out=here)
        if other is None or screen.session.id is None:
            return
        found = await screen.smysl.requests.diff(screen.session.id, other, here)
        if not found:
            screen.say(f"{other} and {here} show the same")
            return
        from smysl_cli.tui.screens.comparison import ComparisonScreen

        screen.app.push_screen(ComparisonScreen(found, other, here))

    async def _chosen(self, reply: BranchChosen, done: str) -> None:
        branch = reply.branch
        await self._screen.reload(branch=branch.name)
        self._screen.say(
            f"branch {branch.name} {done}: {thoughts(branch.nodes)}, {branch.stale} stale"
        )

    async def _which(self, title: str, *, at: str = "", leave_out: str = "") -> str | None:
        found = [one for one in await self._screen.branches() if one.name != leave_out]
        if not found:
            self._screen.say("there is no session yet; ask a question first")
            return None
        items = [Item(one.name, _described(one)) for one in found]
        return await self._screen.app.push_screen_wait(Choice(title, items, at=at))


def _described(one: BranchView) -> str:
    current = "* " if one.current else "  "
    last = fit(one_line(one.last), 40)
    return f"{current}{one.name}  {thoughts(one.nodes)}, {one.stale} stale  {last}"


def _wrong_name(values: Values) -> str:
    if _NAME.fullmatch(values["name"]):
        return ""
    return f"{values['name']!r}: a name has small letters, digits and . _ -"
