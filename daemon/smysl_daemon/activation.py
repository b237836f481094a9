"""Takes over the listening socket that a supervisor made before it started this process.

The protocol of sd_listen_fds(3). Knows descriptors and the LISTEN_* variables; never messages.
"""

import logging
import os
import socket
from collections.abc import MutableMapping

from smysl_daemon.errors import BadActivation

log = logging.getLogger("smysl.activation")

FIRST_FD = 3
NAME = "smysld"
"""FileDescriptorName of our socket, needed only where several are passed."""
_REMEDY = "it must be a listening Unix stream socket (ListenStream=/path in the socket unit)"


def inherited_listener(environ: MutableMapping[str, str]) -> socket.socket | None:
    """The socket to serve, non-blocking and kept from children; None when none was passed.

    Takes the variables out of `environ`. Raises `BadActivation` for a descriptor that cannot be
    served, or for several of which none, or more than one, is ours by name.
    """
    count = environ.pop("LISTEN_FDS", "")
    meant = environ.pop("LISTEN_PID", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if not count or meant != str(os.getpid()):
        return None
    if not count.isdecimal():
        raise BadActivation(f"LISTEN_FDS is {count!r}; it must be a number")
    passed = range(FIRST_FD, FIRST_FD + int(count))
    if not passed:
        return None
    named = dict(zip(passed, names, strict=False))
    chosen = _ours(named, len(passed))
    for number in passed:
        if number != chosen:
            log.warning("socket %r is not used: closed", named.get(number, ""))
            os.close(number)
    return _listener(chosen)


def _ours(named: dict[int, str], count: int) -> int:
    if count == 1:
        return FIRST_FD
    ours = [number for number, name in named.items() if name == NAME]
    if len(ours) != 1:
        listed = ", ".join(named.values()) or "none"
        raise BadActivation(
            f"{count} sockets were passed, named {listed}; exactly one must be named "
            f"FileDescriptorName={NAME}"
        )
    return ours[0]


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
