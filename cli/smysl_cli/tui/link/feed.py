"""The events of one run that is begun here, gathered by a thread.

Knows the protocol and threads.
"""

import threading
from collections.abc import Callable

from smysl_cli.tui.link.mailbox import Mailbox
from smysl_cli.tui.link.requests import Requests
from smysl_daemon.client import Client
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import Accepted, Derive, Run, RunEnded, RunEvent

FeedItem = Accepted | RunEvent | RunEnded | Exception
"""An `Exception` or a `RunEnded` is the last one."""


class Feed:
    """One run or derivation."""

    def __init__(self, requests: Requests, request: Run | Derive, wake: Callable[[], None]) -> None:
        """`wake` is called in the feed's thread, see `Mailbox`."""
        self._requests = requests
        self._request = request
        self._mail: Mailbox[FeedItem] = Mailbox(wake)

    def start(self) -> None:
        threading.Thread(target=self._run, name="smysl run", daemon=True).start()

    def drain(self) -> list[FeedItem]:
        """Everything since the last time, oldest first."""
        return self._mail.drain()

    def _run(self) -> None:
        try:
            with self._requests.connect() as client:
                client.send(self._request)
                self._follow(client)
        except (DaemonError, OSError) as error:
            self._mail.put(error)

    def _follow(self, client: Client) -> None:
        while True:
            message = client.receive()
            match message:
                case Accepted():
                    self._mail.put(message)
                case RunEnded():
                    self._mail.put(message)
                    return
                case _ if isinstance(message, RunEvent):
                    self._mail.put(message)
                case _:
                    raise DaemonError(f"unexpected {type(message).__name__} from the daemon")
