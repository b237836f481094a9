"""The terminal UI without a terminal, over the daemon that `tests/cli` starts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from smysl_cli.tui.app import SmyslApp
from smysl_cli.tui.settings import load_settings
from smysl_cli.tui.widgets.prompt import Prompt
from smysl_daemon.config import Dirs

PATIENCE_S = 60
"""A machine that trains a model at the same time is slow, not broken."""
SIZES = ((80, 24), (120, 40))


class Person:
    """Presses keys, and waits until what they are for has happened."""

    def __init__(self, app: SmyslApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self._told: list[str] = []
        notify = app.notify

        def heard(message: str, **options: Any) -> None:
            self._told.append(message)
            notify(message, **options)

        app.notify = heard  # type: ignore[method-assign]

    async def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, (self.told(), self.shown())
            await self.pilot.pause()
            await asyncio.sleep(0.01)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def ask(self, question: str) -> None:
        """Ask, and wait for the end of the run and its last look at the session."""
        await self.send(question)
        session = self.app.main.session
        await self.until(lambda: session.view is not None and session.view.title == question)
        await self.until(lambda: session.op is not None and session.run == "idle")

    async def send(self, question: str) -> None:
        prompt = self.app.main.query_one(Prompt)
        prompt.focus()
        prompt.text = question
        await self.press("enter")

    async def choose(self, kind: str) -> Any:
        """Look at the first node of a kind."""
        session = self.app.main.session
        node = next(one for one in session.thoughts if one.kind == kind)
        session.selection.choose(node.id)
        self.app.main.draw()
        await self.pilot.pause()
        return node

    async def dialog(self, name: str) -> Any:
        """The dialog that is open now."""
        await self.until(lambda: type(self.app.screen).__name__ == name and self.app.screen.focused)
        return self.app.screen

    def told(self) -> list[str]:
        """What was said at the edge of the screen."""
        return [*self._told, *(one.message for one in self.app._notifications)]

    async def hears(self, words: str) -> None:
        await self.until(lambda: any(words in said for said in self.told()))

    def shown(self) -> str:
        """The text of the whole screen, as it is drawn."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in line) for line in lines)


Open = Callable[..., AbstractAsyncContextManager[Person]]


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def opened(size: tuple[int, int], shell: Any, tmp_path: Any, monkeypatch: Any) -> Open:
    """`async with opened() as person`, over the daemon that the module shares."""
    monkeypatch.chdir(tmp_path)

    @asynccontextmanager
    async def make(dirs: Dirs | None = None, **options: Any) -> AsyncIterator[Person]:
        dirs = dirs or shell.dirs
        app = SmyslApp(dirs, load_settings(dirs), unicode=True, **options)
        async with app.run_test(size=size, notifications=True) as pilot:
            person = Person(app, pilot)
            await person.until(lambda: app.main._link == "up")
            yield person

    return make
