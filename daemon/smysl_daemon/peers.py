"""Who is served on the daemon's Unix sockets: its own user, root, and the group that the settings name.

Knows users, groups and modes, as the kernel has them; never messages or HTTP.
"""

import os
import socket
import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from smysl_daemon.config import Group
from smysl_daemon.errors import StrangeUser

_UCRED = struct.Struct("iII")
_SO_PEERGROUPS = 59
"""Linux 4.13; Python has no name for it."""
_GROUPS_BYTES = 1024
"""Most that Python asks the kernel for: 256 groups."""


class Peer(NamedTuple):
    """The process at the other end, as it was when it connected."""

    uid: int
    gid: int
    """Its primary group."""
    groups: frozenset[int] | None = frozenset()
    """Its supplementary groups; None where the kernel does not say: an old one, a sandbox, or more than fit."""


def peer_of(connection: socket.socket) -> Peer:
    """From the kernel (SO_PEERCRED, SO_PEERGROUPS). In a user namespace, as a unit with PrivateUsers has, the
    user of a stranger is not shown, but the groups that the namespace maps are."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _, uid, gid = _UCRED.unpack(raw)
    try:
        told = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:
        return Peer(uid, gid, None)
    return Peer(uid, gid, frozenset(struct.unpack(f"{len(told) // 4}I", told)))


def groups_of(peer: Peer) -> frozenset[int]:
    """All groups of a peer; where the kernel does not say, as the user database has them."""
    if peer.groups is not None:
        return peer.groups | {peer.gid}
    import pwd  # only here

    try:
        return frozenset(os.getgrouplist(pwd.getpwuid(peer.uid).pw_name, peer.gid))
    except (KeyError, OSError):
        return frozenset({peer.gid})


@dataclass(frozen=True)
class Admission:
    """The one decision about who is served, for every Unix socket of a daemon."""

    group: Group | None = None
    uid: int = field(default_factory=os.getuid)
    """The daemon's own."""
    peer_of: Callable[[socket.socket], Peer] = peer_of

    def refusal(self, connection: socket.socket) -> StrangeUser | None:
        """Why the other end is not served, for its user; None where it is."""
        peer = self.peer_of(connection)
        if peer.uid in (0, self.uid):
            return None
        if self.group is None:
            return StrangeUser(f"this daemon serves user {self.uid}, not user {peer.uid}")
        if self.group.gid in groups_of(peer):
            return None
        name = self.group.name
        return StrangeUser(
            f"this daemon serves user {self.uid} and the group {name}, and user {peer.uid} is not in it: "
            f"`sudo usermod -aG {name} USER`, then log in again"
        )


def closed_to(group: Group, path: Path) -> Path | None:
    """What keeps a group's members from a socket: it, or the nearest folder around it that they cannot enter; None
    where nothing does. Looks at modes alone."""
    if not _lets(group, path, stat.S_IWOTH):
        return path
    return next((one for one in path.parents if not _lets(group, one, stat.S_IXOTH)), None)


def _lets(group: Group, path: Path, right: int) -> bool:
    """`right`: a bit of everybody's; those of the group are three bits further left."""
    found = path.stat()
    return bool(found.st_mode & (right << 3 if found.st_gid == group.gid else right))
