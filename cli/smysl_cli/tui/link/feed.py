"""The events of one run, gathered by a thread until somebody takes them all at once.

Knows the protocol and threads. Coalescing happens here: a stream of tokens wakes the reader
once, however many arrive before it comes.
"""

import threading
from collections.abc import Callable

from smysl_cli.tui.link.requests import Requests
from smysl_daemon.client import Client
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import Accepted, Derive, Run, RunEnded, RunEvent

FeedItem = Accepted | RunEvent | RunEnded | Exception
"""An `Exception` or a `RunEnded` is the last one."""


class Feed:
    """One run or derivation. `wake` is called in the feed's thread when there is something to
    drain after there was nothing."""

    def __init__(self, requests: Requests, request: Run | Derive, wake: Callable[[], None]) -> None:
        self._requests = requests
        self._request = request
        self._wake = wake
        self._lock = threading.Lock()
        self._got: list[FeedItem] = []

    def start(self) -> None:
        threading.Thread(target=self._run, name="smysl run", daemon=True).start()

    def drain(self) -> list[FeedItem]:
        """Everything since the last time, oldest first."""
        with self._lock:
            got, self._got = self._got, []
        return got

    def _run(self) -> None:
        try:
            with self._requests.connect() as client:
                client.send(self._request)
                self._follow(client)
        except (DaemonError, OSError) as error:
            self._put(error)

    def _follow(self, client: Client) -> None:
        while True:
            message = client.receive()
            match message:
                case Accepted():
                    self._put(message)
                case RunEnded():
                    self._put(message)
                    return
                case _ if isinstance(message, RunEvent):
                    self._put(message)
                case _:
                    raise DaemonError(f"unexpected {type(message).__name__} from the daemon")

    def _put(self, item: FeedItem) -> None:
        with self._lock:
            first = not self._got
            self._got.append(item)
        if first:
            self._wake()
