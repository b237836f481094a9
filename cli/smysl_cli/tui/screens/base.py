"""What all screens share: work that may fail ends in a sentence, never in a crash.

Knows errors; never requests.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen

from smysl_cli.diagnostics import CommandFailed
from smysl_cli.text import printable
from smysl_cli.tui.actions import ACTIONS, Where
from smysl_cli.tui.model.request import BadSetting
from smysl_cli.tui.workers import begin
from smysl_daemon.errors import DaemonError

if TYPE_CHECKING:
    from smysl_cli.tui.app import SmyslApp

Deed = Callable[[], Awaitable[None] | None]
"""What a key does. Whatever waits for the daemon or the person is a coroutine."""
FORESEEN = (DaemonError, CommandFailed, BadSetting, OSError)
NARROW = 110
"""Below these columns one pane is shown at a time."""


STYLES = Path(__file__).parents[1]


def bindings(where: Where, back: str = "app.pop_screen") -> list[BindingType]:
    """The keys of a screen beside the session's. Whatever has the focus there comes after them."""
    return [
        Binding("escape", back, "back"),
        *(
            Binding(one.keys, one.deed, one.title, show=one.footer, priority=True, id=one.name)
            for one in ACTIONS
            if one.where == where
        ),
    ]


class Page(Screen[None]):
    CSS_PATH: ClassVar[list[str | PurePath] | None] = [STYLES / "pages.tcss"]
    where: ClassVar[Where | None] = None
    """Whose actions the palette offers here."""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]

    def __init__(self) -> None:
        super().__init__()
        self._under_way: set[str] = set()

    @property
    def smysl(self) -> "SmyslApp":
        return cast("SmyslApp", self.app)

    @property
    def is_shown(self) -> bool:
        """False before the first look and while the app closes: widgets go before the work that
        would draw on them."""
        return self.is_mounted and self.app.is_running

    def do(self, name: str, deed: Deed) -> None:
        """Begin a deed. One that goes on already is not begun twice."""
        if self.does(name):
            return
        self._under_way.add(name)
        begin(self, partial(self._doing, name, deed), name)

    def does(self, name: str) -> bool:
        """Whether a deed goes on."""
        return name in self._under_way

    async def _doing(self, name: str, deed: Deed) -> None:
        try:
            done = deed()
            if done is not None:
                await done
        except FORESEEN as error:
            if self.is_shown:
                self.fail(error)
        except NoMatches:
            if self.is_shown:
                raise
        finally:
            self._under_way.discard(name)

    def say(self, text: str) -> None:
        self.notify(printable(text), markup=False)

    def fail(self, error: Exception) -> None:
        said = printable(" ".join(str(error).split()))
        self.notify(said, severity="warning", markup=False, timeout=8)
