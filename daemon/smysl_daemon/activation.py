"""Takes over the listening socket that a supervisor made before it started this process.

The protocol of sd_listen_fds(3). Knows descriptors and the LISTEN_* variables; never messages.
"""

import logging
import os
import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import NamedTuple

from smysl_daemon.errors import BadActivation

log = logging.getLogger("smysl.activation")

FIRST_FD = 3
NAME = "smysld"
"""FileDescriptorName of our socket, needed only where several are passed."""
_REMEDY = "it must be a listening Unix stream socket (ListenStream=/path in the socket unit)"


class Inherited(NamedTuple):
    """Sockets to serve, non-blocking and kept from children; None where none was passed."""

    own: socket.socket | None = None
    http: socket.socket | None = None


def inherited_sockets(environ: MutableMapping[str, str], http: Path) -> Inherited:
    """What a supervisor passed. The HTTP façade's socket is the one at the path `http`: one unit's
    sockets have one name. Takes the variables out of `environ`. Raises `BadActivation` for a
    descriptor that cannot be served, or for several others of which none, or more than one, is
    ours by name."""
    count = environ.pop("LISTEN_FDS", "")
    meant = environ.pop("LISTEN_PID", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if not count or meant != str(os.getpid()):
        return Inherited()
    if not count.isdecimal():
        raise BadActivation(f"LISTEN_FDS is {count!r}; it must be a number")
    passed = range(FIRST_FD, FIRST_FD + int(count))
    named = dict(zip(passed, names, strict=False))
    facade = [number for number in passed if _path_of(number) == http]
    others = [number for number in passed if number not in facade[:1]]
    taken = _listener(facade[0]) if facade else None
    if not others:
        return Inherited(http=taken)
    chosen = _ours({number: named.get(number, "") for number in others}, len(passed))
    for number in others:
        if number != chosen:
            log.warning("socket %r is not used: closed", named.get(number, ""))
            os.close(number)
    return Inherited(_listener(chosen), taken)


def _ours(named: dict[int, str], count: int) -> int:
    if len(named) == 1:
        return next(iter(named))
    ours = [number for number, name in named.items() if name == NAME]
    if len(ours) != 1:
        listed = ", ".join(filter(None, named.values())) or "none"
        raise BadActivation(
            f"{count} sockets were passed, named {listed}; exactly one must be named "
            f"FileDescriptorName={NAME}"
        )
    return ours[0]


def _path_of(number: int) -> Path | None:
    """Where a Unix socket is bound; None for anything else."""
    try:
        with socket.socket(fileno=os.dup(number)) as found:
            bound = found.getsockname()
    except OSError:
        return None
    return Path(os.fsdecode(bound)) if isinstance(bound, str | bytes) and bound else None


def _listener(number: int) -> socket.socket:
    os.set_inheritable(number, False)
    try:
        found = socket.socket(fileno=number)
    except OSError as error:
        raise BadActivation(
            f"descriptor {number} is no socket ({error.strerror}); {_REMEDY}"
        ) from None
    listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if found.family != socket.AF_UNIX or found.type != socket.SOCK_STREAM or not listens:
        kind = f"{found.family.name} {found.type.name}, {'' if listens else 'not '}listening"
        found.close()
        raise BadActivation(f"descriptor {number} is {kind}; {_REMEDY}")
    found.setblocking(False)
    return found
