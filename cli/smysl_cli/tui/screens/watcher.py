"""Looks after the session that is shown: other terminals change it, daemons come and go.

The protocol cannot send what happens in a session to everybody who looks at it, so this asks: for
the branch's last operation when nothing runs, which is cheap, and for its nodes when something does.
"""

from typing import TYPE_CHECKING

from smysl_daemon import protocol
from smysl_daemon.errors import Code, DaemonError, RequestRefused
from smysl_daemon.protocol import OperationList

if TYPE_CHECKING:
    from smysl_cli.tui.screens.session import SessionScreen

LOOK_INTERVAL_S = 1.0


class Watcher:
    def __init__(self, screen: "SessionScreen") -> None:
        self._screen = screen

    async def look(self) -> None:
        """Never starts a daemon: somebody may have stopped it on purpose. Never raises."""
        screen = self._screen
        id = screen.session.id
        if screen.runner.active or screen.does("open"):
            return  # what goes on says itself how the daemon is
        try:
            if id is None:
                await screen.smysl.requests.ask(
                    protocol.GetStatus(), protocol.DaemonStatus, start=False
                )
            else:
                await self._look(id)
        except RequestRefused as error:
            if error.code is Code.NOT_FOUND and id == screen.session.id:
                screen.say("this session was deleted")
                screen.session.clear()
                screen.draw()
            elif error.code in (Code.PROTOCOL, Code.BUSY, Code.STOPPING):
                screen.link("lost")
                return
        except (DaemonError, OSError):
            screen.link("lost")
            return
        screen.link("up")

    async def _look(self, id: str) -> None:
        screen = self._screen
        session = screen.session
        op = await operation(screen, id)
        if op != session.op or session.run != "idle":
            await screen.reload(start=False)


async def operation(screen: "SessionScreen", id: str, *, start: bool = False) -> int | None:
    """The operation that the shown branch is at."""
    request = protocol.GetLog(session=id, branch=screen.session.branch, limit=1)
    found = await screen.smysl.requests.ask(request, OperationList, start=start)
    return found.operations[0].id if found.operations else None
