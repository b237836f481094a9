"""Where HTTP clients come in: a Unix socket, and TCP where it is asked for.

Knows addresses and sockets; never HTTP.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import NamedTuple

from smysl_daemon.errors import BadConfig, DaemonError, SocketTaken

BACKLOG = 128
_ADDRESS = re.compile(r"(?:(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\s]+)):)?(?P<port>\d{1,5})", re.ASCII)
LOOPBACK = "127.0.0.1"


class Address(NamedTuple):
    """A TCP address to listen on; port 0 lets the system choose one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Door(NamedTuple):
    """A listening socket and what whoever comes through it has to show."""

    name: str
    """For people."""
    listener: socket.socket
    token: str | None = None
    """What every request has to show; None where the peer is known otherwise, or nothing is asked."""
    local_names_only: bool = False
    """Only requests that name this machine are taken: a web page that was opened here could send
    others (DNS rebinding)."""
    refusal: Callable[[socket.socket], DaemonError | None] = lambda _: None
    """Why a connection's other end is not served; None where it is."""


def address(text: str) -> Address:
    """From `127.0.0.1:7465` or `[::1]:7465`; a port alone is one of `LOOPBACK`. Raises `BadConfig`."""
    found = _ADDRESS.fullmatch(text.strip())
    wanted = "it must be a port, or an IP address and a port, like 127.0.0.1:7465 or [::1]:7465"
    if found is None:
        raise BadConfig(f"http.tcp is {text!r}; {wanted}")
    host, port = found["six"] or found["host"] or LOOPBACK, int(found["port"])
    if host != "localhost":
        try:
            host = str(ipaddress.ip_address(host))
        except ValueError:
            raise BadConfig(f"http.tcp is {text!r}; {wanted}") from None
    if port > 65535:
        raise BadConfig(f"http.tcp is {text!r}; a port is from 1 to 65535")
    return Address(host, port)


def listen_on(where: Address) -> socket.socket:
    """A listening TCP socket. Raises `SocketTaken`."""
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((where.host, where.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SocketTaken(
            f"cannot listen on {where} ({error.strerror}); set http.tcp in config.toml to another "
            "address, or take it out"
        ) from None
    return listener
