"""What happens in a branch, whoever causes it, gathered by a thread.

Knows the protocol and threads. Never starts a daemon: somebody may have stopped it on purpose.
"""

import select
import socket
import threading
from collections.abc import Callable

from smysl_cli.tui.link.mailbox import Mailbox
from smysl_cli.tui.link.requests import Requests
from smysl_daemon import protocol
from smysl_daemon.client import Client
from smysl_daemon.errors import DaemonError
from smysl_daemon.memory_protocol import MemoryChanged
from smysl_daemon.protocol import (
    Accepted,
    BranchChosen,
    Changed,
    Controlled,
    RunEnded,
    RunEvent,
    SessionChanged,
    Watching,
)

Heard = (
    Watching
    | Accepted
    | RunEvent
    | RunEnded
    | Changed
    | Controlled
    | BranchChosen
    | SessionChanged
    | MemoryChanged
)


class Watch:
    """One branch of one session, until it is stopped or an `Exception` comes as the last item."""

    def __init__(
        self, requests: Requests, session: str, branch: str, wake: Callable[[], None]
    ) -> None:
        """`wake` is called in the watch's thread, see `Mailbox`."""
        self.session = session
        self.branch = branch
        self._requests = requests
        self._mail: Mailbox[Heard | Exception] = Mailbox(wake)
        self._here, self._there = socket.socketpair()

    def start(self) -> None:
        threading.Thread(target=self._run, name="smysl watch", daemon=True).start()

    def stop(self) -> None:
        """Nothing is gathered any more. Returns at once. Idempotent."""
        self._here.close()

    def drain(self) -> list[Heard | Exception]:
        """Everything since the last time, oldest first."""
        return self._mail.drain()

    def _run(self) -> None:
        try:
            with self._there, self._requests.connect(start=False) as client:
                client.send(protocol.Watch(session=self.session, branch=self.branch))
                while self._comes(client):
                    message = client.receive()
                    if not isinstance(message, Heard):
                        raise DaemonError(f"unexpected {type(message).__name__} from the daemon")
                    self._mail.put(message)
        except (DaemonError, OSError) as error:
            self._mail.put(error)

    def _comes(self, client: Client) -> bool:
        """Wait for a message; False once this was stopped."""
        waiting = 0.0 if client.ready else None
        stopped = self._there.fileno()
        ready, _, _ = select.select([client.fileno(), stopped], [], [], waiting)
        return stopped not in ready
