"""Runs that go on: answer now, hold, stop; and the session as a file.

Knows requests and dialogs.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from smysl_cli.exporting import write_file
from smysl_cli.text import fit, one_line
from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.dialogs.confirm import Confirm
from smysl_cli.tui.dialogs.form import Field, Form, Values
from smysl_cli.tui.link.requests import Requests
from smysl_cli.tui.link.threads import in_thread
from smysl_cli.tui.screens.base import Page
from smysl_daemon.protocol import Action, Answer, Answered, Control, Controlled, Format

if TYPE_CHECKING:
    from smysl_cli.tui.screens.session import SessionScreen

FORMATS: dict[str, Format] = {
    "markdown": "markdown",
    "json": "json",
    "dot": "dot",
    "svg": "svg",
    "html": "html",
}
_ENDINGS = {"markdown": "md"}


class Steering:
    def __init__(self, screen: "SessionScreen") -> None:
        self._screen = screen

    async def finish(self) -> None:
        if await self._control("finish"):
            self._screen.say("answers with what it has")

    async def pause(self) -> None:
        paused = self._screen.session.run == "paused"
        if await self._control("resume" if paused else "pause"):
            self._screen.session.run = "running" if paused else "paused"
            self._screen.say("goes on" if paused else "paused; z goes on")
            self._screen.draw()

    async def cancel(self) -> None:
        if self._screen.session.run == "idle":
            self._screen.say("nothing runs")
            return
        sure = await self._screen.app.push_screen_wait(
            Confirm("Stop what runs?", "Its finished thoughts stay.", yes="Stop", danger=True)
        )
        if sure:
            await self._control("cancel")

    async def reply(self) -> None:
        """Answer the question that a run has put to the person."""
        screen = self._screen
        asked = screen.session.question
        if asked is None:
            screen.say("nothing is asked of you")
            return
        values = await screen.app.push_screen_wait(
            Form(fit(one_line(asked.text), 60), [Field("text", "Answer")], ok="Reply", check=_empty)
        )
        if values is not None:
            await screen.smysl.requests.ask(Answer(node=asked.id, text=values["text"]), Answered)

    async def _control(self, action: Action) -> bool:
        screen = self._screen
        if screen.session.run == "idle" or screen.session.id is None:
            screen.say("nothing runs")
            return False
        await screen.smysl.requests.ask(
            Control(action=action, session=screen.session.id), Controlled
        )
        return True


def _empty(values: Values) -> str:
    return "" if values["text"] else "say something; C stops the run instead"


async def export(page: Page, requests: Requests, session: str, branch: str | None) -> None:
    """Ask where to, and write the session there."""

    values = await page.app.push_screen_wait(
        Form(
            "Export the session",
            [
                Field("format", "Format", "markdown", choices=list(FORMATS)),
                Field("file", "File", hint=f"empty: smysl-{session[:SHORT_ID]}.md, here"),
            ],
            ok="Export",
        )
    )
    if values is None:
        return
    format = FORMATS[values["format"]]
    name = values["file"] or f"smysl-{session[:SHORT_ID]}.{_ENDINGS.get(format, format)}"
    file = Path(name).expanduser()
    if file.exists():
        sure = await page.app.push_screen_wait(
            Confirm("Write over it?", f"{file} exists.", yes="Write over it", danger=True)
        )
        if not sure:
            return
    data = await requests.export(session, branch, format)
    await in_thread(lambda: write_file(file, data))
    page.say(f"{len(data):,} bytes are in {file.absolute()}")
