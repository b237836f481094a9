"""Tells the supervisor how this process is: ready, what it does, alive, about to stop.

The protocol of sd_notify(3): one datagram of `KEY=value` lines to the socket that NOTIFY_SOCKET
names. Knows that socket only; without one everything here is silent.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, MutableMapping

log = logging.getLogger("smysl.notify")

SEND_LIMIT_S = 1.0
STATUS_INTERVAL_S = 5.0
"""Longest time until a change of the status text is told."""


class Notifier:
    """Never raises after it was made: a supervisor that went away does not end the daemon."""

    def __init__(self, address: str | None = None, *, watchdog_s: float | None = None) -> None:
        """`address`: a path, or a name that begins with `@` for an abstract socket.
        `watchdog_s`: the supervisor kills a process that is silent for so long."""
        self._address = "\0" + address[1:] if address and address[0] == "@" else address
        self.watchdog_s = watchdog_s
        self._complained = False
        if address and address[0] not in "@/":
            log.warning("NOTIFY_SOCKET=%s is neither a path nor abstract: not used", address)
            self._address = None

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> "Notifier":
        """Takes the variables out of `environ`: children of the daemon speak for themselves."""
        address = environ.pop("NOTIFY_SOCKET", None)
        micros = environ.pop("WATCHDOG_USEC", "")
        meant = environ.pop("WATCHDOG_PID", str(os.getpid()))
        watching = micros.isdecimal() and int(micros) > 0 and meant == str(os.getpid())
        return cls(address, watchdog_s=int(micros) / 1e6 if watching else None)

    def ready(self, text: str) -> None:
        """Requests are served from now on; also ends a `reloading`."""
        self._send("READY=1", f"STATUS={_line(text)}")

    def status(self, text: str) -> None:
        """A line for `systemctl status`."""
        self._send(f"STATUS={_line(text)}")

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, text: str, seconds: float) -> None:
        """The daemon goes; it takes at most about `seconds`."""
        self._send("STOPPING=1", f"STATUS={_line(text)}", _extend(seconds))

    def patience(self, text: str, seconds: float) -> None:
        """A slow start goes on: ask for `seconds` until the next sign of life."""
        self._send(*([f"STATUS={_line(text)}"] if text else []), _extend(seconds))

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    async def keep_told(self, describe: Callable[[], str]) -> None:
        """Beat for the watchdog and keep the status text current, until cancelled. The beat comes
        from the event loop: when that hangs, the supervisor notices."""
        if self._address is None:
            return
        interval = min(STATUS_INTERVAL_S, (self.watchdog_s or 60.0) / 2)
        told = ""
        while True:
            if self.watchdog_s is not None:
                self.alive()
            if (text := describe()) != told:
                self.status(text)
                told = text
            await asyncio.sleep(interval)

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sender:
                sender.settimeout(SEND_LIMIT_S)
                sender.sendto("\n".join(lines).encode(errors="replace"), self._address)
        except OSError as error:
            if not self._complained:
                log.warning("the supervisor does not listen (%s)", error)
            self._complained = True


def _line(text: str) -> str:
    return " ".join(text.split())


def _extend(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}"
